"""The assets: those of the sync, the payments that QuickBooks received, and the reconciliation.

The four of the sync (work list, plan, and the documents as QuickBooks then holds them) are one step, because firms
stand or fall alone: with a step each, one firm's failure among the invoices would keep every other firm's payments from
being sent.

A partition of ``received_payments`` (Model 2) is a payment's date in QuickBooks × firm. A run that the sensor or the
command line asked for posts what they have read; one that a person launched, such as a backfill, reads its dates anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from qb_pipeline.core import schemas
from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.defs import checks, marks, metadata, run_tags
from qb_pipeline.defs.daily import work_of_day
from qb_pipeline.defs.each_firm import Failures
from qb_pipeline.defs.metadata import RECEIVED_PAYMENTS, RECONCILIATION
from qb_pipeline.defs.partitions import Scope, dates_of, firms, keys_of_run, read_scopes
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline.ledger.books.days import Days
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.people.naming import select_for_firms
from qb_pipeline.sync.pull.received_payments import PullReport, pull_firm
from qb_pipeline.sync.run import FIRM_ERRORS, SCAN, STEPS, FirmReport, sync_firm
from qb_pipeline.sync.verify.reconcile import FirmReconciliation, reconcile

OWNERS = ["team:finance-data"]

billing_tables = [
    dg.AssetSpec(
        dg.AssetKey(["billing", name]),
        description=description,
        group_name="billing",
        kinds={"postgres", "table"},
        owners=OWNERS,
    )
    for name, description in (
        ("invoices", "Invoices and their lines in the firm's own billing database. We only read them."),
        ("payments", "Payments and what they are applied to, in the firm's own billing database."),
    )
]

SYNC_SPECS = [
    dg.AssetSpec(
        "work_list",
        description=(
            "Every invoice and payment that billing knows, with exactly one state each.\n\n"
            "One row per document. Read from billing's headers; new ones are listed, changed ones become *revised*."
        ),
        group_name="sync",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[dg.AssetKey(["billing", "invoices"]), dg.AssetKey(["billing", "payments"])],
        metadata={"dagster/table_name": "sync.document", **metadata.column_schema(schemas.WorkList)},
    ),
    dg.AssetSpec(
        "sync_plan",
        description=(
            "What a sync does with each document: create, update, void, skip, hold, wait.\n\n"
            "One row per document. Materialized without the QuickBooks assets it is a dry run: nothing is sent."
        ),
        group_name="sync",
        kinds={"pandas", "postgres"},
        owners=OWNERS,
        deps=["work_list"],
        metadata={"dagster/table_name": "sync.plan_item", **metadata.column_schema(schemas.Decisions)},
    ),
    dg.AssetSpec(
        "quickbooks_invoices",
        description="Invoices as QuickBooks now holds them, with the customers and items that they needed.",
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=["sync_plan"],
        metadata={"dagster/table_name": "reporting.invoice_reconciliation"},
    ),
    dg.AssetSpec(
        "quickbooks_payments",
        description="Payments as QuickBooks now holds them, each applied to its invoices (Model 1).",
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=["sync_plan", "quickbooks_invoices"],
        metadata={"dagster/table_name": "reporting.payment_reconciliation"},
    ),
]

PULL_SPEC = dg.AssetSpec(
    RECEIVED_PAYMENTS,
    description=(
        "Payments that QuickBooks received on our invoices, as billing holds them (Model 2).\n\n"
        "One row in billing per payment and invoice; a correction is a reversal and a new row. Materialize a range of "
        "dates to read the payments of these dates anew."
    ),
    group_name="billing",
    kinds={"quickbooks", "postgres"},
    owners=OWNERS,
    deps=["quickbooks_invoices"],
    metadata={"dagster/table_name": "reporting.received_payments"},
)

RECONCILE_SPEC = dg.AssetSpec(
    RECONCILIATION,
    description=(
        "How far billing and QuickBooks are apart, each difference with its one class.\n\n"
        "One partition per firm. Asks QuickBooks for what changed (one read), then compares."
    ),
    group_name="reporting",
    kinds={"quickbooks", "postgres"},
    owners=OWNERS,
    deps=["quickbooks_invoices", "quickbooks_payments"],
    metadata={"dagster/table_name": "reporting.differences"},
)

ALREADY_READ = (RECEIVED_PAYMENTS, "cli")
"""Triggers that have read QuickBooks before they asked for a run."""


def build_sync_firms(date_by_firm: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The assets of the sync, over these dates and firms."""
    dates = date_by_firm.get_partitions_def_for_dimension("date")

    @dg.multi_asset(
        name="sync_firms",
        specs=SYNC_SPECS,
        check_specs=checks.SYNC_CHECKS,
        partitions_def=date_by_firm,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        hooks={run_tags.failed_run_says_why, marks.failed_days_look_failed},
        description=(
            "Sync the chosen dates of the chosen firms, firm by firm; a firm that fails is named when the others are "
            "done."
        ),
    )
    def sync_firms(
        context: dg.AssetExecutionContext,
        deployment: dg.ResourceParam[Deployment],
        chosen: ChosenDocuments,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        steps = [step for step in STEPS if dg.AssetKey(step) in context.selected_asset_keys]
        if not steps:
            yield from _checks_alone(context, deployment)
            return
        reports: list[FirmReport] = []
        done: dict[str, dict[str, dict[str, Any]]] = {step: {} for step in steps}
        keys = keys_of_run(context.run, context.partition_keys, context.instance)
        scopes = read_scopes(keys)
        selections = {scope.firm_id: Selection(scope.first, scope.last) for scope in scopes}
        results = run_tags.begin(context.run, context.instance, list(selections))
        failures = Failures(context.log, results.failed, lambda: _mark(context, done))
        if chosen.is_any:  # they beat the dates, and a firm that has none of them has nothing to do
            selections = _select(deployment, chosen, list(selections), results)
        for scope in scopes:
            selection = selections.get(scope.firm_id)
            if selection is None:
                results.done(scope.firm_id, {}, "nothing to do")
                continue
            with failures.of(scope.firm_id):
                with (
                    work_of_day(context, deployment, scope.firm_id) as work,
                    deployment.open(scope.firm_id, results.run) as session,
                ):
                    work.is_open = True
                    # Billing is always read: invoices alone are those of these dates, not those of an earlier run.
                    report = sync_firm(session, selection, {SCAN, *steps})
                results.done(scope.firm_id, run_tags.of_sync(report, steps), "nothing to do")
                reports.append(report)
                for step, by_partition in _of_firm(deployment, context.run.run_id, steps, report, keys, dates).items():
                    done[step] |= by_partition
        if failures.by_firm or chosen.is_any:
            _mark(context, done)
        if failures.by_firm:
            yield from checks.of_sync(deployment, reports, context.selected_asset_check_keys)
            raise failures.failure(are_others_done=bool(reports))
        for step in steps if not chosen.is_any else ():
            yield marks.all_done(context, step, done[step])
        yield from checks.of_sync(deployment, reports, context.selected_asset_check_keys)

    return sync_firms


def build_pull_firms(date_by_firm: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset ``received_payments``, over these dates and firms."""

    @dg.multi_asset(
        name="pull_firms",
        specs=[PULL_SPEC],
        check_specs=checks.PULL_CHECKS,
        partitions_def=date_by_firm,
        backfill_policy=dg.BackfillPolicy.single_run(),
        hooks={run_tags.failed_run_says_why, marks.failed_days_look_failed},
        description=(
            "Pull the chosen dates of the chosen firms, firm by firm; one that fails is named when the others are done."
        ),
    )
    def pull_firms(
        context: dg.AssetExecutionContext, deployment: dg.ResourceParam[Deployment]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        reports: list[PullReport] = []
        done: dict[str, dict[str, Any]] = {}
        keys = keys_of_run(context.run, context.partition_keys, context.instance)
        scopes = read_scopes(keys)
        results = run_tags.begin(context.run, context.instance, [scope.firm_id for scope in scopes])
        by_date = results.run.trigger not in ALREADY_READ
        failures = Failures(context.log, results.failed, lambda: marks.some_done(context, RECEIVED_PAYMENTS, done))
        for scope in scopes:
            with failures.of(scope.firm_id):
                with deployment.open(scope.firm_id, results.run) as session:
                    bounds = (scope.first, scope.last) if by_date else _open_ended(scope, deployment)
                    report = pull_firm(session, *bounds, by_date=by_date)
                results.done(scope.firm_id, run_tags.of_pull(report), "nothing to post")
                reports.append(report)
                dates = dates_of(keys, scope.firm_id)
                ledger_days = Days(deployment.ledger, scope.firm_id)
                days = ledger_days.of_pull(context.run.run_id, dates, first=bounds[0], last=bounds[1])
                done |= {f"{day}|{scope.firm_id}": metadata.of_received_day(days[day]) for day in dates}
                done[f"{max(dates)}|{scope.firm_id}"] |= metadata.of_pull(report)
        if failures.by_firm:
            marks.some_done(context, RECEIVED_PAYMENTS, done)
            if context.selected_asset_check_keys:
                yield checks.of_pull(deployment, reports)
            raise failures.failure(are_others_done=bool(reports))
        yield marks.all_done(context, RECEIVED_PAYMENTS, done)
        if context.selected_asset_check_keys:
            yield checks.of_pull(deployment, reports)

    return pull_firms


@dg.multi_asset(
    name="reconcile_firms",
    specs=[RECONCILE_SPEC],
    check_specs=checks.RECONCILE_CHECKS,
    partitions_def=firms,
    backfill_policy=dg.BackfillPolicy.single_run(),
    hooks={run_tags.failed_run_says_why, marks.failed_days_look_failed},
)
def reconcile_firms(
    context: dg.AssetExecutionContext, deployment: dg.ResourceParam[Deployment]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Reconcile the chosen firms, one after the other; a firm that fails is named when the others are done."""
    results = run_tags.begin(context.run, context.instance, sorted(context.partition_keys))
    reports: list[FirmReconciliation] = []
    done: dict[str, Mapping[str, Any]] = {}
    failures = Failures(context.log, results.failed, lambda: marks.some_done(context, RECONCILIATION, done))
    for firm_id in sorted(context.partition_keys):
        with failures.of(firm_id):
            with work_of_day(context, deployment, firm_id) as work, deployment.open(firm_id, results.run) as session:
                work.is_open = True
                report = reconcile(session)
            reports.append(report)
            done[firm_id] = metadata.of_reconciliation(report)
            results.done(firm_id, run_tags.of_reconciliation(report), "no differences")
    if failures.by_firm:
        marks.some_done(context, RECONCILIATION, done)
        yield from checks.of_reconciliation(deployment, reports)
        raise failures.failure(are_others_done=bool(reports))
    yield marks.all_done(context, RECONCILIATION, done)
    yield from checks.of_reconciliation(deployment, reports)


def _select(
    deployment: Deployment, chosen: ChosenDocuments, firm_ids: Sequence[str], results: run_tags.Results
) -> dict[str, Selection]:
    """The chosen documents of each firm that has any.

    Raises:
        dg.Failure: a word names none, or several; nothing was sent.
    """
    try:
        return select_for_firms(
            deployment, firm_ids, results.run,
            invoices=chosen.invoice_ids, payments=chosen.payment_ids, plan_id=chosen.plan_id,
        )  # fmt: skip
    except FIRM_ERRORS as error:
        for firm_id in firm_ids:
            results.failed(firm_id, error)
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _mark(context: dg.AssetExecutionContext, done: Mapping[str, marks.ByPartition]) -> None:
    """Mark what was done of each asset, in a run whose partitions Dagster does not mark."""
    for step, by_partition in done.items():
        marks.some_done(context, step, by_partition)


def _of_firm(
    deployment: Deployment,
    run_id: str,
    steps: Sequence[str],
    report: FirmReport,
    keys: Sequence[str],
    dates: dg.PartitionsDefinition[str],
) -> dict[str, dict[str, dict[str, Any]]]:
    """What a firm's partitions say, by asset."""
    marked = _dates_to_mark(keys, report, dates)
    days = Days(deployment.ledger, report.firm_id).of_run(run_id, marked)
    return {
        step: {f"{day}|{report.firm_id}": values for day, values in by_date.items()}
        for step, by_date in metadata.of_firm(steps, report, days, marked).items()
    }


def _dates_to_mark(keys: Sequence[str], report: FirmReport, dates: dg.PartitionsDefinition[str]) -> list[date]:
    """The dates of a firm that turn green: of chosen documents their own, whatever dates the run was launched for."""
    if report.chosen_dates is None:
        return dates_of(keys, report.firm_id)
    return [day for day in report.chosen_dates if dates.has_partition_key(day.isoformat())]


def _checks_alone(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[dg.AssetCheckResult]:
    """*Execute* beside a check: a run without partitions, which asks the ledger and syncs nothing."""
    firm_ids = [firm.firm_id for firm in deployment.active()]
    results = run_tags.begin(context.run, context.instance, firm_ids)
    yield from checks.of_sync(deployment, [], context.selected_asset_check_keys)
    for firm_id in firm_ids:
        results.done(firm_id, {}, "checked")


def _open_ended(scope: Scope, deployment: Deployment) -> tuple[date | None, date | None]:
    """What is dated outside the partitions goes with the first or the last one."""
    latest = deployment.clock().date() + timedelta(days=DAYS_AHEAD)
    return (
        None if scope.first <= deployment.first_date else scope.first,
        None if scope.last >= latest else scope.last,
    )
