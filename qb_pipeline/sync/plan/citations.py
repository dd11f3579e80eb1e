"""The invoice numbers that the references of payments cite.

A number of a firm's own series may look like an identity number.

Belongs here: asking billing for them. Does not belong here: the recognition of identity numbers (``core.redaction``).
"""

from collections.abc import Collection, Mapping

from qb_pipeline.core.redaction import find_citations
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import fold_line_breaks, tidy_lines
from qb_pipeline.sync.session.firm_session import FirmSession


def find_cited(
    session: FirmSession, references: Mapping[str, str], paid: Mapping[str, Collection[str]] | None = None
) -> frozenset[str]:
    """Return the invoice numbers of billing that these references may cite, and those of the invoices that they pay.

    Costs nothing while no reference contains a word that looks like an identity number.

    Args:
        session: the firm's session.
        references: references of payments, keyed by payment id.
        paid: the ids of the invoices that each payment pays, keyed by payment id.
    """
    # as the reference is sent
    texts = {payment_id: fold_line_breaks(tidy_lines(reference)[0]) for payment_id, reference in references.items()}
    found = {payment_id: find_citations(reference) for payment_id, reference in texts.items()}
    suspected = {payment_id for payment_id, words in found.items() if words}
    if not suspected:
        return frozenset()
    words = set().union(*(found[payment_id] for payment_id in suspected))
    invoice_ids = {invoice_id for payment_id in suspected for invoice_id in (paid or {}).get(payment_id, ())}
    named = session.billing.named(Kind.INVOICE, words | invoice_ids)
    return frozenset(each.number.strip() for each in named if each.number in words or each.source_id in invoice_ids)
