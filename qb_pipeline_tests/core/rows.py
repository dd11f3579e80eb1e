"""Frames for tests: each row from what the test is about, the rest filled in."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas as pa

from qb_pipeline.core import schemas
from qb_pipeline.core.settings import FirmRules, FirmSettings

TODAY = date(2026, 3, 31)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rules(
    *,
    model: Any = 1,
    currency: str = "USD",
    multicurrency: bool = False,
    cut_over_at: datetime | None = None,
    **settings: Any,
) -> FirmRules:
    """The rules of a firm in New York, today being 31 March 2026."""
    return FirmRules(
        currency=currency,
        time_zone="America/New_York",
        model=model,
        today=TODAY,
        first_date=date(2023, 1, 1),
        settings=FirmSettings(**settings),
        multicurrency=multicurrency,
        cut_over_at=cut_over_at,
    )


def table(
    model: type[pa.DataFrameModel], defaults: Mapping[str, Any], rows: tuple[dict[str, Any], ...]
) -> pd.DataFrame:
    """A frame of the model; not validated, which would cost a test of a hundred examples its speed."""
    columns = list(model.to_schema().columns)
    for row in rows:
        assert set(row) <= set(columns), set(row) - set(columns)
    full = [{**defaults, **row} for row in rows]
    return schemas.frame(model, [[row.get(column, "") for column in columns] for row in full])


def payers(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.Payers, {"kind": "individual", "first_name": "Jane", "last_name": "Doe"}, rows)


def person(payer_id: str, first: str = "Jane", last: str = "Doe", **more: str) -> dict[str, Any]:
    return {"payer_id": payer_id, "first_name": first, "last_name": last, **more}


def corporation(payer_id: str, name: str, first: str = "Bill", last: str = "Payer", **more: str) -> dict[str, Any]:
    return {
        "payer_id": payer_id, "kind": "corporation", "first_name": "", "last_name": "", "corporation_name": name,
        "billing_first_name": first, "billing_last_name": last, **more,
    }  # fmt: skip


def customers(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.Customers, {"is_active": True, "is_sub_customer": False, "balance": None}, rows)


def customer(customer_id: str, first: str = "Jane", last: str = "Doe", **more: Any) -> dict[str, Any]:
    name = {"display_name": f"{first} {last}", "given_name": first, "family_name": last}
    return {"customer_id": customer_id, **name, **more}


def fee_items(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.FeeItems, {"kind": "legal_fee", "unit_price": None, "is_active": True}, rows)


def items(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.Items, {"type": "Service", "is_active": True}, rows)


def invoices(*rows: dict[str, Any]) -> pd.DataFrame:
    defaults = {
        "invoice_id": "i1", "invoice_number": "INV-1", "payer_id": "p1", "status": "issued",
        "invoice_date": date(2026, 3, 1), "due_date": None, "currency": "USD", "total_cents": 10_000,
        "created_at": NOON,
    }  # fmt: skip
    return table(schemas.Invoices, defaults, rows)


def lines(*rows: dict[str, Any]) -> pd.DataFrame:
    defaults = {
        "invoice_id": "i1", "kind": "fee", "service_date": None, "quantity": None, "unit_price": None,
        "amount_cents": 0, "is_taxable": False,
    }  # fmt: skip
    numbered = tuple(
        {"line_number": number, "fee_item_id": "f1" if row.get("kind", "fee") in ("fee", "expense") else "", **row}
        for number, row in enumerate(rows, start=1)
    )
    return table(schemas.InvoiceLines, defaults, numbered)


def fee(cents: int, quantity: str = "", unit_price: str = "", **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"amount_cents": cents, **more}
    if quantity:
        row |= {"quantity": Decimal(quantity), "unit_price": Decimal(unit_price)}
    return row


def payments(*rows: dict[str, Any]) -> pd.DataFrame:
    defaults = {
        "payer_id": "p1", "kind": "payment", "method": "check", "received_date": date(2026, 3, 10), "currency": "USD",
        "status": "completed", "origin": "billing", "created_at": NOON,
    }  # fmt: skip
    return table(schemas.Payments, defaults, rows)


def payment(payment_id: str, cents: int, day: int = 10, **more: Any) -> dict[str, Any]:
    return {"payment_id": payment_id, "amount_cents": cents, "received_date": date(2026, 3, day), **more}


def applications(*rows: tuple[str, str, int] | tuple[str, str, int, date]) -> pd.DataFrame:
    full = tuple(
        {
            "payment_id": row[0],
            "invoice_id": row[1],
            "amount_cents": row[2],
            "applied_date": row[3] if len(row) > 3 else date(2026, 3, 10),
        }
        for row in rows
    )
    return table(schemas.Applications, {}, full)


def known(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.KnownInvoices, {}, rows)


def posted(invoice_id: str, open_cents: int, **more: Any) -> dict[str, Any]:
    """An invoice that stands in QuickBooks."""
    return {
        "invoice_id": invoice_id, "status": "issued", "state": "synced", "eligibility": "eligible",
        "quickbooks_id": f"q-{invoice_id}", "customer_id": "c1", "open_cents": open_cents,
        "document_date": date(2026, 3, 1), **more,
    }  # fmt: skip
