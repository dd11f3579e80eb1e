"""What a run holds in its hands: the firm's day, its rules, QuickBooks' lists as tables."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    law_firm.activate(tax_policy="total")
    with law_firm.deployment.open(FIRM, Run("run", "test", PARTNER)) as opened:
        yield opened


def test_the_day_is_the_firm_s_own(session: FirmSession) -> None:
    evening_in_new_york = replace(session, clock=lambda: datetime(2026, 3, 1, 4, 59, tzinfo=UTC))

    assert (evening_in_new_york.today, evening_in_new_york.rules.today) == (date(2026, 2, 28), date(2026, 2, 28))


def test_the_rules_are_the_firm_s(session: FirmSession) -> None:
    rules = session.rules

    assert (rules.currency, rules.model, rules.settings.tax_policy, rules.first_date) == (
        "USD", 1, "total", date(2023, 1, 1),
    )  # fmt: skip


def test_nothing_can_be_sent_outside_the_lease(session: FirmSession) -> None:
    writing = {"create", "update", "void", "batch"}
    assert [name for name in writing if hasattr(session.quickbooks, name) or hasattr(session, name)] == []
    assert {field.name for field in fields(session)} >= {"quickbooks", "company"}
    with session.sending() as sender:
        sender.require()
        with session.engine.connect() as connection:
            is_held = connection.execute(sa.text("select count(*) from sync.lease where released_at is null")).scalar()
    assert is_held == 1


def test_a_session_never_changes(session: FirmSession) -> None:
    with pytest.raises(FrozenInstanceError):
        session.repeats_refused = True  # type: ignore[misc]
