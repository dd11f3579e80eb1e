"""The everyday work of a firm: whatever chance gives, it shows no trouble."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.demo.book import Book, line
from qb_pipeline.billing.demo.practice import (
    CHEN_COMPANIES,
    CHEN_FEE_ITEMS,
    CHEN_MATTERS,
    CHEN_PEOPLE,
    HOURLY,
    RIVERA_COMPANIES,
    RIVERA_FEE_ITEMS,
    RIVERA_MATTERS,
    RIVERA_PEOPLE,
    FeeItem,
    Matter,
    add_documents,
    add_payers,
)
from qb_pipeline_tests.billing.demo.test_book import rows, write

TODAY = date(2026, 3, 1)
"""A Sunday."""
FIRMS = {"rivera": (RIVERA_MATTERS, RIVERA_FEE_ITEMS), "chen": (CHEN_MATTERS, CHEN_FEE_ITEMS)}
PEOPLE, COMPANIES = 6, 3
"""Few, so that the same payers come again and again."""


def work(engine: sa.Engine, firm: str, seed: int, *, invoices: int, paid: bool = True) -> None:
    """Write the everyday work of a firm."""
    matters, prices = FIRMS[firm]
    book = Book(firm, firm, time_zone="America/New_York", prefix="A", today=TODAY)
    for fee_item in prices:
        book.fee_item(*fee_item)
    add_payers(book, RIVERA_PEOPLE[:PEOPLE], RIVERA_COMPANIES[:COMPANIES])
    random = Random(seed)
    add_documents(
        book, random, matters, prices, people=PEOPLE, companies=COMPANIES, invoices=invoices, paid=paid
    )  # fmt: skip
    book.invoice("own", "P001", TODAY, [line(prices[0][0], "Advice", "1")])  # no relation of a book may be empty
    book.payment("own", "P001", TODAY, {"own": None})
    write(engine, book)


@pytest.mark.parametrize(
    ("matters", "prices"), [(RIVERA_MATTERS, RIVERA_FEE_ITEMS), (CHEN_MATTERS, CHEN_FEE_ITEMS)], ids=["rivera", "chen"]
)
def test_a_matter_bills_what_its_firm_charges_for(matters: tuple[Matter, ...], prices: tuple[FeeItem, ...]) -> None:
    """Each thing once, with a price, in a number of units that can be; and a firm has no two things of one name."""
    price_of = {code: price for code, _, _, price in prices}
    names = [name for _, name, _, _ in prices]

    for matter in matters:
        codes = [code for code, _, _ in matter.items]
        assert (matter.title, len(set(codes))) == (matter.title, len(codes))
        assert [Decimal(price_of[code] or "0") > 0 for code in codes] == [True] * len(codes)
        assert [0 < least <= most for _, least, most in matter.items] == [True] * len(codes)
    assert (len(price_of), len(set(names))) == (len(prices), len(prices))


def test_both_firms_have_work_for_people_and_for_companies() -> None:
    for matters, people, companies in (
        (RIVERA_MATTERS, RIVERA_PEOPLE, RIVERA_COMPANIES), (CHEN_MATTERS, CHEN_PEOPLE, CHEN_COMPANIES),
    ):  # fmt: skip
        assert {matter.for_company for matter in matters} == {True, False}
        assert (len(set(people)), len(set(companies))) == (len(people), len(companies))


@pytest.mark.parametrize(("firm", "seed"), [("rivera", 1), ("rivera", 2), ("chen", 3)])
def test_documents_are_sound_whatever_chance_gives(billing_engine: sa.Engine, firm: str, seed: int) -> None:
    work(billing_engine, firm, seed, invoices=120)

    lines = rows(
        billing_engine,
        "select l.*, i.invoice_date, i.total_amount, p.kind as payer_kind from billing.invoice_lines l"
        " join billing.invoices i using (firm_id, invoice_id) join billing.payers p using (firm_id, payer_id)"
        " where invoice_id <> 'own'",
    )
    units = {
        (row["fee_item_id"] in HOURLY, row["quantity"] * (4 if row["fee_item_id"] in HOURLY else 1) % 1)
        for row in lines
    }
    assert units <= {(False, Decimal(0)), (True, Decimal(0))}
    assert [
        row
        for row in lines
        if not row["invoice_date"] - timedelta(days=12) <= row["service_date"] <= row["invoice_date"]
    ] == []
    assert [row for row in lines if row["amount"] <= 0] == []
    dates = [row["invoice_date"] for row in lines]
    assert TODAY - timedelta(days=92) <= min(dates) <= max(dates) < TODAY
    assert len({row["invoice_id"] for row in lines}) == 120
    assert {row["payer_kind"] for row in lines} == {"individual", "corporation"}


def payments(engine: sa.Engine) -> list[dict[str, Any]]:
    """Each payment with the invoices that it pays."""
    return rows(
        engine,
        "select p.payment_id, p.amount, p.received_date, count(*) as invoices, sum(a.amount) as applied,"
        " max(i.invoice_date) as newest, count(distinct i.payer_id) as payers, min(i.payer_id) = p.payer_id as is_own,"
        " bool_and(a.amount = i.total_amount) as is_whole"
        " from billing.payments p join billing.payment_applications a using (firm_id, payment_id)"
        " join billing.invoices i using (firm_id, invoice_id) where payment_id <> 'own'"
        " group by p.firm_id, p.payment_id",
    )


def test_a_payment_comes_after_its_invoices_and_pays_one_or_two_of_its_own_payer_whole_or_one_in_part(
    billing_engine: sa.Engine,
) -> None:
    work(billing_engine, "rivera", 5, invoices=200)

    found = payments(billing_engine)

    assert [row for row in found if not TODAY > row["received_date"] > row["newest"]] == []
    assert [row for row in found if row["newest"] > TODAY - timedelta(days=8)] == []
    assert {(row["payers"], row["is_own"], row["amount"] == row["applied"]) for row in found} == {(1, True, True)}
    assert {(row["invoices"], row["is_whole"]) for row in found} == {(1, True), (2, True), (1, False)}
    assert {row["amount"] for row in found if not row["is_whole"]} == {Decimal("100.00")}
    paid_twice = "select invoice_id from billing.payment_applications group by firm_id, invoice_id having count(*) > 1"
    assert rows(billing_engine, paid_twice) == []
    assert 100 < len(found) < 190


@pytest.mark.parametrize(("invoices", "paid"), [(0, True), (30, False)])
def test_a_firm_that_takes_no_payments_in_billing_has_none_and_one_without_work_has_nothing(
    billing_engine: sa.Engine, invoices: int, paid: bool
) -> None:
    work(billing_engine, "rivera", 1, invoices=invoices, paid=paid)

    counts = {
        table: len(rows(billing_engine, f"select * from billing.{table}"))  # noqa: S608
        for table in ("payers", "invoices", "payments")
    }
    assert counts == {"payers": PEOPLE + COMPANIES, "invoices": invoices + 1, "payments": 1}


def test_payers_are_numbered_from_one(billing_engine: sa.Engine) -> None:
    work(billing_engine, "rivera", 1, invoices=0)

    found = rows(billing_engine, "select payer_id, kind from billing.payers order by payer_id")
    assert [(row["payer_id"], row["kind"]) for row in found] == [
        *((f"C{number:02}", "corporation") for number in range(1, COMPANIES + 1)),
        *((f"P{number:03}", "individual") for number in range(1, PEOPLE + 1)),
    ]
