"""A demo firm's rows: what is not said has a plain value, money is exact, and everything is written or nothing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.billing.demo.book import Book, bare_line, line

TODAY = date(2026, 3, 2)
"""A Monday."""
YESTERDAY = date(2026, 3, 1)
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))
PRICES = st.decimals(-10_000, 10_000, places=6)


def new_book(today: date = TODAY) -> Book:
    return Book("one", "Firm One", time_zone="America/New_York", prefix="A", today=today)


@pytest.fixture
def book() -> Book:
    """With a payer, something to charge for, and one paid invoice."""
    made = new_book()
    made.fee_item("F1", "Consultation", "legal_fee", "250")
    made.person("P1", "Ana", "Diaz")
    made.invoice("0", "P1", date(2026, 2, 2), [line("F1", "Advice", "1")])
    made.payment("0", "P1", date(2026, 2, 3), {"0": None})
    return made


def write(engine: sa.Engine, book: Book) -> None:
    with engine.begin() as connection:
        book.copy_to(connection)


def rows(engine: sa.Engine, statement: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(statement)).mappings()]


@given(DAYS, st.integers(0, 400))
def test_a_day_before_today_is_a_weekday_that_is_never_later(today: date, days: int) -> None:
    exact, found = today - timedelta(days=days), new_book(today).ago(days)

    assert found.weekday() < 5
    assert exact - timedelta(days=2) <= found <= exact
    assert (found == exact) == (exact.weekday() < 5)


@given(PRICES, PRICES)
def test_a_line_comes_to_quantity_times_price_to_the_nearest_cent(quantity: Decimal, price: Decimal) -> None:
    found: Decimal = line("F1", "Advice", str(price), quantity=str(quantity))["amount"]

    assert abs(found - quantity * price) <= Decimal("0.005")
    assert found.as_tuple().exponent == -2


def test_half_a_cent_goes_away_from_zero_and_a_given_amount_beats_both() -> None:
    amounts = [line("F1", "Advice", price)["amount"] for price in ("0.005", "-0.005", "0.0049")]

    assert amounts == [Decimal("0.01"), Decimal("-0.01"), Decimal("0.00")]
    assert line("F1", "Advice", "42.50", quantity="10", amount="400")["amount"] == Decimal(400)
    assert bare_line("note", "Thank you")["amount"] == Decimal(0)


def test_an_invoice_has_the_next_number_the_sum_of_its_lines_and_thirty_days(
    billing_engine: sa.Engine, book: Book
) -> None:
    lines = [line("F1", "Advice", "250", quantity="1.5"), bare_line("discount", "Courtesy", "-25.00")]
    for invoice_id, more in (("1", {}), ("2", {"total_amount": "9.99", "invoice_number": "MY-1"}), ("3", {})):
        book.invoice(invoice_id, "P1", date(2026, 2, 27), lines if invoice_id != "3" else [], **more)

    write(billing_engine, book)

    columns = "invoice_id, invoice_number, total_amount, due_date, status, currency"
    plain = {"due_date": date(2026, 3, 29), "status": "issued", "currency": "USD"}
    assert rows(billing_engine, f"select {columns} from billing.invoices where invoice_id <> '0' order by 1") == [  # noqa: S608
        {"invoice_id": "1", "invoice_number": "A-1002", "total_amount": Decimal("350.00"), **plain},
        {"invoice_id": "2", "invoice_number": "MY-1", "total_amount": Decimal("9.99"), **plain},
        {"invoice_id": "3", "invoice_number": "A-1004", "total_amount": Decimal("0.00"), **plain},
    ]
    statement = "select invoice_id as id, line_number, kind, amount from billing.invoice_lines order by 1, 2 offset 1"
    assert rows(billing_engine, statement) == [
        {"id": invoice_id, "line_number": number, "kind": kind, "amount": Decimal(amount)}
        for invoice_id in ("1", "2")
        for number, kind, amount in ((1, "fee", "375.00"), (2, "discount", "-25.00"))
    ]  # fmt: skip


def test_a_payment_is_the_sum_of_what_it_pays_unless_its_amount_is_given(billing_engine: sa.Engine, book: Book) -> None:
    for invoice_id, price in (("1", "100"), ("2", "40.50")):
        book.invoice(invoice_id, "P1", date(2026, 2, 2), [line("F1", "Advice", price)])
    day, later = date(2026, 2, 27), date(2026, 3, 1)
    book.payment("all", "P1", day, {"1": None, "2": None})
    book.payment("part", "P1", day, {"1": "30.25", "2": Decimal("1.00")})
    book.payment("parts", "P1", day, [("1", "5.00", day), ("1", "6.00", later)])
    book.payment("over", "P1", day, {"2": None}, amount="50.00")
    book.payment("nothing", "P1", day)

    write(billing_engine, book)

    paid = rows(billing_engine, "select payment_id, amount, kind, status from billing.payments where payment_id <> '0'")
    assert {row["payment_id"]: (row["amount"], row["kind"], row["status"]) for row in paid} == {
        name: (Decimal(amount), "payment", "completed")
        for name, amount in {
            "all": "140.50", "part": "31.25", "parts": "11.00", "over": "50.00", "nothing": "0.00",
        }.items()
    }  # fmt: skip
    applied = rows(billing_engine, "select * from billing.payment_applications where payment_id <> '0'")
    assert {(row["payment_id"], row["invoice_id"], row["applied_date"]): row["amount"] for row in applied} == {
        ("all", "1", day): Decimal("100.00"), ("all", "2", day): Decimal("40.50"),
        ("part", "1", day): Decimal("30.25"), ("part", "2", day): Decimal("1.00"),
        ("parts", "1", day): Decimal("5.00"), ("parts", "1", later): Decimal("6.00"),
        ("over", "2", day): Decimal("40.50"),
    }  # fmt: skip


def test_a_document_was_entered_on_its_morning_and_no_later_than_yesterday(
    billing_engine: sa.Engine, book: Book
) -> None:
    for invoice_id, day in (("summer", date(2025, 7, 1)), ("today", TODAY), ("ahead", date(2026, 9, 1))):
        book.invoice(invoice_id, "P1", day, [line("F1", "Advice", "1")])

    write(billing_engine, book)

    found = rows(billing_engine, "select invoice_id, created_at from billing.invoices where invoice_id <> '0'")
    winter = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    assert {row["invoice_id"]: row["created_at"] for row in found} == {
        "summer": datetime(2025, 7, 1, 14, 30, tzinfo=UTC), "today": winter, "ahead": winter,
    }  # fmt: skip


def test_every_letter_comes_through(billing_engine: sa.Engine, book: Book) -> None:
    name = 'O\'Malley, "Sons" & Čapek\n\\. 小明\t'
    book.corporation("C1", name, "Zoë", "Đặng")

    write(billing_engine, book)

    columns = "firm_id, corporation_name, billing_first_name, billing_last_name, billing_email, email"
    assert rows(billing_engine, f"select {columns} from billing.payers where payer_id = 'C1'") == [  # noqa: S608
        {
            "firm_id": "one", "corporation_name": name, "billing_first_name": "Zoë", "billing_last_name": "Đặng",
            "billing_email": "zoe.ang@omalleysonscapek.example.com", "email": None,
        }
    ]  # fmt: skip
    assert rows(billing_engine, "select name, time_zone from billing.firms") == [
        {"name": "Firm One", "time_zone": "America/New_York"}
    ]


def test_a_book_that_names_an_unknown_payer_writes_nothing(billing_engine: sa.Engine, book: Book) -> None:
    book.invoice("1", "nobody", YESTERDAY, [])

    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="foreign key"):
        write(billing_engine, book)

    assert rows(billing_engine, "select * from billing.firms") == []
