"""The credit memos and journal entries in the mirror, which move receivables beside invoices and payments.

Belongs here: reading their versions, and the accounts that identify a write-off. Does not belong here: the time of the
reads (``sync.verify.reconcile``), and the names of the differences (``sql/reporting``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from qb_pipeline.core.documents.mirror import (
    EXPENSES,
    RECEIVABLE,
    MirrorKind,
    Version,
    accounts_of_customers,
    deleted_version,
    items_of,
    read_entry,
    read_version,
)
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.sync.remote.changes import Reading
from qb_pipeline.sync.remote.outcomes import is_voided

MIRRORED: Mapping[str, Kind | MirrorKind] = {
    "Invoice": Kind.INVOICE,
    "CreditMemo": "credit_memo",
    "JournalEntry": "journal_entry",
    "Payment": Kind.PAYMENT,
}
"""The entities that the mirror holds. Payments come last, so that a payment received between two requests is in the
later answer."""


def read_credits(quickbooks: QuickBooksClient, mirror: Mirror, reading: Reading) -> Iterator[Version]:
    """Yield the versions of the credit memos and journal entries of a reading.

    Costs one read of accounts and one of items if the mirror has not seen some of them in this version; none otherwise.

    Raises:
        QuickBooksError: a request was not answered; nothing may be concluded.
    """
    memos = _unseen(mirror, "credit_memo", reading.objects["CreditMemo"])
    entries = _unseen(mirror, "journal_entry", reading.objects["JournalEntry"])
    accounts_of = _income_accounts(quickbooks, {item for memo in memos for item in items_of(memo)})
    asked = set(accounts_of.values()).union(*map(accounts_of_customers, entries))
    types = {row["Id"]: row.get("AccountType") for row in _find_all(quickbooks, "Account", asked)}
    receivable_ids = {key for key, kind in types.items() if kind == RECEIVABLE}
    expense_ids = {key for key, kind in types.items() if kind in EXPENSES}
    for memo in memos:
        against = {accounts_of.get(item, "") for item in items_of(memo)}
        is_write_off = bool(against) and against <= expense_ids
        yield read_version("credit_memo", memo, is_void=is_voided(memo), is_ours=False, is_write_off=is_write_off)
    for memo_id in reading.deleted_ids["CreditMemo"]:
        yield deleted_version("credit_memo", memo_id)
    known = mirror.customers_of_entries([*(row["Id"] for row in entries), *reading.deleted_ids["JournalEntry"]])
    for entry in entries:
        versions = list(read_entry(entry, receivable_ids=receivable_ids, expense_ids=expense_ids))
        yield from versions
        yield from _moved_away(entry, known.get(entry["Id"], set()) - {each.customer_key for each in versions})
    for entry_id in reading.deleted_ids["JournalEntry"]:
        for customer_key in sorted(known.get(entry_id, ())):
            yield deleted_version("journal_entry", entry_id, customer_key)


def _unseen(mirror: Mirror, kind: MirrorKind, rows: Sequence[Entity]) -> list[Entity]:
    """Return the rows that the mirror has not seen in this version. Readings overlap, so that each shows much of the
    one before."""
    seen = mirror.seen(kind, {row["Id"]: int(row["SyncToken"]) for row in rows})
    return [row for row in rows if row["Id"] not in seen]


def _moved_away(entry: Entity, customer_keys: Collection[str]) -> Iterator[Version]:
    """Yield versions of an entry for customers that it no longer concerns. These versions add 0 to the debt of the
    customer."""
    for customer_key in sorted(customer_keys):
        plain = deleted_version("journal_entry", entry["Id"], customer_key)
        yield replace(plain, sync_token=str(entry["SyncToken"]), status="live", customer_id=customer_key)


def _income_accounts(quickbooks: QuickBooksClient, item_ids: Collection[str]) -> dict[str, str]:
    rows = _find_all(quickbooks, "Item", item_ids)
    return {row["Id"]: str((row.get("IncomeAccountRef") or {}).get("value", "")) for row in rows}


def _find_all(quickbooks: QuickBooksClient, entity: str, ids: Collection[str]) -> list[Entity]:
    return list(quickbooks.find(entity, "Id", sorted(set(ids) - {""}), where="Active IN (true, false)"))
