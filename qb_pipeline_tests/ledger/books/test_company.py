"""A company's settings are remembered, and doubted when QuickBooks refuses something."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from qb_pipeline.ledger.books import company
from qb_pipeline.ledger.books.company import Seen
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.core.planning.test_preflight import GOOD
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, RUN, Desk, invoice


def test_what_was_read_last_is_known(desk: Desk) -> None:
    closed = replace(GOOD, books_closed_through=date(2025, 12, 31))

    before = company.seen(desk.engine, FIRM)
    company.remember(desk.engine, FIRM, GOOD, now=NOON)
    company.remember(desk.engine, FIRM, closed, now=LATER)

    assert (before, company.seen(desk.engine, FIRM)) == (None, Seen(closed, LATER, False))


@pytest.mark.parametrize(
    ("entry", "doubtful"),
    [
        (Entry("refused", reason="PERIOD_CLOSED"), True),
        (Entry("held", reason="TOTAL_DIFFERS"), True),
        (Entry("held", reason="TOTAL_MISMATCH"), False),
    ],
)
def test_settings_are_doubtful_once_quickbooks_has_refused_something(desk: Desk, entry: Entry, doubtful: bool) -> None:
    desk.log.add(RUN, [Entry("refused", reason="REFUSED")], now=NOON - timedelta(days=1))
    company.remember(desk.engine, FIRM, GOOD, now=NOON)
    desk.log.add(RUN, [entry], now=LATER)

    assert company.seen(desk.engine, FIRM) == Seen(GOOD, NOON, doubtful)


def test_a_taken_number_that_was_refused_shows_that_quickbooks_warns(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    before = company.has_refused_a_number(desk.engine, FIRM)

    desk.accept(attempt, ItemOutcome(desk.id_of("1"), "refused", "held", "NUMBER_TAKEN", fault_code="6140"))

    assert (before, company.has_refused_a_number(desk.engine, FIRM)) == (False, True)
