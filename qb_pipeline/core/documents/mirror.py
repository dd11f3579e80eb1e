"""One document of the mirror (replica): the few fields of it in QuickBooks that a reconciliation compares.

Belongs here: reading an invoice or a payment as QuickBooks wrote it. Does not belong here: keeping versions
(``ledger.books.mirror``), and field-by-field differences (``core.planning.plan.compare``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.money import JsonObject, to_cents
from qb_pipeline.core.states import Kind

Means = Literal["payment", "credit_memo", "journal", "other"]

MEANS: dict[str, Means] = {"CreditMemo": "credit_memo", "JournalEntry": "journal"}


@dataclass(frozen=True, slots=True)
class Settlement:
    """The cents that a payment in QuickBooks pays of one invoice, and by which means."""

    quickbooks_invoice_id: str
    means: Means
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Version:
    """One document as QuickBooks holds it. ``status`` is live, void or deleted; money in cents.

    ``balance_cents`` is the open amount of an invoice, or the unapplied amount of a payment. Dates are ISO texts; ""
    means no date.
    """

    kind: Kind
    quickbooks_id: str
    sync_token: str
    status: str
    number: str
    document_date: str
    due_date: str
    customer_id: str
    total_cents: int
    balance_cents: int
    settlements: tuple[Settlement, ...] = ()


def read_version(kind: Kind, entity: JsonObject, *, is_void: bool) -> Version:
    """Read an invoice or a payment of QuickBooks. A void one counts as 0 and pays nothing, whatever its fields say."""
    is_invoice = kind == Kind.INVOICE
    return Version(
        kind=kind,
        quickbooks_id=str(entity["Id"]),
        sync_token=str(entity.get("SyncToken", "0")),
        status="void" if is_void else "live",
        number=str(entity.get("DocNumber" if is_invoice else "PaymentRefNum") or ""),
        document_date=str(entity.get("TxnDate") or ""),
        due_date=str(entity.get("DueDate") or "") if is_invoice else "",
        customer_id=str((entity.get("CustomerRef") or {}).get("value", "")),
        total_cents=0 if is_void else _cents(entity.get("TotalAmt")),
        balance_cents=0 if is_void else _cents(entity.get("Balance" if is_invoice else "UnappliedAmt")),
        settlements=() if is_invoice or is_void else read_settlements(entity.get("Line") or ()),
    )


def deleted_version(kind: Kind, quickbooks_id: str) -> Version:
    """The version of a document that QuickBooks reports as deleted: only its Id is known."""
    return Version(kind, quickbooks_id, "0", "deleted", "", "", "", "", 0, 0)


def read_settlements(lines: Iterable[JsonObject]) -> tuple[Settlement, ...]:
    """Read the cents that a payment's lines pay of each invoice, by means.

    A payment also shows applied credit, as a line linked to the credit memo or the journal entry. The credit is
    assigned to the invoices first, in their order; money pays the rest.
    """
    invoices: dict[str, int] = {}
    credits: dict[Means, int] = {}
    for line in lines:
        for link in line.get("LinkedTxn") or ():
            cents, kind = _cents(line.get("Amount")), str(link.get("TxnType", ""))
            if kind == "Invoice":
                invoices[str(link["TxnId"])] = invoices.get(str(link["TxnId"]), 0) + cents
            else:
                means = MEANS.get(kind, "other")
                credits[means] = credits.get(means, 0) + cents
    found = []
    for invoice_id, open_cents in invoices.items():
        left = open_cents
        for means, cents in credits.items():
            part = min(left, cents)
            credits[means] -= part
            left -= part
            if part:
                found.append(Settlement(invoice_id, means, part))
        if left:
            found.append(Settlement(invoice_id, "payment", left))
    return tuple(found)


def _cents(amount: Decimal | int | str | None) -> int:
    return to_cents(Decimal(amount or 0))
