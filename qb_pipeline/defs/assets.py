"""The assets: the stages of the sync, the payments that QuickBooks received, and the reconciliation.

Each stage of the sync is an asset and a step of its own, one after another. A firm that fails must not stop the others.
A step cannot succeed for four firms of five: Dagster would skip all later steps for all of them. Therefore the stage in
which a firm fails does the rest of the run's stages for the other firms, records their partitions itself, and then
fails. The first stage does the same in a run of chosen documents whose dates are not those of its partitions.

A partition of ``received_payments`` (Model 2) is a payment's date in QuickBooks × firm. A run that the sensor or the
command line asked for posts the payments that they have read. A run that a person launched, such as a backfill, reads
its dates anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from qb_pipeline.sync.failures import FIRM_ERRORS
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.people.naming import select_for_firms
from qb_pipeline.sync.pull.received_payments import PullReport, pull_firm
from qb_pipeline.sync.stages import STAGES, Stage, do_stage, report_on
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

mappings = dg.AssetSpec(
    "mappings",
    description=(
        "Which QuickBooks customer a payer is, which item a fee item is, and the smaller lists.\n\n"
        "People keep it (`qb-pipeline mapping`); the stage `quickbooks_customers_and_items` adds what it finds by name "
        "or creates."
    ),
    group_name="sync",
    kinds={"postgres", "table"},
    owners=OWNERS,
    metadata={"dagster/table_name": "sync.mapping", **metadata.column_schema(schemas.MappingRows)},
)


def _earlier(stage: Stage) -> list[str]:
    """Return the asset names of all earlier stages.

    Dagster orders a run's steps only by edges between the chosen assets. With an edge from its neighbour alone, a stage
    could run before an earlier one, or beside it, when somebody leaves out the stages between them.
    """
    return [each.value for each in STAGES[: STAGES.index(stage)]]


SYNC_SPECS = [
    dg.AssetSpec(
        Stage.WORK_LIST.value,
        description=(
            "**Extract.** Every invoice and payment that billing knows, with exactly one state each.\n\n"
            "One row per document. Read from billing's headers; new ones are listed, changed ones become *revised*."
        ),
        group_name="sync",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[dg.AssetKey(["billing", "invoices"]), dg.AssetKey(["billing", "payments"])],
        metadata={"dagster/table_name": "sync.document", **metadata.column_schema(schemas.WorkList)},
    ),
    dg.AssetSpec(
        Stage.SYNC_PLAN.value,
        description=(
            "**Validate, map, plan.** What a sync does with each document: create, update, void, skip, hold, wait.\n\n"
            "One row per document: full rows of billing, validated (pandera) and joined to the mappings. Materialized "
            "without the QuickBooks assets it is a dry run: nothing is sent."
        ),
        group_name="sync",
        kinds={"pandas", "postgres"},
        owners=OWNERS,
        deps=[*_earlier(Stage.SYNC_PLAN), "mappings"],
        metadata={"dagster/table_name": "sync.plan_item", **metadata.column_schema(schemas.Decisions)},
    ),
    dg.AssetSpec(
        Stage.RELEASES.value,
        description=(
            "**Load, first.** What sets money and numbers free in QuickBooks: voids of payments, then of invoices."
        ),
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=_earlier(Stage.RELEASES),
        metadata={"dagster/table_name": "reporting.sync_log"},
    ),
    dg.AssetSpec(
        Stage.CUSTOMERS_AND_ITEMS.value,
        description=(
            "**Map and load.** Customers and items that the plan needs and QuickBooks lacks, and customers whose payer "
            "changed in billing. What was found by name is remembered in the mappings."
        ),
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=[*_earlier(Stage.CUSTOMERS_AND_ITEMS), "mappings"],
        metadata={"dagster/table_name": "reporting.sync_log"},
    ),
    dg.AssetSpec(
        Stage.INVOICES.value,
        description="**Load.** Invoices as QuickBooks now holds them, counted before a payment leaves.",
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=_earlier(Stage.INVOICES),
        metadata={"dagster/table_name": "reporting.invoice_reconciliation"},
    ),
    dg.AssetSpec(
        Stage.PAYMENTS.value,
        description=(
            "**Load.** Payments as QuickBooks now holds them, each applied to its invoices (Model 1); with them the "
            "journal entries of refunds."
        ),
        group_name="quickbooks",
        kinds={"quickbooks"},
        owners=OWNERS,
        deps=_earlier(Stage.PAYMENTS),
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
"""The triggers whose runs post payments that were read before the run was asked for."""


def build_stages(date_by_firm: dg.MultiPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Build the assets of the sync over these dates and firms, each with a step of its own."""
    return [_build_stage(Stage(spec.key.to_user_string()), spec, date_by_firm) for spec in SYNC_SPECS]


