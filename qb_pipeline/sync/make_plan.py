"""The stage that plans: one decision for each document that needs one, as things stand. It sends nothing.

Belongs here: the order of a plan, and what becomes of its decisions. Does not belong here: how a document is decided
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
from qb_pipeline.sync.plan.decisions import store
from qb_pipeline.sync.plan.journal_entries import RefundPlan, foresee_refunds, plan_refunds
from qb_pipeline.sync.plan.keep import Ahead, find_basis, keep
from qb_pipeline.sync.plan.obstacles import withdraw
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.plan.possible_duplicates import first_creates
from qb_pipeline.sync.remote.foreign_documents import note_foreign
from qb_pipeline.sync.remote.merges import follow
from qb_pipeline.sync.send.settle import look
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE, DRY_RUN, IN_RUN, Foresight
from qb_pipeline.sync.session.learned import Learned
from qb_pipeline.sync.verify import preflight
from qb_pipeline.sync.verify.binding import require_binding

MORE_LOOKS = 2
"""So often a run plans again what came at a bad moment: one look may find it changed, the next find out by whom."""

PASSES = ((True, Kind.PAYMENT), (True, Kind.INVOICE), (False, Kind.INVOICE), (False, Kind.PAYMENT))
"""The order of a sync, voids or the rest, and the kind: voids come first, payments' before invoices', so that what they
set free can be used."""

Applied = Mapping[int, PlanDocument]
"""The documents of a plan that is applied, by id (``approval.read_plan``)."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan has learned, and the entries of refunds that a sync would send."""

    learned: Learned
    refunds: RefundPlan


def make_plan(
    session: FirmSession,
    selection: Selection,
    *,
    is_sent: Callable[[bool, Kind], bool],
    applied: Applied | None,
) -> Planned:
    """Decide about every document of a selection that needs a decision, and store it.

    ``is_sent(voids, kind)``: whether a later stage of this run sends these; of the others the plan is a dry run.

    Raises:
        SetUpError: the company's settings would make documents come out wrong (pre-flight).
        StalePlanError: a plan that is applied has moved.
        QuickBooksError: a document could not be read; what was decided before is stored.
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
    return Planned(known | foresee_refunds(refunds), refunds)


def plan_applied_anew(session: FirmSession, selection: Selection, known: Learned, applied: Applied) -> None:
    """Plan the documents of a plan once more, as a dry run, and compare.

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
    """Plan chunk by chunk; says what is known now, and the payers and fee items that documents need."""
    ahead = Ahead()
    payer_ids: set[str] = set()
    fee_item_ids: set[str] = set()
    for voids, kind in PASSES:
        if not selection.includes(kind):
            continue
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
    """The documents of a selection that need a decision: the voids of a kind, or the rest. No chunk is empty.

    ``applied``: only the documents of this plan. ``again``: a second look in one run, at what nobody has refused.
    """
    first, last = selection.window
    for work in session.documents.choose(kind, first=first, last=last, chosen=selection.chosen(kind)):
        due = (work["source_status"] == "void") == voids
        if applied is not None:
            due &= work["document_id"].isin(list(applied))
        if again:  # what was held may hang on a void whose answer was lost
            due &= ~work["state"].isin([State.REFUSED] if voids else NEEDS_A_PERSON)
        if due.any():
            yield work[due]


def plan_chunk(session: FirmSession, kind: Kind, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Decide about documents; once more where a customer of theirs proves to be merged into another."""
    is_early = foresight is not AT_ONCE
    for _ in range(MORE_LOOKS):
        plan = PLANNERS[kind](session, work, known, foresight)
        if first_creates(plan.ready):
            note_foreign(session)
        had_read_settings = session.company.has_read_settings
        has_followed = withdraw(session, plan, work, foresight)
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
    """Say, and write down, of which chosen documents this run has decided nothing, and why."""
    decided = session.plans.decided(session.run.run_id)
    told = session.documents.why_not_worked_on([name for name in names if name not in decided])
    session.log.add(session.run, [Entry("skipped", detail=why) for why in told], now=session.clock())
    return Learned(notices=tuple(told))


def _log_notices(session: FirmSession, plan: Plan, known: Learned) -> None:
    """Write down what planning has found out for everybody, once in a run."""
    new = [Entry("notice", detail=text) for text in plan.learned.notices if text not in known.notices]
    session.log.add(session.run, new, now=session.clock())


def _foresee_settled(session: FirmSession, selection: Selection) -> None:
    """Say in a dry run what becomes of documents whose answer was lost: a sync asks for them before anything else."""
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
