"""The transactions that a person enters in QuickBooks by hand because the sync does not send them, and their
recognition.

Belongs here: reading a transaction of QuickBooks, and matching transactions with rows of the by-hand list. Does not
belong here: requests to QuickBooks, and storing the matches (``sync.verify.hand_entries``).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.money import JsonObject, to_cents

ENTITIES = ("JournalEntry", "Deposit", "RefundReceipt", "SalesReceipt", "CreditMemo", "Purchase", "Payment")
"""The types of transactions that a person may enter for a row of the by-hand list."""

REACH = timedelta(days=7)
"""The longest time between the date of a transaction and the date in billing."""

Side = Literal["credit", "debit"]
"""The effect of a transaction on the customer. With credit the customer gave money, or was credited. With debit the
customer got money back, or was charged."""

GIVEN = ("credit_deposit",)
"""Rows of the by-hand list by which the customer gave money; by all others money went the other way."""

JOURNAL_ONLY = ("credit_applied",)
"""Rows that move money between two accounts of the firm. Only a journal entry does that."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction of QuickBooks as far as it is about one customer. ``amount_cents`` is that customer's amount."""

    entity: str
    quickbooks_id: str
    customer_id: str
    side: Side
    amount_cents: int
    entry_date: date

    @property
    def name(self) -> tuple[str, str]:
        """The type and the Id of the transaction."""
        return self.entity, self.quickbooks_id


@dataclass(frozen=True, slots=True)
class HandRow:
    """A row of the by-hand list that is not entered yet.

    ``what``: its kind, as in ``reporting.enter_by_hand``. ``customer_id``: the client's Id in QuickBooks; "" without
    one. ``original_stands``: whether the payment that it takes back is in QuickBooks exactly as we sent it.
    """

    document_id: int
    what: str
    customer_id: str
    amount_cents: int
    document_date: date
    original_stands: bool = False


@dataclass(frozen=True, slots=True)
class Recognised:
    """The recognised transactions, keyed by document id. ``entered``: the transaction of a row. ``candidates``: the
    transactions among which a person chooses."""

    entered: Mapping[int, Entry]
    candidates: Mapping[int, Sequence[Entry]]


def recognise(rows: Iterable[HandRow], entries: Iterable[Entry]) -> Recognised:
    """Match transactions of QuickBooks with rows of the by-hand list.

    A row is entered under three conditions: exactly one transaction fits it, that transaction fits no other row, and
    the payment that the row takes back is no longer in QuickBooks as it was sent. Any other transaction that fits a row
    is a candidate. No transaction is entered for two rows, and no order decides.
    """
    by_amount: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in entries:
        by_amount[entry.customer_id, entry.amount_cents].append(entry)
    fitting = {
        row: sorted((entry for entry in by_amount[row.customer_id, row.amount_cents] if _fits(row, entry)), key=_order)
        for row in rows
        if row.customer_id
    }
    claims = Counter(name for found in fitting.values() for name in {entry.name for entry in found})
    entered: dict[int, Entry] = {}
    candidates: dict[int, Sequence[Entry]] = {}
    for row, found in fitting.items():
        names = {entry.name for entry in found}
        if len(names) == 1 and claims[found[0].name] == 1 and not row.original_stands:
            entered[row.document_id] = found[0]
        elif found:
            candidates[row.document_id] = found
    return Recognised(entered, candidates)


def side_of(what: str) -> Side:
    """Return the side that a transaction must have to be a row of the by-hand list."""
    return "credit" if what in GIVEN else "debit"


def _fits(row: HandRow, entry: Entry) -> bool:
    return (
        entry.side == side_of(row.what)
        and abs(entry.entry_date - row.document_date) <= REACH
        and (entry.entity == "JournalEntry" or row.what not in JOURNAL_ONLY)
    )


def _order(entry: Entry) -> tuple[date, str, int]:
    return entry.entry_date, entry.entity, int(entry.quickbooks_id)