def _build_stage(stage: Stage, spec: dg.AssetSpec, date_by_firm: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=stage.value,
        specs=[spec],
        check_specs=[check for check in checks.SYNC_CHECKS if check.asset_key == spec.key],
        partitions_def=date_by_firm,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        hooks={run_tags.failed_run_says_why, marks.failed_days_look_failed},
        description=spec.description,
    )
    def run_stage(
        context: dg.AssetExecutionContext,
        deployment: dg.ResourceParam[Deployment],
        chosen: ChosenDocuments,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        if not context.selected_asset_keys:
            yield from _checks_alone(context, deployment)
            return
        dates = date_by_firm.get_partitions_def_for_dimension("date")
        yield from _StageRun.of(context, deployment, chosen, stage, dates).work()

    return run_stage


def stages_of_run(context: dg.AssetExecutionContext) -> list[Stage]:
    """Return the stages that a run does, in their order. A run that repeats another from a failure has the rest of
    them."""
    steps, keys = context.run.step_keys_to_execute, context.run.asset_selection
    return [
        stage
        for stage in STAGES
        if context.job_def.has_node_named(stage.value)
        and (not steps or stage in steps)
        and (not keys or dg.AssetKey(stage.value) in keys)
    ]


@dataclass
class _StageRun:
    """One stage of a run, for all its firms.

    It also does the later stages for firms whose later steps Dagster would skip.
    """

    context: dg.AssetExecutionContext
    deployment: Deployment
    chosen: ChosenDocuments
    stages: Sequence[Stage]
    """Every stage of the run."""
    rest: Sequence[Stage]
    """This stage, and those after it."""
    keys: Sequence[str]
    dates: dg.PartitionsDefinition[str]
    scopes: Sequence[Scope]
    results: run_tags.Results
    done: dict[Stage, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """The metadata of the partitions that were done, keyed by stage and partition key."""
    unexpected: list[Exception] = field(default_factory=list)
    """Errors that, as far as is known, are of no firm alone, such as the loss of the ledger."""

    @classmethod
    def of(
        cls,
        context: dg.AssetExecutionContext,
        deployment: Deployment,
        chosen: ChosenDocuments,
        stage: Stage,
        dates: dg.PartitionsDefinition[str],
    ) -> "_StageRun":
        """Build one stage of a run. In the run's first stage, also write the tags of the run (``run_tags.begin``)."""
        stages = stages_of_run(context)
        keys = keys_of_run(context.run, context.partition_keys, context.instance)
        scopes = read_scopes(keys)
        sign = run_tags.begin if stage is stages[0] else run_tags.go_on
        results = sign(context.run, context.instance, [scope.firm_id for scope in scopes])
        rest = stages[stages.index(stage) :]
        return cls(context, deployment, chosen, stages, rest, keys, dates, scopes, results)

    def work(self) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """Do the stage for each firm, and yield its result with its checks.

        Raises:
            dg.Failure: firms failed, or a census blocks. The rest of the run was done for every other firm.
            Exception: an error that is of no firm alone. Every firm was tried before it is raised.
        """
        stage, failures = self.rest[0], Failures(self.context.log, self.results.failed)
        selections = self._selections()
        last = self._do(stage, selections, failures)
        found = self._check(stage, last, failures, self._selected_checks(stage))
        is_elsewhere = self.chosen.is_any and self.done.get(stage, {}).keys() != set(self.keys)
        is_blocked = any(map(checks.is_blocking, found))
        blocking: list[dg.AssetCheckResult] = []
        if failures.by_firm or self.unexpected or is_elsewhere or is_blocked:
            last, blocking = self._take_through(last, selections, failures)
            found += self._verdict_at_the_end(stage, last)
            self._mark()
        else:
            if stage is self.stages[-1]:
                found += self._verdict_at_the_end(stage, last)
            yield marks.all_done(self.context, stage.value, self.done.get(stage, {}))
        yield from found
        if self.unexpected:
            raise self.unexpected[0]
        if failures.by_firm:
            raise failures.failure(are_others_done=bool(last))
        if blocking:
            raise dg.Failure(description="\n".join(each.description or "" for each in blocking), allow_retries=False)

    def _take_through(
        self, last: list[FirmReport], selections: Mapping[str, Selection], failures: Failures
    ) -> tuple[list[FirmReport], list[dg.AssetCheckResult]]:
        """Do the later stages of the run for the firms that have not failed.

        Returns:
            The reports of the last stage, and the check results that block.
        """
        blocking: list[dg.AssetCheckResult] = []
        for later in self.rest[1:]:
            through = {report.firm_id for report in last}
            last = self._do(later, {key: each for key, each in selections.items() if key in through}, failures)
            verdicts = self._check(later, last, failures, None)
            marks.evaluate(self.context, verdicts)
            blocking += filter(checks.is_blocking, verdicts)
        return last, blocking

    def _verdict_at_the_end(self, stage: Stage, last: Sequence[FirmReport]) -> list[dg.AssetCheckResult]:
        """Return the result of the check ``nothing_held`` at the end of a run, as a list of one or none.

        The check belongs to the plan, wherever the run ends. At the end of another stage its result is recorded, not
        returned.
        """
        if Stage.SYNC_PLAN not in self.stages or self.unexpected:
            return []
        held = checks.nothing_held(self.deployment, last)
        if stage is not Stage.SYNC_PLAN:
            marks.evaluate(self.context, [held])
            return []
        return [held] if checks.NOTHING_HELD in self._selected_checks(stage) else []

    def _check(
        self, stage: Stage, reports: Sequence[FirmReport], failures: Failures, selected: set[str] | None
    ) -> list[dg.AssetCheckResult]:
        """Return the results of a stage's checks; an empty list when the ledger itself may be in trouble."""
        if self.unexpected:
            return []
        return list(checks.of_stage(self.deployment, stage, reports, failures.errors, selected))

    def _selections(self) -> dict[str, Selection]:
        """Return the selection of each firm, keyed by firm id.

        A firm that has none of the chosen documents is left out, and its result is "nothing to do".
        """
        selections = {scope.firm_id: Selection(scope.first, scope.last) for scope in self.scopes}
        if not self.chosen.is_any:
            return selections
        found = _select(self.deployment, self.chosen, list(selections), self.results)
        for firm_id in selections.keys() - found.keys():
            self.results.done(firm_id, {}, "nothing to do")
        return {firm_id: found[firm_id] for firm_id in selections if firm_id in found}

    def _do(self, stage: Stage, selections: Mapping[str, Selection], failures: Failures) -> list[FirmReport]:
        """Do one stage for firms, and return the reports of the firms that did not fail."""
        is_last = stage is self.stages[-1]
        reports: list[FirmReport] = []
        for firm_id, selection in selections.items():
            try:
                with failures.of(firm_id):
                    report = self._do_firm(stage, firm_id, selection, is_last=is_last)
                    reports.append(report)
                    self._note(stage, report)
                    if is_last:
                        self.results.done(firm_id, run_tags.of_sync(report, self.stages), "nothing to do")
            except Exception as error:  # it is raised unchanged after every other firm was tried
                self.unexpected.append(error)
        return reports

    def _do_firm(self, stage: Stage, firm_id: str, selection: Selection, *, is_last: bool) -> FirmReport:
        with (
            work_of_day(self.context, self.deployment, firm_id, is_last=is_last) as work,
            self.deployment.open(firm_id, self.results.run, of_stage=True) as session,
        ):
            work.is_open = True
            result = do_stage(session, stage, selection, self.stages)
            return report_on(session, selection, [result])

    def _note(self, stage: Stage, report: FirmReport) -> None:
        """Store the metadata of the firm's partitions in ``done``."""
        marked = _dates_to_mark(self.keys, report, self.dates)
        days = Days(self.deployment.ledger, report.firm_id).of_run(
            self.context.run.run_id, marked, metadata.PARTS[stage]
        )
        shown = metadata.of_stage(stage, self.stages, report, days, marked)
        self.done.setdefault(stage, {}).update({f"{day}|{report.firm_id}": values for day, values in shown.items()})

    def _mark(self) -> None:
        """Record a materialization for each partition in ``done``: in such a run Dagster does not record them."""
        for stage, by_partition in self.done.items():
            marks.some_done(self.context, stage.value, by_partition)

    def _selected_checks(self, stage: Stage) -> set[str]:
        """Return the names of this stage's checks that the run asked for."""
        return {key.name for key in self.context.selected_asset_check_keys if key.asset_key == dg.AssetKey(stage.value)}


def build_pull_firms(date_by_firm: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """Build the asset ``received_payments`` over these dates and firms."""

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
    """Return the selection of the chosen documents, keyed by firm id, for each firm that has any.

    Raises:
        dg.Failure: a word names no document, or several; nothing was sent.
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


def _dates_to_mark(keys: Sequence[str], report: FirmReport, dates: dg.PartitionsDefinition[str]) -> list[date]:
    """Return the dates of a firm whose partitions turn green.

    For chosen documents these are their own dates, whatever dates the run was launched for.
    """
    if report.chosen_dates is None:
        return dates_of(keys, report.firm_id)
    return [day for day in report.chosen_dates if dates.has_partition_key(day.isoformat())]


def _checks_alone(context: dg.AssetExecutionContext, deployment: Deployment) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of checks that a person executes alone: a run without partitions, which only reads the
    ledger."""
    firm_ids = [firm.firm_id for firm in deployment.active()]
    results = run_tags.begin(context.run, context.instance, firm_ids)
    for stage in STAGES:
        names = {key.name for key in context.selected_asset_check_keys if key.asset_key == dg.AssetKey(stage.value)}
        yield from checks.of_stage(deployment, stage, [], {}, names, is_alone=True)
    for firm_id in firm_ids:
        results.done(firm_id, {}, "checked")


def _open_ended(scope: Scope, deployment: Deployment) -> tuple[date | None, date | None]:
    """Return the first and last date of a pull; None where the scope reaches the first or the last partition.

    So payments dated outside the partitions are posted with the first or the last one.
    """
    latest = deployment.clock().date() + timedelta(days=DAYS_AHEAD)
    return (
        None if scope.first <= deployment.first_date else scope.first,
        None if scope.last >= latest else scope.last,
    )
