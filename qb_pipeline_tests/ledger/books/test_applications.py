"""What our payments pay of their invoices, sent, in flight or planned."""

from dataclasses import replace
from datetime import date

import pytest

from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline_tests.ledger.desk import (
    NOON,
    RUN,
    Desk,
    accepted,
    invoice,
    payment,
    touched,
)


def open_cents(desk: Desk, *invoice_ids: str) -> dict[str, int]:
    known = desk.applications.invoices_known(invoice_ids or ["i"])
    return dict(zip(known["invoice_id"], known["open_cents"], strict=True))


def test_an_invoice_is_known_with_what_is_open_on_it(desk: Desk) -> None:
    desk.see(invoice("i"), invoice("unsent"), payment("p", 2_500))
    desk.sync("i")
    desk.sync("p", pays=[("i", 2_500)])
    desk.hold("unsent", "UNMATCHED_PAYER")

    assert desk.applications.invoices_known(["i", "unsent", "nobody"]).to_dict("records") == [
        {"invoice_id": "i", "state": "synced", "reason": "", "quickbooks_id": "Q-i", "customer_id": "C1",
         "open_cents": 7_500, "document_date": date(2026, 3, 1)},
        {"invoice_id": "unsent", "state": "held", "reason": "UNMATCHED_PAYER", "quickbooks_id": "", "customer_id": "",
         "open_cents": 0, "document_date": date(2026, 3, 1)},
    ]  # fmt: skip
    assert desk.applications.invoices_known([]).empty


@pytest.mark.parametrize("unknown", [False, True])
def test_a_payment_under_way_counts_as_paid(desk: Desk, unknown: bool) -> None:
    desk.see(invoice("i"), payment("p", 2_500))
    desk.sync("i")
    attempt = desk.reserve(desk.item("p", pays=[("i", 2_500)]))
    if unknown:
        desk.attempts.unknown(attempt, run=RUN, now=NOON, detail="timeout")

    assert open_cents(desk) == {"i": 7_500}


@pytest.mark.parametrize(("cents", "left"), [(9_000, 1_000), (1_000, 7_500)], ids=["more", "less"])
def test_of_a_payment_that_is_being_changed_the_larger_share_counts(desk: Desk, cents: int, left: int) -> None:
    desk.see(invoice("i"), payment("p", 2_500))
    desk.sync("i")
    desk.sync("p", pays=[("i", 2_500)])
    desk.see(touched(payment("p", cents)))

    desk.reserve(desk.item("p", "update", pays=[("i", cents)]))

    assert open_cents(desk) == {"i": left}


def test_a_payment_that_was_voided_or_not_sent_pays_nothing(desk: Desk) -> None:
    desk.see(invoice("i"), payment("void", 2_500), payment("lost", 2_500))
    desk.sync("i")
    desk.sync("void", pays=[("i", 2_500)])
    desk.see(touched(payment("void", 2_500), status="void"))
    desk.sync("void", "void", total_cents=0)
    attempt = desk.reserve(desk.item("lost", pays=[("i", 2_500)]))
    desk.accept(attempt, replace(accepted(attempt.items[0]), outcome="not_sent", state="new", quickbooks_id=""))

    assert open_cents(desk) == {"i": 10_000}


@pytest.mark.parametrize("reason", ["REMOTE_DELETED", "REMOTE_VOIDED"])
def test_what_a_person_took_out_of_quickbooks_holds_and_pays_nothing_there(desk: Desk, reason: str) -> None:
    desk.see(invoice("i"), payment("p", 4_000))
    desk.sync("i")
    desk.sync("p", pays=[("i", 4_000)])
    assert open_cents(desk) == {"i": 6_000}

    desk.hold("p", reason)

    assert desk.row("p")["quickbooks_total_cents"] == 0
    assert open_cents(desk) == {"i": 10_000}
    assert desk.applications.applied([desk.id_of("p")]) == {}
    assert {kind: n for kind, (n, _) in desk.listing.in_quickbooks_totals().items()} == {"invoice": 1}


def test_applied_says_what_quickbooks_holds_of_payments(desk: Desk) -> None:
    desk.see(invoice("i"), invoice("j"), payment("p", 300), payment("c", 50, part="2026-03-01"))
    desk.sync("p", pays=[("i", 100), ("j", 200)])
    attempt = desk.reserve(desk.item("c", pays=[("i", 50)]))
    desk.accept(attempt)

    ids = [desk.id_of("p"), desk.id_of("c")]
    assert desk.applications.applied(ids) == {
        ("p", "", "i"): 100,
        ("p", "", "j"): 200,
        ("c", "2026-03-01", "i"): 50,
    }


def test_planned_creates_are_those_of_this_run(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), invoice("3"))
    desk.decide(
        Decision(desk.id_of("1"), "create", "", 10_000, 4_000), Decision(desk.id_of("2"), "hold", "NO_LINES", 10_000)
    )

    assert desk.applications.planned_creates("run-1", ["1", "2", "3"]) == {"1": ("P1", 6_000)}
    assert desk.applications.planned_creates("run-2", ["1", "2", "3"]) == {}


def test_a_rejected_payment_fills_its_invoice_until_the_rejection_is_void(desk: Desk) -> None:
    rejection = payment("r", payment_kind="rejection", reverses_payment_id="p")
    desk.see(invoice("i"), invoice("j"), payment("p"), payment("q"))
    desk.sync("i")
    desk.sync("p", pays=[("i", 10_000)])
    desk.sync("q", pays=[("j", 10_000)])
    assert desk.applications.open_rejections(["i", "j"]) == {}

    desk.see(rejection)
    assert desk.applications.open_rejections(["i", "j"]) == {"i": "p"}

    desk.see(touched(rejection, status="void"))
    assert desk.applications.open_rejections(["i", "j"]) == {}
