"""The rule for moving invoices to another customer with the payments on them: all linked invoices move, or all stay.

QuickBooks lets a payment pay the invoices of its own customer alone. So a payment of two invoices moves both or
neither. A reason that keeps one payment in its place keeps everything that is linked with it.

Belongs here: that rule. Does not belong here: the reasons that keep a payment in its place (``sync.plan.payer_changes``
reads them).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping


def find_held(pays: Mapping[str, Collection[str]], in_the_way: Mapping[str, str]) -> dict[str, str]:
    """Return the invoices that cannot move to another customer, with the reasons.

    An invoice and the payments that pay it can only move together. So a reason that concerns one of them keeps every
    invoice that is connected with it through payments.

    Args:
        pays: the invoices that a payment pays, keyed by payment.
        in_the_way: the reasons, keyed by the payments and invoices that must stay under their customer.

    Returns:
        One text of all reasons for each such invoice, keyed by invoice. The reasons stand in the order of the keys of
        ``in_the_way``.
    """
    linked: dict[str, set[str]] = defaultdict(set)
    for payment, invoices in pays.items():
        for invoice in invoices:
            linked[payment].add(invoice)
            linked[invoice].add(payment)
    found: dict[str, str] = {}
    for together in _find_groups(linked, [*pays, *in_the_way]):
        words = [in_the_way[each] for each in sorted(together) if each in in_the_way]
        if words:
            found |= dict.fromkeys(together - pays.keys(), "; ".join(words))
    return found


def _find_groups(linked: Mapping[str, Collection[str]], names: Iterable[str]) -> list[set[str]]:
    """Return the groups of names that are linked, directly or not."""
    groups: list[set[str]] = []
    seen: set[str] = set()
    for name in names:
        if name in seen:
            continue
        together, todo = {name}, [name]
        while todo:
            further = set(linked.get(todo.pop(), ())) - together
            together |= further
            todo += further
        seen |= together
        groups.append(together)
    return groups
