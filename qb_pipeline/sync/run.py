"""One firm's sync, in its order: scan, settle, plan and push invoices, plan and push payments."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.ledger import lease
from qb_pipeline.ledger.attempts import Attempts
from qb_pipeline.ledger.firms import SetUpError
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.tokens import look_at_end
from qb_pipeline.quickbooks.errors import AuthorizationLostError, OutcomeUnknownError, QuickBooksError
from qb_pipeline.sync import preflight
from qb_pipeline.sync.apply import StalePlanError, chosen_ids, keep_details, read_plan, require_unmoved, unmoved
from qb_pipeline.sync.binding import require_binding
from qb_pipeline.sync.census import CensusError, is_sound, take_census
from qb_pipeline.sync.invoices import plan_invoices
from qb_pipeline.sync.outcomes import UNSENT
from qb_pipeline.sync.payments import plan_payments
from qb_pipeline.sync.plan import Plan, PlanSummary, remember
from qb_pipeline.sync.push import send_batches
from qb_pipeline.sync.refunds import record_refunds
from qb_pipeline.sync.scan import Selection, scan
from qb_pipeline.sync.settle import DuplicateError, settle
from qb_pipeline.sync.workplace import Workplace

SCAN, PLAN, PUSH_INVOICES, PUSH_PAYMENTS = "work_list", "sync_plan", "quickbooks_invoices", "quickbooks_payments"
STEPS = (SCAN, PLAN, PUSH_INVOICES, PUSH_PAYMENTS)


class UnfinishedError(Exception):
    """Documents that a run was to send still stand as they stood: a run never ends green over them."""


FIRM_ERRORS = (
    SetUpError, StalePlanError, lease.BusyError, lease.LeaseLostError, DuplicateError, CensusError, UnfinishedError,
    QuickBooksError, BillingError, ContractBroken,
)  # fmt: skip
"""What stops one firm and no other."""

PLANNERS: dict[str, Callable[..., Plan]] = {"invoice": plan_invoices, "payment": plan_payments}
PUSHES = {"invoice": PUSH_INVOICES, "payment": PUSH_PAYMENTS}

MORE_LOOKS = 2
"""So often a run plans again what came at a bad moment: one look may find it changed, the next find out by whom."""


@dataclass(frozen=True, slots=True)
class FirmReport:
    """What a run did for one firm. Money in cents.

    ``activities``: rows kind, activity, reason, documents, cents. ``control_totals``: rows kind, documents,
    meant_cents, accepted_cents, in_quickbooks_cents, refused_cents, unknown_cents, not_sent_cents.
    ``plan``: of a dry run, its documents (``ledger.plans``); ``run_id`` is the plan's id.
    ``would_create``: the customers and items, (kind, id in billing), that its documents need and QuickBooks lacks.
    ``census``: what was counted in QuickBooks at the end, a row per kind that was written (``sync.census``).
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
    """How soon a person must connect the company again, and the sentence (``ledger.tokens.describe_end``)."""

    def documents(self, kind: str, *activities: str) -> int:
        """How many documents of a kind had one of these activities."""
        return sum(row["documents"] for row in self.activities if row["kind"] == kind and row["activity"] in activities)

    def cents(self, kind: str, *activities: str) -> int:
        """The money of documents of a kind that had one of these activities."""
        return sum(row["cents"] for row in self.activities if row["kind"] == kind and row["activity"] in activities)

    @property
    def held(self) -> int:
        """How many invoices and payments need a person."""
        return len(self.held_documents)

    def totals_agree(self, kind: str) -> bool:
        """Whether what was meant is accounted for, to the cent, and QuickBooks holds what it accepted."""
        return all(
            row["meant_cents"]
            == row["accepted_cents"] + row["refused_cents"] + row["unknown_cents"] + row["not_sent_cents"]
            and row["accepted_cents"] == row["in_quickbooks_cents"]
            and not row["differing"]
            for row in self.control_totals
            if row["kind"] == kind
        )

    def counted(self, kind: str) -> list[Any]:
        """What the census counted of a kind; journal entries of refunds count as payments."""
        kinds = (kind, "refund") if kind == "payment" else (kind,)
        return [row for row in self.census if row["kind"] in kinds]

    def census_is_sound(self, kind: str) -> bool:
        """Whether QuickBooks holds each document that was counted once, with the total that it answered."""
        return all(is_sound(row) for row in self.counted(kind))


