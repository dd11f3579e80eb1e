"""A fault of the company is kept with its beginning, until something is written."""

from dataclasses import replace
from datetime import timedelta

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.ledger.books import company_faults
from qb_pipeline.ledger.books.company_faults import StandingFault
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, RUN, Desk, invoice, set_up

ENDED = StandingFault(
    "6190", COMPANY_FAULTS["6190"].sentence, COMPANY_FAULTS["6190"].remedy, since=NOON, seen_at=NOON, intuit_tid="tid-1"
)


def test_a_firm_without_a_fault_has_none(desk: Desk) -> None:
    assert company_faults.standing(desk.engine, FIRM) is None


def test_a_fault_that_goes_on_keeps_its_beginning_and_another_one_begins_anew(desk: Desk) -> None:
    company_faults.remember(desk.engine, FIRM, "6190", intuit_tid="tid-1", run=RUN, now=NOON)
    first = company_faults.standing(desk.engine, FIRM)
    company_faults.remember(desk.engine, FIRM, "6190", intuit_tid="tid-2", run=RUN, now=LATER)
    again = company_faults.standing(desk.engine, FIRM)
    company_faults.remember(desk.engine, FIRM, "150", intuit_tid="tid-3", run=RUN, now=LATER)
    other = company_faults.standing(desk.engine, FIRM)

    assert first == ENDED
    assert again == replace(ENDED, seen_at=LATER, intuit_tid="tid-2")
    maintenance = COMPANY_FAULTS["150"]
    assert other == StandingFault("150", maintenance.sentence, maintenance.remedy, LATER, LATER, "tid-3")


def test_a_write_forgets_the_fault_of_its_own_firm(desk: Desk) -> None:
    set_up(desk.engine, "two", "9131")
    for firm_id in (FIRM, "two"):
        company_faults.remember(desk.engine, firm_id, "6190", intuit_tid="tid-1", run=RUN, now=NOON)

    with desk.engine.begin() as connection:
        company_faults.forget(connection, FIRM)

    assert company_faults.standing(desk.engine, FIRM) is None
    assert company_faults.standing(desk.engine, "two") == ENDED


def test_an_accepted_document_forgets_it_and_a_refused_one_does_not(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"))
    company_faults.remember(desk.engine, FIRM, "6190", intuit_tid="tid-1", run=RUN, now=NOON)

    refused = desk.reserve(desk.item("1"))
    desk.accept(refused, ItemOutcome(desk.id_of("1"), "refused", "refused", "REFUSED", fault_code="9999"))
    stands = company_faults.standing(desk.engine, FIRM)
    desk.sync("2")

    assert (stands, company_faults.standing(desk.engine, FIRM)) == (ENDED, None)


def test_it_is_told_since_when_and_when_last_where_that_is_another_minute() -> None:
    said = f"{ENDED.sentence} Fault 6190 since 2026-03-02 12:00 UTC{{}}; nothing was written since"

    assert str(ENDED) == str(replace(ENDED, seen_at=NOON + timedelta(seconds=59))) == said.format("")
    assert str(replace(ENDED, seen_at=LATER)) == said.format(", last at 2026-03-02 13:00")
