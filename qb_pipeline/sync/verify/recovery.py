"""The linking of all our documents that QuickBooks holds, before anything is sent again: after a restore or a move.

Belongs here: the order of its steps. Does not belong here: the check whether it is needed (``binding``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.setup.bindings import Applied, BindingError, Marked
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.remote.outcomes import ENTITY, read_applied
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.verify.adoption import propose
from qb_pipeline.sync.verify.binding import company_fingerprint, foreign, sort_marked

BEGINNING = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result of a recovery: the number of documents found in QuickBooks under our marker, and the number of those
    linked, keyed by their present state."""

    found: int
    linked: dict[str, int]
    reads: int


def reconcile_first(session: FirmSession, *, former: Collection[str] = ()) -> Recovered:
    """Read all our documents in the company, link those that the ledger does not know, and bind the firm anew.

    The new binding is with the present company and databases. ``former`` names installations that are gone for good.
    The documents that they sent are ours from now on. Sends nothing.

    Raises:
        BindingError: documents of another installation are there; or QuickBooks holds one document twice, marked by two
            installations; or billing has none of the documents that were sent; or documents without our marker match
            documents of billing, because their adoption was forgotten.
        BusyError: a run sends to this company now.
        QuickBooksError, BillingError: not everything could be read; nothing was changed.
    """
    with session.hold_lease():
        _require_same_billing(session)
        company = company_fingerprint(session.quickbooks.read_company_info())
        marked, others = sort_marked(session, former=former)
        if others:
            raise BindingError(f"{session.firm.firm_id}: {foreign(others)}")
        marked = _one_each(session, marked)
        applications = _applications(session, [m.quickbooks_id for m in marked if m.kind == Kind.PAYMENT])
        scan(session, Selection(first=BEGINNING))
        session.bindings.declare_former(former, now=session.clock())
        linked = session.bindings.link(marked, applications, run=session.run, now=session.clock())
        _require_adopted(session)
        said = session.witness.read()
        sequence = session.bindings.take_over(
            session.quickbooks.realm_id,
            sequence=said.sequence if said else 0,
            witness_id=session.witness.witness_id,
            now=session.clock(),
        )
        session.witness.note(sequence)
        session.bindings.bind(company=company, billing=session.billing.fingerprint(), now=session.clock())
    return Recovered(len(marked), linked, session.quickbooks.requests.reads)


def _one_each(session: FirmSession, marked: Sequence[Marked]) -> list[Marked]:
    """Return one of each document. If several installations have marked it, the one that is not void is returned.

    Raises:
        BindingError: several are not void.
    """
    by_document: dict[tuple[str, str, str], list[Marked]] = {}
    for each in marked:
        by_document.setdefault((each.kind, each.source_id, each.part), []).append(each)
    chosen, twice = [], []
    for found in by_document.values():
        living = [each for each in found if not each.is_void]
        if len(living) > 1:
            twice.append(f"{ENTITY[living[0].kind]} Ids {' and '.join(each.quickbooks_id for each in living)}")
        chosen.append((living or sorted(found, key=lambda each: each.generation, reverse=True))[0])
    if twice:
        firm_id, shown = session.firm.firm_id, "; ".join(twice[:5])
        raise BindingError(
            f"{firm_id}: {len(twice)} documents are in QuickBooks twice, marked by different installations ({shown}); "
            "nothing was linked. Compare them in QuickBooks, delete the copy or remove the mark from its note, then "
            f"repeat: qb-pipeline db reconcile-first {firm_id}"
        )
    return chosen


def _applications(session: FirmSession, payment_ids: Collection[str]) -> list[Applied]:
    """Return the amounts in cents that these payments pay of invoices. All ids are QuickBooks' Ids."""
    return [
        Applied(row["Id"], invoice_id, cents)
        for row in session.quickbooks.find("Payment", "Id", payment_ids)
        for invoice_id, cents in read_applied(row).items()
        if cents > 0
    ]


def _require_adopted(session: FirmSession) -> None:
    """Refuse if QuickBooks holds unsent documents of billing without our marker. A complete adoption leaves none."""
    count = sum(proposal.verdict == "match" for proposal in propose(session))
    if count:
        firm_id = session.firm.firm_id
        raise BindingError(
            f"{firm_id}: {count} unsent documents of billing are in QuickBooks without our marker, as an earlier "
            "integration put them there; a sync would send them again. Next step: "
            f"qb-pipeline adopt {firm_id} --approve, then repeat: qb-pipeline db reconcile-first {firm_id}"
        )


def _require_same_billing(session: FirmSession) -> None:
    """Refuse a billing database that has none of the invoices that were sent. It is another firm's."""
    sent = session.bindings.sent_invoices()
    if sent and not session.billing.present_ids(Kind.INVOICE, sent):
        raise BindingError(
            f"{session.firm.firm_id}: this billing database has none of the last {len(sent)} invoices that were sent "
            "for the firm. Correct QB_PIPELINE_BILLING_URL"
        )
