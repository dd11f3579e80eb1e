"""What a firm was connected with, and documents of ours that the ledger has forgotten."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.ledger.setup.bindings import Applied, Binding, Bindings, LastSend, Marked
from qb_pipeline_tests.ledger.desk import FIRM, HEADER, LATER, NOON, REALM, RUN, Desk, invoice, payment, set_up

DAY: date = HEADER["document_date"]
MARKED = Marked("invoice", "1", "", 1, "T-1", "4", "C7", 10_000, "N-1", DAY, is_void=False)


@pytest.fixture
def bindings(desk: Desk) -> Bindings:
    return Bindings(desk.engine, FIRM)


def marked(source_id: str, **values: Any) -> Marked:
    """What QuickBooks holds of an invoice under our marker; it agrees with billing."""
    plain = {"source_id": source_id, "number": f"N-{source_id}", "quickbooks_id": f"T-{source_id}"}
    return replace(MARKED, **plain | values)


def link(bindings: Bindings, *documents: Marked, applied: tuple[Applied, ...] = ()) -> dict[str, int]:
    return bindings.link(documents, applied, run=RUN, now=LATER)


def test_a_firm_is_bound_to_what_it_was_connected_with_last(desk: Desk, bindings: Bindings) -> None:
    set_up(desk.engine, "two", "9131")
    ledger = bindings.ledger()
    before = bindings.read()

    bindings.bind(company="", billing="billing", now=NOON, reconcile_first="restored")
    first = bindings.read()
    bindings.company_checked("company", now=LATER)
    bindings.history_checked("another history")
    bindings.stop("a copy")
    then = bindings.read()
    bindings.bind(company="company", billing="moved", now=LATER)

    bound = Binding("", NOON, "billing", ledger.database, ledger.history, "restored")
    assert (before, first) == (None, bound)
    assert then == Binding("company", LATER, "billing", ledger.database, "another history", "a copy")
    assert bindings.read() == Binding("company", LATER, "moved", ledger.database, ledger.history, "")
    assert (Bindings(desk.engine, "two").read(), bindings.ledger()) == (None, ledger)


def test_a_table_that_was_restored_gives_the_ledger_another_history_and_the_same_database(
    desk: Desk, bindings: Bindings
) -> None:
    before = bindings.ledger()
    with desk.engine.connect() as connection:  # never committed: the next test needs the old table
        connection.exec_driver_sql("alter table sync.attempt rename to former")
        connection.exec_driver_sql("create table sync.attempt (like sync.former)")
        oid = connection.exec_driver_sql("select cast('sync.attempt' as regclass)::oid").scalar_one()
        connection.rollback()

    assert before.history.split("/")[1] != str(oid)
    assert (bindings.ledger(), before.history.count("/"), before.database.count("/")) == (before, 1, 1)


def test_the_ledger_knows_the_last_request_that_left(desk: Desk, bindings: Bindings) -> None:
    desk.see(invoice("1"), invoice("2"))
    before = bindings.last_send(REALM), bindings.last_sent_at(REALM)
    for name, now in (("1", LATER), ("2", NOON)):
        attempt = desk.reserve(desk.item(name), now=now)
        desk.attempts.leaving(attempt, witness_id="home", now=now)

    assert before == (None, None)
    assert (bindings.last_send(REALM), bindings.last_sent_at(REALM)) == (LastSend(2, "home"), LATER)
    assert (bindings.last_send("9131"), bindings.last_sent_at("9131")) == (None, None)


def test_a_home_that_takes_over_notes_more_than_ledger_and_homes_have_noted(bindings: Bindings) -> None:
    """However far either is behind: the number never goes back, and the last one to take over is the valid one."""

    @given(st.lists(st.integers(0, 1_000), min_size=1, max_size=5))
    def law(said: list[int]) -> None:
        before = bindings.last_send(REALM)
        highest = before.sequence if before else -1
        for number, sequence in enumerate(said):
            noted = bindings.take_over(REALM, sequence=sequence, witness_id=f"home-{number}", now=NOON)
            assert noted >= sequence
            assert noted > highest
            assert bindings.last_send(REALM) == LastSend(noted, f"home-{number}")
            highest = noted

    law()


def test_former_installations_are_declared_once_for_all(bindings: Bindings) -> None:
    before = bindings.former()
    for installations in (["a", "b"], ["b", "c"], []):
        bindings.declare_former(installations, now=NOON)

    assert (before, sorted(bindings.former())) == ([], ["a", "b", "c"])


def test_what_quickbooks_holds_is_forgotten_unless_it_is_known_or_on_its_way(desk: Desk, bindings: Bindings) -> None:
    desk.see(*(invoice(name) for name in ("sent", "flying", "listed", "made again")))
    for name in ("sent", "made again"):
        desk.sync(name)
    desk.reserve(desk.item("flying"))

    known = marked("sent", quickbooks_id="Q-sent"), marked("flying")
    copy = marked("sent", quickbooks_id="T-copy")  # of one generation: a person's copy, not a later document of ours
    later = marked("made again", generation=2)

    assert bindings.forgotten([]) == bindings.forgotten([*known, copy]) == 0
    assert (
        bindings.forgotten([*known, later, marked("listed"), marked("never seen"), marked("sent", kind="payment")]) == 4
    )
    assert Bindings(desk.engine, "two").forgotten(known) == 2


VOID = {"is_void": True, "total_cents": 0}


@pytest.mark.parametrize(
    ("in_billing", "in_quickbooks", "state"),
    [
        (invoice("1"), {}, ("synced", "")),
        (invoice("1", 9_000), {}, ("revised", "")),
        (invoice("1", number="N-1b"), {}, ("revised", "")),
        (invoice("1", document_date=date(2026, 2, 28)), {}, ("revised", "")),
        (invoice("1"), VOID, ("held", "REMOTE_VOIDED")),
        (invoice("1", status="void"), {}, ("void_pending", "")),
        (invoice("1", status="void"), VOID, ("voided", "")),
        (None, {}, ("held", "SOURCE_GONE")),
        (payment("1"), {"kind": "payment", "number": ""}, ("synced", "")),
        (None, {"kind": "customer", "total_cents": None, "number": "", "document_date": None}, ("synced", "")),
    ],
)
def test_what_was_forgotten_is_linked_as_both_sides_have_it_now_and_only_once(
    desk: Desk,
    bindings: Bindings,
    in_billing: dict[str, Any] | None,
    in_quickbooks: dict[str, Any],
    state: tuple[str, str],
) -> None:
    desk.see(*([in_billing] if in_billing else []))
    document = replace(MARKED, **in_quickbooks)

    first, again = link(bindings, document), link(bindings, document)

    row = desk.row("1")
    assert (first, again, (row["state"], row["reason"])) == ({state[0]: 1}, {}, state)
    assert (row["quickbooks_id"], row["sync_token"], row["customer_id"]) == ("T-1", "4", "C7")
    assert [entry for entry in desk.logged() if entry[0] == "adopted"] == [("adopted", state[1])]
    assert bindings.forgotten([document]) == 0


def test_a_document_that_is_known_or_on_its_way_is_not_linked(desk: Desk, bindings: Bindings) -> None:
    desk.see(invoice("sent"), invoice("flying"), invoice("made again"))
    for name in ("sent", "made again"):
        desk.sync(name)
    desk.reserve(desk.item("flying"))
    before = desk.row("sent"), desk.row("flying")

    linked = link(bindings, marked("sent"), marked("flying"), marked("made again", generation=2))

    assert (linked, (desk.row("sent"), desk.row("flying"))) == ({"synced": 1}, before)
    again = desk.row("made again")
    assert (again["quickbooks_id"], again["generation"]) == ("T-made again", 2)


def test_a_linked_payment_pays_what_it_pays_of_invoices_that_are_known(desk: Desk, bindings: Bindings) -> None:
    """Several lines on one invoice add up; a payment that is not linked now keeps what it has."""
    desk.see(invoice("1"), payment("p"), payment("sent"))
    desk.sync("sent")
    paid = marked("p", kind="payment", number="")
    lines = (
        Applied("T-p", "T-1", 3_000), Applied("T-p", "T-1", 1_000), Applied("T-p", "T-9", 6_000),
        Applied("Q-sent", "T-1", 7_000),
    )  # fmt: skip

    linked = link(bindings, marked("1"), paid, applied=lines)

    assert (linked, desk.query("select * from sync.application")) == (
        {"synced": 2},
        [{"document_id": desk.id_of("p"), "invoice_id": "1", "quickbooks_invoice_id": "T-1", "amount_cents": 4_000}],
    )
    assert link(bindings) == {}


def test_the_invoices_that_were_sent_last_are_named_and_not_those_that_billing_never_had(
    desk: Desk, bindings: Bindings
) -> None:
    names = [f"{number:02}" for number in range(52)]
    desk.see(*(invoice(name) for name in names), payment("p"), invoice("unsent"))
    for name in names:
        desk.sync(name)
    desk.sync("p")
    link(bindings, marked("not in billing"))

    assert bindings.sent_invoices() == names[:1:-1]
    assert Bindings(desk.engine, "two").sent_invoices() == []
