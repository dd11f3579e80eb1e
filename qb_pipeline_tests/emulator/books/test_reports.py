"""The A/R Ageing Summary: QuickBooks' own form, and the company's own books on any date."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.money import cents, dollars
from qb_pipeline.emulator.books.reports import find_open, run_report
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import Body, Client, invoice_of, payment_of

DAY = "2026-11-21"
FIRST = date(2026, 1, 1)


def customer(company: Company, name: str, parent: str = "") -> str:
    body: Body = {"DisplayName": name}
    if parent:
        body |= {"Job": True, "ParentRef": {"value": parent}, "BillWithParent": True}
    return write(company, "Customer", "create", body)[1]


def invoice(company: Company, of: str, amount: int | Decimal, day: str, due: str) -> str:
    return write(company, "Invoice", "create", invoice_of(of, amount, TxnDate=day, DueDate=due))[1]


def payment(company: Company, of: str, amount: int, day: str, *pays: tuple[str, int]) -> str:
    return write(company, "Payment", "create", payment_of(of, amount, *pays, TxnDate=day))[1]


def row(name: str, identifier: str, *amounts: str) -> Body:
    return {"ColData": [{"value": name, "id": identifier}, *({"value": each} for each in amounts)]}


def test_the_report_has_the_form_of_quickbooks(company: Company) -> None:
    """Intuit's own sample, ARAgingSummary in the API reference, with its one customer."""
    jane = customer(company, "Jane Litigious")
    invoice(company, jane, Decimal("37.5"), "2026-07-01", "2026-07-31")

    found = run_report(company, "AgedReceivables", {"report_date": DAY, "customer": jane})

    assert found == {
        "Header": {
            "Customer": jane,
            "ReportName": "AgedReceivables",
            "Option": [{"Name": "report_date", "Value": DAY}, {"Name": "NoReportData", "Value": "false"}],
            "StartPeriod": DAY,
            "Currency": "USD",
            "EndPeriod": DAY,
            "Time": "2026-11-21T12:00:00-08:00",
        },
        "Rows": {
            "Row": [
                row("Jane Litigious", jane, "", "", "", "", "37.50", "37.50"),
                {
                    "group": "GrandTotal",
                    "type": "Section",
                    "Summary": {
                        "ColData": [
                            {"value": "TOTAL"},
                            *({"value": each} for each in ("0.00", "0.00", "0.00", "0.00", "37.50", "37.50")),
                        ]
                    },
                },
            ]
        },
        "Columns": {
            "Column": [
                {"ColType": "Customer", "ColTitle": ""},
                *(
                    {"ColType": "Money", "ColTitle": title}
                    for title in ("Current", "1 - 30", "31 - 60", "61 - 90", "91 and over", "Total")
                ),
            ]
        },
    }


def rows(company: Company, day: str, **params: str) -> dict[str, list[str]]:
    """The cells of each customer that stands by itself, by name."""
    found = run_report(company, "AgedReceivables", {"report_date": day, **params})["Rows"].get("Row", [])
    return {each["ColData"][0]["value"]: [cell["value"] for cell in each["ColData"][1:]] for each in found[:-1]}


@pytest.mark.parametrize(
    ("days", "column"), [(-1, 0), (0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4), (400, 4)]
)
def test_an_invoice_ages_from_its_due_date(company: Company, days: int, column: int) -> None:
    due = (date.fromisoformat(DAY) - timedelta(days=days)).isoformat()
    invoice(company, customer(company, "Ada"), 10, "2025-01-01", due)

    expected = [""] * 5 + ["10.00"]
    expected[column] = "10.00"
    assert rows(company, DAY) == {"Ada": expected}


def test_a_document_counts_from_its_date_and_an_application_from_the_later_of_both(company: Company) -> None:
    ada = customer(company, "Ada")
    billed = invoice(company, ada, 100, "2026-11-30", "2026-12-30")
    payment(company, ada, 100, "2026-12-02", (billed, 100))
    early = invoice(company, ada, 40, "2026-12-20", "2027-01-19")
    payment(company, ada, 40, "2026-12-10", (early, 40))

    assert rows(company, "2026-11-29") == {}
    assert rows(company, "2026-11-30") == {"Ada": ["100.00", "", "", "", "", "100.00"]}
    assert rows(company, "2026-12-02") == {}
    # money that comes before its invoice is negative until then, and ages by its own date
    assert rows(company, "2026-12-10") == {"Ada": ["-40.00", "", "", "", "", "-40.00"]}
    assert rows(company, "2026-12-11") == {"Ada": ["", "-40.00", "", "", "", "-40.00"]}
    assert rows(company, "2026-12-20") == {}


def test_with_method_current_everything_that_was_ever_applied_counts(company: Company) -> None:
    ada = customer(company, "Ada")
    billed = invoice(company, ada, 100, "2026-11-30", "2026-12-30")
    payment(company, ada, 60, "2026-12-02", (billed, 60))

    assert rows(company, "2026-11-30", aging_method="Report_Date") == {"Ada": ["100.00", *[""] * 4, "100.00"]}
    assert rows(company, "2026-11-30", aging_method="Current") == {"Ada": ["40.00", *[""] * 4, "40.00"]}


