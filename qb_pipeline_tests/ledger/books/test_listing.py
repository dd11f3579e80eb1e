"""The work list as people read it."""

from qb_pipeline_tests.ledger.desk import (
    TODAY,
    Desk,
    invoice,
    payment,
)


def test_the_list_for_a_person_shows_what_is_not_in_quickbooks(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), payment("p"))
    desk.sync("1")
    desk.hold("2", "UNMATCHED_PAYER")

    rows = desk.listing.listing(None)

    assert [(row.source_id, row.state, row.action, row.remedy) for row in rows] == [
        ("2", "held", "sync_now", "Map the payer, or set unmatched_payer=create."),
        ("p", "new", "sync_now", None),
    ]
    assert [row.source_id for row in desk.listing.listing("invoice", state="synced")] == ["1"]
    assert [row.source_id for row in desk.listing.listing("invoice", first=TODAY)] == []


def test_held_documents_are_counted_by_reason_most_money_first(desk: Desk) -> None:
    desk.see(invoice("1", 1_050), invoice("2", 2_000), invoice("3", 10_001), invoice("new"))
    for source_id, reason in (("1", "NO_LINES"), ("2", "NO_LINES"), ("3", "UNMATCHED_PAYER")):
        desk.hold(source_id, reason)

    assert [(r.reason, r.documents, str(r.amount)) for r in desk.listing.held_by_reason()] == [
        ("UNMATCHED_PAYER", 1, "100.01"),
        ("NO_LINES", 2, "30.50"),
    ]


def test_totals_in_quickbooks_are_exact(desk: Desk) -> None:
    desk.see(invoice("1", 10), invoice("2", 20), payment("p", 7), invoice("new"))
    for source_id in ("1", "2", "p"):
        desk.sync(source_id)

    totals = desk.listing.in_quickbooks_totals()

    assert {kind: (n, str(amount)) for kind, (n, amount) in totals.items()} == {
        "invoice": (2, "0.30"),
        "payment": (1, "0.07"),
    }
