"""One demo firm's rows, gathered in memory and copied into the database at once.

Belongs here: filling in a row's missing fields, writing rows. Does not belong here: the choice of the firm's documents.
"""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

Row = dict[str, Any]

RELATIONS = ("firms", "payers", "fee_items", "invoices", "invoice_lines", "payments", "payment_applications")
"""The relations, in the order in which foreign keys let them be written."""

CENT = Decimal("0.01")


class Book:
    """The billing of one demo firm."""

    def __init__(self, firm_id: str, name: str, *, time_zone: str, prefix: str, today: date) -> None:
        self.firm_id = firm_id
        self.today = today
        self._zone = ZoneInfo(time_zone)
        self._prefix = prefix
        self._numbered = 1000
        self._rows: dict[str, list[Row]] = {relation: [] for relation in RELATIONS}
        self._totals: dict[str, Decimal] = {}
        self._write("firms", name=name, time_zone=time_zone, currency="USD")

    def ago(self, days: int) -> date:
        """Return the day that is ``days`` days before today. A day of a weekend becomes the Friday before it, because
        lawyers may work on Sundays, but they bill on weekdays."""
        day = self.today - timedelta(days=days)
        return day - timedelta(days=max(0, day.weekday() - 4))

    def fee_item(self, code: str, name: str, kind: str, price: str | None) -> None:
        """Add a fee item. Its code is its id."""
        self._write(
            "fee_items", fee_item_id=code, code=code, name=name, description=name, kind=kind, unit_price=price,
            is_active=True,
        )  # fmt: skip

    def person(self, payer_id: str, first: str, last: str, **more: Any) -> str:
        """Add an individual payer, and return its id."""
        address = ".".join(filter(None, (_ascii(first), _ascii(last)))) or payer_id
        plain = {"first_name": first, "last_name": last, "email": f"{address}@example.com"}
        self._write("payers", payer_id=payer_id, kind="individual", **_address(payer_id), **plain | more)
        return payer_id

    def corporation(self, payer_id: str, name: str, first: str = "", last: str = "", **more: Any) -> str:
        """Add a corporate payer with the person who receives its bills, and return its id."""
        plain: Row = {"corporation_name": name}
        if first or last:
            plain |= {"billing_first_name": first, "billing_last_name": last, "billing_phone": _phone(payer_id)}
            plain |= {"billing_email": f"{_ascii(first)}.{_ascii(last)}@{_ascii(name)}.example.com"}
        self._write("payers", payer_id=payer_id, kind="corporation", **_address(payer_id), **plain | more)
        return payer_id

    def invoice(self, invoice_id: str, payer_id: str, day: date, lines: Sequence[Row], **more: Any) -> str:
        """Add an invoice, and return its id. Its total is the sum of its lines unless ``total_amount`` is given."""
        self._numbered += 1
        total = sum((line["amount"] for line in lines), Decimal(0))
        plain: Row = {
            "invoice_number": f"{self._prefix}-{self._numbered}", "matter": "", "status": "issued", "invoice_date": day,
            "due_date": day + timedelta(days=30), "terms": "Net 30", "currency": "USD", "total_amount": total,
            "created_at": self._morning(day),
        }  # fmt: skip
        self._write("invoices", invoice_id=invoice_id, payer_id=payer_id, **plain | more)
        self._totals[invoice_id] = (plain | more)["total_amount"]
        for line_number, line in enumerate(lines, start=1):
            self._write("invoice_lines", invoice_id=invoice_id, line_number=line_number, **line)
        return invoice_id

    def payment(
        self,
        payment_id: str,
        payer_id: str,
        day: date,
        applied: Mapping[str, str | Decimal | None] | Sequence[tuple[str, str, date]] = (),
        *,
        amount: str | None = None,
        **more: Any,
    ) -> str:
        """Add a payment with its applications, and return its id.

        ``applied`` maps an invoice's id to an amount, or to None for the invoice's whole total. Instead it may list
        triples of an invoice's id, an amount and a day.
        """
        if isinstance(applied, Mapping):
            parts = [(key, self._totals[key] if part is None else Decimal(part), day) for key, part in applied.items()]
        else:
            parts = [(key, Decimal(part), part_day) for key, part, part_day in applied]
        total = sum((part for _, part, _ in parts), Decimal(0)) if amount is None else Decimal(amount)
        plain: Row = {
            "kind": "payment", "method": "check", "reference": str(2000 + len(self._rows["payments"])),
            "received_date": day, "amount": total, "currency": "USD", "status": "completed",
            "origin": "billing", "created_at": self._morning(day),
        }  # fmt: skip
        self._write("payments", payment_id=payment_id, payer_id=payer_id, **plain | more)
        for invoice_id, part, part_day in parts:
            self._write(
                "payment_applications", payment_id=payment_id, invoice_id=invoice_id, amount=part,
                applied_date=part_day,
            )  # fmt: skip
        return payment_id

    def copy_to(self, connection: sa.Connection) -> None:
        """Write all rows to the database, with one COPY per relation."""
        with closing(connection.connection.cursor()) as cursor:
            for relation in RELATIONS:
                rows = self._rows[relation]
                if not rows:
                    continue
                columns = list(dict.fromkeys(column for row in rows for column in row))
                text = io.StringIO()
                csv.writer(text).writerows([row.get(column) for column in columns] for row in rows)
                text.seek(0)
                cursor.copy_expert(f"copy billing.{relation} ({', '.join(columns)}) from stdin (format csv)", text)

    def _write(self, relation: str, **row: Any) -> None:
        self._rows[relation].append({"firm_id": self.firm_id} | row)

    def _morning(self, day: date) -> datetime:
        """Return the time (UTC) at which a document of that day was entered: at 10:30 local time, and no later than
        yesterday."""
        day = min(day, self.today - timedelta(days=1))
        return datetime.combine(day, time(10, 30), self._zone).astimezone(UTC)


