"""One document of the mirror (replica): the few of its fields in QuickBooks that a reconciliation compares.

Belongs here: reading documents that move receivables, as QuickBooks wrote them: invoices, payments, credit memos,
journal entries. Does not belong here: storing versions (``ledger.books.mirror``), and field-by-field differences
(``core.planning.plan.compare``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.money import JsonObject, to_cents
from qb_pipeline.core.states import Kind

Means = Literal["payment", "credit_memo", "journal", "other"]

MEANS: dict[str, Means] = {"CreditMemo": "credit_memo", "JournalEntry": "journal"}

MirrorKind = Literal["invoice", "payment", "credit_memo", "journal_entry"]
"""The kinds of documents that move receivables. Some invoices and payments are ours; a ``Kind`` may stand for these
two."""

SALES_FORMS: dict[str, str] = {"invoice": "Balance", "payment": "UnappliedAmt", "credit_memo": "RemainingCredit"}
"""QuickBooks' field with the open amount, keyed by kind, for kinds that belong to one customer."""

EXPENSES = ("Expense", "Other Expense", "Cost of Goods Sold")
"""Types of the accounts (AccountType) that a balance is written off against."""

RECEIVABLE = "Accounts Receivable"
"""The type (AccountType) of the accounts that hold the debts of customers."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The cents that a payment in QuickBooks pays of one invoice, and the means.

    ``source_id`` is the Id of the credit memo or journal entry whose credit the payment uses; "" for its own money.
    With ``target_kind`` journal_entry the payment pays an entry that debits receivables, and ``quickbooks_invoice_id``
    is the Id of that entry.
    """

    quickbooks_invoice_id: str
    means: Means
    amount_cents: int
    source_id: str = ""
    target_kind: Literal["invoice", "journal_entry"] = "invoice"


@dataclass(frozen=True, slots=True)
class PaymentDetail:
    """The method of a payment, and the account that received it, by their names in QuickBooks; "" for an object that
    the payment does not name."""

    method: str
    account_id: str
    account_name: str


@dataclass(frozen=True, slots=True)
class Version:
    """One document as QuickBooks holds it. ``status`` is live, void or deleted; money in cents.

    ``balance_cents`` is the open amount of an invoice, the unapplied amount of a payment, or the remaining credit of a
    credit memo. Dates are ISO texts; "" means no date. A journal entry has a version for each customer
    (``customer_key``), whose total is the amount that the entry adds to that customer's debt. ``is_write_off``: whether
    it is a credit memo or an entry against an expense account. ``customer_name`` and a payment's ``detail`` are for
    reports: a change of these alone makes no new version.
    """

    kind: Kind | MirrorKind
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
    customer_key: str = ""
    is_write_off: bool = False
    customer_name: str = ""
    detail: PaymentDetail | None = None


def read_version(
    kind: Kind | MirrorKind, entity: JsonObject, *, is_void: bool, is_ours: bool = True, is_write_off: bool = False
) -> Version:
    """Read an invoice, a payment or a credit memo of QuickBooks.

    A void document counts as 0 and pays nothing, whatever its fields say. The number is read of documents of ours only.
    """
    is_invoice = kind == Kind.INVOICE
    number = entity.get("PaymentRefNum" if kind == Kind.PAYMENT else "DocNumber") if is_ours else ""
    return Version(
        kind=kind,
        quickbooks_id=str(entity["Id"]),
        sync_token=str(entity.get("SyncToken", "0")),
        status="void" if is_void else "live",
        number=str(number or ""),
        document_date=str(entity.get("TxnDate") or ""),
        due_date=str(entity.get("DueDate") or "") if is_invoice else "",
        customer_id=str((entity.get("CustomerRef") or {}).get("value", "")),
        total_cents=0 if is_void else _cents(entity.get("TotalAmt")),
        balance_cents=0 if is_void else _cents(entity.get(SALES_FORMS[kind])),
        settlements=read_settlements(entity) if kind == Kind.PAYMENT and not is_void else (),
        is_write_off=is_write_off,
        customer_name=_name_of(entity, "CustomerRef"),
        detail=_read_detail(entity) if kind == Kind.PAYMENT and not is_void else None,
    )


def _read_detail(payment: JsonObject) -> PaymentDetail:
    method = _name_of(payment, "PaymentMethodRef") or _id_of(payment, "PaymentMethodRef")
    return PaymentDetail(method, _id_of(payment, "DepositToAccountRef"), _name_of(payment, "DepositToAccountRef"))


def deleted_version(kind: Kind | MirrorKind, quickbooks_id: str, customer_key: str = "") -> Version:
    """Return the version of a document that QuickBooks reports as deleted: only its Id is known."""
    return Version(kind, quickbooks_id, "0", "deleted", "", "", "", "", 0, 0, customer_key=customer_key)


