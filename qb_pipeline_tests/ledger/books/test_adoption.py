"""Documents that QuickBooks may hold from before are listed, and linked only as they stood when they were compared."""

from dataclasses import replace
from datetime import date
from typing import Any

from qb_pipeline.ledger.books import adoption
from qb_pipeline.ledger.books.adoption import Link, UnsentDocument
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline_tests.ledger.desk import FIRM, LATER, RUN, Desk, invoice, payment

EARLIER = date(2026, 2, 1)


def link_of(desk: Desk, source_id: str, *, pays: tuple[tuple[str, int], ...] = ()) -> Link:
    """The document as it stands, found in QuickBooks under T-…"""
    row = desk.row(source_id)
    return Link(
        document_id=row["document_id"],
        quickbooks_id=f"T-{source_id}",
        sync_token="3",
        customer_id="C7",
        total_cents=row["amount_cents"],
        forwarded_cents=0,
        source_hash=row["source_hash"],
        fingerprint="",
        body='{"DocNumber": "N-1"}',
        applications=tuple(Application(invoice_id, f"T-{invoice_id}", cents) for invoice_id, cents in pays),
    )


def link(desk: Desk, *links: Link) -> int:
    with desk.engine.begin() as connection:
        return adoption.link(connection, FIRM, links, run=RUN, now=LATER)


def stored(desk: Desk) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, str]]]:
    """What linking leaves behind: adoptions, applications, and rows of the log."""
    adoptions = "select document_id, convert_from(body, 'UTF8') as body, adopted_at, adopted_by from sync.adoption"
    applications = "select document_id, invoice_id, quickbooks_invoice_id, amount_cents from sync.application"
    return desk.query(adoptions), desk.query(applications), [row for row in desk.logged() if row[0] == "adopted"]


def test_only_living_documents_that_were_never_sent_may_be_there_already(desk: Desk) -> None:
    """Not one that is sent, in flight or void, nor one about which a person must answer first."""
    names = ("new", "held", "answer", "sent", "flying")
    desk.see(*(invoice(name) for name in names), invoice("void", status="void"), payment("p", document_date=EARLIER))
    desk.see(invoice("old", 700, document_date=EARLIER))
    desk.hold("held", "MISSING_NAME")
    desk.hold("answer", "CONFLICT")
    desk.sync("sent")
    desk.reserve(desk.item("flying"))

    found = adoption.candidates(desk.engine, FIRM)

    rows = [desk.row(source_id) for source_id in ("old", "held", "new", "p")]
    assert found == [
        UnsentDocument(**{name: row[name] for name in UnsentDocument.__dataclass_fields__}) for row in rows
    ]
    assert [(each.kind, each.source_id, each.amount_cents) for each in found] == [
        ("invoice", "old", 700), ("invoice", "held", 10_000), ("invoice", "new", 10_000), ("payment", "p", 10_000),
    ]  # fmt: skip
    assert adoption.candidates(desk.engine, "nobody") == []


def test_a_linked_document_stands_as_quickbooks_has_it_and_keeps_what_was_compared(desk: Desk) -> None:
    desk.see(invoice("1"), payment("p"))

    linked = link(desk, link_of(desk, "1"), link_of(desk, "p", pays=(("1", 4_000),)))

    columns = ("state", "reason", "quickbooks_id", "sync_token", "customer_id", "quickbooks_total_cents", "synced_at")
    assert (linked, [[desk.row(name)[column] for column in columns] for name in ("1", "p")]) == (
        2,
        [["synced", "", f"T-{name}", "3", "C7", 10_000, LATER] for name in ("1", "p")],
    )
    body = {"body": '{"DocNumber": "N-1"}', "adopted_at": LATER, "adopted_by": "partner"}
    paid = {"invoice_id": "1", "quickbooks_invoice_id": "T-1", "amount_cents": 4_000}
    assert stored(desk) == (
        [{"document_id": desk.id_of(name), **body} for name in ("1", "p")],
        [{"document_id": desk.id_of("p"), **paid}],
        [("adopted", "")] * 2,
    )
    assert adoption.candidates(desk.engine, FIRM) == []


def test_a_document_that_billing_changed_since_it_was_compared_is_left_alone_with_what_it_pays(desk: Desk) -> None:
    desk.see(payment("p"), payment("q"))
    compared = [link_of(desk, name, pays=(("1", 100),)) for name in ("p", "q")]
    desk.see(payment("p", 9_000, updated_at=LATER))

    linked = link(desk, *compared)

    assert (linked, desk.states()) == (1, {"p": ("new", ""), "q": ("synced", "")})
    adoptions, applications, logged = stored(desk)
    ids = [row["document_id"] for row in (*adoptions, *applications)]
    assert (ids, logged) == ([desk.id_of("q")] * 2, [("adopted", "")])


def test_what_was_sent_or_linked_meanwhile_is_not_linked_again(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), invoice("3"))
    compared = [link_of(desk, name) for name in ("1", "2", "3")]
    desk.sync("2")
    desk.reserve(desk.item("3"))

    first, before = link(desk, *compared), stored(desk)
    again = link(desk, *(replace(each, quickbooks_id="T-other") for each in compared))

    assert (first, again, stored(desk) == before) == (1, 0, True)
    assert {name: desk.row(name)["quickbooks_id"] for name in ("1", "2", "3")} == {"1": "T-1", "2": "Q-2", "3": None}


def test_linking_nothing_links_nothing(desk: Desk) -> None:
    assert (link(desk), stored(desk)) == (0, ([], [], []))


def test_invoices_are_known_by_their_ids_in_quickbooks_while_they_are_not_void(desk: Desk) -> None:
    desk.see(invoice("sent"), invoice("void"), invoice("new"), payment("p"))
    for name in ("sent", "void", "p"):
        desk.sync(name)
    desk.see(invoice("void", status="void", updated_at=LATER))
    desk.sync("void", "void")

    names = ["sent", "void", "new", "p", "stranger"]

    assert adoption.linked_invoices(desk.engine, FIRM, names) == {"sent": "Q-sent"}
    assert adoption.linked_invoices(desk.engine, FIRM, []) == {}
