"""A firm's sync as stages, one after the other: extract, plan, load.

Each stage is a function of a session and a selection, and an asset of the same name in Dagster. Stages share knowledge
only through the ledger, so that each may run in a process of its own. A stage that is launched alone does the work of
earlier stages that its own kind of document needs.

Belongs here: the list of stages, and the work of each. Does not belong here: planning (``make_plan``), sending
documents (``load``).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from qb_pipeline.core import schemas
from qb_pipeline.core.states import ENTRIES, Kind, Operation
from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.books.listing import ListedDocument
from qb_pipeline.ledger.books.plans import PlanLine
from qb_pipeline.ledger.setup.tokens import look_at_end
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.failures import explain
from qb_pipeline.sync.firm_report import FirmReport, PlanSummary, find_held
from qb_pipeline.sync.load import load_customers_and_items, load_documents
from qb_pipeline.sync.make_plan import PASSES, Applied, make_plan
from qb_pipeline.sync.plan.approval import names_of, read_plan
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.verify.census import KINDS

if TYPE_CHECKING:
    import pandas as pd


class Stage(StrEnum):
    """The stages of a sync in their order. The value of each is the name of its asset."""

    WORK_LIST = "work_list"
    SYNC_PLAN = "sync_plan"
    RELEASES = "quickbooks_releases"
    CUSTOMERS_AND_ITEMS = "quickbooks_customers_and_items"
    INVOICES = "quickbooks_invoices"
    PAYMENTS = "quickbooks_payments"


STAGES = tuple(Stage)
LOADING = (Stage.RELEASES, Stage.CUSTOMERS_AND_ITEMS, Stage.INVOICES, Stage.PAYMENTS)
"""The stages that write to QuickBooks. A run without any of them is a dry run."""

SENDERS = {Kind.INVOICE: Stage.INVOICES, Kind.PAYMENT: Stage.PAYMENTS}
"""The stage that sends new and changed documents, keyed by kind."""

NOT_A_PERSON = ("sync_again", "auto_sync_payments")
"""The triggers of runs that name documents although no person chose them."""


def sync_firm(session: FirmSession, selection: Selection, stages: Collection[str] = STAGES) -> FirmReport:
    """Run the chosen stages for one firm, in their order. Without a stage that loads, nothing is sent.

    Raises:
        NotNamedError: a chosen document is not on the work list and billing does not offer it; nothing was sent.
        SetUpError: with the company's settings, documents would come out wrong (pre-flight); nothing was sent.
        BusyError: another run writes to this company.
        LeaseLostError: the firm was paused, or a successor took over.
        BindingError: a company or a database is not the one that the firm was connected with, or the ledger was
            restored.
        DuplicateError: QuickBooks holds a document of ours twice.
        CensusError: the count after a stage found a document twice, or one that the ledger does not know.
        StalePlanError: the selection's plan does not exist, or either side has moved since; nothing was sent.
        QuickBooksError: QuickBooks cannot be reached or does not let us in. The requests that had left are recorded or
            open.
        OutcomeUnknownError: the answers to some requests were lost and asking did not clear them up; the next run asks.
        UnfinishedError: documents of this run were neither sent, held nor made to wait; the next run takes them up.
    """
    chosen = [stage for stage in STAGES if stage in stages]
    results = [do_stage(session, stage, selection, chosen) for stage in chosen]
    return report_on(session, selection, results)


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of one stage. ``reads`` and ``writes`` are numbers of requests. Everything else about the stage is in
    the ledger (``report_on``)."""

    scanned: dict[str, int]
    broken_headers: Sequence[str]
    notices: Sequence[str]
    would_create: Sequence[tuple[str, str]]
    plan: list[PlanLine]
    chosen_dates: list[date] | None
    reads: int
    writes: int


def do_stage(session: FirmSession, stage: Stage, selection: Selection, chosen: Sequence[Stage]) -> StageResult:
    """Run one stage for one firm. ``chosen`` are all stages of the run, in their order.

    Raises:
        As ``sync_firm``.
    """
    before = session.quickbooks.requests.reads, session.quickbooks.requests.writing
    repeats_refused = selection.is_chosen and session.run.trigger not in NOT_A_PERSON
    session = replace(session, repeats_refused=repeats_refused)
    is_dry = not set(LOADING) & set(chosen)
    with session.recorded(partial(explain, session.firm.firm_id), stage=stage, is_last=stage == chosen[-1]):
        applied = read_plan(session, selection.plan_id) if selection.plan_id else None
        if applied is not None:
            selection = Selection(documents=names_of(applied), plan_id=selection.plan_id)
        scanned: dict[str, int] = {}
        broken: list[str] = []
        known, told = NOTHING, list[PlanLine]()
        if stage is Stage.WORK_LIST or (Stage.WORK_LIST not in chosen and stage is chosen[0]):
            session.billing.require_columns()
            scanned = scan(session, selection, look=partial(_note_broken, broken))
        dates = _require_possible(session, selection, chosen)
        if stage is Stage.SYNC_PLAN:
            known, told = _plan(session, selection, chosen, applied, is_dry=is_dry)
        elif stage in LOADING:
            known = _load(session, stage, selection, chosen, applied)
    requests = session.quickbooks.requests
    return StageResult(
        scanned=scanned,
        broken_headers=broken,
        notices=known.notices,
        would_create=sorted(known.would_create) if is_dry else (),
        plan=told,
        chosen_dates=dates,
        reads=requests.reads - before[0],
        writes=requests.writing - before[1],
    )


def _note_broken(broken: list[str], headers: "pd.DataFrame") -> None:
    """Add the headers' violations of their contract to ``broken``. They stop nothing: a document that is wrong by
    itself is held."""
    try:
        schemas.validate(schemas.Headers, headers)
    except schemas.ContractBroken as error:
        broken.append(str(error))


