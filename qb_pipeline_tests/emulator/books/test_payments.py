"""Payments: links on both sides, credits, refusals."""

from decimal import Decimal

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.payments import TOO_MUCH
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_deposits import entry
from qb_pipeline_tests.emulator.books.test_sales import make, refused
from qb_pipeline_tests.emulator.conftest import Body, invoice_of, payment_of


@pytest.fixture
def customer(company: Company) -> str:
    return write(company, "Customer", "create", {"DisplayName": "Ada"})[1]


@pytest.fixture
def invoice(company: Company, customer: str) -> str:
    return write(company, "Invoice", "create", invoice_of(customer, 100))[1]


def state(company: Company, invoice: str) -> tuple[object, list[Body], str]:
    body = company.tables["Invoice"].rows[invoice].decode()
    return body["Balance"], body["LinkedTxn"], body["SyncToken"]


def test_a_payment_is_on_both_sides_and_moves_the_invoices_token(company: Company, customer: str, invoice: str) -> None:
    paid = make(company, payment_of(customer, 120, (invoice, 70)), "Payment")

    assert (paid["UnappliedAmt"], paid["DepositToAccountRef"]["name"]) == (50, "Undeposited Funds")
    values = {each["value"]["Name"]: each["value"]["Value"] for each in paid["Line"][0]["LineEx"]["any"]}
    assert values == {"txnId": invoice, "txnOpenBalance": "100.00", "txnReferenceNumber": ""}
    assert state(company, invoice) == (30, [{"TxnId": paid["Id"], "TxnType": "Payment"}], "1")

    write(company, "Payment", "delete", {"Id": paid["Id"], "SyncToken": "0"})
    assert state(company, invoice) == (100, [], "2")


