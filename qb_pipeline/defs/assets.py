"""The assets: the work list, the plan, and the documents as QuickBooks then holds them.

All four are one step, because firms stand or fall alone: with a step each, one firm's failure among the invoices would
keep every other firm's payments from being sent.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from qb_pipeline.core import schemas
from qb_pipeline.defs import checks, metadata
from qb_pipeline.defs.partitions import Scope, date_by_firm, keys_of_run, read_scopes
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.run import FIRM_ERRORS, SCAN, STEPS, FirmReport, explain, sync_firm
from qb_pipeline.sync.scan import Selection

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

SPECS = [
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


@dg.multi_asset(
    name="sync_firms",
    specs=SPECS,
    check_specs=checks.SPECS,
    partitions_def=date_by_firm,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def sync_firms(
    context: dg.AssetExecutionContext,
    companies: dg.ResourceParam[Companies],
    chosen: ChosenDocuments,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Sync the chosen dates of the chosen firms, firm by firm; a firm that fails is named when the others are done."""
    run = Run(context.run.run_id, context.run.tags.get("trigger", "ui"), context.run.tags.get("actor", "dagster"))
    steps = [step for step in STEPS if dg.AssetKey(step) in context.selected_asset_keys]
    reports: list[tuple[Scope, FirmReport]] = []
    failures: dict[str, str] = {}
    keys = keys_of_run(context.run, context.partition_keys, context.instance)
    for scope in read_scopes(keys):
        selection = Selection(scope.first, scope.last, chosen.invoice_ids, chosen.payment_ids, chosen.plan_id)
        try:
            with companies.open(scope.firm_id, run) as place:
                # Billing is always read: invoices alone are those of these dates, not those that an earlier run saw.
                reports.append((scope, sync_firm(place, selection, {SCAN, *steps})))
        except FIRM_ERRORS as error:
            failures[scope.firm_id] = explain(scope.firm_id, error)
            context.log.error(f"{scope.firm_id}: {failures[scope.firm_id]}")
    if failures:
        _materialize_the_others(context, steps, reports)
        raise dg.Failure(
            description="\n".join(failures.values()) + ("\nEvery other firm of this run is done." if reports else ""),
            metadata={firm_id: dg.MetadataValue.text(message) for firm_id, message in failures.items()},
            allow_retries=False,
        )
    for step in steps:
        values = metadata.of_step(step, [report for _, report in reports], run_id=context.run.run_id)
        for key in sorted(set(keys) - set(context.partition_keys)):
            context.log_event(dg.AssetMaterialization(step, partition=key, metadata=values))
        yield dg.MaterializeResult(step, metadata=values)
    yield from checks.results([report for _, report in reports], context.selected_asset_check_keys)


def _materialize_the_others(
    context: dg.AssetExecutionContext, steps: list[str], reports: list[tuple[Scope, FirmReport]]
) -> None:
    """Mark the partitions of the firms that went through; the failed firm's stay as they were."""
    for scope, report in reports:
        for step in steps:
            values = metadata.of_step(step, [report], run_id=context.run.run_id)
            for day in _days(scope.first, scope.last):
                context.log_event(
                    dg.AssetMaterialization(step, partition=f"{day.isoformat()}|{scope.firm_id}", metadata=values)
                )


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