def report_on(session: FirmSession, selection: Selection, results: Sequence[StageResult]) -> FirmReport:
    """Return the report of a run for a firm so far. ``results`` are those of the stages that were run here."""
    counted = session.plans.counted(session.run.run_id)
    return FirmReport(
        firm_id=session.firm.firm_id,
        run_id=session.run.run_id,
        scanned=next((result.scanned for result in results if result.scanned), {}),
        planned=PlanSummary(
            Counter({(Kind(row.kind), Operation(row.operation)): row.documents for row in counted}),
            Counter({(Kind(row.kind), Operation(row.operation)): row.cents for row in counted}),
        ),
        activities=session.log.summary(session.run),
        control_totals=session.log.control_totals(session.run),
        broken_headers=[said for result in results for said in result.broken_headers],
        reads=sum(result.reads for result in results),
        writes=sum(result.writes for result in results),
        notices=list(dict.fromkeys(notice for result in results for notice in result.notices)),
        held_documents=find_held(session.listing, selection),
        census=session.censuses.of_run(session.run),
        plan=next((result.plan for result in results if result.plan), []),
        would_create=sorted({each for result in results for each in result.would_create}),
        connection=look_at_end(session.engine, session.firm.firm_id, now=session.clock()),
        chosen_dates=results[-1].chosen_dates if results else None,
    )


def _plan(
    session: FirmSession, selection: Selection, chosen: Sequence[Stage], applied: Applied | None, *, is_dry: bool
) -> tuple[Learned, list[PlanLine]]:
    """Make the plan. Return the facts learned and, for a dry run, the lines of the plan."""
    planned = make_plan(session, selection, is_sent=partial(_is_sent, chosen), applied=applied)
    if not is_dry:
        return planned.learned, []
    return planned.learned, _told(session, find_held(session.listing, selection), planned.refunds.held)


def _is_sent(chosen: Sequence[Stage], voids: bool, kind: Kind) -> bool:
    """Whether a stage of the run sends the voids, or the rest, of a kind."""
    return (voids and Stage.RELEASES in chosen) or SENDERS[kind] in chosen


def _load(
    session: FirmSession, stage: Stage, selection: Selection, chosen: Sequence[Stage], applied: Applied | None
) -> Learned:
    loading = [each for each in LOADING if each in chosen]
    done = {row.stage for row in session.log.stages(session.run.run_id) if row.outcome == "done"}
    is_first, has_looked = not done & set(LOADING), bool(done & {Stage.SYNC_PLAN, *LOADING})
    if stage is Stage.CUSTOMERS_AND_ITEMS:
        return load_customers_and_items(session, selection, applied=applied, is_first=is_first, has_looked=has_looked)
    passes = _passes(stage, loading)
    so_far = [each for earlier in loading[: loading.index(stage) + 1] for each in _passes(earlier, loading)]
    is_last = stage is loading[-1]
    own = {Stage.INVOICES: (Kind.INVOICE,), Stage.PAYMENTS: (Kind.PAYMENT, *ENTRIES)}.get(stage, ())
    return load_documents(
        session,
        selection,
        passes,
        look_again_at=[each for each in PASSES if each in so_far],
        counted=KINDS if is_last else own,
        applied=applied,
        records_refunds=stage is Stage.PAYMENTS,
        is_first=is_first,
        is_last=is_last,
        has_looked=has_looked,
        applies_again=stage is Stage.INVOICES and Stage.PAYMENTS not in loading,
    )


def _passes(stage: Stage, loading: Sequence[Stage]) -> list[tuple[bool, Kind]]:
    """Return the passes of a stage. In a run without the releases, the first stage that sends documents also voids
    documents of the kinds that the run sends."""
    sending = [each for each in loading if each in SENDERS.values()]
    kinds = [kind for kind in Kind if SENDERS.get(kind) in loading]
    is_releasing = stage is Stage.RELEASES
    if is_releasing:
        kinds = list(SENDERS)
    elif Stage.RELEASES not in loading and sending and stage is sending[0]:
        is_releasing = True
    found = [(voids, kind) for voids, kind in PASSES if voids and is_releasing and kind in kinds]
    return found + [(voids, kind) for voids, kind in PASSES if not voids and SENDERS[kind] is stage]


def _require_possible(session: FirmSession, selection: Selection, chosen: Sequence[Stage]) -> list[date] | None:
    """Return the dates of the chosen documents, or None if no documents are chosen.

    Raises:
        NotNamedError: a document is not on the work list, although billing has just been asked for it; or its kind is
            not sent by this run, which sends the other kind.
    """
    if not selection.is_chosen:
        return None
    sent = [kind for kind, stage in SENDERS.items() if stage in chosen]
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


def _told(session: FirmSession, held: Sequence[ListedDocument], refunds: Sequence[PlanLine]) -> list[PlanLine]:
    """Return the lines of a plan: its decisions, and the documents and refunds that stay held because they wait for a
    person."""
    decided = [row.line for row in session.plans.documents(session.run.run_id)]
    names = {row.name for row in decided}
    stays = [*(_stays(row) for row in held), *refunds]
    told = [*decided, *(row for row in stays if row.name not in names)]
    return sorted(told, key=lambda row: (row.document_date, *row.name))


def _stays(row: ListedDocument) -> PlanLine:
    return PlanLine(
        kind=row.kind,
        source_id=row.source_id,
        part=row.part,
        number=row.number,
        document_date=row.document_date,
        operation=Operation.HOLD,
        reason=row.reason,
        remedy=row.remedy or "",
        amount_cents=row.amount_cents,
        before_cents=None,
        after_cents=None,
        changes=[],
    )
