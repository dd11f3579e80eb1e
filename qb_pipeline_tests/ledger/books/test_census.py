"""What a census counts is what was accepted since the one before."""

from datetime import timedelta

from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.census import Censuses, Counts
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, RUN, Desk, invoice, payment

BOTH = (Kind.INVOICE, Kind.PAYMENT)
COUNTS = Counts(
    kind="invoice", is_whole=False, documents=1, living=1, duplicates=0, copies=0, missing=0, differing=0, foreigners=0,
    strays=0, changed=0, reads=1,
)  # fmt: skip


def test_each_document_is_counted_after_it_was_accepted_and_not_again(desk: Desk) -> None:
    censuses = Censuses(desk.engine, FIRM)
    desk.see(invoice("1"), invoice("2"), payment("p"))
    desk.accept(desk.reserve(desk.item("1")))

    first = [row.source_id for row in censuses.written(BOTH)]
    censuses.record(RUN, [COUNTS], now=NOON)
    desk.accept(desk.reserve(desk.item("p"), now=LATER), now=LATER)
    second = [row.source_id for row in censuses.written(BOTH)]

    assert (first, second) == (["1"], ["p"])
    assert [row.source_id for row in censuses.written(BOTH, whole=True)] == ["1", "p"]
    assert censuses.of_run(RUN) == [COUNTS]


def test_a_count_of_one_kind_leaves_the_other_to_be_counted(desk: Desk) -> None:
    censuses = Censuses(desk.engine, FIRM)
    desk.see(invoice("1"), payment("p"))
    desk.accept(desk.reserve(desk.item("1")))
    desk.accept(desk.reserve(desk.item("p")))

    censuses.record(RUN, [COUNTS], now=LATER)

    assert [row.source_id for row in censuses.written(BOTH)] == ["p"]
    assert censuses.written([Kind.INVOICE]) == []


def test_windows_are_those_of_requests_that_may_have_created_something(desk: Desk) -> None:
    censuses = Censuses(desk.engine, FIRM)
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    desk.attempts.sending_again(attempt, now=LATER)
    desk.accept(attempt)
    ids = [desk.id_of("1")]

    assert [(row.first_sent_at, row.last_sent_at) for row in censuses.windows(ids)] == [(NOON, LATER)]
    assert censuses.first_sent(ids) == NOON
    assert timedelta(hours=1) == LATER - NOON