def explain(firm_id: str, error: BaseException) -> str:
    """What stopped a firm, and the command that goes on from there where the error itself cannot know it."""
    if isinstance(error, AuthorizationLostError):
        return f"{error}. Next step: qb-pipeline connect {firm_id}"
    return str(error)


def sync_firm(place: Workplace, selection: Selection, steps: Collection[str] = STEPS) -> FirmReport:
    """Do the chosen steps for one firm. Planning without a push is a dry run: nothing is sent.

    Raises:
        SetUpError: the company's settings would make documents come out wrong (pre-flight); nothing was sent.
        BusyError: another run writes to this company.
        LeaseLostError: the firm was paused, or a successor took over.
        BindingError: a company or a database is not what the firm was connected with, or the ledger was restored.
        DuplicateError: QuickBooks holds a document of ours twice.
        CensusError: the count at the end found one twice, or one that the ledger does not know.
        StalePlanError: the selection's plan is none, or either side has moved since; nothing was sent.
        QuickBooksError: QuickBooks cannot be reached or does not let us in; what had left is recorded or open.
        OutcomeUnknownError: the answer to some requests was lost and asking did not clear it up; the next run asks.
        UnfinishedError: documents of this run were neither sent, held nor made to wait; the next run takes them up.
    """
    with place.recorded(partial(explain, place.firm.firm_id)):
        place.billing.require_columns()
        plan = read_plan(place, selection.plan_id) if selection.plan_id else None
        if plan is not None:
            selection = Selection(
                invoice_ids=chosen_ids(plan, "invoice"),
                payment_ids=chosen_ids(plan, "payment"),
                plan_id=selection.plan_id,
            )
        scanned = scan(place, selection) if SCAN in steps else {}
        planned = PlanSummary()
        if {PUSH_INVOICES, PUSH_PAYMENTS} & set(steps):
            with place.hold_lease() as held:
                place.lease, place.attempts = held, Attempts(place.engine, held)
                require_binding(place)
                preflight.require(place)
                settle(place)
                if plan is not None:
                    _work(place, selection, PlanSummary(), (PLAN,), plan=plan)
                    require_unmoved(place, selection.plan_id, plan)
                chosen = _work(place, selection, planned, steps, plan=plan)
                if plan is None and PUSH_PAYMENTS in steps and selection.includes("payment"):
                    record_refunds(place, selection)
                # What was lost or moved is known or planned anew by now, and what waited for it can go.
                for _ in range(MORE_LOOKS):
                    if not settle(place) and not place.try_again:
                        break
                    place.try_again = False
                    chosen |= _work(place, selection, planned, steps, plan=plan, again=True)
                preflight.explain_targets(place)
                _require_known(place)
                take_census(place)
                _require_finished(place, [kind for kind in PUSHES if PUSHES[kind] in steps], chosen)
        else:
            _work(place, selection, planned, steps)
    requests = place.quickbooks.requests
    return FirmReport(
        firm_id=place.firm.firm_id,
        scanned=scanned,
        planned=planned,
        activities=place.log.summary(place.run),
        control_totals=place.log.control_totals(place.run),
        reads=requests.reads,
        writes=requests.writing,
        notices=place.notices,
        held_documents=_held(place, selection),
        census=place.censuses.of_run(place.run),
        connection=look_at_end(place.engine, place.firm.firm_id, now=place.clock()),
        run_id=place.run.run_id,
        plan=[] if {PUSH_INVOICES, PUSH_PAYMENTS} & set(steps) else place.plans.documents(place.run.run_id),
        would_create=sorted(place.would_create),
    )


def _held(place: Workplace, selection: Selection) -> list[Any]:
    return [
        row
        for state in ("held", "refused")
        for row in place.documents.listing(None, first=selection.first, last=selection.last, state=state)
        if not selection.is_chosen or row["source_id"] in selection.ids(row["kind"])
    ]


