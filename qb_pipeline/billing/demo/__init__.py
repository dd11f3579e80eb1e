"""Two demo law firms, and any number of plain documents for benchmarks.

Belongs here: filling the reference schema. Does not belong here: the schema itself (``sql/billing``), and any decision
about a document. ``TROUBLES`` and ``REVISIONS`` list the decisions that other modules must reach.
"""

from datetime import date
from pathlib import Path
from random import Random

import sqlalchemy as sa

from qb_pipeline.billing.demo import practice
from qb_pipeline.billing.demo.book import Book
from qb_pipeline.billing.demo.quickbooks import DEMO_QUICKBOOKS, DEMO_SETTINGS, QuickBooksCompany
from qb_pipeline.billing.demo.troubles import (
    CHEN,
    REVISIONS,
    RIVERA,
    TROUBLES,
    Trouble,
    add_chen_troubles,
    add_rivera_troubles,
    credit_days,
)
from qb_pipeline.billing.errors import BillingError
from qb_pipeline.billing.source import fetch_firm
from qb_pipeline.database import Queries

__all__ = [
    "CHEN",
    "DEMO_QUICKBOOKS",
    "DEMO_SETTINGS",
    "REVISIONS",
    "RIVERA",
    "TROUBLES",
    "QuickBooksCompany",
    "Trouble",
    "credit_days",
    "generate",
    "load_demo",
    "revise_demo",
]

REVISE = Queries(Path(__file__).with_name("revise.sql"))
GENERATE = Queries(Path(__file__).with_name("generate.sql"))

RIVERA_INVOICES = 420
CHEN_INVOICES = 260


def load_demo(engine: sa.Engine, *, today: date, seed: int = 7) -> None:
    """Write both demo firms into the reference schema. The same day and seed give the same rows.

    Raises:
        BillingError: one of the firms is in the database already.
    """
    for firm_id in (RIVERA, CHEN):
        if fetch_firm(engine, firm_id):
            raise BillingError(f"the demo firm {firm_id} is in this database already; nothing was changed")
    random = Random(seed)  # noqa: S311 - demo data, not a secret
    books = (_rivera(today, random), _chen(today, random))
    with engine.begin() as connection:
        for book in books:
            book.copy_to(connection)
        connection.execute(GENERATE["analyse"])


def revise_demo(engine: sa.Engine, firm_id: str, *, today: date) -> None:
    """Write the second day of a demo firm: revisions, voids, a deletion, corrections, new documents."""
    with engine.begin() as connection:
        for name in REVISE:
            statement = REVISE[name]
            named = {"firm_id": firm_id, "today": today}
            connection.execute(statement, {key: named[key] for key in named if f":{key}" in statement.text})


def generate(
    engine: sa.Engine,
    firm_id: str,
    *,
    invoices: int,
    lines: int = 4,
    payers: int = 200,
    payments: int = 0,
    first: date = date(2026, 1, 1),
    days: int = 30,
) -> None:
    """Add a firm with plain invoices dated over ``days`` days from ``first``. The first ``payments`` of the invoices
    are paid.

    The firm's fee items are called Service 1 … Service <lines>.
    """
    values = {
        "firm_id": firm_id, "invoices": invoices, "lines": lines, "payers": payers, "payments": payments,
        "first": first, "days": days, "fee_items": lines,
    }  # fmt: skip
    with engine.begin() as connection:
        for name in GENERATE:
            statement = GENERATE[name]
            connection.execute(statement, {key: values[key] for key in values if f":{key}" in statement.text})


def _rivera(today: date, random: Random) -> Book:
    book = Book(RIVERA, "Rivera Immigration Law", time_zone="America/New_York", prefix="R", today=today)
    for fee_item in practice.RIVERA_FEE_ITEMS:
        book.fee_item(*fee_item)
    practice.add_payers(book, practice.RIVERA_PEOPLE, practice.RIVERA_COMPANIES)
    practice.add_documents(
        book, random, practice.RIVERA_MATTERS, practice.RIVERA_FEE_ITEMS, people=len(practice.RIVERA_PEOPLE),
        companies=len(practice.RIVERA_COMPANIES), invoices=RIVERA_INVOICES, paid=True,
    )  # fmt: skip
    add_rivera_troubles(book)
    return book


def _chen(today: date, random: Random) -> Book:
    book = Book(CHEN, "Chen & Partners", time_zone="America/Los_Angeles", prefix="C", today=today)
    for fee_item in practice.CHEN_FEE_ITEMS:
        book.fee_item(*fee_item)
    practice.add_payers(book, practice.CHEN_PEOPLE, practice.CHEN_COMPANIES)
    practice.add_documents(
        book, random, practice.CHEN_MATTERS, practice.CHEN_FEE_ITEMS, people=len(practice.CHEN_PEOPLE),
        companies=len(practice.CHEN_COMPANIES), invoices=CHEN_INVOICES, paid=False,
    )  # fmt: skip
    add_chen_troubles(book)
    return book
