"""Descriptions of the other transactions, beside our payments, that pay an invoice in QuickBooks. They contain types,
Ids, dates and amounts, never names.

Belongs here: reading the transactions that an invoice is linked to. Does not belong here: requests for them
(``sync.remote.settlements``).
"""

from collections.abc import Collection, Iterable
from decimal import Decimal

from qb_pipeline.core.money import JsonObject, to_cents, to_dollars


def linked_payments(invoice: JsonObject, ours: Collection[str]) -> list[str]:
    """Return the Ids of the payments that an invoice is linked to, without our own payments."""
    return [kind_id for kind, kind_id in _links(invoice) if kind == "Payment" and kind_id not in ours]


def describe_settlements(invoice: JsonObject, payments: Iterable[JsonObject], *, others_cents: int) -> str:
    """Describe the transactions of others that pay an invoice.

    QuickBooks applies a credit to an invoice by a payment of 0.00 that is linked to both. The description then names
    the credit, and that payment with its date.

    Args:
        invoice: the invoice as QuickBooks holds it.
        payments: the payments of ``linked_payments``, as QuickBooks holds them.
        others_cents: the cents of the invoice that others than us have paid.

    Returns:
        A text such as ``Payment 77 of 2026-03-01 pays 5.00``. Cents that these payments do not explain come last.
    """
    told: list[str] = []
    for payment in sorted(payments, key=lambda row: (str(row.get("TxnDate", "")), int(row["Id"]))):
        left = _applied(payment, "Invoice").get(str(invoice["Id"]), 0)
        others_cents -= left
        day = str(payment.get("TxnDate", ""))
        for kind in ("CreditMemo", "JournalEntry"):
            for credit_id, cents in _applied(payment, kind).items():
                part = min(left, cents)
                left -= part
                if part:
                    told.append(f"{kind} {credit_id} pays {_money(part)} by Payment {payment['Id']} of {day}")
        if left:
            told.append(f"Payment {payment['Id']} of {day} pays {_money(left)}")
    unnamed = [f"{kind} {kind_id}" for kind, kind_id in _links(invoice) if kind != "Payment"]
    if others_cents > 0:
        told.append(f"{' and '.join(unnamed) or 'something that QuickBooks does not name'} pays {_money(others_cents)}")
    return ", ".join(told)


def _links(invoice: JsonObject) -> list[tuple[str, str]]:
    return [(str(link.get("TxnType", "")), str(link["TxnId"])) for link in invoice.get("LinkedTxn") or ()]


def _applied(payment: JsonObject, kind: str) -> dict[str, int]:
    """Return the cents of a payment's lines, keyed by the Id of the transaction that they are linked to, for one type
    of it."""
    found: dict[str, int] = {}
    for line in payment.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            if link.get("TxnType") == kind:
                cents = to_cents(Decimal(line.get("Amount") or 0))
                found[str(link["TxnId"])] = found.get(str(link["TxnId"]), 0) + cents
    return found


def _money(cents: int) -> str:
    return f"{to_dollars(cents):,.2f}"
