"""The sending of journal entries of refunds and rejections, one by one. Their payments are then planned again.

Belongs here: sending and reporting. Does not belong here: the choice of the refunds (``journal_entries``).
"""

from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.ledger.books.applications import Refund
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.sync.plan.journal_entries import RefundPlan
from qb_pipeline.sync.plan.plan import make_ready
from qb_pipeline.sync.send.push import send_one
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import Learned
from qb_pipeline.sync.session.sender import Sender


def record_refunds(session: FirmSession, sender: Sender, plan: RefundPlan, known: Learned) -> Learned:
    """Send a plan's journal entries. Return the facts learned. Payments that must leave invoices are set to be planned
    again."""
    learned = plan.learned
    for refund, content in plan.entries:
        learned |= _record(session, sender, refund, content, known | learned)
    return learned | take_back(session)


def take_back(session: FirmSession) -> Learned:
    """Set payments whose money went back to be planned again, including those of an entry whose lost answer was found
    since. The returned facts tell whether there are any."""
    return Learned(try_again=bool(session.applications.plan_payments_again(now=session.clock())))


def _record(session: FirmSession, sender: Sender, refund: Refund, content: Content, known: Learned) -> Learned:
    document_id = session.documents.ensure(Kind.REFUND, [refund.source_id], now=session.clock())[refund.source_id]
    [document] = work_items(session.documents.read([document_id]))
    ready = make_ready(session, document, Operation.CREATE, content, content.body)
    outcome, learned = send_one(session, sender, ready, known)
    text = ""
    if outcome.outcome == "refused":
        text = (
            f"{refund.payment_kind} {refund.source_id} was refused by QuickBooks (fault {outcome.fault_code}): correct "
            "the cause, or enter it by hand and set record_refunds=off"
        )
    elif outcome.state == State.HELD:
        text = (
            f"{refund.payment_kind} {refund.source_id} is in QuickBooks, but not as it was sent ({outcome.reason}): "
            f"look at journal entry {outcome.quickbooks_id}"
        )
    return learned | Learned(notices=(text,) if text else ())
