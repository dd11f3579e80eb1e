"""How much payments of ours may apply to an invoice in QuickBooks: never more than billing applies to it.

What we applied once and could not take off again counts too, whatever keeps it there. Without this rule a payment that
replaces another would be applied beside it, and the invoice would look paid twice.

Belongs here: the rule. Does not belong here: what an invoice has open (``core.documents.payments``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

PartKey = tuple[str, str]
"""payment_id and part."""


class Headroom:
    """The invoices of one plan: what our payments apply to each in QuickBooks, and what billing applies. In cents.

    An application in billing may pay older invoices, which its own carries forward. So an invoice is judged together
    with the newer ones that carry it, and with all that hang together by such links.
    """

    def __init__(
        self,
        standing: Mapping[tuple[str, str, str], int],
        billed: Mapping[tuple[str, str], int],
        older: Mapping[str, Sequence[str]],
    ) -> None:
        """Take what stands.

        Args:
            standing: (payment_id, part, invoice_id) to the cents that QuickBooks holds, or may hold.
            billed: (payment_id, invoice_id) to the cents that billing applies.
            older: invoice to all invoices that it carries forward, directly or not.
        """
        self._standing: dict[str, dict[PartKey, int]] = defaultdict(dict)
        for (payment_id, part, invoice_id), cents in standing.items():
            self._standing[invoice_id][payment_id, part] = cents
        self._billed: dict[str, dict[str, int]] = defaultdict(dict)
        for (payment_id, invoice_id), cents in billed.items():
            self._billed[invoice_id][payment_id] = cents
        self._groups = _find_groups(older)

    def find_blocker(self, key: PartKey, shares: Mapping[str, int]) -> str | None:
        """The payment that still fills what a part would take by these shares (invoice to cents); None: there is
        headroom, or the part takes no more than it has there already."""
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
        """Invoice to the cents that payments apply to it beyond what billing applies, and the first such payment."""
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
        """Count what a part will apply. What it gives back elsewhere is free only when QuickBooks has said so."""
        for invoice_id, cents in shares.items():
            self._standing[invoice_id][key] = max(cents, self._standing[invoice_id].get(key, 0))

    def free(self, key: PartKey) -> None:
        """Forget a part that leaves all its invoices before anything else is sent."""
        for held in self._standing.values():
            held.pop(key, None)

    def _groups_of(self, invoice_id: str) -> tuple[frozenset[str], ...]:
        """The invoices that one is judged with, the widest group last; it alone where nothing carries it forward."""
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
        """Payment to the cents that it applies to a group of invoices beyond what billing applies of it there."""
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
    """For each invoice with such links: it and the newer ones that carry it; then all that hang together."""
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
