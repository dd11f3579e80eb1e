"""What an answer means for a document, from the answer alone."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from qb_pipeline.core.documents.mirror import Version
from qb_pipeline.ledger.sending.attempts import Item, ItemOutcome
from qb_pipeline.quickbooks.errors import Fault
from qb_pipeline.sync.remote.outcomes import (
    CORRECTION,
    is_voided,
    read_accepted,
    read_cents,
    read_refused,
    restore_state,
)

MARKER = "qbp1:abc123:one:invoice:1:g1"
ITEM = Item(7, "0", "invoice", "create", MARKER, "print", "hash", 10000, "new")
BODY: dict[str, Any] = {"DocNumber": "N-1", "CustomerRef": {"value": "5"}, "PrivateNote": MARKER}
ENTITY: dict[str, Any] = BODY | {"Id": "9", "SyncToken": "0", "TotalAmt": Decimal("100.0"), "Balance": 0}


def test_the_same_document_comes_back() -> None:
    assert read_accepted(ITEM, ENTITY, BODY) == ItemOutcome(
        7, "accepted", "synced", "", quickbooks_id="9", sync_token="0", customer_id="5", total_cents=10000,
        version=Version("invoice", "9", "0", "live", "N-1", "", "", "5", total_cents=10000, balance_cents=0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"TotalAmt": 0, "PrivateNote": "Voided"}, "REMOTE_VOIDED"),
        ({"PrivateNote": ""}, "CONFLICT"),
        ({"PrivateNote": MARKER.replace(":1:", ":2:")}, "CONFLICT"),
        ({"TotalAmt": Decimal("99.99")}, "TOTAL_DIFFERS"),
        ({"CustomerRef": {"value": "6"}}, "CONFLICT"),
        ({"DocNumber": "N-2"}, "CONFLICT"),
    ],
)
def test_anything_else_is_held(change: dict[str, Any], reason: str) -> None:
    outcome = read_accepted(ITEM, ENTITY | change, BODY)

    assert (outcome.state, outcome.reason, outcome.quickbooks_id) == ("held", reason, "9")


def test_a_void_is_one_only_when_nothing_is_left() -> None:
    item = replace(ITEM, operation="void", total_cents=0, former_state="void_pending")

    states = [read_accepted(item, ENTITY | {"TotalAmt": total}, {}).state for total in (0, Decimal("100.0"))]

    assert states == ["voided", "held"]


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("6140", "held", "NUMBER_TAKEN"),
        ("6210", "held", "PERIOD_CLOSED"),
        ("6540", "held", "DEPOSITED"),
        ("610", "held", "MAPPING_INACTIVE"),
        ("2500", "held", "MAPPING_INACTIVE"),
        ("6070", "refused", "REFUSED"),
        ("5010", "new", ""),
    ],
)
def test_a_fault_names_what_a_person_can_mend(code: str, state: str, reason: str) -> None:
    assert read_refused(ITEM, [Fault(code)]) == ItemOutcome(7, "refused", state, reason, fault_code=code)


def test_somebody_else_s_edit_is_only_a_bad_moment() -> None:
    busy = Fault("6000", detail="You can only add or edit one name at a time. Please try again.")

    assert read_refused(ITEM, [busy]) == ItemOutcome(7, "refused", "new", "", fault_code="6000")


@pytest.mark.parametrize(
    ("operation", "former", "b_id", "state"),
    [
        ("create", "new", "0", ("new", "")),
        ("create", "held", "0", ("new", "")),
        ("update", "waiting", "0", ("revised", "")),
        ("void", "held", "0", ("void_pending", "")),
        ("update", "held", CORRECTION, ("held", "TOTAL_DIFFERS")),
    ],
)
def test_what_was_not_done_can_be_done_again(operation: str, former: str, b_id: str, state: tuple[str, str]) -> None:
    item = replace(ITEM, operation=operation, former_state=former, b_id=b_id)

    assert restore_state(item, "missing") == ItemOutcome(7, "missing", *state)


@pytest.mark.parametrize(("amount", "cents"), [(Decimal("100.5"), 10050), (100, 10000), (0, 0), (None, 0)])
def test_whole_dollars_come_without_a_point(amount: Any, cents: int) -> None:
    assert read_cents({"TotalAmt": amount}, "TotalAmt") == cents


def test_a_void_is_known_by_its_note_in_either_style() -> None:
    notes = ["Voided", f"Voided - {MARKER}", MARKER]

    assert [is_voided({"TotalAmt": 0, "PrivateNote": note}) for note in notes] == [True, True, False]
