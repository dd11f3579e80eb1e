"""What analysts ask of one firm: lines, applications, unapplied money, bank deposits, names of clients (E-53)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def look(law_firm: LawFirm) -> None:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        reconcile(session)


def rows(law_firm: LawFirm, columns: str, view: str, order: str = "1, 2") -> list[tuple[Any, ...]]:
    """Rows of a view; amounts as they are printed."""
    found = law_firm.query(f"select {columns} from reporting.{view} order by {order}")  # noqa: S608
    return [tuple(str(v) if isinstance(v, Decimal) else v for v in row.values()) for row in found]


@pytest.fixture
def busy(law_firm: LawFirm) -> LawFirm:
    """An invoice with everything on it that has money, and a payment of a part of it."""
    law_firm.activate(tax_policy="total", unmapped_fee_item="create", income_account=account(law_firm, "Legal Fees"))
    law_firm.books.switch(tax="as_sent")
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": True}, SalesFormsPrefs={"AllowDiscount": True})
    law_firm.insert("fee_items", fee_item_id="F2", name="Filing fee", code="FIL", kind="expense")
    method = law_firm.books.create("PaymentMethod", {"Name": "Paper check"})
    law_firm.map("payment_method", "check", method["Id"])
    law_firm.invoice(
        "1",
        lines=[
            {"quantity": "1.5", "unit_price": "250", "amount": "375.00", "is_taxable": True},
            {"kind": "expense", "fee_item_id": "F2", "quantity": "1", "unit_price": "85", "amount": "85.00"},
            {"kind": "discount", "fee_item_id": None, "amount": "-25.00"},
            {"kind": "tax", "fee_item_id": None, "amount": "7.25"},
            {"kind": "note", "fee_item_id": None, "amount": "0", "description": "Thank you"},
        ],
        matter="Petition  (SSN 123-45-6789)",
    )
    law_firm.payment("p1", applied={"1": "100.00"}, reference="4001")
    law_firm.sync()
    return law_firm


def account(law_firm: LawFirm, name: str) -> str:
    return str(next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == name))


def test_lines_add_up_to_what_was_sent_and_carry_no_text(busy: LawFirm) -> None:
    columns = "line_number, kind, fee_item_id, item_name, quantity, unit_price, amount, tax"

    assert rows(busy, columns, "invoice_lines") == [
        (1, "fee", "F1", "Consultation", "1.500000", "250.000000", "375.00", "0.00"),
        (2, "expense", "F2", "Filing fee", "1.000000", "85.000000", "85.00", "0.00"),
        (3, "discount", "", "", None, None, "-25.00", "0.00"),
        (4, "tax", "", "", None, None, "0.00", "7.25"),
    ]
    assert rows(busy, "distinct matter", "invoice_lines", "1") == [("Petition (SSN [removed])",)]
    assert rows(busy, "sum(amount) + sum(tax)", "invoice_lines", "1") == rows(
        busy, "sent", "invoice_reconciliation", "1"
    ) == [("442.25",)]  # fmt: skip
    assert "Advice" not in str(busy.query("select * from reporting.invoice_lines"))


def test_lines_follow_a_revision_when_quickbooks_has_accepted_it_and_go_with_a_void(busy: LawFirm) -> None:
    busy.change(
        "update invoice_lines set amount = '400.00', quantity = '1.6' where line_number = 1 and invoice_id = '1'"
    )
    busy.change("update invoices set total_amount = '467.25' where invoice_id = '1'")
    assert rows(busy, "sum(amount + tax)", "invoice_lines", "1") == [("442.25",)]

    busy.sync()
    assert rows(busy, "sum(amount + tax)", "invoice_lines", "1") == [("467.25",)]

    busy.change("update payments set status = 'void' where payment_id = 'p1'")
    busy.change("update invoices set status = 'void' where invoice_id = '1'")
    busy.sync()
    assert rows(busy, "*", "invoice_lines", "1") == []


def test_applications_stand_with_both_sides_method_and_account(busy: LawFirm) -> None:
    invoice = busy.books.ours("Invoice")[0]
    customer = invoice["CustomerRef"]["value"]
    busy.books.do("receive-payment", customer_id=customer, amount=30, invoices=[{"id": invoice["Id"], "amount": 20}])
    busy.payment("p2", applied={"1": "50.00"})
    look(busy)
    columns = "payment_id, whose, in_billing, in_quickbooks, difference, method, deposit_account, customer_name"

    assert rows(busy, columns, "payment_applications", "in_quickbooks desc") == [
        ("p1", "ours", "100.00", "100.00", "0.00", "Paper check", "Undeposited Funds", "Ana Diaz"),
        ("", "theirs", "0.00", "20.00", "-20.00", "", "Undeposited Funds", "Ana Diaz"),
        ("p2", "ours", "50.00", "0.00", "50.00", "", "", "Ana Diaz"),
    ]
    assert rows(busy, "whose, amount, applied, unapplied, customer_name", "unapplied_payments") == [
        ("theirs", "30.00", "20.00", "10.00", "Ana Diaz")
    ]

    busy.change("update payments set status = 'void' where payment_id = 'p2'")
    busy.sync()
    assert [row[0] for row in rows(busy, columns, "payment_applications", "in_quickbooks desc")] == ["p1", ""]


def test_bank_deposits_stand_with_our_payments_until_somebody_deletes_them(busy: LawFirm) -> None:
    [payment] = busy.books.ours("Payment")
    other = busy.books.do("receive-payment", customer_id=payment["CustomerRef"]["value"], amount=5)
    brought = [
        {"Amount": int(row["TotalAmt"]), "LinkedTxn": [{"TxnId": row["Id"], "TxnType": "Payment"}]}
        for row in (payment, other)
    ]
    detail = {"AccountRef": {"value": account(busy, "Bank Charges")}}
    fee = {"Amount": -1, "DetailType": "DepositLineDetail", "DepositLineDetail": detail}
    bank = {"value": account(busy, "Checking")}
    made = busy.books.create("Deposit", {"DepositToAccountRef": bank, "Line": [*brought, fee]})
    look(busy)
    columns = "account, total, payments, our_payments, other_payments, other_lines, payment_ids, quickbooks_payment_ids"

    assert rows(busy, columns, "deposits") == [
        ("Checking", "104.00", 1, "100.00", "5.00", "-1.00", "p1", payment["Id"])
    ]

    busy.books.do("delete", entity="Deposit", id=made["Id"])
    look(busy)
    assert rows(busy, columns, "deposits") == []


def test_names_of_clients_are_those_of_the_last_look_and_the_firm_may_keep_them_out(busy: LawFirm) -> None:
    named = (
        "invoice_reconciliation",
        "payment_reconciliation",
        "customer_receivables",
        "receivables_ageing",
        "documents",
    )
    assert {row[0] for view in named for row in rows(busy, "customer_name", view, "1")} == {"Ana Diaz"}

    customer = busy.books.ours("Invoice")[0]["CustomerRef"]["value"]
    busy.books.do("rename", id=customer, name="Diaz, Ana")
    look(busy)
    assert {row[0] for view in named for row in rows(busy, "customer_name", view, "1")} == {"Diaz, Ana"}

    busy.deployment.firms.change_settings(FIRM, {"show_client_names": "off"}, actor=PARTNER, now=busy.time.now())
    views = busy.query(
        "select table_name from information_schema.columns "
        "where table_schema = 'reporting' and column_name = 'customer_name'"
    )
    assert len(views) >= 15
    for view in (row["table_name"] for row in views):
        assert {row[0] for row in rows(busy, "customer_name", view, "1")} <= {"", None}, view
    assert rows(busy, "customer_name", f"ageing_on('{busy.today}')", "1") == [("",)]


def test_a_client_who_is_not_in_quickbooks_yet_is_named_by_his_customer_there(law_firm: LawFirm) -> None:
    customer = law_firm.books.create("Customer", {"DisplayName": "Ana Diaz"})
    law_firm.activate()
    law_firm.invoice("1", "10.00", invoice_number="")
    law_firm.invoice("2", "10.00")
    law_firm.sync(invoice_ids=["1"])

    law_firm.sync()

    assert rows(law_firm, "invoice_id, customer_name, customer_id", "invoice_reconciliation") == [
        ("1", "Ana Diaz", ""),
        ("2", "Ana Diaz", customer["Id"]),
    ]
    assert rows(law_firm, "invoice_id, customer_name", "unsynced_invoices") == [("1", "Ana Diaz")]


def test_every_view_that_names_a_payer_names_the_customer(law_firm: LawFirm) -> None:
    columns = law_firm.query(
        "select table_name, array_agg(column_name::text) as names from information_schema.columns "
        "where table_schema = 'reporting' group by 1"
    )

    assert [
        row["table_name"] for row in columns if "payer_id" in row["names"] and "customer_name" not in row["names"]
    ] == []
