"""The asset checks, and the meaning of a green run.

The checks of headers, rows and mapping cover the firms of the run. Every other result covers all active firms of the
environment, whichever firm the run is about. It rests on the ledger's newest count or comparison of each firm; the
run's own numbers are shown beside it. Only a fault of the run's own firms blocks, so that no run fails because of
another firm.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from qb_pipeline.billing.errors import ContractBrokenError
from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.core.states import ENTRIES, Kind
from qb_pipeline.defs.metadata import KIND, RECEIVED_PAYMENTS, RECONCILIATION, dollars, held_table, table
from qb_pipeline.ledger.books.pulls import reads_this_month
from qb_pipeline.ledger.books.standing import NewestReconciliation, Standing
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.pull.received_payments import PullReport
from qb_pipeline.sync.stages import Stage
from qb_pipeline.sync.verify.reconcile import FirmReconciliation

HEADERS = "headers_valid"
ROWS = "rows_valid"
MAPPING = "mapping_valid"
CONTROL_TOTALS = "control_totals_agree"
CENSUS = "one_document_each"
NOTHING_HELD = "nothing_held"
CONNECTION = "connection_lasts"
RECEIVED = "billing_holds_what_was_received"
EXPLAINED = "differences_explained"
HELD_FOR_LONG = "nothing_held_for_long"
NEWEST_DAY = "newest_day_synced"
READS = "reads_within_budget"

BEHIND_DAYS = 3
"""The days that may lie between the newest billed day and the newest day that is in QuickBooks: a long weekend."""

MONTHLY_READS = 500_000
"""The metered reads per month of an app in Intuit's Builder tier. Past them every read is refused until the next month.

Source: Intuit App Partner Program, FAQ (read 2026-11-21).
"""
ENOUGH_READS = MONTHLY_READS * 8 // 10

SYNC_CHECKS = [
    dg.AssetCheckSpec(
        HEADERS,
        asset=Stage.WORK_LIST.value,
        description="This run's firms: the headers that were read keep billing's contract (pandera). An error.",
    ),
    dg.AssetCheckSpec(
        ROWS,
        asset=Stage.SYNC_PLAN.value,
        description="This run's firms: the full rows that were planned keep billing's contract (pandera). An error.",
    ),
    dg.AssetCheckSpec(
        MAPPING,
        asset=Stage.SYNC_PLAN.value,
        description=(
            "This run's firms: each payer and fee item that was looked for has one customer or item, or one reason "
            "(pandera). An error."
        ),
    ),
    *(
        dg.AssetCheckSpec(
            CONTROL_TOTALS,
            asset=step.value,
            description=(
                "All active firms: what was meant = accepted + refused, and QuickBooks holds what it accepted, to the "
                "cent."
            ),
        )
        for step in (Stage.INVOICES, Stage.PAYMENTS)
    ),
    *(
        dg.AssetCheckSpec(
            CENSUS,
            asset=step.value,
            blocking=True,
            description=(
                "All active firms, by the newest count of each in QuickBooks: exactly one living document per document "
                "of ours that was written, with the total that QuickBooks answered. An error, which blocks, over this "
                "run's count; another firm's fault, an older one and a person's copy are warnings."
            ),
        )
        for step in (Stage.INVOICES, Stage.PAYMENTS)
    ),
    dg.AssetCheckSpec(
        CONNECTION,
        asset=Stage.INVOICES.value,
        description=(
            "All active firms: no person must connect a company again within 30 days (a warning; within 7 days an "
            "error)."
        ),
    ),
    dg.AssetCheckSpec(
        NOTHING_HELD,
        asset=Stage.SYNC_PLAN.value,
        description="All active firms: no document needs a person (a warning, with the reasons).",
    ),
]

PULL_CHECKS = [
    dg.AssetCheckSpec(
        RECEIVED,
        asset=RECEIVED_PAYMENTS,
        description="All active firms of Model 2: billing took every posting, and still holds it with the same amount.",
    )
]

RECONCILE_CHECKS = [
    dg.AssetCheckSpec(name, asset=RECONCILIATION, description=description)
    for name, description in (
        (EXPLAINED, "All active firms: every difference of billing and QuickBooks has a class, to the cent. An error."),
        (HELD_FOR_LONG, "All active firms: no document is held for longer than the firm's held_days_limit. A warning."),
        (
            NEWEST_DAY,
            f"All active firms: the newest billed day is in QuickBooks, but for {BEHIND_DAYS} days. A warning.",
        ),
        (READS, f"Metered reads of this month, all firms, are below {ENOUGH_READS:,} of {MONTHLY_READS:,}. A warning."),
    )
]

NOT_ONE = (Problem.COPIED, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED)
"""The reasons of documents of which QuickBooks holds two, or none."""

SHOWN_FIRMS = 25
"""The greatest number of firms or reasons that a result shows, because Dagster keeps the result of every run."""

APART = " · "
"""The separator between the sentences about two firms: the page shows a line break as a space."""


OF_MAPPING = ("PayerMatches", "ItemMatches")
"""The relations that the check of the mapping is about (``core.schemas``)."""


def is_blocking(result: dg.AssetCheckResult) -> bool:
    """Whether a result keeps later assets from being made: the census failed with an error. No other check blocks."""
    is_error = not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
    return is_error and result.check_name == CENSUS


def of_stage(
    deployment: Deployment,
    stage: Stage,
    reports: Sequence[FirmReport],
    errors: Mapping[str, BaseException],
    selected: AbstractSet[str] | None,
    *,
    is_alone: bool = False,
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of a stage's checks.

    ``selected``: the names of the wanted checks; None for all. ``reports`` are of the run's own firms that did not
    fail; ``errors`` are of those that failed, keyed by firm id. ``is_alone``: a person executes checks without the
    assets. Then the checks of the run's own rows are left out, and the check of held documents is made here; in a run
    it is made at the end (``nothing_held``).
    """
    wanted = {check.name for check in SYNC_CHECKS if check.asset_key == dg.AssetKey(stage.value)}
    wanted = wanted if selected is None else wanted & selected
    if not wanted:
        return
    if not is_alone:
        if HEADERS in wanted:
            yield _headers(reports, errors)
        if ROWS in wanted:
            yield _contract(ROWS, reports, errors, is_of_mapping=False)
        if MAPPING in wanted:
            yield _contract(MAPPING, reports, errors, is_of_mapping=True)
    standing = Standing(deployment.ledger, [firm.firm_id for firm in deployment.active()])
    if kind := KIND.get(stage):
        if CONTROL_TOTALS in wanted:
            yield _control_totals(stage, kind, standing, reports)
        if CENSUS in wanted:
            yield _census(stage, kind, standing, reports)
    if CONNECTION in wanted:
        yield _connection(standing, deployment.clock())
    if NOTHING_HELD in wanted and is_alone:
        yield _nothing_held(standing, reports, deployment.clock())


