"""The metadata on an asset's page, for an operator: counts, sums of money, held reasons. Never a name or a memo.

The numbers and tables of a partition are those of its date and firm. The facts of the run as a whole (requests, the
command for its sync log, notices) are shown once for each firm: on the newest date of the run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import dagster as dg
import pandera.pandas as pa

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.days import TOTALS, Day, DoneCount, HeldCount, ReceivedDay, ReferenceCount
from qb_pipeline.ledger.books.plans import PlanLine, PlannedCount
from qb_pipeline.ledger.books.standing import HeldInFirm
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.pull.received_payments import PullReport
from qb_pipeline.sync.stages import LOADING, Stage
from qb_pipeline.sync.verify.reconcile import FirmReconciliation

SHOWN_ROWS = 500
"""The greatest number of rows of a table that are shown, because Dagster reads metadata as a whole."""

KIND: dict[Stage, Kind] = {Stage.INVOICES: Kind.INVOICE, Stage.PAYMENTS: Kind.PAYMENT}
SENT = ("created", "adopted", "updated")

PARTS: dict[Stage, tuple[str, ...]] = {
    Stage.WORK_LIST: ("listed", "changed"),
    Stage.SYNC_PLAN: ("planned", "held"),
    Stage.RELEASES: ("done",),
    Stage.CUSTOMERS_AND_ITEMS: ("references",),
    Stage.INVOICES: ("done", "held", "control_totals"),
    Stage.PAYMENTS: ("done", "held", "control_totals"),
}
"""The parts of a day (``ledger.books.days``) that a stage shows, keyed by stage."""

RECEIVED_PAYMENTS, RECONCILIATION = "received_payments", "reconciliation"
"""The assets outside the sync; ``sync.stages`` names the assets of the sync."""

POSTED = {
    "payment": "payments posted",
    "credit_application": "credit posted (no cash)",
    "reversal": "postings taken back",
}
"""The labels of a day's postings, keyed by kind."""

INBOX = {
    "done": "payments that billing holds",
    "waiting": "wait for an invoice whose answer was lost",
    "unapplied": "pay no invoice yet",
    "not_ours": "pay other invoices than ours",
    "echo": "were sent by a pipeline",
    "older": "from before the firm came to Model 2",
    "refused": "refused: a person must look",
}
"""The labels of a day's payments, keyed by their state in the inbox."""


