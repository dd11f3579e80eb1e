"""One firm's sync, in its order: scan, settle, plan and push invoices, plan and push payments."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.core.states import NEEDS_A_PERSON, UNSENT, Kind, Operation, State
from qb_pipeline.core.words import DocumentName, NotNamedError
from qb_pipeline.ledger.books.documents import Documents, WorkItem, work_items
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.ledger.setup.tokens import look_at_end
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    OutcomeUnknownError,
    QuickBooksError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.stopping import StoppedError
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.mapping.references import has_unmade
from qb_pipeline.sync.plan.approval import StalePlanError, keep_details, names_of, read_plan, require_unmoved, unmoved
from qb_pipeline.sync.plan.decisions import store
from qb_pipeline.sync.plan.journal_entries import RefundPlan, foresee_refunds, plan_refunds
from qb_pipeline.sync.plan.obstacles import withdraw
from qb_pipeline.sync.plan.plan import Needs, Plan, PlanSummary
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.remote.merges import follow
from qb_pipeline.sync.send.customers_and_items import send_references
from qb_pipeline.sync.send.push import send_batches
from qb_pipeline.sync.send.refunds import record_refunds
from qb_pipeline.sync.send.settle import DuplicateError, look, settle
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender
from qb_pipeline.sync.verify import preflight
from qb_pipeline.sync.verify.binding import require_binding
from qb_pipeline.sync.verify.census import CensusError, is_sound, take_census

SCAN, PLAN, PUSH_INVOICES, PUSH_PAYMENTS = "work_list", "sync_plan", "quickbooks_invoices", "quickbooks_payments"
STEPS = (SCAN, PLAN, PUSH_INVOICES, PUSH_PAYMENTS)


class UnfinishedError(Exception):
    """Documents that a run was to send still stand as they stood: a run never ends green over them."""


FIRM_ERRORS = (
    SetUpError, StalePlanError, NotNamedError, lease.BusyError, lease.LeaseLostError, DuplicateError, CensusError,
    UnfinishedError, QuickBooksError, BillingError, ContractBroken, StoppedError,
)  # fmt: skip
"""What stops one firm and no other."""

PUSHES = {Kind.INVOICE: PUSH_INVOICES, Kind.PAYMENT: PUSH_PAYMENTS}

NOT_A_PERSON = ("sync_again", "auto_sync_payments")
"""Triggers of runs that name documents although nobody chose them."""

MORE_LOOKS = 2
"""So often a run plans again what came at a bad moment: one look may find it changed, the next find out by whom."""


@dataclass(frozen=True, slots=True)
class FirmReport:
    """What a run did for one firm. Money in cents.

    ``activities``: rows kind, activity, reason, documents, cents. ``control_totals``: rows kind, documents,
    meant_cents, accepted_cents, in_quickbooks_cents, refused_cents, unknown_cents, not_sent_cents.
    ``plan``: of a dry run, its documents (``ledger.books.plans``); ``run_id`` is the plan's id.
    ``would_create``: the customers and items, (kind, id in billing), that its documents need and QuickBooks lacks.
    ``census``: what was counted in QuickBooks at the end, a row per kind that was written (``sync.verify.census``).
    ``held_documents``: what of the selection needs a person at the end, whichever run held it: rows of the work list.
    """

    firm_id: str
    scanned: dict[str, int]
    planned: PlanSummary
    activities: list[Any]
    control_totals: list[Any]
    reads: int
    writes: int
    notices: list[str]
    held_documents: list[Any] = field(default_factory=list)
    census: list[Any] = field(default_factory=list)
    run_id: str = ""
    plan: list[Any] = field(default_factory=list)
    would_create: list[tuple[str, str]] = field(default_factory=list)
    connection: tuple[int, str] = (0, "")
    """How soon a person must connect the company again, and the sentence (``ledger.setup.tokens.describe_end``)."""
    chosen_dates: list[date] | None = None
    """Where documents were chosen, by name or by a plan: their own dates, ascending, whatever dates the run is for."""

    def documents(self, kind: Kind, *activities: str) -> int:
        """How many documents of a kind had one of these activities."""
        return sum(row["documents"] for row in self.activities if row["kind"] == kind and row["activity"] in activities)

    def cents(self, kind: Kind, *activities: str) -> int:
        """The money of documents of a kind that had one of these activities."""
        return sum(row["cents"] for row in self.activities if row["kind"] == kind and row["activity"] in activities)

    @property
    def held(self) -> int:
        """How many invoices and payments need a person."""
        return len(self.held_documents)

    def totals_agree(self, kind: Kind) -> bool:
        """Whether what was meant is accounted for, to the cent, and QuickBooks holds what it accepted."""
        return all(
            row["meant_cents"]
            == row["accepted_cents"] + row["refused_cents"] + row["unknown_cents"] + row["not_sent_cents"]
            and row["accepted_cents"] == row["in_quickbooks_cents"]
            and not row["differing"]
            for row in self.control_totals
            if row["kind"] == kind
        )

    def counted(self, kind: Kind) -> list[Any]:
        """What the census counted of a kind; journal entries of refunds count as payments."""
        kinds = (kind, Kind.REFUND) if kind == Kind.PAYMENT else (kind,)
        return [row for row in self.census if row["kind"] in kinds]

    def census_is_sound(self, kind: Kind) -> bool:
        """Whether QuickBooks holds each document that was counted once, with the total that it answered."""
        return all(is_sound(row) for row in self.counted(kind))


def explain(firm_id: str, error: BaseException) -> str:
    """What stopped a firm, and the command that goes on from there where the error itself cannot know it."""
    if isinstance(error, AuthorizationLostError):
        return f"{error}. Next step: qb-pipeline connect {firm_id}"
    return str(error)


IN_WORDS: dict[type[BaseException], str] = {
    AuthorizationLostError: "connection lost",
    OutcomeUnknownError: "an answer was lost",
    ThrottledError: "QuickBooks asks to wait",
    TransientError: "QuickBooks did not answer",
    RequestRejectedError: "QuickBooks refused a request",
    lease.BusyError: "another run is at work",
    lease.LeaseLostError: "paused, or another run took over",
    DuplicateError: "QuickBooks holds a document twice",
    CensusError: "QuickBooks does not hold each document once",
    UnfinishedError: "documents were left unsent",
    StalePlanError: "the plan has moved",
    BillingError: "billing cannot be used",
    ContractBroken: "billing breaks its contract",
}


def in_words(error: BaseException) -> str:
    """What stopped a run, in a few words for a list; the whole sentence stands on the run (``explain``).

    An error of ours without words of its own gives its first sentence, an error of a library its class: it may quote a
    client's data.
    """
    for each in type(error).__mro__:
        if each in IN_WORDS:
            return IN_WORDS[each]
    return re.split(r"[.;:] ", f"{error} ")[0].strip(" .") if isinstance(error, FIRM_ERRORS) else type(error).__name__


def sync_firm(session: FirmSession, selection: Selection, steps: Collection[str] = STEPS) -> FirmReport:
    """Do the chosen steps for one firm. Planning without a push is a dry run: nothing is sent.

    Raises:
        NotNamedError: a chosen document is not on the work list and billing does not offer it; nothing was sent.
        SetUpError: the company's settings would make documents come out wrong (pre-flight); nothing was sent.
        BusyError: another run writes to this company.
        LeaseLostError: the firm was paused, or a successor took over.
        BindingError: a company or a database is not what the firm was connected with, or the ledger was restored.
        DuplicateError: QuickBooks holds a document of ours twice.
        CensusError: the count at the end found one twice, or one that the ledger does not know.
        StalePlanError: the selection's plan does not exist, or either side has moved since; nothing was sent.
        QuickBooksError: QuickBooks cannot be reached or does not let us in; what had left is recorded or open.
        OutcomeUnknownError: the answer to some requests was lost and asking did not clear it up; the next run asks.
        UnfinishedError: documents of this run were neither sent, held nor made to wait; the next run takes them up.
    """
    with session.recorded(partial(explain, session.firm.firm_id)):
        session.billing.require_columns()
        plan = read_plan(session, selection.plan_id) if selection.plan_id else None
        if plan is not None:
            selection = Selection(documents=names_of(plan), plan_id=selection.plan_id)
        scanned = scan(session, selection) if SCAN in steps else {}
        dates = _require_possible(session, selection, steps)
        planned = PlanSummary()
        refunds = RefundPlan()
        known = NOTHING
        repeats_refused = selection.is_chosen and session.run.trigger not in NOT_A_PERSON
        session = replace(session, repeats_refused=repeats_refused)
        is_sending = bool({PUSH_INVOICES, PUSH_PAYMENTS} & set(steps))
        if is_sending:
            with session.sending() as sender:
                known = _send(session, sender, selection, planned, steps, plan)
        elif PLAN in steps:
            known, refunds = _foresee(session, selection, planned, steps)
    requests, waiting = session.quickbooks.requests, find_held(session.documents, selection)
    return FirmReport(
        firm_id=session.firm.firm_id,
        scanned=scanned,
        planned=planned,
        activities=session.log.summary(session.run),
        control_totals=session.log.control_totals(session.run),
        reads=requests.reads,
        writes=requests.writing,
        notices=list(known.notices),
        held_documents=waiting,
        chosen_dates=dates,
        census=session.censuses.of_run(session.run),
        connection=look_at_end(session.engine, session.firm.firm_id, now=session.clock()),
        run_id=session.run.run_id,
        plan=[] if is_sending else _told(session, [*waiting, *refunds.held]),
        would_create=sorted(known.would_create),
    )


def _send(
    session: FirmSession,
    sender: Sender,
    selection: Selection,
    planned: PlanSummary,
    steps: Collection[str],
    plan: Mapping[int, Any] | None,
) -> Learned:
    """Settle what is open, send, look again at what was lost or moved, and count."""
    require_binding(session)
    known = preflight.require(session)
    known = settle(session, sender, known)[1]
    if plan is not None:
        _work(session, None, selection, PlanSummary(), (PLAN,), known, plan=plan)
        require_unmoved(session, selection.plan_id, plan)
    chosen, known = _work(session, sender, selection, planned, steps, known, plan=plan)
    if plan is None and PUSH_PAYMENTS in steps and selection.includes(Kind.PAYMENT):
        known |= record_refunds(session, sender, plan_refunds(session, selection), known)
    # What was lost or moved is known or planned anew by now, and what waited for it can go.
    for _ in range(MORE_LOOKS):
        settled, known = settle(session, sender, known)
        if not settled and not known.try_again:
            break
        known = replace(known, try_again=False)
        more, known = _work(session, sender, selection, planned, steps, known, plan=plan, again=True)
        chosen |= more
    known |= preflight.explain_targets(session)
    _require_known(session, sender, known)
    take_census(session)
    _require_finished(session, [kind for kind in PUSHES if PUSHES[kind] in steps], chosen)
    return known


def _foresee(
    session: FirmSession, selection: Selection, planned: PlanSummary, steps: Collection[str]
) -> tuple[Learned, RefundPlan]:
    """Plan everything and send nothing."""
    require_binding(session)
    known = preflight.require(session)
    _foresee_settled(session, selection, planned)
    known = _work(session, None, selection, planned, steps, known)[1]
    if not selection.includes(Kind.PAYMENT):
        return known, RefundPlan()
    refunds = plan_refunds(session, selection)
    return known | foresee_refunds(refunds), refunds


def _told(session: FirmSession, held: Sequence[Any]) -> list[Any]:
    """What a plan says: its decisions, and what stays held because it waits for a person."""
    decided = session.plans.documents(session.run.run_id)
    names = {(row["kind"], row["source_id"], row["part"]) for row in decided}
    nothing: dict[str, Any] = {"operation": Operation.HOLD, "before_cents": None, "after_cents": None, "changes": []}
    stays = [
        {**row, **nothing, "remedy": row["remedy"] or ""}
        for row in held
        if (row["kind"], row["source_id"], row["part"]) not in names
    ]
    order = ("document_date", "kind", "source_id", "part")
    return sorted([*decided, *stays], key=lambda row: [row[name] for name in order])


def find_held(documents: Documents, selection: Selection) -> list[Any]:
    """What of a selection needs a person: rows of the work list, whichever run held them."""
    chosen, (first, last) = set(selection.documents), selection.window
    return [
        row
        for state in NEEDS_A_PERSON
        for row in documents.listing(None, first=first, last=last, state=state)
        if not selection.is_chosen or DocumentName(row["kind"], row["source_id"], row["part"]) in chosen
    ]


def _require_possible(session: FirmSession, selection: Selection, steps: Collection[str]) -> list[date] | None:
    """The dates of chosen documents; None where none are chosen.

    Raises:
        NotNamedError: one is not on the work list, although billing has just been asked for it, or is of a kind that
            this run does not send although it sends the other.
    """
    if not selection.is_chosen:
        return None
    sent = [kind for kind, push in PUSHES.items() if push in steps]
    unsent = [str(name) for name in selection.documents if sent and name.kind not in sent]
    if unsent:
        raise NotNamedError(
            f"{session.firm.firm_id}: {', '.join(unsent)} cannot be sent by a run of {sent[0]}s alone. "
            "Nothing was sent. Try: select both quickbooks_invoices and quickbooks_payments"
        )
    found = session.documents.chosen(selection.documents)
    missing = sorted(str(name) for name in set(selection.documents) - found.keys())
    if missing:
        raise NotNamedError(
            f"{session.firm.firm_id}: {', '.join(missing)} cannot be sent: billing does not have it, it is a draft, or "
            f"it is not eligible. Nothing was sent. Try: qb-pipeline list {session.firm.firm_id}"
        )
    return sorted({row.document_date for row in found.values()})


def _work(
    session: FirmSession,
    sender: Sender | None,
    selection: Selection,
    planned: PlanSummary,
    steps: Collection[str],
    known: Learned,
    *,
    plan: Mapping[int, Any] | None = None,
    again: bool = False,
) -> tuple[dict[int, str], Learned]:
    """Plan and push: voids first, payments' before invoices', so that what they set free can be used; then the rest.

    ``plan``: only its documents. ``again``: a second look in one run, at what nobody has refused.

    Returns:
        What was worked on, the source hash that each document had, by its id; and what is known now.
    """
    chosen: set[DocumentName] = set()
    first, last = selection.window
    worked_on: dict[int, str] = {}
    pushes = [kind for kind in PLANNERS if selection.includes(kind) and (PUSHES[kind] in steps or PLAN in steps)]
    for voids, kinds in ((True, pushes[::-1]), (False, pushes)):
        for kind in kinds:
            for work in session.documents.choose(kind, first=first, last=last, chosen=selection.chosen(kind)):
                chosen |= {DocumentName(kind, *found) for found in zip(work["source_id"], work["part"], strict=True)}
                now = work[_is_due(work, voids=voids, plan=plan, again=again)]
                worked_on |= dict(zip(now["document_id"], now["source_hash"], strict=True))
                if len(now):
                    to = sender if PUSHES[kind] in steps else None
                    known = _plan_and_push(session, to, kind, now, planned, known, applied=plan)
    if not again and plan is None:
        rest = [name for name in selection.documents if name.kind in pushes and name not in chosen]
        known |= _explain_rest(session, rest)
    return worked_on, known


def _is_due(work: pd.DataFrame, *, voids: bool, plan: Mapping[int, Any] | None, again: bool) -> "pd.Series[bool]":
    """Which rows of the work list are worked on in this pass: the voids or the rest, of a plan only its own."""
    due = (work["source_status"] == "void") == voids
    if plan is not None:
        due &= work["document_id"].isin(list(plan))
    if again:  # what was held may hang on a void whose answer was lost
        due &= ~work["state"].isin([State.REFUSED] if voids else NEEDS_A_PERSON)
    return due


def _explain_rest(session: FirmSession, names: Sequence[DocumentName]) -> Learned:
    """Say why documents that a person chose were not worked on."""
    told = session.documents.why_not_worked_on(names)
    session.log.add(session.run, [Entry("skipped", detail=why) for why in told], now=session.clock())
    return Learned(notices=tuple(told))


def _foresee_settled(session: FirmSession, selection: Selection, planned: PlanSummary) -> None:
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
        store(session, row.kind, plan, planned, dry=True)


def _is_selected(selection: Selection, row: WorkItem) -> bool:
    if selection.is_chosen:
        return DocumentName(row.kind, row.source_id, row.part) in selection.documents
    day = row.document_date
    return day is not None and (selection.first or day) <= day <= (selection.last or day)


def _plan(session: FirmSession, kind: Kind, work: pd.DataFrame, known: Learned, *, dry: bool) -> Plan:
    """Decide about documents; once more where a customer of theirs proves to be merged into another."""
    for _ in range(MORE_LOOKS):
        plan = PLANNERS[kind](session, work, known, dry=dry)
        had_read_settings = session.company.has_read_settings
        has_followed = withdraw(session, plan, work, dry=dry)
        if session.company.has_read_settings and not had_read_settings:
            preflight.require_as_read(session)
        _log_notices(session, plan, known)
        plan.learned |= follow(session, plan.learned.followed)
        if not (has_followed or (dry and plan.learned.try_again)):
            break
        known = replace(plan.learned, try_again=plan.learned.try_again and not dry)
        work = session.documents.read(list(work["document_id"]))
    return plan


def _log_notices(session: FirmSession, plan: Plan, known: Learned) -> None:
    """Write down what planning has found out for everybody, once in a run."""
    new = [Entry("notice", detail=text) for text in plan.learned.notices if text not in known.notices]
    session.log.add(session.run, new, now=session.clock())


def _plan_and_push(
    session: FirmSession,
    sender: Sender | None,
    kind: Kind,
    work: pd.DataFrame,
    planned: PlanSummary,
    known: Learned,
    *,
    applied: Mapping[int, Any] | None,
) -> Learned:
    plan = _plan(session, kind, work, known, dry=sender is None)
    if sender is None:
        store(session, kind, plan, planned, dry=True)
        keep_details(session, plan)
        return plan.learned
    if plan.needs is not None:
        _give_references(session, sender, kind, plan, plan.needs)
    store(session, kind, plan, planned, dry=False)
    ready = plan.ready if applied is None else unmoved(applied, plan.ready)
    notices = [Entry("notice", item.document_id, detail=text) for item in ready for text in item.notices]
    session.log.add(session.run, notices, now=session.clock())
    return send_batches(session, sender, ready, plan.learned)


def _give_references(session: FirmSession, sender: Sender, kind: Kind, plan: Plan, needs: Needs) -> None:
    """Create what a plan's documents need, and plan those anew that lacked it, in the order of the work list."""
    known = plan.learned | send_references(session, sender, needs, plan.learned)
    order = {decision.document_id: number for number, decision in enumerate(plan.decisions)}
    unmade = [item.document_id for item in plan.ready if has_unmade(item.body)]
    plan.learned = known
    if unmade:
        plan.take_out(unmade)
        plan.add(_plan(session, kind, session.documents.read(unmade), known, dry=False))
        plan.ready = [item for item in plan.ready if not has_unmade(item.body)]
        plan.ready.sort(key=lambda item: order[item.document_id])
    # a later look may find what could not be created now
    plan.learned = replace(plan.learned, would_create=frozenset(), foreseen={}, not_created={})


def _require_known(session: FirmSession, sender: Sender, known: Learned) -> None:
    """Settle what this very run left open; a run never ends green with an outcome it does not know."""
    if not settle(session, sender, known)[0]:
        return
    still_open = sender.open()
    if still_open:
        documents = sum(len(attempt.items) for attempt in still_open)
        raise OutcomeUnknownError(
            f"{session.firm.firm_id}: the answers to {len(still_open)} requests with {documents} documents were lost; "
            "the next run asks QuickBooks what became of them before it sends anything"
        )


def _require_finished(session: FirmSession, kinds: Sequence[str], worked_on: Mapping[int, str]) -> None:
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
