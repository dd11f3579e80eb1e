"""Payers and their customers, as the ledger knows them."""

import pytest

from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.payers import KnownCustomer, Payers
from qb_pipeline_tests.ledger.desk import FIRM, NOON, Desk, invoice, payment


@pytest.fixture
def payers(desk: Desk) -> Payers:
    return Payers(desk.engine, FIRM)


def test_payers_are_those_with_invoices_or_payments(desk: Desk, payers: Payers) -> None:
    desk.see(invoice("1", payer_id="b"), invoice("2", payer_id="b"), payment("3", payer_id="a"))

    assert payers.payer_ids() == ["a", "b"]


def test_a_customer_is_remembered_with_its_details_and_belongs_to_one_payer(desk: Desk, payers: Payers) -> None:
    payers.remember_customers({"a": ("58", "first"), "b": ("59", "other")}, now=NOON)
    payers.remember_customers({"a": ("58", "second"), "c": ("59", "stolen")}, now=NOON)
    payers.remember_customers({}, now=NOON)

    assert payers.customers(["a", "b", "c"]) == {
        "a": KnownCustomer(desk.id_of("a"), "58", "second"),
        "b": KnownCustomer(desk.id_of("b"), "59", "other"),
    }


def test_documents_of_a_customer_come_newest_first_and_are_limited(desk: Desk, payers: Payers) -> None:
    desk.see(*(invoice(str(number)) for number in range(3)), payment("p"))
    for source_id in ("0", "1", "2", "p"):
        desk.sync(source_id)  # under C1

    assert payers.of_customer("C1", limit=2) == {"payment": ["Q-p"], "invoice": ["Q-2"]}
    assert payers.of_customer("C2", limit=2) == {}


def test_what_waits_for_a_payer_is_what_is_held_for_it_and_what_waits_for_these(desk: Desk, payers: Payers) -> None:
    desk.see(invoice("held"), invoice("fine"), payment("waits"), invoice("other", payer_id="b"))
    for source_id, reason in (("held", "LIKE_CUSTOMER"), ("other", "LIKE_CUSTOMER")):
        desk.hold(source_id, reason)
    desk.decide(Decision(desk.id_of("waits"), "wait", "INVOICE_NOT_SENT", 0))

    assert payers.waiting_for_payer(desk.row("held")["payer_id"]) == sorted(map(desk.id_of, ("held", "waits")))
    assert payers.payers_held_in("run-1", "LIKE_CUSTOMER", ["invoice"]) == {desk.row("held")["payer_id"], "b"}
    assert payers.payers_held_in("run-1", "LIKE_CUSTOMER", ["payment"]) == set()