def _work(
    place: Workplace,
    selection: Selection,
    planned: PlanSummary,
    steps: Collection[str],
    *,
    plan: Mapping[int, Any] | None = None,
    again: bool = False,
) -> dict[int, str]:
    """Plan and push: voids first, payments' before invoices', so that what they set free can be used; then the rest.

    ``plan``: only its documents. ``again``: a second look in one run, at what nobody has refused.

    Returns:
        What was worked on: the source hash that each document had, by its id.
    """
    chosen: set[tuple[str, str]] = set()
    worked_on: dict[int, str] = {}
    pushes = [kind for kind in PLANNERS if selection.includes(kind) and (PUSHES[kind] in steps or PLAN in steps)]
    for voids, kinds in ((True, pushes[::-1]), (False, pushes)):
        for kind in kinds:
            for work in place.documents.choose(
                kind, first=selection.first, last=selection.last, source_ids=selection.ids(kind)
            ):
                chosen |= {(kind, source_id) for source_id in work["source_id"]}
                now = (work["source_status"] == "void") == voids
                if plan is not None:
                    now &= work["document_id"].isin(list(plan))
                if again:  # what was held may hang on a void whose answer was lost
                    now &= ~work["state"].isin(["refused"] if voids else ["held", "refused"])
                worked_on |= dict(zip(work["document_id"][now], work["source_hash"][now], strict=True))
                if now.any():
                    _plan_and_push(place, kind, work[now], planned, dry=PUSHES[kind] not in steps, applied=plan)
    if not again and plan is None:
        _explain_rest(place, selection, pushes, chosen)
    return worked_on


def _explain_rest(
    place: Workplace, selection: Selection, kinds: Sequence[str], chosen: Collection[tuple[str, str]]
) -> None:
    """Say why documents that a person chose were not worked on."""
    for kind in kinds:
        for source_id in sorted(set(selection.ids(kind))):
            if (kind, source_id) not in chosen:
                why = place.documents.why_not_chosen(kind, source_id, selection.first, selection.last)
                place.notices.append(why)
                place.log.add(place.run, [Entry("skipped", detail=why)], now=place.clock())


def _plan_and_push(
    place: Workplace,
    kind: str,
    work: pd.DataFrame,
    planned: PlanSummary,
    *,
    dry: bool,
    applied: Mapping[int, Any] | None,
) -> None:
    plan = PLANNERS[kind](place, work, dry=dry)
    remember(place, kind, plan, planned)
    if dry:
        keep_details(place, plan)
        return
    ready = plan.ready if applied is None else unmoved(applied, plan.ready)
    notices = [Entry("notice", item.document_id, detail=text) for item in ready for text in item.notices]
    place.log.add(place.run, notices, now=place.clock())
    send_batches(place, ready)


def _require_known(place: Workplace) -> None:
    """Settle what this very run left open; a run never ends green with an outcome it does not know."""
    if not settle(place):
        return
    still_open = place.sending.open()
    if still_open:
        documents = sum(len(attempt.items) for attempt in still_open)
        raise OutcomeUnknownError(
            f"{place.firm.firm_id}: the answers to {len(still_open)} requests with {documents} documents were lost; "
            "the next run asks QuickBooks what became of them before it sends anything"
        )


def _require_finished(place: Workplace, kinds: Sequence[str], worked_on: Mapping[int, str]) -> None:
    """Fail over what was to be sent and still stands so; what billing changed meanwhile is the next run's."""
    now = place.documents.read([int(document_id) for document_id in worked_on])
    unsent = now[now["kind"].isin(kinds) & now["state"].isin(UNSENT.values())]
    unsent = unsent[unsent["source_hash"] == unsent["document_id"].map(worked_on)]
    if len(unsent):
        counts = ", ".join(f"{count} {kind}s" for kind, count in sorted(unsent["kind"].value_counts().items()))
        raise UnfinishedError(
            f"{place.firm.firm_id}: {counts} of this run were not sent, because QuickBooks was busy or did not answer; "
            "run the sync again"
        )
