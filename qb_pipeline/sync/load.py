"""The stages that send.

Each of them holds the lease, settles open requests, sends, repeats its work for documents with a lost answer or a
change, and counts. Belongs here: the order of these steps. Does not belong here: the choice of stages of a run
(``stages``), decisions (``make_plan``), and the way of a request (``send``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import UNSENT, Kind, State
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.ledger.log import Entry
from qb_pipeline.quickbooks.errors import OutcomeUnknownError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.failures import CreditHalfError, UnfinishedError
from qb_pipeline.sync.make_plan import (
    MORE_LOOKS,
    Applied,
    explain_not_worked_on,
    find_work,
    plan_applied_anew,
    plan_chunk,
)
from qb_pipeline.sync.mapping.references import NAME_EXISTS, find_customers, find_items, has_unmade
from qb_pipeline.sync.plan.approval import unmoved
from qb_pipeline.sync.plan.client_credit import note_pairs
from qb_pipeline.sync.plan.decisions import store, take_along
from qb_pipeline.sync.plan.journal_entries import plan_refunds
from qb_pipeline.sync.plan.keep import Kept, stands, take
from qb_pipeline.sync.plan.payer_changes import payments_of, releases_of
from qb_pipeline.sync.plan.plan import Needs, Plan
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.send.client_credit import complete_pairs, hold_halves
from qb_pipeline.sync.send.customers_and_items import send_references
from qb_pipeline.sync.send.push import send_batches
from qb_pipeline.sync.send.refunds import record_refunds, take_back
from qb_pipeline.sync.send.settle import settle
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender
from qb_pipeline.sync.verify import preflight
from qb_pipeline.sync.verify.binding import require_binding
from qb_pipeline.sync.verify.census import take_census

Passes = Sequence[tuple[bool, Kind]]
"""A sequence of (voids, kind): the voids of a kind, or its other documents (``make_plan.PASSES``)."""

NAMED = 5
"""The number of payments that an error names. The rest are counted."""


def load_documents(
    session: FirmSession,
    selection: Selection,
    passes: Passes,
    *,
    look_again_at: Passes,
    counted: Sequence[Kind],
    applied: Applied | None,
    records_refunds: bool,
    is_first: bool,
    is_last: bool,
    has_looked: bool,
    applies_again: bool = False,
) -> Learned:
    """Send documents, pass by pass.

    ``look_again_at``: the passes that are repeated for documents with a lost answer or a change, those of earlier
    stages included. ``counted``: the kinds that are counted in QuickBooks at the end. ``is_first``: no stage of this
    run has sent anything yet. ``is_last``: no later stage sends. ``has_looked``: an earlier stage has read the
    company's settings. ``applies_again``: no stage of this run sends payments, so that this stage applies the payments
    again that it took off.

    Raises:
        BusyError, LeaseLostError: another run writes to this company; or the firm was paused.
        StalePlanError: a plan that is applied has moved; nothing was sent.
        DuplicateError, CensusError: QuickBooks holds a document of ours twice, or one that the ledger does not know.
        OutcomeUnknownError: the answers to some requests were lost, and asking QuickBooks did not clear them up.
        UnfinishedError: documents of this stage were neither sent, held nor made to wait; or, after the last stage,
            QuickBooks holds only one half of a payment from credit.
        QuickBooksError: QuickBooks cannot be reached or does not let us in. The requests that had left are recorded or
            open.
    """
    with session.sending() as sender:
        known = _begin(session, sender, selection, applied, is_first=is_first, has_looked=has_looked)
        if (False, Kind.INVOICE) in passes:
            known = replace(known, not_created=_not_created(session))
        worked_on: dict[int, str] = {}
        takes_back = records_refunds and applied is None
        for voids, kind in passes:
            done, known = _work(session, sender, selection, voids, kind, known, applied=applied)
            worked_on |= done
        known = _apply_again(session, sender, known, applied, is_asked=applies_again)
        if applied is None:
            known |= _explain_rest(session, selection, [kind for voids, kind in passes if not voids])
            if takes_back and selection.includes(Kind.PAYMENT):
                known |= record_refunds(session, sender, plan_refunds(session, selection), known)
        known = complete_pairs(session, sender, known)
        # Lost answers are settled and moved documents planned anew by now: documents that waited for them can be sent.
        for _ in range(MORE_LOOKS):
            settled, known = _settle(session, sender, known, takes_back=takes_back)
            if not settled and not known.try_again:
                break
            known = replace(known, try_again=False)
            for voids, kind in look_again_at:
                done, known = _work(session, sender, selection, voids, kind, known, applied=applied, again=True)
                worked_on |= done
            known = _apply_again(session, sender, known, applied, is_asked=applies_again)
            known = complete_pairs(session, sender, known)
        known |= preflight.explain_targets(session, [kind for voids, kind in passes if not voids])
        known = _settle_last(session, sender, known)
        if counted:
            take_census(session, counted)
        _require_finished(session, {kind for _, kind in look_again_at}, worked_on)
        _require_whole(session, is_last=is_last)
    return known


def load_customers_and_items(
    session: FirmSession, selection: Selection, *, applied: Applied | None, is_first: bool, has_looked: bool
) -> Learned:
    """Create and rename the customers and items that the invoices of a selection need.

    Mappings that were found by name are stored. If a customer or item could not be created, the invoices that need it
    report the reason.

    Raises:
        As ``load_documents``.
    """
    with session.sending() as sender:
        known = _begin(session, sender, selection, applied, is_first=is_first, has_looked=has_looked)
        known |= _give_all(session, sender, selection, known, applied=applied)
        for _ in range(MORE_LOOKS):
            settled, known = settle(session, sender, known)
            if not settled and not known.try_again:
                break
            known = replace(known, try_again=False, not_created={}, would_create=frozenset(), foreseen={})
            known |= _give_all(session, sender, selection, known, applied=applied)
        _require_known(session, sender, known)
    return known


def _begin(
    session: FirmSession,
    sender: Sender,
    selection: Selection,
    applied: Applied | None,
    *,
    is_first: bool,
    has_looked: bool,
) -> Learned:
    """Check the company, settle open requests, and discard the run's stored plan if it is no longer valid.

    Return the facts learned. ``applied``: the documents of a plan that is applied.

    Raises:
        StalePlanError: the plan has moved.
    """
    require_binding(session, asks=is_first)
    if has_looked:
        known = NOTHING
        preflight.require_as_read(session)
    else:
        known = preflight.require(session)
    settled, known = settle(session, sender, known)
    if settled or not stands(session, sender.epoch):
        session.planned.forget(session.run)
    else:
        session.planned.move_epoch(session.run, sender.epoch)
    if is_first and applied is not None and applied.keys() - session.planned.unmoved(session.run, list(applied)).keys():
        plan_applied_anew(session, selection, known, applied)
    return known


def _not_created(session: FirmSession) -> Mapping[tuple[Kind, str], Problem]:
    """Return the customers and items that an earlier stage of this run could not create, each with its problem."""
    return {
        key: Problem.NAME_TAKEN if fault_code == NAME_EXISTS else Problem(reason)
        for key, (reason, fault_code) in session.documents.not_created(session.run.run_id).items()
    }


def _work(
    session: FirmSession,
    sender: Sender,
    selection: Selection,
    voids: bool,
    kind: Kind,
    known: Learned,
    *,
    applied: Applied | None,
    again: bool = False,
) -> tuple[dict[int, str], Learned]:
    """Send one pass. Return the source hash that each document had when it was worked on, keyed by document id, and
    everything learned so far."""
    worked_on: dict[int, str] = {}
    for work in find_work(session, selection, kind, voids=voids, applied=applied, again=again):
        worked_on |= dict(zip(work["document_id"], work["source_hash"], strict=True))
        known = _send_chunk(session, sender, kind, work, known, applied=applied, again=again)
    return worked_on, known


def _send_chunk(
    session: FirmSession,
    sender: Sender,
    kind: Kind,
    work: pd.DataFrame,
    known: Learned,
    *,
    applied: Applied | None,
    again: bool,
) -> Learned:
    """Send the documents whose stored decision is still valid. Plan the other documents anew and send them too, all in
    the order of the work list."""
    kept = Kept() if again else take(session, work)
    ready: Sequence[Ready] = kept.ready
    rest = work[~work["document_id"].isin(kept.decided)]
    stepped = _find_stepped(work)
    if len(rest):
        plan = plan_chunk(session, kind, rest, known, AT_ONCE)
        if plan.needs is not None:
            _give_references(session, sender, kind, plan, plan.needs)
        stepped |= _take_payments_off(session, sender, plan, applied)
        store(session, plan, is_logged=True)
        known = plan.learned
        order = {document_id: number for number, document_id in enumerate(work["document_id"])}
        known |= Learned(try_again=bool(plan.followed(ready)))
        ready = sorted([*ready, *plan.ready], key=lambda item: order[item.document_id]) if ready else plan.ready
    ready = ready if applied is None else unmoved(applied, ready, stepped=stepped)
    note_pairs(session, ready)
    notices = [Entry("notice", item.document_id, detail=text) for item in ready for text in item.notices]
    session.log.add(session.run, notices, now=session.clock())
    return send_batches(session, sender, ready, known)


def _find_stepped(work: pd.DataFrame) -> dict[int, str]:
    """Return the payments that are to be applied again after a change of payer: the SyncToken that our own last step
    gave each, keyed by document id."""
    ours = work[(work["state"] == State.REVISED) & (work["reason"] == Problem.PAYER_CHANGED)]
    return dict(zip(ours["document_id"], ours["sync_token"], strict=True))


def _take_payments_off(session: FirmSession, sender: Sender, plan: Plan, applied: Applied | None) -> dict[int, str]:
    """Take the payments off those invoices of a plan that go to another customer, then plan these invoices once more.

    An invoice that a payment still pays afterwards is left to a later pass of this run.

    Returns:
        The SyncTokens of the invoices that were planned once more, keyed by document id.
    """
    if not plan.along:
        return {}
    if applied is not None:
        named = {item.document_id for item in unmoved(applied, plan.ready)} & {
            document_id for document_id, along in plan.along.items() if applied.keys() >= set(along.payments)
        }
        plan.take_out(plan.along.keys() - named)
    take_along(session, plan)
    rows = {row.document_id: row for row in work_items(session.documents.read(payments_of(plan.along.values())))}
    releases = [
        replace(release, former_state=rows[release.document_id].state) for release in releases_of(plan.along.values())
    ]
    moving = [document_id for document_id, along in plan.along.items() if along.releases]
    if not moving:
        return {}
    known = send_batches(session, sender, releases, plan.learned)
    known |= Learned(stale=frozenset(moving))  # releasing the payments changed their versions: each is read by itself
    plan.take_out(moving)
    again = plan_chunk(session, Kind.INVOICE, session.documents.read(moving), known, AT_ONCE)
    still_paid = {document_id for document_id, along in again.along.items() if along.releases}
    again.take_out(still_paid)
    plan.add(again)
    plan.learned |= Learned(try_again=bool(still_paid))
    return {item.document_id: str(item.body["SyncToken"]) for item in again.ready}


def _apply_again(
    session: FirmSession, sender: Sender, known: Learned, applied: Applied | None, *, is_asked: bool
) -> Learned:
    """Send the payments that a change of payer has taken off, and no other; nothing where that is not asked for."""
    if not is_asked:
        return known
    for work in session.documents.choose(Kind.PAYMENT, first=None, last=None, chosen=()):
        known = _send_chunk(session, sender, Kind.PAYMENT, work, known, applied=applied, again=True)
    return known


def _give_references(session: FirmSession, sender: Sender, kind: Kind, plan: Plan, needs: Needs) -> None:
    """Create the customers and items that a plan's documents need. Plan the documents that lacked them anew, in the
    order of the work list."""
    known = plan.learned | send_references(session, sender, needs, plan.learned)
    order = {decision.document_id: number for number, decision in enumerate(plan.decisions)}
    unmade = [item.document_id for item in plan.ready if has_unmade(item.body)]
    plan.learned = known
    if unmade:
        plan.take_out(unmade)
        plan.add(plan_chunk(session, kind, session.documents.read(unmade), known, AT_ONCE))
        plan.ready = [item for item in plan.ready if not has_unmade(item.body)]
        plan.ready.sort(key=lambda item: order[item.document_id])
    # a later attempt may find a customer or item that could not be created now
    plan.learned = replace(plan.learned, would_create=frozenset(), foreseen={}, not_created={})


def _give_all(
    session: FirmSession, sender: Sender, selection: Selection, known: Learned, *, applied: Applied | None
) -> Learned:
    """Create the customers and items that this run's stored plan needs. Without a valid stored plan, plan the invoices
    to find them."""
    basis = session.planned.basis(session.run)
    if basis is not None:
        needs = _find_needs(session, basis.payer_ids, basis.fee_item_ids, known)
        return known | send_references(session, sender, needs, known)
    for work in find_work(session, selection, Kind.INVOICE, voids=False, applied=applied):
        plan = plan_chunk(session, Kind.INVOICE, work, known, AT_ONCE)
        known = plan.learned
        if plan.needs is not None:
            known |= send_references(session, sender, plan.needs, known)
    return known


def _find_needs(session: FirmSession, payer_ids: Sequence[str], fee_item_ids: Sequence[str], known: Learned) -> Needs:
    payers = schemas.validate(schemas.Payers, session.billing.fetch_payers(payer_ids))
    return Needs(
        find_customers(session, set(payer_ids) & set(payers["payer_id"]), known, AT_ONCE),
        find_items(session, set(fee_item_ids), known),
        payers,
    )


def _explain_rest(session: FirmSession, selection: Selection, kinds: Collection[Kind]) -> Learned:
    """Write into the log, and return as notices, the reasons for which this run did not work on some documents that a
    person chose."""
    names = [name for name in selection.documents if name.kind in kinds]
    if not names:
        return Learned()
    return explain_not_worked_on(session, names)


def _require_known(session: FirmSession, sender: Sender, known: Learned) -> None:
    """Settle the requests that this stage left open.

    Raises:
        OutcomeUnknownError: some outcomes are still unknown; a stage never ends green with them.
    """
    if not settle(session, sender, known)[0]:
        return
    still_open = sender.open()
    if still_open:
        documents = sum(len(attempt.items) for attempt in still_open)
        raise OutcomeUnknownError(
            f"{session.firm.firm_id}: the answers to {len(still_open)} requests with {documents} documents were lost; "
            "the next run asks QuickBooks what became of them before it sends anything"
        )


def _settle(session: FirmSession, sender: Sender, known: Learned, *, takes_back: bool) -> tuple[int, Learned]:
    """Settle what is open; among it may be journal entries of refunds, whose payments are planned again."""
    settled, known = settle(session, sender, known)
    return settled, known | take_back(session) if settled and takes_back else known


def _settle_last(session: FirmSession, sender: Sender, known: Learned) -> Learned:
    """Settle what this very stage left open, and complete the pairs that this shows to be halves."""
    _require_known(session, sender, known)
    known = complete_pairs(session, sender, known)
    _require_known(session, sender, known)
    return known


def _require_whole(session: FirmSession, *, is_last: bool) -> None:
    """Fail over payments from credit of which one half stands in QuickBooks alone; they are held. A later stage may
    complete them yet."""
    halves = hold_halves(session) if is_last else []
    if halves:
        raise CreditHalfError(
            f"{session.firm.firm_id}: {len(halves)} payments from credit have only one half in QuickBooks "
            f"({Problem.CREDIT_HALF}): {'; '.join(halves[:NAMED])}. Correct the cause, then run the sync again"
        )


def _require_finished(session: FirmSession, kinds: Collection[Kind], worked_on: Mapping[int, str]) -> None:
    """Raise if documents that were to be sent are still unsent.

    The next run sends documents that billing changed meanwhile.

    Raises:
        UnfinishedError: there are such documents.
    """
    now = session.documents.read([int(document_id) for document_id in worked_on])
    unsent = now[now["kind"].isin(kinds) & now["state"].isin(UNSENT.values())]
    unsent = unsent[unsent["source_hash"] == unsent["document_id"].map(worked_on)]
    if len(unsent):
        counts = ", ".join(f"{count} {kind}s" for kind, count in sorted(unsent["kind"].value_counts().items()))
        raise UnfinishedError(
            f"{session.firm.firm_id}: {counts} of this run were not sent, because QuickBooks was busy or did not "
            "answer; run the sync again"
        )
