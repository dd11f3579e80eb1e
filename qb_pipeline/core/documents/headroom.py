"""Headroom: the cents that payments of ours may still apply to an invoice in QuickBooks, never more than billing
applies.

Cents that we applied once and could not remove again count too, whatever keeps them there. Without this rule a payment
that replaces another would be applied beside it, and the invoice would look paid twice.

Belongs here: the rule. Does not belong here: the open amount of an invoice (``core.documents.payments``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

PartKey = tuple[str, str]
"""payment_id and part."""


class Headroom:
    """The invoices of one plan: the cents that our payments apply to each in QuickBooks, and the cents that billing
    applies.

    An application in billing may pay older invoices, which its own invoice carries forward. So an invoice is judged
    together with the newer invoices that carry it, and also with all invoices that are connected by such links.
    """

    def __init__(
        self,
        standing: Mapping[tuple[str, str, str], int],
        billed: Mapping[tuple[str, str], int],
        older: Mapping[str, Sequence[str]],
    ) -> None:
        """Store the cents in QuickBooks and the cents in billing.

        Args:
            standing: the cents that QuickBooks holds, or may hold, keyed by (payment_id, part, invoice_id).
            billed: the cents that billing applies, keyed by (payment_id, invoice_id).
            older: all invoices that an invoice carries forward, directly or not, keyed by that invoice.
        """
        self._standing: dict[str, dict[PartKey, int]] = defaultdict(dict)
        for (payment_id, part, invoice_id), cents in standing.items():
            self._standing[invoice_id][payment_id, part] = cents
        self._billed: dict[str, dict[str, int]] = defaultdict(dict)
        for (payment_id, invoice_id), cents in billed.items():
            self._billed[invoice_id][payment_id] = cents
        self._groups = _find_groups(older)

    def find_blocker(self, key: PartKey, shares: Mapping[str, int]) -> str | None:
        """Return the payment that still fills the headroom that a part needs for these shares (cents, keyed by
        invoice).

        None: there is headroom, or the part takes no more than it has there already. "": there is no headroom, and no
        single payment applies more than billing does.
        """
        for invoice_id, cents in shares.items():
            if cents <= self._standing.get(invoice_id, {}).get(key, 0):
                continue
            for group in self._groups_of(invoice_id):
                beside = sum(held for other, held in self._held(group).items() if other != key)
                applied = sum(shares.get(member, 0) for member in group)
                if beside + applied > sum(self._meant(group).values()):
                    return min(self._find_excess(group), default="")
        return None

    def excess(self) -> dict[str, tuple[int, str]]:
        """Return the cents that payments apply beyond billing's applications, and the first such payment, keyed by
        invoice."""
        found: dict[str, tuple[int, str]] = {}
        for invoice_id in sorted(self._standing):
            beyond = self._find_excess(self._groups_of(invoice_id)[-1])
            here = {
                payment_id: min(cents, beyond[payment_id])
                for payment_id, cents in _by_payment(self._standing[invoice_id]).items()
                if payment_id in beyond
            }
            if here:
                found[invoice_id] = (sum(here.values()), min(here))
        return found

    def take(self, key: PartKey, shares: Mapping[str, int]) -> None:
        """Record the cents that a part will apply. Cents that it releases elsewhere are available only after QuickBooks
        has confirmed that."""
        for invoice_id, cents in shares.items():
            self._standing[invoice_id][key] = max(cents, self._standing[invoice_id].get(key, 0))

    def free(self, key: PartKey) -> None:
        """Remove a part that leaves all its invoices before anything else is sent."""
        for held in self._standing.values():
            held.pop(key, None)

    def _groups_of(self, invoice_id: str) -> tuple[frozenset[str], ...]:
        """Return the groups that an invoice is judged with, the widest last; the invoice alone where it has no
        links."""
        return self._groups.get(invoice_id, (frozenset((invoice_id,)),))

    def _held(self, group: Iterable[str]) -> dict[PartKey, int]:
        held: dict[PartKey, int] = defaultdict(int)
        for invoice_id in group:
            for key, cents in self._standing.get(invoice_id, {}).items():
                held[key] += cents
        return held

    def _meant(self, group: Iterable[str]) -> dict[str, int]:
        meant: dict[str, int] = defaultdict(int)
        for invoice_id in group:
            for payment_id, cents in self._billed.get(invoice_id, {}).items():
                meant[payment_id] += cents
        return meant

    def _find_excess(self, group: frozenset[str]) -> dict[str, int]:
        """Return the cents that a payment applies to a group of invoices beyond billing's applications of it, keyed by
        payment."""
        meant = self._meant(group)
        held = _by_payment(self._held(group))
        return {
            payment_id: cents - meant.get(payment_id, 0)
            for payment_id, cents in held.items()
            if cents > meant.get(payment_id, 0)
        }


def _by_payment(held: Mapping[PartKey, int]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for (payment_id, _), cents in held.items():
        found[payment_id] += cents
    return found


def _find_groups(older: Mapping[str, Sequence[str]]) -> dict[str, tuple[frozenset[str], ...]]:
    """Return two groups for each invoice with such links: the invoice with the newer invoices that carry it, and all
    invoices that are connected."""
    newer: dict[str, set[str]] = defaultdict(set)
    linked: dict[str, set[str]] = defaultdict(set)
    for invoice_id, carried in older.items():
        for old in carried:
            newer[old].add(invoice_id)
            linked[old].add(invoice_id)
            linked[invoice_id].add(old)
    groups: dict[str, tuple[frozenset[str], ...]] = {}
    for invoice_id in linked:
        together = {invoice_id}
        todo = [invoice_id]
        while todo:
            further = linked[todo.pop()] - together
            together |= further
            todo += further
        groups[invoice_id] = (frozenset({invoice_id, *newer[invoice_id]}), frozenset(together))
    return groups
