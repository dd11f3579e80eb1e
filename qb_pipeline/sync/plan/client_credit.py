"""The second half of payments from credit (``client_money=credit``): the journal entries to be created or changed.

Belongs here: reading both halves in QuickBooks, and building the entries. Does not belong here: finding the pairs that
differ (``ledger.books.client_credit``), the step that a pair needs (``core.planning.client_credit``), sending
(``sync.send``).
"""

from collections.abc import Collection, Iterable, Sequence

from qb_pipeline.core.documents.journal_entries import credit_content, read_accounts, read_entry_customer
from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.planning.client_credit import Pair, is_for_a_person
from qb_pipeline.core.planning.plan import compare, restore_marker, update_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import Decision, WorkItem, work_items
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.plan.citations import find_cited
from qb_pipeline.sync.plan.obstacles import hold_standing
from qb_pipeline.sync.plan.plan import Plan, make_ready, marker_of
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.documents import Remote, read_remote
from qb_pipeline.sync.remote.outcomes import is_voided, read_cents
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

_NOT_THERE = Remote(None, None)


def find_clearing(session: FirmSession, work: Collection[WorkItem]) -> dict[tuple[str, str], str]:
    """Return the account into which new payments from credit are received, keyed by (payment_id, part), for those that
    have or will get a second half. Costs no request."""
    settings = session.firm.settings
    unsent = [row for row in work if row.payment_kind == "credit_application" and not row.quickbooks_id]
    if not unsent or not settings.client_clearing_account:
        return {}
    decided = session.client_credit.decided([row.document_id for row in unsent])
    is_on = settings.client_money == "credit"
    return {
        (row.source_id, row.part): settings.client_clearing_account
        for row in unsent
        if (is_on and row.generation == 1) or row.document_id in decided
    }


def note_pairs(session: FirmSession, ready: Iterable[Ready]) -> None:
    """Record, before the payments leave, that they get a second half. If a run is killed between the two halves, the
    next run completes the pair."""
    created = [item.document_id for item in ready if (item.kind, item.operation) == (Kind.PAYMENT, Operation.CREATE)]
    if created and session.firm.settings.client_money == "credit":
        session.client_credit.pair(created, now=session.clock())


def plan_entries(session: FirmSession, pairs: Sequence[Pair], known: Learned) -> tuple[list[Ready], Learned]:
    """Return the journal entries to be created or changed so that both halves of these pairs agree.

    An entry that QuickBooks holds as planned already is recorded. An entry that a person changed or deleted is held. An
    entry that was refused, and would be refused again, is not sent.

    Returns:
        The entries that are ready to leave, and the facts learned.

    Raises:
        QuickBooksError: a payment or an entry could not be read; nothing was concluded about it.
    """
    due = [pair for pair in pairs if not is_for_a_person(pair)]
    if not due:
        return [], NOTHING
    rows = {row.document_id: row for row in work_items(session.documents.read([pair.entry for pair in due]))}
    payments = _read_payments(session, due)
    changing = [row for row in rows.values() if row.quickbooks_id]
    remote, learned = read_remote(session, Kind.CREDIT, changing, known) if changing else ({}, NOTHING)
    cited = find_cited(session, {pair.source_id: pair.reference for pair in due})
    plan = Plan(learned=known | learned)
    same: list[tuple[int, int, str]] = []
    for pair in due:
        row, theirs = rows[pair.entry], remote.get(pair.entry, _NOT_THERE)
        if row.quickbooks_id and theirs.entity is None:
            _hold(session, row, Problem.REMOTE_DELETED)
            continue
        payment = payments.get(pair.payment_quickbooks_id)
        content = _content(session, pair, row, payment, theirs.entity, cited)
        if content is None:
            continue
        if theirs.entity is not None and _is_same(content, theirs.entity):
            same.append((pair.entry, pair.cents, read_entry_customer(theirs.entity)))
        else:
            _make_ready(session, plan, row, content, theirs)
    session.client_credit.note_same(same, now=session.clock())
    hold_standing(session, plan)
    return plan.ready, learned


def foresee_entries(session: FirmSession) -> Learned:
    """Return the notices of a dry run about the second halves that a sync would post."""
    notices = []
    if session.firm.settings.client_money == "credit":
        planned = session.client_credit.planned(session.run.run_id)
        if planned.payments:
            notices.append(
                f"{planned.payments} payments from credit would be received into the clearing account, each with a "
                f"journal entry that takes it out of the client's credit: {planned.amount:,.2f} in all"
            )
    differing = session.client_credit.differing()
    if differing:
        total = to_dollars(sum(pair.cents for pair in differing))
        notices.append(f"the journal entries of {len(differing)} payments from credit would be completed: {total:,.2f}")
    return Learned(notices=tuple(notices))


def _make_ready(session: FirmSession, plan: Plan, row: WorkItem, content: Content, theirs: Remote) -> None:
    """Make an entry ready to leave, or hold it where a person changed what would be written over."""
    entity = theirs.entity
    if entity is None:
        plan.ready.append(make_ready(session, row, Operation.CREATE, content, content.body))
    elif theirs.problem not in (None, Problem.REMOTE_VOIDED):  # an entry is never void, whatever its note says
        _hold(session, row, Problem.DRIFT)
    else:
        body = update_body(content.body, quickbooks_id=entity["Id"], sync_token=str(entity["SyncToken"]))
        body |= restore_marker(content.body, entity)
        plan.ready.append(make_ready(session, row, Operation.UPDATE, content, body))


def _read_payments(session: FirmSession, pairs: Iterable[Pair]) -> dict[str, Entity]:
    """Return the payments as QuickBooks holds them, keyed by Id. A payment that a query does not show yet is read by
    its Id."""
    wanted = [pair.payment_quickbooks_id for pair in pairs if pair.cents]
    found = {row["Id"]: row for row in session.quickbooks.find("Payment", "Id", wanted)} if wanted else {}
    for quickbooks_id in wanted:
        if quickbooks_id not in found and (entity := read_current(session, Kind.PAYMENT, quickbooks_id)) is not None:
            found[quickbooks_id] = entity
    return found


def _content(
    session: FirmSession,
    pair: Pair,
    row: WorkItem,
    payment: Entity | None,
    entry: Entity | None,
    cited: Collection[str],
) -> Content | None:
    """Return the planned entry, with the account into which the payment really went. Return None if the payment is not
    as the ledger has it, or if an account or the customer is not known."""
    liability_id, account_id = read_accounts(entry) if entry else (session.firm.settings.client_credit_account, "")
    customer_id = pair.customer_id or (read_entry_customer(entry) if entry else "")
    if pair.cents:
        if payment is None or is_voided(payment) or read_cents(payment, "TotalAmt") != pair.cents:
            return None
        account_id = str((payment.get("DepositToAccountRef") or {}).get("value") or "")
    if not (liability_id and account_id and customer_id):
        return None
    return credit_content(
        customer_id=customer_id,
        liability_id=liability_id,
        account_id=account_id,
        day=pair.day,
        cents=pair.cents,
        currency=session.rules.currency if session.rules.multicurrency else "",
        reference=pair.reference,
        marker=marker_of(session, row),
        cited=cited,
    )


def _is_same(content: Content, entry: Entity) -> bool:
    return not [field for field in compare(content.body, entry) if field.owner == "billing"]


def _hold(session: FirmSession, row: WorkItem, problem: Problem) -> None:
    decision = Decision(row.document_id, Operation.HOLD, problem, row.amount_cents)
    session.documents.record_decisions([decision], run=session.run, now=session.clock())
