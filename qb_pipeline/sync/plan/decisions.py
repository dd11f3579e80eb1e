"""The storage of a plan's decisions in the ledger. Nothing is sent.

Belongs here: storing. Does not belong here: deciding (``invoices``, ``payments``).
"""

from collections.abc import Collection, Mapping

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books import invoice_lines
from qb_pipeline.ledger.books.documents import Decision, work_items
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.session.firm_session import FirmSession


def store(session: FirmSession, plan: Plan, *, is_logged: bool, undecided: Collection[int] = ()) -> None:
    """Set held, waiting and closed documents to their state. Hold or close documents that vanished from billing.

    No document is voided. ``is_logged``: whether the decisions are written into the log. Those of a dry run are not.
    ``undecided``: documents about which a later stage of the run makes the final decision; they keep their state.
    """
    take_along(session, plan)
    if plan.gone:
        session.documents.gone(plan.gone, run=session.run, now=session.clock())
    if plan.lost_invoices:
        hold_invoices(session, plan.lost_invoices)
    invoice_lines.store(session.engine, session.firm.firm_id, [plan.lines[key] for key in sorted(plan.lines)])
    decided = [decision for decision in plan.decisions if decision.document_id not in undecided]
    session.documents.record_decisions(decided, run=session.run, now=session.clock(), is_logged=is_logged)
    session.documents.note_decisions(
        [decision for decision in plan.decisions if decision.document_id in undecided], run=session.run
    )


def take_along(session: FirmSession, plan: Plan) -> None:
    """Set the payments that go to another customer with their invoices to ``revised``. Nothing else in the run would
    choose them."""
    payments = [document_id for along in plan.along.values() for document_id in along.payments]
    if payments:
        session.documents.take_along(payments, now=session.clock())


def hold_invoices(session: FirmSession, lost: Mapping[str, Problem]) -> None:
    """Hold invoices that a person took out of the books, as a payment on them has shown. ``lost``: the problem of each,
    keyed by billing's id."""
    known = session.documents.read(
        list(session.documents.ensure(Kind.INVOICE, list(lost), now=session.clock()).values())
    )
    decisions = [
        Decision(row.document_id, Operation.HOLD, lost[row.source_id], row.amount_cents, source_hash=row.source_hash)
        for row in work_items(known)
    ]
    session.documents.record_decisions(decisions, run=session.run, now=session.clock())