def nothing_held(deployment: Deployment, reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    """Return the result of the check of held documents at the end of a run; ``reports`` are of the run's own firms."""
    standing = Standing(deployment.ledger, [firm.firm_id for firm in deployment.active()])
    return _nothing_held(standing, reports, deployment.clock())


def _headers(reports: Sequence[FirmReport], errors: Mapping[str, BaseException]) -> dg.AssetCheckResult:
    faults = {report.firm_id: "; ".join(report.broken_headers) for report in reports if report.broken_headers}
    faults |= {firm_id: str(error) for firm_id, error in errors.items() if isinstance(error, ContractBrokenError)}
    read = sum(report.scanned.get("seen", 0) for report in reports)
    return _of_run(
        Stage.WORK_LIST, HEADERS, faults, reports, good="headers keep billing's contract", own={"headers read": read}
    )


def _contract(
    check: str, reports: Sequence[FirmReport], errors: Mapping[str, BaseException], *, is_of_mapping: bool
) -> dg.AssetCheckResult:
    faults = {
        firm_id: str(error)
        for firm_id, error in errors.items()
        if isinstance(error, ContractBroken) and (error.relation in OF_MAPPING) == is_of_mapping
    }
    good = "each payer and fee item has one answer" if is_of_mapping else "rows keep billing's contract"
    planned = sum(sum(report.planned.documents.values()) for report in reports)
    return _of_run(Stage.SYNC_PLAN, check, faults, reports, good=good, own={"documents planned": planned})


def _of_run(
    stage: Stage,
    check: str,
    faults: Mapping[str, str],
    reports: Sequence[FirmReport],
    *,
    good: str,
    own: Mapping[str, Any],
) -> dg.AssetCheckResult:
    """Return the result of a check that covers only the rows which the run itself has read, and no other firm."""
    firm_ids = [report.firm_id for report in reports]
    count = f"{len(firm_ids)} {'firm' if len(firm_ids) == 1 else 'firms'} of this run"
    return dg.AssetCheckResult(
        asset_key=stage.value,
        check_name=check,
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_first([f"{firm_id}: {fault}" for firm_id, fault in faults.items()]) or f"{good} ({count})",
        metadata={"firms of this run": len(firm_ids), **{f"this run: {name}": value for name, value in own.items()}},
    )


def of_pull(deployment: Deployment, reports: Sequence[PullReport]) -> dg.AssetCheckResult:
    """Return the result of the newest comparison of billing with the received payments, for each active firm of Model
    2."""
    standing = Standing(deployment.ledger, [firm.firm_id for firm in deployment.active() if firm.model == 2])
    faults: dict[str, str] = {}
    errors, at = [], {}
    for row in standing.received():
        sentences = [
            f"billing refused {row.failed} payments" if row.failed else "",
            f"billing no longer holds {row.differing} postings as they were made" if row.differing else "",
            f"{row.refused} payments cannot be taken over" if row.refused else "",
        ]
        at[row.firm_id] = row.at
        if said := "; ".join(filter(None, sentences)):
            faults[row.firm_id] = f"{said}: see reporting.received_payments"
        if row.failed or row.differing:
            errors.append(row.firm_id)
    states = Counter(row.state for report in reports for row in report.troubles)
    return verdict(
        RECEIVED_PAYMENTS,
        RECEIVED,
        standing,
        faults,
        good="billing holds what was received",
        errors=errors,
        at=at,
        own={
            "refused by billing": states["failed"],
            "differing": sum(len(report.differing) for report in reports),
            "not taken over": states["refused"],
        },
    )


def of_reconciliation(deployment: Deployment, reports: Sequence[FirmReconciliation]) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of each active firm's newest reconciliation, its held documents, and this month's metered
    reads."""
    now, active = deployment.clock(), deployment.active()
    standing = Standing(deployment.ledger, [firm.firm_id for firm in active])
    found = standing.reconciled()
    at = {row.firm_id: row.at for row in found}
    own = {
        "differences not explained": sum(report.unexplained for report in reports),
        "held because a person took them out": sum(report.held for report in reports),
    }
    unexplained = {
        row.firm_id: f"{row.unexplained} differences, residual {to_dollars(row.residual_cents)}"
        for row in found
        if row.unexplained or row.residual_cents
    }
    since: dict[str, datetime] = {}
    for row in standing.held():
        since[row.firm_id] = min(row.since, since.get(row.firm_id, row.since))
    held = {
        firm.firm_id: f"since {since[firm.firm_id]:%Y-%m-%d}"
        for firm in active
        if firm.firm_id in since and now - since[firm.firm_id] > timedelta(days=firm.settings.held_days_limit)
    }
    behind = {row.firm_id: late for row in found if (late := _behind(row))}
    reads = reads_this_month(deployment.ledger, now=now)
    said = f"{reads:,} of {MONTHLY_READS:,} reads this month"
    too_many = {"all firms": said} if reads >= ENOUGH_READS else {}
    seen = dict.fromkeys(standing.firm_ids, now)
    for name, faults, good, errors, as_of in (
        (EXPLAINED, unexplained, "every difference has its class", unexplained, at),
        (HELD_FOR_LONG, held, "nothing is held for long", {}, seen),
        (NEWEST_DAY, behind, "the newest days are in QuickBooks", {}, at),
        (READS, too_many, said, {}, seen | dict.fromkeys(too_many, now)),
    ):
        yield verdict(RECONCILIATION, name, standing, faults, good=good, errors=errors, at=as_of, own=own)


def verdict(
    asset: str,
    check: str,
    standing: Standing,
    faults: Mapping[str, str],
    *,
    good: str,
    errors: Collection[str],
    at: Mapping[str, datetime | None],
    own: Mapping[str, Any],
    said: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetCheckResult:
    """Return the result of a check that covers all firms.

    ``faults``: the fault of each firm that has one, keyed by firm id. ``errors``: the firms whose fault is an error;
    the fault of any other firm is a warning. ``at``: the moment of each firm's newest count or comparison, keyed by
    firm id; None for never. ``own``: the run's own numbers. ``good``: the description when there is no fault. ``said``
    and ``metadata`` come before the rest.
    """
    firm_ids = standing.firm_ids
    never = [firm_id for firm_id in firm_ids if at.get(firm_id) is None]
    known = {firm_id: moment for firm_id in firm_ids if (moment := at.get(firm_id)) is not None}
    oldest = min(known, key=lambda firm_id: known[firm_id], default="")
    rows = [{"firm": firm_id, "what": fault, "as of": _when(at.get(firm_id))} for firm_id, fault in faults.items()]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR if set(errors) & set(faults) else dg.AssetCheckSeverity.WARN,
        description=_first([*filter(None, [said]), *(f"{firm_id}: {fault}" for firm_id, fault in faults.items())])
        or _good(good, firm_ids),
        metadata={
            **(metadata or {}),
            **table("firms at fault", rows, ["firm", "what", "as of"], limit=SHOWN_FIRMS),
            "active firms": len(firm_ids),
            **({"oldest": f"{oldest}, {_when(known[oldest])}"} if oldest else {}),
            **({"not looked at yet": _first(never)} if never else {}),
            **{f"this run: {name}": value for name, value in own.items()},
        },
    )


def _good(said: str, firm_ids: Sequence[str]) -> str:
    count = f"{len(firm_ids)} active {'firm' if len(firm_ids) == 1 else 'firms'}"
    return f"{said} ({count})" if firm_ids else "no firm is active"


def _first(said: Sequence[str]) -> str:
    """Join the first ``SHOWN_FIRMS`` sentences, and add the number of those left out."""
    more = [f"and {len(said) - SHOWN_FIRMS} more"] if len(said) > SHOWN_FIRMS else []
    return APART.join([*said[:SHOWN_FIRMS], *more])


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def _control_totals(step: Stage, kind: Kind, standing: Standing, reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    faults = {
        row.firm_id: (
            f"{row.documents} {kind}s: {dollars(row.meant_cents)} were meant, "
            f"{dollars(row.in_quickbooks_cents)} are in QuickBooks"
        )
        for row in standing.differing()
        if row.kind == kind
    }
    faults |= {
        report.firm_id: "the totals of this run differ"
        for report in reports
        if not report.totals_agree(kind) and report.firm_id not in faults
    }
    rows = [row for report in reports for row in report.control_totals if row.kind == kind]
    return verdict(
        step.value,
        CONTROL_TOTALS,
        standing,
        faults,
        good="totals agree to the cent",
        errors=faults,
        at=standing.compared(),
        own={
            "meant": dollars(sum(row.meant_cents for row in rows)),
            "in QuickBooks": dollars(sum(row.in_quickbooks_cents for row in rows)),
        },
    )


def _census(step: Stage, kind: Kind, standing: Standing, reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    """Journal entries count as payments."""
    kinds = (kind, *ENTRIES) if kind == Kind.PAYMENT else (kind,)
    counted = [row for row in standing.counted() if row.kind in kinds]
    at: dict[str, datetime | None] = {}
    faults: dict[str, str] = {}
    for held in standing.held():
        if held.kind == kind and held.reason in NOT_ONE:
            _add(faults, held.firm_id, f"{held.documents} held as {held.reason}")
    for row in counted:
        firm_id = row.firm_id
        at[firm_id] = max(filter(None, (at.get(firm_id), row.at)))
        if row.faults:
            _add(
                faults,
                firm_id,
                f"{row.faults} of {row.documents} {row.kind}s do not stand once, as QuickBooks answered",
            )
        elif row.copies:
            _add(faults, firm_id, f"{row.copies} {row.kind}s were copied by a person in QuickBooks")
    rows = [row for report in reports for row in report.counted(kind)]
    names = ("documents", "living", "duplicates", "copies", "missing", "differing", "changed", "reads")
    return verdict(
        step.value,
        CENSUS,
        standing,
        faults,
        good="each written document stands once, totals equal",
        errors=[report.firm_id for report in reports if not report.census_is_sound(kind)],
        at=at,
        own={name: sum(getattr(row, name) for row in rows) for name in names},
    )


def _add(faults: dict[str, str], firm_id: str, said: str) -> None:
    faults[firm_id] = f"{faults[firm_id]}; {said}" if firm_id in faults else said


def _connection(standing: Standing, now: datetime) -> dg.AssetCheckResult:
    ends = standing.connections(now=now)
    faults = {firm_id: f"{said}; qb-pipeline connect {firm_id}" for firm_id, (level, said) in ends.items() if level}
    return verdict(
        Stage.INVOICES.value,
        CONNECTION,
        standing,
        faults,
        good="every connection is good for 30 days",
        errors=[firm_id for firm_id, (level, _) in ends.items() if level > 1],
        at=dict.fromkeys(ends, now),
        own={},
    )


def _nothing_held(standing: Standing, reports: Sequence[FirmReport], now: datetime) -> dg.AssetCheckResult:
    rows = standing.held()
    documents = sum(row.documents for row in rows)
    faults: dict[str, str] = {}
    for firm_id in standing.firm_ids:
        if of_firm := sum(row.documents for row in rows if row.firm_id == firm_id):
            faults[firm_id] = f"{of_firm} held"
    return verdict(
        Stage.SYNC_PLAN.value,
        NOTHING_HELD,
        standing,
        faults,
        good="nothing is held",
        errors=(),
        at=dict.fromkeys(standing.firm_ids, now),
        own={"documents held": sum(report.held for report in reports)},
        said=f"{documents} documents need a person; the table says what clears each" if documents else "",
        metadata={
            **held_table(rows, "firm", limit=SHOWN_FIRMS),
            "documents held": documents,
        },
    )


def _behind(row: NewestReconciliation) -> str:
    newest, billed = row.newest_day, row.newest_billed_day
    if billed is None or (newest is not None and billed - newest <= timedelta(days=BEHIND_DAYS)):
        return ""
    return f"billed up to {billed}, in QuickBooks up to {newest or 'nothing'}"