def read_entry(
    entity: JsonObject, *, receivable_ids: Collection[str], expense_ids: Collection[str]
) -> Iterator[Version]:
    """Read a journal entry of QuickBooks. Yield a version for each customer whose receivables it moves.

    Args:
        entity: the entry; a void one has lines of 0.
        receivable_ids: Ids of the accounts that hold the debts of customers.
        expense_ids: Ids of accounts that a balance is written off against.
    """
    owed: dict[str, int] = defaultdict(int)
    against = set()
    for line in entity.get("Line") or ():
        detail = line.get("JournalEntryLineDetail") or {}
        account_id = _id_of(detail, "AccountRef")
        if account_id in receivable_ids:
            sign = -1 if detail.get("PostingType") == "Credit" else 1
            owed[customer_of_line(line)] += sign * _cents(line.get("Amount"))
        else:
            against.add(account_id)
    for customer_id, cents in owed.items():
        yield Version(
            kind="journal_entry",
            quickbooks_id=str(entity["Id"]),
            sync_token=str(entity.get("SyncToken", "0")),
            status="live",
            number="",
            document_date=str(entity.get("TxnDate") or ""),
            due_date="",
            customer_id=customer_id,
            total_cents=cents,
            balance_cents=0,
            customer_key=customer_id,
            is_write_off=cents < 0 and bool(against) and against <= set(expense_ids),
        )


def accounts_of_customers(entry: JsonObject) -> set[str]:
    """Return the Ids of all accounts of a journal entry; an empty set where no line of it names a customer."""
    lines = entry.get("Line") or ()
    if not any(customer_of_line(line) for line in lines):
        return set()
    return {_id_of(line.get("JournalEntryLineDetail") or {}, "AccountRef") for line in lines} - {""}


def items_of(memo: JsonObject) -> set[str]:
    """Return the Ids of the items of a credit memo."""
    lines = memo.get("Line") or ()
    return {_id_of(line.get("SalesItemLineDetail") or {}, "ItemRef") for line in lines} - {""}


def customer_of_line(line: JsonObject) -> str:
    """Return the Id of the customer that a line of a journal entry names; "" where it names no customer."""
    entity = (line.get("JournalEntryLineDetail") or {}).get("Entity") or {}
    return _id_of(entity, "EntityRef") if entity.get("Type") == "Customer" else ""


def read_settlements(payment: JsonObject) -> tuple[Settlement, ...]:
    """Read the cents that a payment pays of each invoice, by each means.

    A payment also shows the credit that it uses, as a line linked to the credit memo or the journal entry. The credit
    is assigned to the invoices first, in their order; money pays the rest. A line linked to an entry may also mean that
    the payment pays the entry: the unapplied amount is then lower by that line.
    """
    paid: dict[str, int] = {}
    credits: dict[tuple[Means, str], int] = {}
    for line in payment.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            cents, kind, linked_id = _cents(line.get("Amount")), str(link.get("TxnType", "")), str(link["TxnId"])
            if kind == "Invoice":
                paid[linked_id] = paid.get(linked_id, 0) + cents
            else:
                key = (MEANS.get(kind, "other"), linked_id)
                credits[key] = credits.get(key, 0) + cents
    found = []
    for entry_id, cents in _find_paid_entries(payment, sum(paid.values()), credits).items():
        credits["journal", entry_id] -= cents
        found.append(Settlement(entry_id, "payment", cents, target_kind="journal_entry"))
    for invoice_id, open_cents in paid.items():
        left = open_cents
        for (means, source_id), cents in credits.items():
            part = min(left, cents)
            credits[means, source_id] -= part
            left -= part
            if part:
                found.append(Settlement(invoice_id, means, part, source_id))
        if left:
            found.append(Settlement(invoice_id, "payment", left))
    return tuple(found)


def _find_paid_entries(payment: JsonObject, paid_cents: int, credits: dict[tuple[Means, str], int]) -> dict[str, int]:
    """Return the cents that a payment pays of journal entries that debit receivables, keyed by the entry's Id.

    A line looks the same whether the payment pays an entry or uses it as credit. The payment's total and the credit
    that it uses equal the amounts that it pays and the unapplied amount. The cents paid are computed from this.
    """
    entries = {linked_id: cents for (means, linked_id), cents in credits.items() if means == "journal"}
    if not entries or payment.get("UnappliedAmt") is None:
        return {}
    credit = paid_cents + _cents(payment["UnappliedAmt"]) - _cents(payment.get("TotalAmt"))
    left = (sum(credits.values()) - credit) // 2
    found = {}
    for entry_id, cents in entries.items():
        part = max(0, min(left, cents))
        left -= part
        if part:
            found[entry_id] = part
    return found


def _id_of(values: JsonObject, name: str) -> str:
    return str((values.get(name) or {}).get("value") or "")


def _name_of(values: JsonObject, name: str) -> str:
    return str((values.get(name) or {}).get("name") or "")


def _cents(amount: Decimal | int | str | None) -> int:
    return to_cents(Decimal(amount or 0))
