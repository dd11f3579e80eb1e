"""The lines of invoices as reports show them: item, matter, quantity, amount and tax, without descriptions.

Belongs here: reading them from billing's rows. Does not belong here: the lines that QuickBooks gets (``payloads``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from qb_pipeline.core.redaction import redact
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.text import drop_control_characters, tidy

UNSENT_KINDS = ("balance_forward", "note")
"""Kinds of lines that carry no money of this invoice: the balance of an older invoice, and a text."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of an invoice that is sent. The amount of a tax line is ``tax_cents``, that of any other line
    ``amount_cents``. A discount is negative.

    ``fee_item_id`` is billing's, ``item_id`` QuickBooks'; both are "" for a discount and for tax. ``quantity`` and
    ``unit_price`` are decimal, as billing has them.
    """

    line_number: int
    kind: str
    fee_item_id: str
    item_id: str
    matter: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount_cents: int
    tax_cents: int


def read_lines(
    invoices: pd.DataFrame, lines: pd.DataFrame, items: Mapping[str, str]
) -> dict[str, tuple[InvoiceLine, ...]]:
    """Return the lines of these invoices that have money, keyed by invoice. Amounts and tax add up to the total that is
    sent.

    Args:
        invoices: ``core.schemas.Invoices``, for their matters; identity numbers in these are removed.
        lines: ``core.schemas.InvoiceLines``; lines of other invoices are ignored.
        items: QuickBooks' item, keyed by fee item.
    """
    matters = {
        invoice_id: redact(tidy(drop_control_characters(matter)[0]))[0]
        for invoice_id, matter in zip(invoices["invoice_id"], invoices["matter"], strict=True)
    }
    found: dict[str, list[InvoiceLine]] = {invoice_id: [] for invoice_id in matters}
    told = lines[lines["invoice_id"].isin(matters.keys()) & ~lines["kind"].isin(UNSENT_KINDS)]
    for line in rows(told.sort_values(["invoice_id", "line_number"])):
        is_tax = line.kind == "tax"
        found[line.invoice_id].append(
            InvoiceLine(
                line_number=int(line.line_number),
                kind=line.kind,
                fee_item_id=line.fee_item_id,
                item_id=items.get(line.fee_item_id, ""),
                matter=matters[line.invoice_id],
                quantity=line.quantity,
                unit_price=line.unit_price,
                amount_cents=0 if is_tax else int(line.amount_cents),
                tax_cents=int(line.amount_cents) if is_tax else 0,
            )
        )
    return {invoice_id: tuple(some) for invoice_id, some in found.items()}
