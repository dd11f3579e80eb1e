"""The numbers of a run, date by date: every date that was asked for, and each document on its own."""

from datetime import date, timedelta

from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.days import (
    Day,
    Days,
    DoneCount,
    HeldCount,
    InboxCount,
    PostedCount,
    ReceivedDay,
    ReferenceCount,
)
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.plans import PlannedCount
from qb_pipeline.ledger.log import ControlTotals, Entry, Run
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, PARTNER, RUN, Desk, invoice, payment, set_up

FIRST, SECOND, THIRD = date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28)
OTHER_RUN = Run("run-2", "cli", PARTNER)


def days(desk: Desk, firm_id: str = FIRM) -> Days:
    return Days(desk.engine, firm_id)


def test_each_date_that_is_asked_for_has_a_day_and_without_dates_and_work_there_are_none(desk: Desk) -> None:
    assert days(desk).of_run(RUN.run_id, [FIRST, SECOND]) == {FIRST: Day(), SECOND: Day()}
    assert days(desk).of_run(RUN.run_id, []) == {}
    assert days(desk).of_pull(RUN.run_id, [FIRST], first=FIRST, last=FIRST) == {FIRST: ReceivedDay()}


def test_a_day_has_the_whole_story_of_its_documents(desk: Desk) -> None:
    """Documents of other dates on which the run worked have their own days; what it listed counts as changed."""
    desk.see(invoice("1", document_date=FIRST), payment("p", 4_000, document_date=FIRST))
    desk.see(invoice("2", 500, document_date=SECOND), invoice("3", document_date=THIRD))
    desk.decide(
        Decision(desk.id_of("1"), Operation.CREATE, "", 10_000),
        Decision(desk.id_of("2"), Operation.HOLD, "NO_LINES", 500),
    )
    desk.accept(desk.reserve(desk.item("1")))

    found = days(desk).of_run(RUN.run_id, [FIRST, SECOND])

    assert found == {
        FIRST: Day(
            listed=2,
            listed_cents=14_000,
            changed=2,
            planned=[PlannedCount("invoice", "create", documents=1, cents=10_000)],
            done=[DoneCount("invoice", "created", documents=1, cents=10_000)],
            control_totals=[
                ControlTotals(
                    kind="invoice", documents=1, differing=0, meant_cents=10_000, accepted_cents=10_000,
                    in_quickbooks_cents=10_000, refused_cents=0, unknown_cents=0, not_sent_cents=0,
                )
            ],
        ),
        SECOND: Day(
            listed=1,
            listed_cents=500,
            changed=1,
            planned=[PlannedCount("invoice", "hold", documents=1, cents=500)],
            held=[HeldCount("invoice", "NO_LINES", documents=1, cents=500)],
        ),
        THIRD: Day(changed=1),
    }  # fmt: skip
    assert (found[FIRST].documents("invoice", "created", "updated"), found[FIRST].cents("invoice", "created")) == (
        1, 10_000,
    )  # fmt: skip
    assert (found[FIRST].documents("payment", "created"), found[FIRST].documents("invoice")) == (0, 0)


def test_another_run_has_its_own_work_on_the_same_work_list_and_another_firm_has_nothing(desk: Desk) -> None:
    """What the other run held it has not listed or moved in its scan: that is the first run's."""
    set_up(desk.engine, "two", "9131")
    desk.see(invoice("1", document_date=FIRST), invoice("2", 500, document_date=FIRST))
    hold = Decision(desk.id_of("2"), Operation.HOLD, "NO_LINES", 500)
    desk.documents.record_decisions([hold], run=OTHER_RUN, now=LATER)
    desk.accept(desk.reserve(desk.item("1")))

    assert days(desk).of_run(OTHER_RUN.run_id, [FIRST]) == {
        FIRST: Day(
            listed=2,
            listed_cents=10_500,
            planned=[PlannedCount("invoice", "hold", documents=1, cents=500)],
            held=[HeldCount("invoice", "NO_LINES", documents=1, cents=500)],
        )
    }
    assert days(desk).of_run("a third run", [FIRST], ["changed", "planned", "done"]) == {FIRST: Day()}
    assert days(desk, "two").of_run(RUN.run_id, [FIRST]) == {FIRST: Day()}


def test_only_the_parts_that_are_wanted_are_filled(desk: Desk) -> None:
    desk.see(invoice("1", document_date=FIRST))
    desk.hold("1", "NO_LINES")

    assert days(desk).of_run(RUN.run_id, [FIRST], ["changed"]) == {FIRST: Day(changed=1)}
    assert days(desk).of_run(RUN.run_id, [FIRST], ["listed"]) == {FIRST: Day(listed=1, listed_cents=10_000)}
    assert days(desk).of_run(RUN.run_id, [FIRST], []) == {FIRST: Day()}


def test_a_customer_stands_on_the_first_date_that_needs_it_and_an_item_on_the_newest(desk: Desk) -> None:
    desk.see(invoice("1", document_date=SECOND), invoice("2", document_date=FIRST))
    desk.decide(*(Decision(desk.id_of(name), Operation.CREATE, "", 10_000) for name in ("1", "2")))
    [customer] = desk.documents.ensure(Kind.CUSTOMER, ["P1"], now=NOON).values()
    [item] = desk.documents.ensure(Kind.ITEM, ["F1"], now=NOON).values()
    desk.log.add(RUN, [Entry("created", customer), Entry("adopted", item)], now=NOON)

    found = days(desk).of_run(RUN.run_id, [FIRST, SECOND, THIRD], ["references"])

    assert found == {
        FIRST: Day(references=[ReferenceCount("customer", "created", documents=1)]),
        SECOND: Day(),
        THIRD: Day(references=[ReferenceCount("item", "adopted", documents=1)]),
    }


def test_a_received_payment_counts_on_the_nearest_date_before_it_or_else_on_the_first(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), invoice("3"))
    for number, day in (("1", FIRST - timedelta(days=9)), ("2", SECOND), ("3", THIRD + timedelta(days=9))):
        desk.sync(number)
        desk.receive(number, pays=[(number, 100 * int(number))], payment_date=day, created_at=LATER)

    found = days(desk).of_pull(RUN.run_id, [THIRD, FIRST], first=None, last=None)
    narrow = days(desk).of_pull(RUN.run_id, [FIRST, SECOND, THIRD], first=SECOND, last=SECOND)

    def posted(cents: int) -> PostedCount:
        return PostedCount("payment", documents=1, cents=cents)

    done = InboxCount("done", documents=1, cents=0)
    assert found == {
        FIRST: ReceivedDay(posted=[posted(100), posted(200)], inbox=[done, done]),
        THIRD: ReceivedDay(posted=[posted(300)], inbox=[done]),
    }
    assert {day: each.inbox for day, each in narrow.items()} == {FIRST: [], SECOND: [done], THIRD: []}
