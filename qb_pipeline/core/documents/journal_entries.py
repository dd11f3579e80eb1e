"""Journal entries as QuickBooks shall hold them: a refund or a rejection, which makes money owed again, and the second
half of a payment from credit.

Belongs here: their bodies, the shares that an entry takes back from its payment, and the cents that the payment pays of
the entry instead. Does not belong here: the decision whether a firm wants entries (``sync.plan.journal_entries``,
``sync.plan.client_credit``).

Money that went back to the client left the bank and is owed again: the entry debits the customer's receivables and
credits the account that had received the money. Income stays as it is, the day of the payment still agrees with the
bank statement, and the invoice is open again by this amount. The payment is applied to the entry, so that none of it
stays unapplied. Intuit describes a returned check in the same way.

A payment from credit brings no money to the bank: the client's deposit brought it, and is booked as a liability. So the
payment is received into a clearing account. Its entry debits the liability and credits that account, which is then at
0.00 again.
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
    """Build the journal entry of a refund or rejection; ``currency`` is "" where the company has only one.

    ``cited``: invoice numbers that the reference names. They stay in the note, though they look like identity numbers.
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


def credit_content(
    *,
    customer_id: str,
    liability_id: str,
    account_id: str,
    day: date,
    cents: int,
    currency: str,
    reference: str,
    marker: str,
    cited: Collection[str] = (),
) -> Content:
    """Build the second half of a payment from credit. The entry takes the money out of the client's credit, a
    liability, and out of the account that the payment went to.

    The entry of a void payment is one of 0.00, since QuickBooks cannot void journal entries.
    """
    notices: list[str] = []
    customer: JsonObject = {"Type": "Customer", "EntityRef": {"value": customer_id}}
    body: JsonObject = {"TxnDate": day.isoformat()}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    body["PrivateNote"] = note_of(marker, reference, notices, cited)
    body["Line"] = [
        _line("Debit", liability_id, cents, Entity=customer),
        _line("Credit", account_id, cents),
    ]
    return content_of(body, cents, notices)


def read_accounts(entry: JsonObject) -> tuple[str, str]:
    """Return the Ids of the accounts of an entry's first debit and first credit; "" for a side that the entry lacks."""
    found = {"Debit": "", "Credit": ""}
    for line in entry.get("Line") or ():
        detail = line.get("JournalEntryLineDetail") or {}
        side = str(detail.get("PostingType"))
        found[side] = found.get(side) or str((detail.get("AccountRef") or {}).get("value") or "")
    return found["Debit"], found["Credit"]


def read_entry_customer(entry: JsonObject) -> str:
    """Return the Id of the customer that an entry names first; "" where it names no customer."""
    details = [line.get("JournalEntryLineDetail") or {} for line in entry.get("Line") or ()]
    named = [((each.get("Entity") or {}).get("EntityRef") or {}).get("value") for each in details]
    return next((str(each) for each in named if each), "")


def _line(side: str, account_id: str, cents: int, **more: JsonObject) -> JsonObject:
    return {
        "Amount": to_dollars(cents),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account_id}, **more},
    }


def take_back(shares: Mapping[str, int], total_cents: int, cents: int) -> dict[str, int]:
    """Return a payment's shares (cents, keyed by invoice) without the cents that went back. Shares of 0 are left out.

    Unapplied money goes back first, then the money on the last invoices.
    """
    left = dict(shares)
    cents = max(0, cents - (total_cents - sum(shares.values())))
    for invoice_id in reversed(list(shares)):
        taken = min(cents, left[invoice_id])
        cents -= taken
        left[invoice_id] -= taken
    return {invoice_id: share for invoice_id, share in left.items() if share}


def pay_entries(entries: Mapping[str, int], left_cents: int) -> dict[str, int]:
    """Return the cents that a payment pays of the entries that take it back, keyed by Id, as far as its money goes.

    ``entries``: cents, keyed by Id, oldest first. ``left_cents``: the cents that the payment does not pay of invoices.
    """
    paid = {}
    for entry_id, cents in entries.items():
        if share := min(cents, left_cents):
            paid[entry_id] = share
            left_cents -= share
    return paid
