"""The sending of second halves of payments from credit, so that the halves of each pair agree.

They agree in the end whatever happened between the two requests. Belongs here: sending, and describing the pairs that
are left with one half. Does not belong here: the entries (``sync.plan.client_credit``).
"""

from collections.abc import Sequence

from qb_pipeline.core.planning.client_credit import Pair
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import Decision, work_items
from qb_pipeline.sync.plan.client_credit import plan_entries
from qb_pipeline.sync.send.push import send_batches
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import Learned
from qb_pipeline.sync.session.sender import Sender

ENTRY_OPEN = (State.NEW, State.REVISED, State.SYNCED)
PAYMENT_DONE = (State.SYNCED, State.VOIDED)


def complete_pairs(session: FirmSession, sender: Sender, known: Learned) -> Learned:
    """Create and change entries until both halves of each pair agree. Return everything learned so far.

    All pairs of the firm are completed, whichever documents the run is for: their payments have been decided about
    already. Without such payments this costs no request.

    Raises:
        QuickBooksError, LeaseLostError, StoppedError: nothing more can be sent now; the next run completes the rest.
    """
    pairs = session.client_credit.differing()
    if pairs:
        ready, learned = plan_entries(session, pairs, known)
        known = send_batches(session, sender, ready, known | learned)
        pairs = session.client_credit.differing()
    session.client_credit.release(pairs, run=session.run, now=session.clock())
    return known


def hold_halves(session: FirmSession) -> list[str]:
    """Hold the payments and the entries of which QuickBooks holds only one half. Return a description of each pair.

    If there are any, the caller must not end green.
    """
    pairs = session.client_credit.differing()
    if not pairs:
        return []
    decisions = [
        Decision(document_id, Operation.HOLD, Problem.CREDIT_HALF, pair.cents)
        for pair in pairs
        for document_id, state, open_states in (
            (pair.payment, pair.payment_state, PAYMENT_DONE),
            (pair.entry, pair.entry_state, ENTRY_OPEN),
        )
        if state in open_states
    ]
    session.documents.record_decisions(decisions, run=session.run, now=session.clock())
    return _describe(session, pairs)


def _describe(session: FirmSession, pairs: Sequence[Pair]) -> list[str]:
    rows = {row.document_id: row for row in work_items(session.documents.read([pair.entry for pair in pairs]))}
    told = []
    for pair in pairs:
        row = rows[pair.entry]
        where = f"journal entry {row.quickbooks_id}" if row.quickbooks_id else "its journal entry"
        why = f" ({row.reason})" if row.reason != Problem.CREDIT_HALF else ""
        told.append(f"{DocumentName(Kind.PAYMENT, pair.source_id, pair.part)}: {where} is {row.state}{why}")
    return told
