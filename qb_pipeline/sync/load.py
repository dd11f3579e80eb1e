"""The stages that send: under the lease, settle what is open, send, look again at what was lost or moved, count.

Belongs here: the order of one such stage. Does not belong here: which stages a run has (``stages``), deciding
(``make_plan``), and how a request leaves (``send``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import UNSENT, Kind
from qb_pipeline.ledger.log import Entry
from qb_pipeline.quickbooks.errors import OutcomeUnknownError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.failures import UnfinishedError
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
from qb_pipeline.sync.plan.decisions import store
from qb_pipeline.sync.plan.journal_entries import plan_refunds
from qb_pipeline.sync.plan.keep import Kept, stands, take
from qb_pipeline.sync.plan.plan import Needs, Plan
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.send.customers_and_items import send_references
from qb_pipeline.sync.send.push import send_batches
from qb_pipeline.sync.send.refunds import record_refunds
from qb_pipeline.sync.send.settle import settle
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender
from qb_pipeline.sync.verify import preflight
from qb_pipeline.sync.verify.binding import require_binding
from qb_pipeline.sync.verify.census import take_census

Passes = Sequence[tuple[bool, Kind]]
"""Voids or the rest, and the kind (``make_plan.PASSES``)."""


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
    has_looked: bool,
) -> Learned:
    """Send documents, pass by pass.

    ``look_again_at``: what a second look is about, earlier stages' documents included. ``counted``: the kinds that are
    counted in QuickBooks at the end. ``is_first``: no stage of this run has sent anything yet. ``has_looked``: an
    earlier one has looked at the company's settings.

    Raises:
        BusyError, LeaseLostError: another run writes to this company; or the firm was paused.
        StalePlanError: a plan that is applied has moved; nothing was sent.
        DuplicateError, CensusError: QuickBooks holds a document of ours twice, or one that the ledger does not know.
        OutcomeUnknownError: the answer to some requests was lost, and asking did not clear it up.
        UnfinishedError: documents of this stage were neither sent, held nor made to wait.
        QuickBooksError: QuickBooks cannot be reached or does not let us in; what had left is recorded or open.
    """
    with session.sending() as sender:
        known = _begin(session, sender, selection, applied, is_first=is_first, has_looked=has_looked)
        if (False, Kind.INVOICE) in passes:
            known = replace(known, not_created=_not_created(session))
        worked_on: dict[int, str] = {}
        for voids, kind in passes:
            done, known = _work(session, sender, selection, voids, kind, known, applied=applied)
            worked_on |= done
        if applied is None:
            known |= _explain_rest(session, selection, [kind for voids, kind in passes if not voids])
            if records_refunds and selection.includes(Kind.PAYMENT):
                known |= record_refunds(session, sender, plan_refunds(session, selection), known)
        # What was lost or moved is known or planned anew by now, and what waited for it can go.
        for _ in range(MORE_LOOKS):
            settled, known = settle(session, sender, known)
            if not settled and not known.try_again:
                break
            known = replace(known, try_again=False)
            for voids, kind in look_again_at:
                done, known = _work(session, sender, selection, voids, kind, known, applied=applied, again=True)
                worked_on |= done
        known |= preflight.explain_targets(session, [kind for voids, kind in passes if not voids])
        _require_known(session, sender, known)
        if counted:
            take_census(session, counted)
        _require_finished(session, {kind for _, kind in look_again_at}, worked_on)
    return known


def load_customers_and_items(
    session: FirmSession, selection: Selection, *, applied: Applied | None, is_first: bool, has_looked: bool
) -> Learned:
    """Create and rename what the invoices of a selection need, and remember what was found by name.

    What cannot be created is told by the invoices that need it.

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
    """Look at the company, settle what is open, and find out whether what the run has planned still stands.

    ``applied``: the documents of a plan that is applied.

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
    """Customers and items that an earlier stage of this run could not create, and why."""
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
    """Send one pass; returns the source hash that each document had when it was worked on, and what is known now."""
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
    """Send what the run has planned and still stands; plan the rest anew, and send it with it, in the same order."""
    kept = Kept() if again else take(session, work)
    ready: Sequence[Ready] = kept.ready
    rest = work[~work["document_id"].isin(kept.decided)]
    if len(rest):
        plan = plan_chunk(session, kind, rest, known, AT_ONCE)
        if plan.needs is not None:
            _give_references(session, sender, kind, plan, plan.needs)
        store(session, plan, is_logged=True)
        known = plan.learned
        order = {document_id: number for number, document_id in enumerate(work["document_id"])}
        known |= Learned(try_again=bool(plan.followed(ready)))
        ready = sorted([*ready, *plan.ready], key=lambda item: order[item.document_id]) if ready else plan.ready
    ready = ready if applied is None else unmoved(applied, ready)
    notices = [Entry("notice", item.document_id, detail=text) for item in ready for text in item.notices]
    session.log.add(session.run, notices, now=session.clock())
    return send_batches(session, sender, ready, known)


def _give_references(session: FirmSession, sender: Sender, kind: Kind, plan: Plan, needs: Needs) -> None:
    """Create what a plan's documents need, and plan those anew that lacked it, in the order of the work list."""
    known = plan.learned | send_references(session, sender, needs, plan.learned)
    order = {decision.document_id: number for number, decision in enumerate(plan.decisions)}
    unmade = [item.document_id for item in plan.ready if has_unmade(item.body)]
    plan.learned = known
    if unmade:
        plan.take_out(unmade)
        plan.add(plan_chunk(session, kind, session.documents.read(unmade), known, AT_ONCE))
        plan.ready = [item for item in plan.ready if not has_unmade(item.body)]
        plan.ready.sort(key=lambda item: order[item.document_id])
    # a later look may find what could not be created now
    plan.learned = replace(plan.learned, would_create=frozenset(), foreseen={}, not_created={})


def _give_all(
    session: FirmSession, sender: Sender, selection: Selection, known: Learned, *, applied: Applied | None
) -> Learned:
    """Create what this run's plan needs; without a plan that stands, plan the invoices to find out."""
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
    """Say why documents that a person chose were not worked on by this run."""
    names = [name for name in selection.documents if name.kind in kinds]
    if not names:
        return Learned()
    return explain_not_worked_on(session, names)


def _require_known(session: FirmSession, sender: Sender, known: Learned) -> None:
    """Settle what this very stage left open; it never ends green with an outcome it does not know."""
    if not settle(session, sender, known)[0]:
        return
    still_open = sender.open()
    if still_open:
        documents = sum(len(attempt.items) for attempt in still_open)
        raise OutcomeUnknownError(
            f"{session.firm.firm_id}: the answers to {len(still_open)} requests with {documents} documents were lost; "
            "the next run asks QuickBooks what became of them before it sends anything"
        )


def _require_finished(session: FirmSession, kinds: Collection[Kind], worked_on: Mapping[int, str]) -> None:
    """Fail over what was to be sent and still stands so; what billing changed meanwhile is the next run's."""
    now = session.documents.read([int(document_id) for document_id in worked_on])
    unsent = now[now["kind"].isin(kinds) & now["state"].isin(UNSENT.values())]
    unsent = unsent[unsent["source_hash"] == unsent["document_id"].map(worked_on)]
    if len(unsent):
        counts = ", ".join(f"{count} {kind}s" for kind, count in sorted(unsent["kind"].value_counts().items()))
        raise UnfinishedError(
            f"{session.firm.firm_id}: {counts} of this run were not sent, because QuickBooks was busy or did not "
            "answer; run the sync again"
        )
