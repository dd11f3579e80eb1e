"""A refund or a rejection as QuickBooks shall hold it: a journal entry that makes the money owed again.

Belongs here: its body, and what it takes back of the payment's applications. Does not belong here: whether a firm wants
it (``sync.refunds``).

Money that went back to the client left the bank and is owed again: debit receivables of the customer, credit the
account that the money had come to. Income is not touched, the day of the payment keeps what the bank statement shows,
and the invoice is open again as far as it was paid with this money. So Intuit describes a returned check.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.payloads import Content, content_of, note_of


def refund_content(
    *,
    customer_id: str,
    receivable_id: str,
    account_id: str,
    day: date,
    cents: int,
    currency: str,
    reference: str,
    marker: str,
) -> Content:
    """Build the journal entry of a refund or rejection; ``currency`` is empty where the company has only one."""
    notices: list[str] = []
    customer = {"Type": "Customer", "EntityRef": {"value": customer_id}}
    body: dict[str, Any] = {"TxnDate": day.isoformat()}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    body["PrivateNote"] = note_of(marker, reference, notices)
    body["Line"] = [
        _line("Debit", receivable_id, cents, Entity=customer),
        _line("Credit", account_id, cents),
    ]
    return content_of(body, cents, notices)


def _line(side: str, account_id: str, cents: int, **more: Any) -> dict[str, Any]:
    return {
        "Amount": to_dollars(cents),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account_id}, **more},
    }


def take_back(shares: Mapping[str, int], total_cents: int, cents: int) -> dict[str, int]:
    """What a payment of this total still pays after so many cents of it went back.

    Money that pays nothing goes back first, then that of the last invoices.
    """
    left = dict(shares)
    cents = max(0, cents - (total_cents - sum(shares.values())))
    for invoice_id in reversed(list(shares)):
        taken = min(cents, left[invoice_id])
        cents -= taken
        left[invoice_id] -= taken
    return {invoice_id: share for invoice_id, share in left.items() if share}