def line(
    fee_item_id: str | None,
    description: str,
    price: str,
    *,
    quantity: str = "1",
    amount: str | None = None,
    kind: str = "fee",
    **more: Any,
) -> Row:
    """Return a line of an invoice. Its amount is quantity x price to the cent unless ``amount`` is given."""
    exact = Decimal(quantity) * Decimal(price)
    return {
        "kind": kind, "fee_item_id": fee_item_id, "description": description, "quantity": Decimal(quantity),
        "unit_price": Decimal(price), "is_taxable": False,
        "amount": exact.quantize(CENT, ROUND_HALF_UP) if amount is None else Decimal(amount),
    } | more  # fmt: skip


def bare_line(kind: str, description: str, amount: str = "0", **more: Any) -> Row:
    """Return a line without a fee item: a discount, tax, a forwarded balance, a note."""
    return {"kind": kind, "description": description, "amount": Decimal(amount), "is_taxable": False} | more


STREETS = ("Broadway", "Court Street", "Atlantic Avenue", "Wilshire Boulevard", "Main Street", "Lakeview Drive")
CITIES = (
    ("New York", "NY", "10007"),
    ("Brooklyn", "NY", "11201"),
    ("Jersey City", "NJ", "07302"),
    ("Los Angeles", "CA", "90017"),
    ("Pasadena", "CA", "91101"),
    ("Houston", "TX", "77002"),
)


def _address(payer_id: str) -> Row:
    """Return a plausible address that depends only on the payer's id."""
    number = sum(payer_id.encode())
    city, state, postal_code = CITIES[number % len(CITIES)]
    return {
        "address_line1": f"{100 + number % 900} {STREETS[number % len(STREETS)]}", "city": city, "state": state,
        "postal_code": postal_code, "country": "US", "phone": _phone(payer_id),
    }  # fmt: skip


def _phone(payer_id: str) -> str:
    return f"(212) 555-{100 + sum(payer_id.encode()) % 100:04d}"


def _ascii(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalnum())
