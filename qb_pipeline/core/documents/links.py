"""The invoices that a payment of ours pays (LinkedTxn), as we sent them and as QuickBooks holds them.

Belongs here: comparing both. Does not belong here: reading either (``sync.verify.links``).
"""

from collections.abc import Mapping

from qb_pipeline.core.money import to_dollars


def find_moved(sent: Mapping[str, int], held: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return the invoices on which both sides differ, keyed by Id: the cents as sent, and the cents as QuickBooks holds
    them."""
    return {
        invoice_id: (sent.get(invoice_id, 0), held.get(invoice_id, 0))
        for invoice_id in sorted({**sent, **held}, key=lambda each: (len(each), each))
        if sent.get(invoice_id, 0) != held.get(invoice_id, 0)
    }


def describe_moved(moved: Mapping[str, tuple[int, int]], numbers: Mapping[str, str]) -> str:
    """Describe each invoice, by its number where it is ours, with the amounts on both sides in dollars."""
    said = [
        f"{numbers.get(invoice_id) or 'invoice'} (Id {invoice_id}): {to_dollars(sent)} was sent, "
        f"QuickBooks has {to_dollars(held)}"
        for invoice_id, (sent, held) in moved.items()
    ]
    return "; ".join(said)
