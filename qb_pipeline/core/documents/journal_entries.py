"""A refund or a rejection as QuickBooks shall hold it: a journal entry that makes the money owed again.

Belongs here: its body, and the applications that it takes back from the payment. Does not belong here: whether a firm
wants it (``sync.plan.journal_entries``).

Money that went back to the client left the bank and is owed again: the entry debits the customer's receivables and
credits the account that had received the money. Income stays as it is, the day of the payment still agrees with the
bank statement, and the invoice is open again by this amount. Intuit describes a returned check in the same way.
"""

from collections.abc import Collection, Mapping
from datetime import date

from qb_pipeline.core.documents.payloads import Content, content_of, note_of
from qb_pipeline.core.money import JsonObject, to_dollars


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
    cited: Collection[str] = (),
) -> Content:
    """Build the journal entry of a refund or rejection; ``currency`` is empty where the company has only one.

    ``cited``: invoice numbers that the reference names: these stay, though they look like identity numbers.
    """
    notices: list[str] = []
    customer: JsonObject = {"Type": "Customer", "EntityRef": {"value": customer_id}}
    body: JsonObject = {"TxnDate": day.isoformat()}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    body["PrivateNote"] = note_of(marker, reference, notices, cited)
    body["Line"] = [
        _line("Debit", receivable_id, cents, Entity=customer),
        _line("Credit", account_id, cents),
    ]
    return content_of(body, cents, notices)


def _line(side: str, account_id: str, cents: int, **more: JsonObject) -> JsonObject:
    return {
        "Amount": to_dollars(cents),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account_id}, **more},
    }


def take_back(shares: Mapping[str, int], total_cents: int, cents: int) -> dict[str, int]:
    """Reduce a payment's shares (cents by invoice) by the cents that went back; shares of 0 are left out.

    Unapplied money goes back first, then the money on the last invoices.
    """
    left = dict(shares)
    cents = max(0, cents - (total_cents - sum(shares.values())))
    for invoice_id in reversed(list(shares)):
        taken = min(cents, left[invoice_id])
        cents -= taken
        left[invoice_id] -= taken
    return {invoice_id: share for invoice_id, share in left.items() if share}
