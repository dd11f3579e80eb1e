"""What a plan decided, stored in the ledger; nothing is sent.

Belongs here: storing. Does not belong here: deciding (``invoices``, ``payments``).
"""

from collections.abc import Collection, Mapping

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import Decision, work_items
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.session.firm_session import FirmSession


def store(session: FirmSession, plan: Plan, *, is_logged: bool, undecided: Collection[int] = ()) -> None:
    """Move held, waiting and closed documents to their state, and hold or close what vanished from billing; never voids
    anything.

    ``is_logged``: the log says what was done with documents; a dry run leaves no row there of what it decided.
    ``undecided``: documents about which a later stage decides for good; they stay where they are.
    """
    if plan.gone:
        session.documents.gone(plan.gone, run=session.run, now=session.clock())
    if plan.lost_invoices:
        hold_invoices(session, plan.lost_invoices)
    decided = [decision for decision in plan.decisions if decision.document_id not in undecided]
    session.documents.record_decisions(decided, run=session.run, now=session.clock(), is_logged=is_logged)
    session.documents.note_decisions(
        [decision for decision in plan.decisions if decision.document_id in undecided], run=session.run
    )


def hold_invoices(session: FirmSession, lost: Mapping[str, Problem]) -> None:
    """Hold invoices, by billing's id, that a person took out of the books; a payment on them finds it out."""
    known = session.documents.read(
        list(session.documents.ensure(Kind.INVOICE, list(lost), now=session.clock()).values())
    )
    decisions = [
        Decision(row.document_id, Operation.HOLD, lost[row.source_id], row.amount_cents, source_hash=row.source_hash)
        for row in work_items(known)
    ]
    session.documents.record_decisions(decisions, run=session.run, now=session.clock())
