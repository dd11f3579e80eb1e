"""The stage that plans: one decision for each document that needs one, from the present state of both sides.

It sends nothing.

Belongs here: the order of a plan, and storing its decisions. Does not belong here: the decision about a document
(``plan``), sending (``load``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import NEEDS_A_PERSON, Kind, Operation, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import WorkItem, work_items
from qb_pipeline.ledger.books.plans import PlanDocument
from qb_pipeline.ledger.log import Entry
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.plan.approval import keep_details, require_unmoved
from qb_pipeline.sync.plan.client_credit import foresee_entries
from qb_pipeline.sync.plan.decisions import store
from qb_pipeline.sync.plan.journal_entries import RefundPlan, foresee_refunds, plan_refunds
from qb_pipeline.sync.plan.keep import Ahead, find_basis, keep
from qb_pipeline.sync.plan.obstacles import withdraw
from qb_pipeline.sync.plan.payer_changes import take_payments_along
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.plan.possible_duplicates import first_creates
from qb_pipeline.sync.remote.foreign_documents import note_foreign
from qb_pipeline.sync.remote.merges import follow
from qb_pipeline.sync.send.settle import look
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE, DRY_RUN, IN_RUN, Foresight
from qb_pipeline.sync.session.learned import Learned
from qb_pipeline.sync.verify import hand_entries, preflight
from qb_pipeline.sync.verify.binding import require_binding

MORE_LOOKS = 2
"""The number of further attempts for documents that changed in between. The first attempt may find that a document
changed, and the second the author of the change."""

PASSES = ((True, Kind.PAYMENT), (True, Kind.INVOICE), (False, Kind.INVOICE), (False, Kind.PAYMENT))
"""The order of a sync, as (voids, kind): the voids of a kind, or its other documents. Voids come first, of payments
before those of invoices, so that the money and numbers that they release can be used."""

Applied = Mapping[int, PlanDocument]
"""The documents of a plan that is applied, keyed by document id (``approval.read_plan``)."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The facts that a plan has learned, and the journal entries of refunds that a sync would send."""

    learned: Learned
    refunds: RefundPlan


def make_plan(
    session: FirmSession,
    selection: Selection,
    *,
    is_sent: Callable[[bool, Kind], bool],
    applied: Applied | None,
) -> Planned:
    """Decide about every document of a selection that needs a decision, and store the decisions.

    ``is_sent(voids, kind)``: whether a later stage of this run sends these documents. For the others the plan is a dry
    run.

    Raises:
        SetUpError: with the company's settings, documents would come out wrong (pre-flight).
        StalePlanError: a plan that is applied has moved.
        QuickBooksError: a document could not be read; the decisions made before it are stored.
    """
    sent_later = any(is_sent(voids, kind) for voids, kind in PASSES)
    require_binding(session, asks=not sent_later)
    known = preflight.require(session)
    basis = find_basis(session) if sent_later else None
    if basis is not None:
        session.planned.keep_basis(session.run, basis)
    if not sent_later:
        _foresee_settled(session, selection)
    known, needed = _plan_all(session, selection, known, is_sent=is_sent, applied=applied, is_kept=basis is not None)
    if basis is not None:
        session.planned.need(session.run, *needed)
    if applied is not None:
        require_unmoved(session, selection.plan_id, applied)
    if not sent_later and applied is None:
        known |= explain_not_worked_on(session, selection.documents)
    if sent_later or not selection.includes(Kind.PAYMENT):
        return Planned(known, RefundPlan())
    refunds = plan_refunds(session, selection)
    return Planned(known | foresee_refunds(refunds) | foresee_entries(session), refunds)


def plan_applied_anew(session: FirmSession, selection: Selection, known: Learned, applied: Applied) -> None:
    """Plan the documents of a plan once more, as a dry run, and compare both plans.

    Raises:
        StalePlanError: something has moved; nothing was sent.
    """
    _plan_all(session, selection, known, is_sent=lambda _voids, _kind: False, applied=applied, is_kept=False)
    require_unmoved(session, selection.plan_id, applied)


