"""What an operator reads on an asset's page: counts, sums of money, held reasons. Never a name or a memo."""

from collections import Counter
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg
import pandera.pandas as pa

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.sync.evidence import name_of
from qb_pipeline.sync.run import PLAN, PUSH_INVOICES, PUSH_PAYMENTS, SCAN, FirmReport

SHOWN_DOCUMENTS = 500
"""So many documents of a plan stand in its table: metadata are read as a whole."""

KIND = {PUSH_INVOICES: "invoice", PUSH_PAYMENTS: "payment"}
SENT = ("created", "adopted", "updated")


def column_schema(model: type[pa.DataFrameModel]) -> dict[str, Any]:
    """A pandera model as the asset page's Columns panel."""
    columns = [
        # pandas calls its text "string[python]"; what is in brackets is how it stores it
        dg.TableColumn(name, str(column.dtype or "object").split("[")[0], description=column.description or "")
        for name, column in model.to_schema().columns.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def of_step(step: str, reports: Sequence[FirmReport], *, run_id: str) -> dict[str, Any]:
    """The metadata of one asset after a run over some firms: first what a person reads first."""
    if step == SCAN:
        return {
            "documents read in billing": sum(report.scanned.get("seen", 0) for report in reports),
            "documents new or changed": sum(report.scanned.get("changed", 0) for report in reports),
        }
    if step == PLAN:
        return {
            "plan": _plan_table(reports),
            **_plan_documents(reports),
            "held": held_table(reports),
            **(
                {"notices": "\n".join(n for r in reports for n in r.notices)} if any(r.notices for r in reports) else {}
            ),
        }
    kind = KIND[step]
    held = [row for report in reports for row in report.held_documents if row["kind"] == kind]
    return {
        "what became of them": _activity_table(kind, reports),
        "control totals": _control_table(kind, reports),
        "held": held_table(reports, (kind,)),
        "documents sent": sum(report.documents(kind, *SENT) for report in reports),
        "amount sent": dollars(sum(report.cents(kind, *SENT) for report in reports)),
        "documents held": len(held),
        "amount held": dollars(sum(row["amount_cents"] for row in held)),
        "requests: reads (metered)": sum(report.reads for report in reports),
        "requests: writes": sum(report.writes for report in reports),
        "sync log": dg.MetadataValue.md(
            "\n".join(f"`qb-pipeline log {report.firm_id} --run {run_id}`" for report in reports)
        ),
    }


def dollars(cents: int) -> str:
    """Cents as a person writes dollars: ``12,345.67``."""
    amount: Decimal = to_dollars(cents)
    return f"{amount:,.2f}"


def _plan_table(reports: Sequence[FirmReport]) -> dg.TableMetadataValue:
    return table(
        [
            {
                "firm": report.firm_id,
                "kind": kind,
                "operation": operation,
                "documents": count,
                "amount": dollars(report.planned.cents[kind, operation]),
            }
            for report in reports
            for (kind, operation), count in sorted(report.planned.documents.items())
        ],
        ["firm", "kind", "operation", "documents", "amount"],
    )


def _plan_documents(reports: Sequence[FirmReport]) -> dict[str, Any]:
    """Of a dry run: the id to apply it by, and each document with its operation: ids and reasons only."""
    rows = [{"firm": report.firm_id, **row} for report in reports for row in report.plan]
    if not rows:
        return {}
    shown = [
        {
            "firm": row["firm"],
            "document": name_of(row),
            "date": str(row["document_date"]),
            "operation": row["operation"],
            "reason": row["reason"],
        }
        for row in rows[:SHOWN_DOCUMENTS]
    ]
    return {
        "plan id": reports[0].run_id,
        "documents of the plan": table(shown, ["firm", "document", "date", "operation", "reason"]),
        "documents shown": f"{len(shown)} of {len(rows)}",
    }


def _activity_table(kind: str, reports: Sequence[FirmReport]) -> dg.TableMetadataValue:
    """What was done in this run; what stays held has a table of its own."""
    documents: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for row in report.activities:
            if row["kind"] == kind and row["activity"] not in ("seen", "notice", "held"):
                documents[report.firm_id, row["activity"]] += row["documents"]
                cents[report.firm_id, row["activity"]] += row["cents"]
    return table(
        [
            {"firm": firm_id, "outcome": activity, "documents": count, "amount": dollars(cents[firm_id, activity])}
            for (firm_id, activity), count in sorted(documents.items())
        ],
        ["firm", "outcome", "documents", "amount"],
    )


def held_table(
    reports: Sequence[FirmReport], kinds: Collection[str] = tuple(KIND.values())
) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """What needs a person, by reason, with what clears it."""
    documents: Counter[tuple[str, str, str]] = Counter()
    cents: Counter[tuple[str, str, str]] = Counter()
    for report in reports:
        for row in report.held_documents:
            if row["kind"] in kinds:
                documents[report.firm_id, row["kind"], row["reason"]] += 1
                cents[report.firm_id, row["kind"], row["reason"]] += row["amount_cents"]
    if not documents:
        return dg.MetadataValue.text("nothing")
    return table(
        [
            {
                "firm": firm_id,
                "kind": kind,
                "reason": reason,
                "documents": count,
                "amount": dollars(cents[firm_id, kind, reason]),
                "what clears it": PROBLEMS[Problem(reason)].remedy if reason in Problem.__members__ else "",
            }
            for (firm_id, kind, reason), count in sorted(documents.items())
        ],
        ["firm", "kind", "reason", "documents", "amount", "what clears it"],
    )


def _control_table(kind: str, reports: Sequence[FirmReport]) -> dg.TableMetadataValue:
    return table(
        [
            {
                "firm": report.firm_id,
                "meant": dollars(row["meant_cents"]),
                "accepted": dollars(row["accepted_cents"]),
                "in QuickBooks": dollars(row["in_quickbooks_cents"]),
                "refused": dollars(row["refused_cents"]),
                "unknown": dollars(row["unknown_cents"]),
            }
            for report in reports
            for row in report.control_totals
            if row["kind"] == kind
        ],
        ["firm", "meant", "accepted", "in QuickBooks", "refused", "unknown"],
    )


def table(rows: list[dict[str, Any]], columns: list[str]) -> dg.TableMetadataValue:
    """Rows as a table on an asset's page; documents are counted, all else is text."""
    numbers = {"documents"}
    schema = dg.TableSchema([dg.TableColumn(name, "int" if name in numbers else "string") for name in columns])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)
