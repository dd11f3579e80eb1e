"""Invoices: lines, amounts, numbers, due dates, tax, voids."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.sales import next_number
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import Body, invoice_of


@pytest.fixture
def customer(company: Company) -> str:
    return write(company, "Customer", "create", {"DisplayName": "Ada"})[1]


def make(company: Company, body: Body, entity: str = "Invoice") -> Body:
    return company.tables[entity].rows[write(company, entity, "create", body)[1]].decode()


def refused(company: Company, entity: str, operation: str, body: Body, **options: Any) -> FaultError:
    with pytest.raises(FaultError) as caught:
        write(company, entity, operation, body, **options)
    return caught.value


def item_line(amount: Any, **detail: Any) -> Body:
    line = {"DetailType": "SalesItemLineDetail", "Amount": amount}
    return {**line, "SalesItemLineDetail": {"ItemRef": {"value": "1"}, **detail}}


def test_an_invoice_adds_up_and_gets_a_subtotal_line_without_id(company: Company, customer: str) -> None:
    lines = [item_line(Decimal("100.10")), item_line(Decimal("-10")), {"DetailType": "DescriptionOnly", "Amount": 5}]
    made = make(company, {"CustomerRef": {"value": customer}, "Line": lines})

    assert (made["TotalAmt"], made["Balance"], made["SyncToken"]) == (Decimal("90.1"), Decimal("90.1"), "0")
    assert made["Line"][-1] == {
        "DetailType": "SubTotalLineDetail",
        "Amount": Decimal("90.1"),
        "SubTotalLineDetail": {},
    }
    assert [line.get("Id") for line in made["Line"]] == ["1", "2", "3", None]


@pytest.mark.parametrize(
    ("body", "code", "element"),
    [
        ({"Line": [item_line(1)]}, "2020", "CustomerRef"),
        ({"CustomerRef": {"value": "1"}}, "2020", "Line"),
        ({"CustomerRef": {"value": "1"}, "Line": [{"Amount": 1}]}, "2020", "Line.DetailType"),
        ({"CustomerRef": {"value": "999"}, "Line": [item_line(1)]}, "2500", ""),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1, ItemRef={"value": "999"})]}, "2500", ""),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1, TaxCodeRef={"value": "7"})]}, "6100", "TaxCodeRef"),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1)], "DocNumber": "x" * 22}, "2050", "DocNumber"),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1)], "DocNum": "1"}, "2010", ""),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(-1)]}, "6000", ""),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1)], "EmailStatus": "NeedToSend"}, "6420", ""),
        ({"CustomerRef": {"value": "1"}, "Line": [item_line(1)], "EmailStatus": "Sent"}, "2170", "EmailStatus"),
    ],
)
def test_a_broken_invoice_is_refused(company: Company, customer: str, body: Body, code: str, element: str) -> None:
    fault = refused(company, "Invoice", "create", body)

    assert (fault.code, fault.element) == (code, element)


def test_the_documented_example_of_a_price_that_does_not_multiply(company: Company, customer: str) -> None:
    exact = item_line(100, Qty=3, UnitPrice=Decimal("33.333333"))
    assert make(company, {"CustomerRef": {"value": customer}, "Line": [exact]})["TotalAmt"] == 100

    broken = item_line(1000, Qty=3, UnitPrice=Decimal("33.33"))
    fault = refused(company, "Invoice", "create", {"CustomerRef": {"value": customer}, "Line": [broken]})
    assert (fault.code, fault.element) == ("6070", "Line.Amount")
    assert fault.detail == "Amount is not equal to UnitPrice * Qty. Supplied value:1,000"


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quantity=st.decimals("0.01", "500", places=2),
    price=st.decimals("0.01", "1000", places=4),
    off=st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("-0.01")]),
)
def test_an_amount_is_taken_exactly_when_it_is_the_rounded_product(
    company: Company, quantity: Decimal, price: Decimal, off: Decimal
) -> None:
    if not company.tables["Customer"].rows:
        write(company, "Customer", "create", {"DisplayName": "Ada"})
    amount = (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_UP) + off
    body = {"CustomerRef": {"value": "1"}, "Line": [item_line(amount, Qty=quantity, UnitPrice=price), item_line(9)]}
    if off:
        assert refused(company, "Invoice", "create", body).code == "6070"
    else:
        assert make(company, body)["TotalAmt"] == amount + 9


def test_a_line_without_an_item_silently_gets_one(company: Company, customer: str) -> None:
    body = {"CustomerRef": {"value": customer}, "Line": [{"DetailType": "SalesItemLineDetail", "Amount": 5}]}
    assert make(company, body)["Line"][0]["SalesItemLineDetail"]["ItemRef"] == {"value": "1", "name": "Services"}

    company.switches = change_switches(company.switches, {"missing_item": "refused"})
    assert refused(company, "Invoice", "create", body).element == "ItemRef"


def test_tax_is_what_the_engine_says_and_not_what_was_sent(company: Company, customer: str) -> None:
    body = {
        "CustomerRef": {"value": customer},
        "Line": [item_line(100, TaxCodeRef={"value": "TAX"})],
        "TxnTaxDetail": {"TotalTax": Decimal("16.83")},
    }
    assert make(company, body)["TotalAmt"] == 100

    company.switches = change_switches(company.switches, {"tax_percent": 8.25})
    assert make(company, body)["TotalAmt"] == Decimal("108.25")

    company.switches = change_switches(company.switches, {"tax": "as_sent"})
    assert make(company, body)["TxnTaxDetail"] == {"TotalTax": Decimal("16.83")}


def test_a_discount_comes_off_the_whole(company: Company, customer: str) -> None:
    discount = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10}}
    made = make(company, {"CustomerRef": {"value": customer}, "Line": [item_line(200), discount]})
    assert made["TotalAmt"] == 180

    broken = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True}}
    body = {"CustomerRef": {"value": customer}, "Line": [item_line(200), broken]}
    assert refused(company, "Invoice", "create", body).code == "6090"


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        (None, "2026-03-31"),
        ({"Name": "Net 10", "DueDays": 10}, "2026-03-11"),
        ({"Name": "Fifth", "DayOfMonthDue": 5}, "2026-03-05"),
        ({"Name": "Fifth, not soon", "DayOfMonthDue": 5, "DueNextMonthDays": 10}, "2026-04-05"),
        ({"Name": "Last", "DayOfMonthDue": 31}, "2026-03-31"),
    ],
)
def test_the_due_date_follows_from_the_terms(company: Company, customer: str, terms: Body | None, due: str) -> None:
    body = {**invoice_of(customer), "TxnDate": "2026-03-01"}
    if terms:
        body["SalesTermRef"] = {"value": write(company, "Term", "create", terms)[1]}

    assert make(company, body)["DueDate"] == due


def test_numbers_are_ours_when_custom_and_counted_on_when_not(company: Company, customer: str) -> None:
    assert "DocNumber" not in make(company, invoice_of(customer))
    assert make(company, invoice_of(customer, DocNumber="HS-0099"))["DocNumber"] == "HS-0099"

    VERBS["preferences"](company, {"SalesFormsPrefs": {"CustomTxnNumbers": False}})
    assert make(company, invoice_of(customer))["DocNumber"] == "HS-0100"


@pytest.mark.parametrize(
    ("last", "following"), [("9", "10"), ("INV-009", "INV-010"), ("A", "A1"), ("2026-7", "2026-8")]
)
def test_counting_on_keeps_the_prefix(last: str, following: str) -> None:
    assert next_number(last) == following


def test_a_taken_number_is_refused_only_by_switch_and_never_when_duplicates_are_asked_for(
    company: Company, customer: str
) -> None:
    first = make(company, invoice_of(customer, DocNumber="7"))
    make(company, invoice_of(customer, DocNumber="7"))

    company.switches = change_switches(company.switches, {"duplicate_numbers": "refused"})
    fault = refused(company, "Invoice", "create", invoice_of(customer, DocNumber="7"))
    assert fault.code == "6140"
    assert str(fault.detail).endswith(f"DocNumber=7 is assigned to TxnType=Invoice with TxnId={first['Id']}")
    write(
        company, "Invoice", "create", invoice_of(customer, DocNumber="7"), include=frozenset({"allowduplicatedocnum"})
    )


def test_a_void_leaves_zeros_and_loses_the_note(company: Company, customer: str) -> None:
    made = make(company, invoice_of(customer, PrivateNote="marker"))
    answer, _ = write(company, "Invoice", "void", {"Id": made["Id"], "SyncToken": "0"})
    voided = company.tables["Invoice"].rows[made["Id"]].decode()

    assert isinstance(answer, dict)
    assert answer["Line"][0]["DetailType"] == "SALES_ITEM_LINE_DETAIL"
    assert (voided["TotalAmt"], voided["Balance"], voided["PrivateNote"], voided["SyncToken"]) == (0, 0, "Voided", "1")
    assert [line["Amount"] for line in voided["Line"]] == [0, 0]


def test_a_void_may_also_keep_the_note(company: Company, customer: str) -> None:
    company.switches = change_switches(company.switches, {"void_note": "prepended"})
    made = make(company, invoice_of(customer, PrivateNote="marker"))
    write(company, "Invoice", "void", {"Id": made["Id"], "SyncToken": "0"})

    assert company.tables["Invoice"].rows[made["Id"]].decode()["PrivateNote"] == "Voided - marker"


def test_a_refund_needs_an_account_and_a_receipt_goes_to_undeposited_funds(company: Company, customer: str) -> None:
    assert refused(company, "RefundReceipt", "create", invoice_of(customer)).element == "DepositToAccountRef"
    receipt = make(company, invoice_of(customer), "SalesReceipt")
    assert receipt["DepositToAccountRef"]["name"] == "Undeposited Funds"
    assert sum(company.account_cents.values()) == 0