def _plan_all(
    session: FirmSession,
    selection: Selection,
    known: Learned,
    *,
    is_sent: Callable[[bool, Kind], bool],
    applied: Applied | None,
    is_kept: bool,
) -> tuple[Learned, tuple[set[str], set[str]]]:
    """Plan chunk by chunk. Return everything learned so far, and the ids of the payers and fee items that documents
    need."""
    ahead = Ahead()
    payer_ids: set[str] = set()
    fee_item_ids: set[str] = set()
    for voids, kind in PASSES:
        in_run = is_sent(voids, kind)
        foresight = IN_RUN if in_run and applied is None else DRY_RUN
        for work in find_work(session, selection, kind, voids=voids, applied=applied):
            plan = plan_chunk(session, kind, work, known, foresight)
            known = plan.learned
            if plan.needs is not None:
                customers = plan.needs.customers
                payer_ids |= customers.ids.keys() | (customers.problems.keys() - customers.alike.keys())
                fee_item_ids |= plan.needs.items.ids.keys() | plan.needs.items.problems.keys()
            undecided = ahead.undecided(plan, work, voids=voids) if in_run else set[int]()
            if in_run and not is_kept:
                undecided = {decision.document_id for decision in plan.decisions}
            store(session, plan, is_logged=in_run and applied is None, undecided=undecided)
            if foresight is DRY_RUN:
                keep_details(session, plan)
            if in_run and is_kept:
                keep(session, plan, undecided, named=applied is not None)
            ahead.add(plan, work, voids=voids)
    return known, (payer_ids, fee_item_ids)


def find_work(
    session: FirmSession,
    selection: Selection,
    kind: Kind,
    *,
    voids: bool,
    applied: Applied | None = None,
    again: bool = False,
) -> Iterator[pd.DataFrame]:
    """Yield the documents of a selection that need a decision, in chunks: the voids of a kind, or its other documents.

    No chunk is empty. ``applied``: only the documents of this plan. ``again``: a further attempt in one run, without
    the documents that need a person (for voids: without the refused ones).
    """
    first, last = selection.window
    for work in session.documents.choose(kind, first=first, last=last, chosen=selection.chosen(kind)):
        due = (work["source_status"] == "void") == voids
        if applied is not None:
            due &= work["document_id"].isin(list(applied))
        if again:  # a held document may depend on a void whose answer was lost
            due &= ~work["state"].isin([State.REFUSED] if voids else NEEDS_A_PERSON)
        if due.any():
            yield work[due]


def plan_chunk(session: FirmSession, kind: Kind, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Decide about documents. Decide once more if a customer of theirs proves to be merged into another."""
    is_early = foresight is not AT_ONCE
    if kind == Kind.PAYMENT and (work["reason"] == Problem.REJECTION_OPEN).any():
        hand_entries.look(session)
    for _ in range(MORE_LOOKS):
        plan = PLANNERS[kind](session, work, known, foresight)
        if first_creates(plan.ready):
            note_foreign(session)
        had_read_settings = session.company.has_read_settings
        has_followed = withdraw(session, plan, work, foresight)
        if kind == Kind.INVOICE and not has_followed:
            take_payments_along(session, plan, foresight)
        if session.company.has_read_settings and not had_read_settings:
            preflight.require_as_read(session)
        _log_notices(session, plan, known)
        plan.learned |= follow(session, plan.learned.followed)
        if not (has_followed or (is_early and plan.learned.try_again)):
            break
        known = replace(plan.learned, try_again=plan.learned.try_again and not is_early)
        work = session.documents.read(list(work["document_id"]))
    return plan


def explain_not_worked_on(session: FirmSession, names: Iterable[DocumentName]) -> Learned:
    """Write into the log, and return as notices, the chosen documents about which this run has decided nothing, with
    the reasons."""
    decided = session.plans.decided(session.run.run_id)
    told = session.documents.why_not_worked_on([name for name in names if name not in decided])
    session.log.add(session.run, [Entry("skipped", detail=why) for why in told], now=session.clock())
    return Learned(notices=tuple(told))


def _log_notices(session: FirmSession, plan: Plan, known: Learned) -> None:
    """Write the new notices of a plan into the log, each once in a run."""
    new = [Entry("notice", detail=text) for text in plan.learned.notices if text not in known.notices]
    session.log.add(session.run, new, now=session.clock())


def _foresee_settled(session: FirmSession, selection: Selection) -> None:
    """Store a dry run's decisions about the documents whose answer was lost. A sync asks QuickBooks for these documents
    before anything else, and so does this plan."""
    found = look(session)
    for row in work_items(session.documents.read(list(found))) if found else ():
        if row.kind not in PLANNERS or not _is_selected(selection, row):
            continue
        outcome = found[row.document_id]
        if outcome is None:  # it may still take effect; if it never does, the sync sends it again
            operation, reason = Operation.WAIT, str(Problem.OUTCOME_UNKNOWN)
        else:
            operation, reason = Operation.HOLD if outcome.reason else Operation.SKIP, outcome.reason
        plan = Plan()
        plan.decide(row, operation, reason)
        store(session, plan, is_logged=False)


def _is_selected(selection: Selection, row: WorkItem) -> bool:
    if selection.is_chosen:
        return DocumentName(row.kind, row.source_id, row.part) in selection.documents
    day = row.document_date
    return day is not None and (selection.first or day) <= day <= (selection.last or day)
