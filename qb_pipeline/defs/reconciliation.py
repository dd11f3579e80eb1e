"""The asset ``reconciliation``, its checks, its job and its schedule: how far billing and QuickBooks are apart."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from qb_pipeline.defs.metadata import table
from qb_pipeline.defs.partitions import firms
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.reconcile import FirmReconciliation, reconcile
from qb_pipeline.sync.run import FIRM_ERRORS

BEHIND_DAYS = 3
"""So many days may lie between the newest billed day and the newest day that is in QuickBooks: a long weekend."""

MONTHLY_READS = 500_000
"""Metered reads a month of an app in Intuit's Builder tier; past that every read is refused until the next month.

Source: Intuit App Partner Program, FAQ (read 2026-11-21).
"""
ENOUGH_READS = MONTHLY_READS * 8 // 10

EXPLAINED, HELD, NEWEST, READS = (
    "differences_explained", "nothing_held_for_long", "newest_day_synced", "reads_within_budget",
)  # fmt: skip

CHECKS = {
    EXPLAINED: "Every difference between billing and QuickBooks has a class; they add up to the cent. An error.",
    HELD: "No document is held for longer than the firm's held_days_limit. A warning.",
    NEWEST: f"The newest billed day is in QuickBooks, but for {BEHIND_DAYS} days: by the data, not by runs. A warning.",
    READS: f"Metered reads of this month, all firms, are below {ENOUGH_READS:,} of {MONTHLY_READS:,}. A warning.",
}

SPEC = dg.AssetSpec(
    "reconciliation",
    description=(
        "How far billing and QuickBooks are apart, each difference with its one class.\n\n"
        "One partition per firm. Asks QuickBooks for what changed (one read), then compares."
    ),
    group_name="reporting",
    kinds={"quickbooks", "postgres"},
    owners=["team:finance-data"],
    deps=["quickbooks_invoices", "quickbooks_payments"],
    metadata={"dagster/table_name": "reporting.differences"},
)


@dg.multi_asset(
    name="reconcile_firms",
    specs=[SPEC],
    check_specs=[dg.AssetCheckSpec(name, asset=SPEC.key, description=text) for name, text in CHECKS.items()],
    partitions_def=firms,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def reconcile_firms(
    context: dg.AssetExecutionContext, companies: dg.ResourceParam[Companies]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Reconcile the chosen firms, one after the other; a firm that fails is named when the others are done."""
    run = Run(context.run.run_id, context.run.tags.get("trigger", "ui"), context.run.tags.get("actor", "dagster"))
    reports: list[FirmReconciliation] = []
    failures: dict[str, str] = {}
    for firm_id in sorted(context.partition_keys):
        try:
            with companies.open(firm_id, run) as place:
                reports.append(reconcile(place))
        except FIRM_ERRORS as error:
            failures[firm_id] = str(error)
            context.log.error(f"{firm_id}: {error}")
    if failures:
        for report in reports:
            context.log_event(dg.AssetMaterialization(SPEC.key, partition=report.firm_id, metadata=_metadata([report])))
        raise dg.Failure("\n".join(failures.values()), allow_retries=False)
    yield dg.MaterializeResult(SPEC.key, metadata=_metadata(reports))
    limits = {firm.firm_id: firm.settings.held_days_limit for firm in companies.firms.all()}
    yield from _check(reports, limits, companies.clock())


def _check(
    reports: Sequence[FirmReconciliation], limits: dict[str, int], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    unexplained, held, behind = {}, {}, {}
    for report in reports:
        firm_id, standing = report.firm_id, report.standing
        if report.unexplained or report.residual:
            unexplained[firm_id] = f"{report.unexplained} differences, residual {report.residual}"
        if standing["held_since"] and now - standing["held_since"] > timedelta(days=limits[firm_id]):
            held[firm_id] = f"since {standing['held_since']:%Y-%m-%d}"
        if late := _behind(report):
            behind[firm_id] = late
    reads = max((int(report.standing["reads"]) for report in reports), default=0)
    said = f"{reads:,} of {MONTHLY_READS:,} reads this month"
    yield _result(EXPLAINED, unexplained, "every difference has its class", error=True)
    yield _result(HELD, held, "nothing is held for long")
    yield _result(NEWEST, behind, "the newest days are in QuickBooks")
    yield _result(READS, {"all firms": said} if reads >= ENOUGH_READS else {}, said)


def _behind(report: FirmReconciliation) -> str:
    newest: date | None = report.standing["newest_day"]
    billed: date | None = report.standing["newest_billed_day"]
    if billed is None or (newest is not None and billed - newest <= timedelta(days=BEHIND_DAYS)):
        return ""
    return f"billed up to {billed}, in QuickBooks up to {newest or 'nothing'}"


def _result(name: str, wrong: dict[str, str], good: str, *, error: bool = False) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=SPEC.key,
        check_name=name,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{firm_id}: {text}" for firm_id, text in sorted(wrong.items())) or good,
    )


def _metadata(reports: Sequence[FirmReconciliation]) -> dict[str, Any]:
    amounts = ("ours", "theirs", "difference", "residual")
    measures = [
        {"firm": report.firm_id, "measure": row["measure"]} | {name: f"{row[name]:,.2f}" for name in amounts}
        for report in reports
        for row in report.measures
    ]
    classes = [
        {
            "firm": report.firm_id,
            "measure": row["measure"],
            "class": row["class"] or "NOT EXPLAINED",
            "documents": int(row["documents"]),
            "amount": f"{row['amount']:,.2f}",
            "oldest": str(row["oldest"] or ""),
        }
        for report in reports
        for row in report.classes
    ]
    return {
        "measures": table(measures, ["firm", "measure", *amounts]),
        "differences by class": table(classes, ["firm", "measure", "class", "documents", "amount", "oldest"]),
        "documents that changed in QuickBooks": sum(report.changed for report in reports),
        "held because a person took them out": sum(report.held for report in reports),
        "requests: reads (metered)": sum(report.reads for report in reports),
    }


job = dg.define_asset_job(
    "reconcile",
    selection=[SPEC.key],
    description="Ask QuickBooks for what changed, and compare it with billing. Choose firms as partitions.",
)


@dg.schedule(
    job=job,
    cron_schedule="30 10 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each active firm once a day, for one metered read: no change grows too old to be asked for.",
)
def daily_reconcile(
    context: dg.ScheduleEvaluationContext, companies: dg.ResourceParam[Companies]
) -> list[dg.RunRequest] | dg.SkipReason:
    """A run for each active firm of this environment."""
    day = context.scheduled_execution_time.astimezone(UTC).date()
    active = [
        firm.firm_id
        for firm in companies.firms.all()
        if firm.state == "active" and firm.environment == companies.environment.name
    ]
    if not active:
        return dg.SkipReason("no firm is active")
    context.instance.add_dynamic_partitions(firms.name or "", active)
    return [
        dg.RunRequest(
            run_key=f"reconcile:{firm_id}:{day}",
            partition_key=firm_id,
            tags={"firm": firm_id, "trigger": "schedule", "actor": "dagster"},
        )
        for firm_id in active
    ]
