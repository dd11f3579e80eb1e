"""The transactions that pay an invoice in QuickBooks beside our own payments.

One query reads the payments that it is linked to.

Belongs here: that query. Does not belong here: the words (``core.documents.settlements``).
"""

from collections.abc import Collection, Mapping

from qb_pipeline.core.documents.settlements import describe_settlements, linked_payments
from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.money import to_dollars
from qb_pipeline.ledger.books.applications import AppliedShare
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.outcomes import read_cents
from qb_pipeline.sync.session.firm_session import FirmSession


def describe_open(session: FirmSession, invoices: Mapping[str, Entity], names: Mapping[str, str]) -> str:
    """Describe the open balances of invoices and the payments of others on them.

    ``invoices`` are as QuickBooks holds them and ``names`` are those of billing, both keyed by Id. Costs one query more
    if others pay one of them.

    Raises:
        QuickBooksError: the query for the payments was not answered.
    """
    shares = session.applications.applied_to(list(invoices))
    ours: dict[str, int] = {}
    for share in shares:
        ours[share.quickbooks_invoice_id] = ours.get(share.quickbooks_invoice_id, 0) + share.amount_cents
    paid = {key: read_cents(row, "TotalAmt") - read_cents(row, "Balance") for key, row in invoices.items()}
    others = {key: (row, paid[key] - ours.get(key, 0)) for key, row in invoices.items()}
    told = name_settlements(session, others, shares)
    said = []
    for key, row in invoices.items():
        words = f", {told[key]}" if told[key] else ""
        said.append(f"{names[key]}: {to_dollars(read_cents(row, 'Balance')):,.2f} open{words}")
    return "; ".join(said)


def name_settlements(
    session: FirmSession, invoices: Mapping[str, tuple[Entity, int]], ours: Collection[AppliedShare]
) -> dict[str, str]:
    """Describe the payments of others on invoices, keyed by the invoice's Id.

    Args:
        session: the firm's session.
        invoices: each invoice as QuickBooks holds it and the cents that others pay of it, keyed by Id.
        ours: the shares that our own payments pay of them, as we know them; these are not named.

    Raises:
        QuickBooksError: the query for the payments was not answered.
    """
    known = {share.quickbooks_id for share in ours}
    linked = {key: linked_payments(invoice, known) for key, (invoice, _) in invoices.items()}
    wanted = sorted({each for ids in linked.values() for each in ids})
    just_sent = {(share.payment_id, share.part) for share in ours if not share.quickbooks_id}
    found = {
        row["Id"]: row
        for row in (session.quickbooks.find("Payment", "Id", wanted) if wanted else ())
        if (mark := read_marker(row)) is None or (mark.source_id, mark.part) not in just_sent
    }
    return {
        key: describe_settlements(
            invoice, [found[each] for each in linked[key] if each in found], others_cents=others_cents
        )
        for key, (invoice, others_cents) in invoices.items()
    }