def test_credit_is_negative_until_it_is_applied(company: Company) -> None:
    ada = customer(company, "Ada")
    billed = invoice(company, ada, 100, "2026-11-01", "2026-11-01")
    VERBS["credit-memo"](company, {"customer_id": ada, "amount": 30})
    VERBS["journal-credit"](company, {"customer_id": ada, "amount": 20, "invoice_id": billed})

    assert rows(company, "2026-11-20") == {"Ada": ["", "100.00", "", "", "", "100.00"]}
    assert rows(company, DAY) == {"Ada": ["-30.00", "80.00", "", "", "", "50.00"]}
    assert company.customer_cents[ada] == 50_00


def test_a_customer_with_sub_customers_is_a_section_with_a_sum(company: Company) -> None:
    acme = customer(company, "Acme")
    site = customer(company, "Main Office", acme)
    invoice(company, site, 25, "2026-11-01", "2026-12-01")
    payment(company, acme, 5, "2026-11-01")

    [section, _] = run_report(company, "AgedReceivables", {"report_date": DAY})["Rows"]["Row"]

    assert section == {
        "Header": row("Acme", acme, "", "-5.00", "", "", "", "-5.00"),
        "Rows": {"Row": [row("Main Office", site, "25.00", "", "", "", "", "25.00")]},
        "Summary": {
            "ColData": [
                {"value": "Total Acme"},
                *({"value": each} for each in ("25.00", "-5.00", "", "", "", "20.00")),
            ]
        },
        "type": "Section",
    }


def test_nothing_open_is_said(company: Company) -> None:
    found = run_report(company, "AgedReceivables", {})

    assert found["Rows"] == {}
    assert found["Header"]["DateMacro"] == "today"
    assert found["Header"]["Option"][1] == {"Name": "NoReportData", "Value": "true"}


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("ProfitAndLoss", {}, "2000"),
        ("AgedReceivables", {"aging_method": "Due_Date"}, "2090"),
        ("AgedReceivables", {"report_date": "yesterday"}, "2090"),
    ],
)
def test_what_is_not_played_is_refused(company: Company, name: str, params: dict[str, str], code: str) -> None:
    with pytest.raises(FaultError) as refusal:
        run_report(company, name, params)

    assert refusal.value.code == code


@pytest.mark.parametrize("seed", range(4))
def test_on_any_date_the_sum_is_the_balance_of_receivables_and_today_that_of_each_customer(
    company: Company, seed: int
) -> None:
    """Applications move nothing between customers, and a transaction posts on its date, whatever is applied to it."""
    chance = Random(seed)
    people = [customer(company, name) for name in ("Ada", "Ben", "Cy")]
    for _ in range(60):
        _happen(company, chance, chance.choice(people))

    receivable = company.account_of("receivable")
    posted = [
        (record.date, amount)
        for entity in ("Invoice", "CreditMemo", "Payment", "JournalEntry")
        for record in company.tables[entity].rows.values()
        for account, amount in record.postings
        if account == receivable
    ]
    for days in range(0, 330, 15):
        day = (FIRST + timedelta(days=days)).isoformat()
        found = sum(item.cents for item in find_open(company, day, all_applications=False))
        assert found == sum(amount for at, amount in posted if at <= day), day
    owed: Counter[str] = Counter()
    for item in find_open(company, "9999-12-31", all_applications=False):
        owed[item.customer] += item.cents
    assert {each: amount for each, amount in owed.items() if amount} == {
        each: amount for each, amount in company.customer_cents.items() if amount
    }


def _happen(company: Company, chance: Random, of: str) -> None:
    """One thing of a client or a bookkeeper, on a day of the year."""
    day = (FIRST + timedelta(days=chance.randrange(300))).isoformat()
    amount = Decimal(chance.randrange(100, 90_000)).scaleb(-2)
    mine = list(company.tables["Invoice"].of_customer(of))
    open_ones = [each for each in mine if company.tables["Invoice"].rows[each].balance_cents]
    what = chance.randrange(6)
    if what < 2 or not open_ones:
        due = (date.fromisoformat(day) + timedelta(days=chance.choice((0, 10, 30)))).isoformat()
        write(company, "Invoice", "create", invoice_of(of, amount, TxnDate=day, DueDate=due))
        return
    chosen = chance.choice(open_ones)
    part = dollars(chance.randint(1, company.tables["Invoice"].rows[chosen].balance_cents))
    order: dict[str, Any] = {"customer_id": of, "amount": part, "date": day}
    if what == 2:
        order["amount"] = dollars(cents(part) + chance.choice((0, 1_00)))
        VERBS["receive-payment"](company, {**order, "invoices": [{"id": chosen, "amount": part}]})
    elif what == 3:
        VERBS["credit-memo"](company, {**order, "invoice_id": chance.choice((chosen, ""))})
    elif what == 4:
        VERBS["journal-credit"](company, {**order, "invoice_id": chosen})
    else:
        VERBS["receive-payment"](company, order)


def test_over_http_it_is_one_read(books: Client) -> None:
    ada = books.customer("Ada")["Id"]
    books.invoice(ada, 12.5, TxnDate="2026-01-01", DueDate="2026-01-31")
    books.admin("POST", "statistics/reset")

    answer = books.get("reports/AgedReceivables", params={"report_date": "2026-02-01"})

    assert answer.status_code == 200
    assert answer.json()["Rows"]["Row"][0] == row("Ada", ada, "", "12.50", "", "", "", "12.50")
    assert books.admin("GET", "statistics")["by_endpoint"] == {"GET reports": 1}
    assert books.get("reports/Wish").json()["Fault"]["Error"][0]["code"] == "2000"
    assert books.post("reports/AgedReceivables", {}).status_code == 400
