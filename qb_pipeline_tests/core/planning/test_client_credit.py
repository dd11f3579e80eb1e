"""When the entry of a payment from credit is left to a person."""

from datetime import date

import pytest

from qb_pipeline.core.planning.client_credit import Pair, is_for_a_person
from qb_pipeline.core.states import State


@pytest.mark.parametrize(
    ("quickbooks_id", "state", "reason", "expected"),
    [
        ("", "new", "", False),
        ("", "refused", "REFUSED", False),
        ("", "held", "MAPPING_INACTIVE", False),
        ("", "held", "CONFLICT", True),
        ("7", "synced", "", False),
        ("7", "held", "CREDIT_HALF", False),
        ("7", "held", "CONFLICT", False),
        ("7", "held", "DRIFT", False),
        ("7", "held", "COPIED", True),
        ("7", "held", "REMOTE_DELETED", True),
    ],
)
def test_nothing_is_made_again_or_written_over_without_a_person(
    quickbooks_id: str, state: str, reason: str, expected: bool
) -> None:
    pair = Pair(
        entry=1, payment=2, source_id="c", part="2026-03-01", day=date(2026, 3, 1), reference="",
        payment_quickbooks_id="5", payment_state=State.SYNCED, cents=100, customer_id="3",
        entry_quickbooks_id=quickbooks_id, entry_state=State(state), entry_reason=reason, entry_cents=0,
    )  # fmt: skip

    assert is_for_a_person(pair) is expected
