"""Link everything of ours that QuickBooks holds, before anything is sent again: after a restore or a move.

Belongs here: the order of that. Does not belong here: when it is needed (``binding``).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from qb_pipeline.ledger.bindings import Applied, BindingError
from qb_pipeline.sync.adopt import propose
from qb_pipeline.sync.binding import company_fingerprint, foreign, sort_marked
from qb_pipeline.sync.outcomes import read_cents
from qb_pipeline.sync.scan import Selection, scan
from qb_pipeline.sync.workplace import Workplace

BEGINNING = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found in QuickBooks under our marker, and what of it was linked, by the state that it has now."""

    found: int
    linked: dict[str, int]
    reads: int


def reconcile_first(place: Workplace, *, former: Collection[str] = ()) -> Recovered:
    """Read everything of ours in the company, link what the ledger does not know, and bind the firm to what is here.

    ``former`` names installations that are gone for good: what they sent is ours from now on. Sends nothing.

    Raises:
        BindingError: another installation's documents are there, billing has none of those that were sent, or documents
            without our marker are what billing has: their adoption was forgotten.
        BusyError: a run sends to this company now.
        QuickBooksError, BillingError: not everything could be read; nothing was changed.
    """
    with place.hold_lease():
        _require_same_billing(place)
        company = company_fingerprint(place.quickbooks.read_company_info())
        marked, others = sort_marked(place, former=former)
        if others:
            raise BindingError(f"{place.firm.firm_id}: {foreign(others)}")
        applications = _applications(place, [m.quickbooks_id for m in marked if m.kind == "payment"])
        scan(place, Selection(first=BEGINNING))
        place.bindings.declare_former(former, now=place.clock())
        linked = place.bindings.link(marked, applications, run=place.run, now=place.clock())
        _require_adopted(place)
        said = place.witness.read()
        sequence = place.bindings.take_over(
            place.quickbooks.realm_id,
            sequence=said.sequence if said else 0,
            witness_id=place.witness.witness_id,
            now=place.clock(),
        )
        place.witness.note(sequence)
        place.bindings.bind(company=company, billing=place.billing.fingerprint(), now=place.clock())
    return Recovered(len(marked), linked, place.quickbooks.requests.reads)


def _applications(place: Workplace, payment_ids: Collection[str]) -> list[Applied]:
    """What these payments pay of invoices, by QuickBooks' Ids."""
    return [
        Applied(row["Id"], linked["TxnId"], read_cents(line, "Amount"))
        for row in place.quickbooks.find("Payment", "Id", payment_ids)
        for line in row.get("Line") or ()
        for linked in line.get("LinkedTxn") or ()
        if linked.get("TxnType") == "Invoice" and read_cents(line, "Amount") > 0
    ]


def _require_adopted(place: Workplace) -> None:
    """Refuse while QuickBooks holds unsent documents of billing without our marker: an adoption leaves none."""
    count = sum(proposal.verdict == "match" for proposal in propose(place))
    if count:
        firm_id = place.firm.firm_id
        raise BindingError(
            f"{firm_id}: {count} unsent documents of billing stand in QuickBooks without our marker, as an earlier "
            "integration put them there; a sync would send them again. Next step: "
            f"qb-pipeline adopt {firm_id} --approve, then repeat: qb-pipeline db reconcile-first {firm_id}"
        )


def _require_same_billing(place: Workplace) -> None:
    """Refuse another firm's billing database: it has none of the invoices that were sent."""
    sent = place.bindings.sent_invoices()
    if sent and not place.billing.present_ids("invoice", sent):
        raise BindingError(
            f"{place.firm.firm_id}: this billing database has none of the last {len(sent)} invoices that were sent for "
            "the firm. Correct QB_PIPELINE_BILLING_URL"
        )