def column_schema(model: type[pa.DataFrameModel]) -> dict[str, Any]:
    """Return the metadata that shows a pandera model in the Columns panel of an asset's page."""
    columns = [
        # pandas calls its text "string[python]"; the brackets name the way of storage
        dg.TableColumn(name, str(column.dtype or "object").split("[")[0], description=column.description or "")
        for name, column in model.to_schema().columns.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def of_stage(
    stage: Stage, stages: Sequence[Stage], report: FirmReport, days: Mapping[date, Day], dates: Collection[date]
) -> dict[date, dict[str, Any]]:
    """Return the metadata of a firm's partitions of one stage's asset, keyed by date. ``stages`` are all of the run.

    ``days``: the numbers of the run (``ledger.books.days``, ``PARTS``), keyed by date. Dates beyond the run's own
    ``dates`` count among the numbers of the run as a whole.
    """
    plans = {day: [row for row in report.plan if row.document_date == day] for day in dates}
    found = {day: of_day(stage, days[day], plans[day]) for day in sorted(dates)}
    if dates:
        elsewhere = [days[day] for day in days.keys() - set(dates)]
        found[max(dates)] |= _of_run(stage, stages, report, elsewhere)
    return found


def of_day(stage: Stage, day: Day, plan: Sequence[PlanLine] = ()) -> dict[str, Any]:
    """Return the metadata of one partition: numbers, and a table wherever there are rows for it.

    ``plan``: the documents of that date in a dry run.
    """
    if stage is Stage.WORK_LIST:
        return {
            "documents on the work list": day.listed,
            "amount on the work list": dollars(day.listed_cents),
            "documents new or changed": day.changed,
        }
    if stage is Stage.SYNC_PLAN:
        return {
            **table("plan", [_with_amount(row) for row in day.planned], ["kind", "operation", "documents", "amount"]),
            **table("documents of the plan", _plan_rows(plan), ["document", "date", "operation", "reason"]),
            **held_table(day.held),
            "documents planned": sum(row.documents for row in day.planned),
            "amount planned": dollars(sum(row.cents for row in day.planned)),
            **_held_numbers(day.held),
        }
    if stage is Stage.RELEASES:
        return _of_voids(day)
    if stage is Stage.CUSTOMERS_AND_ITEMS:
        return _of_references(day)
    return _of_documents(KIND[stage], day)


def _of_voids(day: Day) -> dict[str, Any]:
    voided = [row for row in day.done if row.activity == "voided"]
    return {
        **table("what was voided", [_with_amount(row) for row in voided], ["kind", "documents", "amount"]),
        "documents voided": sum(row.documents for row in voided),
        "amount voided": dollars(sum(row.cents for row in voided)),
    }


def _of_references(day: Day) -> dict[str, Any]:
    rows: list[dict[str, str | int]] = [
        {"kind": row.kind, "outcome": row.activity, "documents": row.documents} for row in day.references
    ]
    return {
        **table("what became of them", rows, ["kind", "outcome", "documents"]),
        "customers created": _count(day.references, Kind.CUSTOMER, "created"),
        "customers updated": _count(day.references, Kind.CUSTOMER, "updated"),
        "items created": _count(day.references, Kind.ITEM, "created"),
    }


def _of_documents(kind: Kind, day: Day) -> dict[str, Any]:
    held = [row for row in day.held if row.kind == kind]
    done = [_with_amount(row) | {"outcome": row.activity} for row in day.done if row.kind == kind]
    totals = [row for row in day.control_totals if row.kind == kind]
    return {
        **table("what became of them", done, ["outcome", "documents", "amount"]),
        **table(
            "control totals",
            [{_title(name): dollars(asdict(row)[name]) for name in TOTALS} for row in totals],
            [_title(name) for name in TOTALS],
        ),
        **held_table(held),
        "documents sent": day.documents(kind, *SENT),
        "amount sent": dollars(day.cents(kind, *SENT)),
        **_held_numbers(held),
    }


def _count(rows: Sequence[ReferenceCount], kind: Kind, activity: str) -> int:
    return sum(row.documents for row in rows if (row.kind, row.activity) == (kind, activity))


def _of_run(stage: Stage, stages: Sequence[Stage], report: FirmReport, elsewhere: Sequence[Day]) -> dict[str, Any]:
    """Return the numbers of the run as a whole.

    The requests are those of this stage. The command for the sync log is shown with each stage that sends and with the
    last.
    """
    shown: dict[str, Any] = {}
    if stage is Stage.WORK_LIST:
        shown["this run: documents read in billing"] = report.scanned.get("seen", 0)
    if stage is Stage.SYNC_PLAN and report.plan:
        shown["plan id"] = report.run_id
    if report.notices:
        shown["notices"] = "\n".join(report.notices)
    if kind := KIND.get(stage):
        documents = sum(day.documents(kind, *SENT) for day in elsewhere)
        if documents:
            shown["this run: documents of other dates sent"] = documents
            shown["this run: amount of other dates sent"] = dollars(sum(day.cents(kind, *SENT) for day in elsewhere))
    if stage is not Stage.WORK_LIST:
        shown["requests: reads (metered)"] = report.reads
    if stage in LOADING:
        shown["requests: writes"] = report.writes
    if stage in LOADING or stage is stages[-1]:
        shown["sync log"] = dg.MetadataValue.md(f"`qb-pipeline log {report.firm_id} --run {report.run_id}`")
    return shown


def of_received_day(day: ReceivedDay) -> dict[str, Any]:
    """Return the metadata of one partition: counts and sums of the payments of its date and firm. No client's data."""
    shown: dict[str, Any] = {}
    for kind, text in POSTED.items():
        rows = [row for row in day.posted if row.kind == kind]
        shown[text] = sum(row.documents for row in rows)
        shown[f"{text}: amount"] = dollars(sum(row.cents for row in rows))
    for state, text in INBOX.items():
        shown[f"of this date: {text}"] = sum(row.documents for row in day.inbox if row.state == state)
    shown["of this date: unapplied in QuickBooks"] = dollars(sum(row.cents for row in day.inbox))
    return shown


def of_pull(report: PullReport) -> dict[str, Any]:
    """Return the numbers of the whole pull, with the number of invoices that have a recent payment (the visual
    clue)."""
    return {
        "invoices with a recent payment": report.recent_invoices,
        "recent payments": dg.MetadataValue.md("see the view `reporting.recent_quickbooks_payments`"),
        "requests: reads (metered)": report.reads,
    }


def of_reconciliation(report: FirmReconciliation) -> dict[str, Any]:
    """Return the numbers and tables of a firm's partition."""
    amounts = ("ours", "theirs", "difference", "residual")
    measures = [
        {"measure": row.measure} | {name: f"{asdict(row)[name]:,.2f}" for name in amounts} for row in report.measures
    ]
    classes: list[dict[str, str | int]] = [
        {
            "measure": row.measure,
            "class": row.name or "NOT EXPLAINED",
            "documents": int(row.documents),
            "amount": f"{row.amount:,.2f}",
            "oldest": str(row.oldest or ""),
        }
        for row in report.classes
    ]
    return {
        **table("measures", measures, ["measure", *amounts]),
        **table("differences by class", classes, ["measure", "class", "documents", "amount", "oldest"]),
        "documents that changed in QuickBooks": report.changed,
        "held because a person took them out": report.held,
        "requests: reads (metered)": report.reads,
    }


def dollars(cents: int) -> str:
    """Return cents as text in dollars: ``12,345.67``."""
    return f"{to_dollars(cents):,.2f}"


def _title(name: str) -> str:
    """Return the label of a column of control totals on the page."""
    return name.removesuffix("_cents").replace("_", " ").replace("quickbooks", "QuickBooks")


def _with_amount(row: PlannedCount | DoneCount) -> dict[str, str | int]:
    return {**asdict(row), "amount": dollars(row.cents)}


def _held_numbers(held: Sequence[HeldCount]) -> dict[str, int | str]:
    return {
        "documents held": sum(row.documents for row in held),
        "amount held": dollars(sum(row.cents for row in held)),
    }


def _plan_rows(plan: Sequence[PlanLine]) -> list[dict[str, str]]:
    """Return a row for each document of a dry run: only its id, date, operation and reason."""
    return [
        {
            "document": str(row.name),
            "date": str(row.document_date),
            "operation": str(row.operation),
            "reason": str(row.reason),
        }
        for row in plan
    ]


def held_table(
    held: Iterable[HeldCount | HeldInFirm], *columns: str, limit: int = SHOWN_ROWS
) -> dict[str, dg.TableMetadataValue | str]:
    """Return the table of documents that need a person, by reason, with remedies. ``columns``: further columns, such as
    firm."""
    rows = [
        {
            **asdict(row),
            "firm": row.firm_id if isinstance(row, HeldInFirm) else "",
            "amount": dollars(row.cents),
            "what clears it": PROBLEMS[Problem(row.reason)].remedy if row.reason in Problem.__members__ else "",
        }
        for row in held
    ]
    names = [*columns, "kind", "reason", "documents", "amount", "what clears it"]
    return table("held", rows, names, limit=limit)


def table(
    name: str, rows: Sequence[Mapping[str, str | int]], columns: Sequence[str], *, limit: int = SHOWN_ROWS
) -> dict[str, dg.TableMetadataValue | str]:
    """Return rows as a table for an asset's page; an empty mapping when there is no row.

    Of more than ``limit`` rows only the first are shown, and an entry beside the table says so. The column
    ``documents`` has numbers, every other column text. Values of a row outside ``columns`` are left out.
    """
    if not rows:
        return {}
    numbers = {"documents"}
    schema = dg.TableSchema([dg.TableColumn(each, "int" if each in numbers else "string") for each in columns])
    records = [dg.TableRecord({each: row[each] for each in columns}) for row in rows[:limit]]
    cut = {f"{name}: rows shown": f"{limit} of {len(rows)}"} if len(rows) > limit else {}
    return {name: dg.MetadataValue.table(records, schema=schema), **cut}
