"""What a plan decided, stored in the ledger; nothing is sent.

Belongs here: storing. Does not belong here: deciding (``invoices``, ``payments``).
"""

from collections.abc import Mapping

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import Decision, work_items
from qb_pipeline.sync.plan.plan import Plan, PlanSummary
from qb_pipeline.sync.session.firm_session import FirmSession


def store(session: FirmSession, kind: Kind, plan: Plan, summary: PlanSummary, *, dry: bool) -> None:
    """Move held, waiting and closed documents to their state, and hold or close what vanished from billing; never voids
    anything.

    The log says what was done with documents: a dry run leaves no row there of what it decided.
    """
    if plan.gone:
        session.documents.gone(plan.gone, run=session.run, now=session.clock())
    if plan.lost_invoices:
        hold_invoices(session, plan.lost_invoices)
    session.documents.record_decisions(plan.decisions, run=session.run, now=session.clock(), is_logged=not dry)
    summary.add(kind, plan.decisions)


def hold_invoices(session: FirmSession, lost: Mapping[str, Problem]) -> None:
    """A person took these invoices, by billing's id, out of the books; that is found out when they are to be paid."""
    known = session.documents.read(
        list(session.documents.ensure(Kind.INVOICE, list(lost), now=session.clock()).values())
    )
    decisions = [
        Decision(row.document_id, Operation.HOLD, lost[row.source_id], row.amount_cents, source_hash=row.source_hash)
        for row in work_items(known)
    ]
    session.documents.record_decisions(decisions, run=session.run, now=session.clock())
