"""The shares of billing's payments: the cents that each pays of each invoice, divided as the sync divides them,
forwarded balances oldest first.

Belongs here: dividing billing's applications. Does not belong here: the open amounts in QuickBooks, and the decision
whether a payment can be sent (``core.documents.payments``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Applied(NamedTuple):
    """An application of billing: the id of the payment's document on the work list, the invoice, cents, and its
    date."""

    document_id: int
    invoice_id: str
    amount_cents: int
    applied_date: date


@dataclass(frozen=True, slots=True)
class Share:
    """The cents that a payment pays of an invoice. ``position`` is the invoice's place in the order of the payment's
    invoices. Money that goes back is taken from the last invoice first."""

    document_id: int
    position: int
    invoice_id: str
    amount_cents: int
    applied_date: date


def divide_applied(
    applied: Sequence[Applied],
    new_cents: Mapping[str, int],
    older: Mapping[str, Sequence[str]],
    sent: Mapping[int, Mapping[str, int]],
) -> list[Share]:
    """Divide billing's applications over the invoices.

    The cents of an application beyond the new items of its invoice pay the invoices that this one carries forward,
    oldest first. Cents that no invoice takes stay on the invoice that billing names. Nothing is lost: the shares of a
    payment add up to the cents that billing applies of it.

    Args:
        applied: all applications to these invoices, in the order in which the sync divides payments: by date, then id.
        new_cents: the cents of new items, keyed by invoice; an invoice that bills nothing may be missing.
        older: all invoices that an invoice carries forward, oldest first, keyed by that invoice.
        sent: cents, keyed by the payment's document and then by invoice, of payments that QuickBooks holds as billing
            means them. These are divided already, and stay so.
    """
    left = dict(new_cents)
    by_payment: dict[int, list[Applied]] = defaultdict(list)
    for each in applied:
        by_payment[each.document_id].append(each)
    divided: dict[int, dict[str, int]] = {}
    for document_id, rows in by_payment.items():
        if sum(sent.get(document_id, {}).values()) == sum(row.amount_cents for row in rows):
            divided[document_id] = dict(sent.get(document_id, {}))
            _take(left, divided[document_id])
    for document_id, rows in by_payment.items():
        if document_id not in divided:
            divided[document_id] = _divide(rows, left, older)
            _take(left, divided[document_id])
    return [share for document_id, rows in by_payment.items() for share in _shares(rows, divided[document_id], older)]


def _divide(rows: Iterable[Applied], left: Mapping[str, int], older: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the cents of one payment, keyed by invoice: each named invoice gets its cents first, then the invoices
    that these carry forward."""
    room = {invoice_id: max(0, cents) for invoice_id, cents in left.items()}
    shares: dict[str, int] = defaultdict(int)
    excess: dict[str, int] = {}
    for row in rows:
        taken = min(row.amount_cents, room.get(row.invoice_id, 0)) if row.invoice_id in older else row.amount_cents
        room[row.invoice_id] = room.get(row.invoice_id, 0) - taken
        shares[row.invoice_id] += taken
        excess[row.invoice_id] = excess.get(row.invoice_id, 0) + row.amount_cents - taken
    for invoice_id, cents in excess.items():
        rest = cents
        for old in older.get(invoice_id, ()):
            taken = min(rest, max(0, room.get(old, 0)))
            room[old] = room.get(old, 0) - taken
            shares[old] += taken
            rest -= taken
        shares[invoice_id] += rest
    return {invoice_id: cents for invoice_id, cents in shares.items() if cents}


def _take(left: dict[str, int], shares: Mapping[str, int]) -> None:
    for invoice_id, cents in shares.items():
        left[invoice_id] = left.get(invoice_id, 0) - cents


def _shares(rows: Sequence[Applied], divided: Mapping[str, int], older: Mapping[str, Sequence[str]]) -> list[Share]:
    """Return the shares of one payment: first the invoices that billing names, then the invoices that these carry
    forward. The latter count since the date of the application to the invoice that carries them."""
    days: dict[str, date] = {}
    for row in rows:
        days[row.invoice_id] = max(row.applied_date, days.get(row.invoice_id, date.min))
    for row in rows:
        for invoice_id in older.get(row.invoice_id, ()):
            days.setdefault(invoice_id, days[row.invoice_id])
    for invoice_id in divided:
        days.setdefault(invoice_id, max(days.values()))
    return [
        Share(rows[0].document_id, position, invoice_id, divided[invoice_id], day)
        for position, (invoice_id, day) in enumerate(days.items())
        if divided.get(invoice_id)
    ]