def read_entries(entity: str, transaction: JsonObject) -> tuple[Entry, ...]:
    """Read a transaction that somebody else wrote. Its type ``entity`` is one of ``ENTITIES``.

    Return one entry for each customer and side. Side "credit" means that the customer gave money or was credited, side
    "debit" the opposite. A payment or credit memo has no entry if any part of it is applied to an invoice, because that
    money was not deposited into the customer's credit. A transaction without a date has no entry either.
    """
    dated = str(transaction.get("TxnDate") or "")
    if not dated or _is_applied(entity, transaction):
        return ()
    return tuple(
        Entry(entity, str(transaction["Id"]), customer_id, side, cents, date.fromisoformat(dated))
        for (customer_id, side), cents in sorted(read_amounts(entity, transaction).items())
    )


def read_amounts(entity: str, transaction: JsonObject) -> dict[tuple[str, Side], int]:
    """Return the cents of a transaction of one of ``ENTITIES``, keyed by the customers that it names and side."""
    sums: dict[tuple[str, Side], int] = defaultdict(int)
    for customer_id, side, cents in _READERS[entity](transaction):
        if customer_id and cents:
            sums[customer_id, side if cents > 0 else _OTHER[side]] += abs(cents)
    return dict(sums)


def _is_applied(entity: str, transaction: JsonObject) -> bool:
    left = {"Payment": "UnappliedAmt", "CreditMemo": "RemainingCredit"}.get(entity, "")
    return left in transaction and _cents(transaction[left]) != _cents(transaction.get("TotalAmt"))


_Part = tuple[str, Side, int]

_OTHER: Mapping[Side, Side] = {"credit": "debit", "debit": "credit"}


def _read_journal(entry: JsonObject) -> Iterator[_Part]:
    for line in entry.get("Line") or ():
        detail = line.get("JournalEntryLineDetail") or {}
        entity = detail.get("Entity") or {}
        if entity.get("Type") == "Customer":
            side: Side = "credit" if detail.get("PostingType") == "Credit" else "debit"
            yield _value(entity.get("EntityRef")), side, _cents(line.get("Amount"))


def _read_deposit(deposit: JsonObject) -> Iterator[_Part]:
    """Yield the deposit's own lines. A line that brings a payment to the bank is left out, since it is that payment."""
    for line in deposit.get("Line") or ():
        if not line.get("LinkedTxn"):
            entity = (line.get("DepositLineDetail") or {}).get("Entity")
            yield _value(entity), "credit", _cents(line.get("Amount"))


def _read_given(receipt: JsonObject) -> Iterator[_Part]:
    yield _value(receipt.get("CustomerRef")), "credit", _cents(receipt.get("TotalAmt"))


def _read_given_back(refund: JsonObject) -> Iterator[_Part]:
    yield _value(refund.get("CustomerRef")), "debit", _cents(refund.get("TotalAmt"))


def _read_purchase(purchase: JsonObject) -> Iterator[_Part]:
    """Yield a cheque or an expense: for its payee, else for the customers that its lines name. ``Credit`` turns the
    side."""
    side: Side = "credit" if purchase.get("Credit") else "debit"
    payee = purchase.get("EntityRef") or {}
    if payee.get("type") == "Customer":
        yield _value(payee), side, _cents(purchase.get("TotalAmt"))
        return
    for line in purchase.get("Line") or ():
        detail = line.get("AccountBasedExpenseLineDetail") or {}
        yield _value(detail.get("CustomerRef")), side, _cents(line.get("Amount"))


_READERS = {
    "Purchase": _read_purchase,
    "JournalEntry": _read_journal,
    "Deposit": _read_deposit,
    "SalesReceipt": _read_given,
    "RefundReceipt": _read_given_back,
    "CreditMemo": _read_given,
    "Payment": _read_given,
}


def _value(reference: JsonObject | None) -> str:
    return str((reference or {}).get("value") or "")


def _cents(amount: Decimal | int | str | None) -> int:
    return to_cents(Decimal(amount or 0))
