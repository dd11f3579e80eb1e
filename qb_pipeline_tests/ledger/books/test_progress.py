"""How far a sync is."""

from datetime import timedelta

from qb_pipeline.ledger.books.progress import look
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, Desk, invoice, payment


def test_what_is_left_goes_down_and_requests_go_up(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), payment("p"))
    before = look(desk.engine, FIRM, since=NOON)
    attempt = desk.reserve(desk.item("1"), desk.item("2"))
    desk.accept(attempt)
    desk.attempts.sending_again(desk.reserve(desk.item("p")), now=NOON)

    after, chosen = look(desk.engine, FIRM, since=NOON), look(desk.engine, FIRM, since=NOON, invoice_ids=["1"])

    assert (before.documents_left, before.requests) == (3, 0)
    assert (after.documents_left, after.requests) == (1, 3)
    assert chosen.documents_left == 0


def test_a_run_from_before_that_holds_the_company_is_named(desk: Desk) -> None:
    taken_at = desk.query("select taken_at from sync.lease")[0]["taken_at"]

    assert look(desk.engine, FIRM, since=taken_at).busy_run == ""
    assert look(desk.engine, FIRM, since=taken_at + timedelta(seconds=1)).busy_run != ""
    assert LATER > NOON
