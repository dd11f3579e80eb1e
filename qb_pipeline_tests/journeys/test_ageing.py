"""Ageing by effective date equals QuickBooks' own report, per client and column (E-51).

The report is the emulator's: from its own books, by code that shares nothing with ours.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.emulator.conftest import payment_of
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

ON_DAY = sa.text("select total, note from reporting.ageing_on(:day)")
COLUMNS = ("not_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90_days", "total")
Ageing = dict[str, tuple[Decimal, ...]]


def look(law_firm: LawFirm) -> None:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        reconcile(session)


def ours(law_firm: LawFirm, day: date) -> Ageing:
    """By customer what our function says; its parts add up."""
    rows = law_firm.query("select * from reporting.ageing_on(:day)", day=day)
    assert all(row["total"] == sum(row[name] for name in COLUMNS[:-1]) for row in rows)
    assert all(row["total"] == row["of_ours"] + row["not_ours"] for row in rows)
    return {row["customer_id"]: tuple(row[name] for name in COLUMNS) for row in rows}


def theirs(law_firm: LawFirm, day: date) -> Ageing:
    """By customer what QuickBooks' report says."""
    return read_ageing(law_firm.books, day)


def read_ageing(books: Bookkeeper, day: date) -> Ageing:
    """By customer what QuickBooks' report says."""
    report = books.report("AgedReceivables", report_date=str(day), aging_method="Report_Date")
    return dict(_read_rows(report["Rows"].get("Row", [])))


def _read_rows(rows: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[Decimal, ...]]]:
    for row in rows:
        if "group" in row:
            continue
        cells = (row.get("Header") or row)["ColData"]
        amounts = tuple(Decimal(cell["value"] or 0) for cell in cells[1:])
        if any(amounts):
            yield cells[0]["id"], amounts
        yield from _read_rows((row.get("Rows") or {}).get("Row", []))


def test_an_invoice_that_was_sent_after_the_month_it_is_dated_in_counts_in_that_month(law_firm: LawFirm) -> None:
    """What was known then, and what was so then: two questions with two answers."""
    law_firm.activate()
    month_end = law_firm.today - timedelta(days=2)
    law_firm.invoice("1", "100.00", days_ago=2, due_date=month_end + timedelta(days=30))
    law_firm.sync()
    look(law_firm)
    before = (law_firm.time.now() - timedelta(days=1)).isoformat()

    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql(f"set local reporting.as_of = '{before}'")
        known = connection.exec_driver_sql("select firm_id, open, note from reporting.receivables_ageing").all()
        counted = connection.execute(ON_DAY, {"day": month_end}).all()

    assert [row.open for row in known] == [None]
    assert known[0].note.startswith("records of this firm begin ")
    assert [(row.total, row.note) for row in counted] == [(None, known[0].note)]
    [(customer_id, amounts)] = ours(law_firm, month_end).items()
    assert amounts == (Decimal("100.00"), *[Decimal("0.00")] * 4, Decimal("100.00"))
    assert theirs(law_firm, month_end) == {customer_id: amounts}
    assert ours(law_firm, month_end - timedelta(days=1)) == theirs(law_firm, month_end - timedelta(days=1)) == {}


@pytest.mark.parametrize("seed", range(2))
def test_ageing_on_any_day_is_quickbooks_own_per_client_and_column(law_firm: LawFirm, seed: int) -> None:
    """Random books: what billing sends, and what a bookkeeper and another program write beside it, on any day."""
    print(f"seed {seed}")
    chance = Random(f"ageing {seed}")
    law_firm.activate()
    for number, name in enumerate(("Ben", "Cy"), start=2):
        law_firm.insert("payers", payer_id=f"P{number}", first_name=name)
    for turn in range(3):
        _bill(law_firm, chance, turn)
        law_firm.sync()
        _keep_books(law_firm, chance)
    look(law_firm)

    days = [law_firm.today + timedelta(days=each) for each in (-400, -200, *range(-160, 60, 20), 0, 1, 400)]
    found = {day: ours(law_firm, day) for day in days}
    assert found == {day: theirs(law_firm, day) for day in days}
    assert len(found[law_firm.today]) >= 3
    assert any(amount < 0 for rows in found.values() for amounts in rows.values() for amount in amounts)
    [parts] = law_firm.query(
        "select bool_or(of_ours <> 0) as ours, bool_or(not_ours <> 0) as theirs from reporting.ageing_on(:day)",
        day=law_firm.today,
    )
    assert parts == {"ours": True, "theirs": True}