def test_a_payments_lines_are_replaced_as_a_whole_or_left_alone(company: Company, customer: str, invoice: str) -> None:
    paid = make(company, payment_of(customer, 100, (invoice, 60)), "Payment")
    write(company, "Payment", "update", {"Id": paid["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"})
    assert state(company, invoice)[0] == 40

    write(company, "Payment", "update", {"Id": paid["Id"], "SyncToken": "1", "sparse": True, "Line": []})
    assert state(company, invoice)[:2] == (100, [])


def test_a_full_update_without_lines_unlinks_everything(company: Company, customer: str, invoice: str) -> None:
    paid = make(company, payment_of(customer, 100, (invoice, 60), PrivateNote="x"), "Payment")
    body = {"Id": paid["Id"], "SyncToken": "0", "CustomerRef": {"value": customer}, "TotalAmt": 100}
    write(company, "Payment", "update", body)

    assert state(company, invoice)[0] == 100
    assert "PrivateNote" not in company.tables["Payment"].rows[paid["Id"]].decode()


def test_refusals(company: Company, customer: str, invoice: str) -> None:
    other = write(company, "Customer", "create", {"DisplayName": "Grace"})[1]

    assert refused(company, "Payment", "create", {"CustomerRef": {"value": customer}}).code == "6000"
    assert refused(company, "Payment", "create", payment_of(other, 100, (invoice, 10))).code == "620"
    assert refused(company, "Payment", "create", payment_of(customer, 100, ("999", 10))).code == "610"
    assert refused(company, "Payment", "create", payment_of(customer, 500, (invoice, 101))).code == "6000"
    assert refused(company, "Payment", "create", payment_of(customer, 50, (invoice, 60))).code == "6000"
    long = refused(company, "Payment", "create", payment_of(customer, 5, PaymentRefNum="x" * 22))
    assert (long.code, long.element) == ("2050", "PaymentRefNum")
    income = payment_of(customer, 5, DepositToAccountRef={"value": company.account_of("income")})
    assert refused(company, "Payment", "create", income).code == "6430"


def test_a_voided_payment_gives_everything_back(company: Company, customer: str, invoice: str) -> None:
    paid = make(company, payment_of(customer, 100, (invoice, 100)), "Payment")
    body = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    assert refused(company, "Payment", "void", body).code == "500"
    write(company, "Payment", "update", body, include=frozenset({"void"}))
    voided = company.tables["Payment"].rows[paid["Id"]].decode()

    assert (voided["TotalAmt"], voided["UnappliedAmt"], voided["Line"], voided["PrivateNote"]) == (0, 0, [], "Voided")
    assert state(company, invoice)[:2] == (100, [])


@pytest.mark.parametrize("how", ["void", "delete"])
def test_a_paid_invoice_is_not_ended_unless_the_switch_unlinks_it(
    company: Company, customer: str, invoice: str, how: str
) -> None:
    paid = make(company, payment_of(customer, 100, (invoice, 100)), "Payment")
    assert refused(company, "Invoice", how, {"Id": invoice, "SyncToken": "1"}).code == "6000"

    company.switches = change_switches(company.switches, {f"{how}_paid_invoice": "unapplied"})
    write(company, "Invoice", how, {"Id": invoice, "SyncToken": "1"})
    left = company.tables["Payment"].rows[paid["Id"]].decode()
    assert (left["UnappliedAmt"], left["Line"], left["SyncToken"]) == (100, [], "1")


def test_a_parent_pays_for_a_job_that_is_billed_with_it(company: Company, customer: str) -> None:
    job = {"DisplayName": "Matter 1", "Job": True, "ParentRef": {"value": customer}}
    alone = write(company, "Customer", "create", job)[1]
    together = write(company, "Customer", "create", {**job, "DisplayName": "Matter 2", "BillWithParent": True})[1]
    first, second = (write(company, "Invoice", "create", invoice_of(each, 10))[1] for each in (alone, together))

    assert refused(company, "Payment", "create", payment_of(customer, 10, (first, 10))).code == "620"
    write(company, "Payment", "create", payment_of(customer, 10, (second, 10)))
    assert state(company, second)[0] == 0


def test_a_credit_memo_counts_as_money_in(company: Company, customer: str, invoice: str) -> None:
    memo = VERBS["credit-memo"](company, {"customer_id": customer, "amount": 30})
    body = payment_of(customer, 70, (invoice, 100))
    body["Line"].append({"Amount": 30, "LinkedTxn": [{"TxnId": memo["Id"], "TxnType": "CreditMemo"}]})
    paid = make(company, body, "Payment")

    assert paid["UnappliedAmt"] == 0
    assert company.tables["CreditMemo"].rows[memo["Id"]].decode()["RemainingCredit"] == 0
    assert state(company, invoice)[0] == 0


def test_credits_apply_themselves_when_the_company_wants_it(company: Company, customer: str) -> None:
    make(company, payment_of(customer, 40), "Payment")
    VERBS["credit-memo"](company, {"customer_id": customer, "amount": 25})
    VERBS["preferences"](company, {"SalesFormsPrefs": {"AutoApplyCredit": True}})
    made = make(company, invoice_of(customer, 100))

    assert made["Balance"] == 35
    notes = [record.decode().get("PrivateNote") for record in company.tables["Payment"].rows.values()]
    assert notes == [None, "Created by QB Online to link credits to charges."]


def test_cents_survive(company: Company, customer: str) -> None:
    invoice = write(company, "Invoice", "create", invoice_of(customer, Decimal("0.30")))[1]
    for part in (Decimal("0.10"), Decimal("0.20")):
        make(company, payment_of(customer, part, (invoice, part)), "Payment")

    assert state(company, invoice)[0] == 0


@pytest.fixture
def returned(company: Company, customer: str) -> str:
    """A check of 25.00 that came back: an entry that debits receivables."""
    sides = (("Debit", company.account_of("receivable"), 25), ("Credit", "1", 25))
    return write(company, "JournalEntry", "create", entry(*sides, customer=customer))[1]


def paying(customer: str, total: int, invoice: tuple[str, int], entry_id: str, amount: int) -> Body:
    body = payment_of(customer, total, invoice)
    body["Line"].append({"Amount": amount, "LinkedTxn": [{"TxnId": entry_id, "TxnType": "JournalEntry"}]})
    return body


def test_a_payment_pays_an_entry_that_debits_receivables(
    company: Company, customer: str, invoice: str, returned: str
) -> None:
    paid = make(company, paying(customer, 100, (invoice, 75), returned, 25), "Payment")

    assert (paid["UnappliedAmt"], state(company, invoice)[0], company.customer_cents[customer]) == (0, 25, 2500)
    second = refused(company, "Payment", "create", paying(customer, 30, (invoice, 20), returned, 1))
    assert (second.code, second.detail) == ("6000", "Business Validation Error: " + TOO_MUCH)

    write(company, "JournalEntry", "delete", {"Id": returned, "SyncToken": "0"})
    again = company.tables["Payment"].rows[paid["Id"]].decode()
    assert (again["UnappliedAmt"], len(again["Line"]), company.customer_cents[customer]) == (25, 1, 0)


def test_a_company_may_refuse_that_a_payment_pays_an_entry(
    company: Company, customer: str, invoice: str, returned: str
) -> None:
    company.switches = change_switches(company.switches, {"debit_entry": "refused"})

    assert refused(company, "Payment", "create", paying(customer, 100, (invoice, 75), returned, 25)).code == "620"