def _bill(law_firm: LawFirm, chance: Random, turn: int) -> None:
    for number in range(6):
        invoice_id, days_ago = f"i{turn}-{number}", chance.randrange(0, 150)
        due = law_firm.today - timedelta(days=days_ago - chance.choice((0, 15, 30)))
        amount = chance.randrange(50, 900)
        payer = f"P{chance.randint(1, 3)}"
        law_firm.invoice(invoice_id, f"{amount}.00", days_ago=days_ago, due_date=due, payer_id=payer)
        if chance.random() < 0.6:
            share = chance.choice((amount, chance.randint(1, amount)))
            law_firm.payment(
                f"p{turn}-{number}", applied={invoice_id: f"{share}.00"}, days_ago=chance.randrange(0, 150),
                payer_id=payer,
            )  # fmt: skip


def _keep_books(law_firm: LawFirm, chance: Random) -> None:
    """What others write, each on a day of its own; what QuickBooks refuses has not happened."""
    books = law_firm.books
    for _ in range(8):
        invoices = [row for row in books.all("Invoice") if row["Balance"]]
        day = str(law_firm.today - timedelta(days=chance.randrange(-20, 160)))
        invoice = chance.choice(invoices)
        customer = invoice["CustomerRef"]["value"]
        part = chance.randint(1, int(invoice["Balance"]))
        what = chance.randrange(8)
        line = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}}}
        credit = {"CustomerRef": {"value": customer}, "TxnDate": day, "Line": [line | {"Amount": part}]}
        if what == 0:
            books.create("Invoice", credit)
        elif what == 1:
            memo = books.create("CreditMemo", credit)
            _use(law_firm, chance, customer, invoice["Id"], ("CreditMemo", memo["Id"]), part)
        elif what == 2:
            entry = books.create(
                "JournalEntry", _entry(law_firm, customer, part, day, chance.choice(("Credit", "Debit")))
            )
            with suppress(AssertionError):
                _use(law_firm, chance, customer, invoice["Id"], ("JournalEntry", entry["Id"]), part)
        elif what == 3:
            books.do("void", entity="Invoice", id=invoice["Id"])
        elif what == 4:
            books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": day, "DueDate": day})
        else:
            paid = [{"id": invoice["Id"], "amount": part}] if what > 5 else []
            more = chance.choice((0, 7))
            books.do("receive-payment", customer_id=customer, amount=part + more, invoices=paid, date=day)


def _use(law_firm: LawFirm, chance: Random, customer: str, invoice: str, credit: tuple[str, str], amount: int) -> None:
    """Use credit on an invoice, or leave it; on a day of its own."""
    if chance.random() < 0.4:
        return
    day = str(law_firm.today - timedelta(days=chance.randrange(0, 100)))
    body = payment_of(customer, 0, (invoice, amount), TxnDate=day)
    kind, identifier = credit
    body["Line"].append({"Amount": amount, "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]})
    law_firm.books.create("Payment", body)


def _entry(law_firm: LawFirm, customer: str, amount: int, day: str, side: str) -> dict[str, Any]:
    accounts = {row["Name"]: row["Id"] for row in law_firm.books.all("Account")}
    receivable = next(row["Id"] for row in law_firm.books.all("Account") if row["AccountType"] == "Accounts Receivable")
    other = "Debit" if side == "Credit" else "Credit"
    lines = [
        {
            "DetailType": "JournalEntryLineDetail",
            "Amount": amount,
            "JournalEntryLineDetail": {
                "PostingType": posting,
                "AccountRef": {"value": account},
                "Entity": {"Type": "Customer", "EntityRef": {"value": customer}},
            },
        }
        for posting, account in ((side, receivable), (other, accounts["Bank Charges"]))
    ]
    return {"TxnDate": day, "Line": lines}
