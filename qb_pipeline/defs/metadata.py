"""What an operator reads on an asset's page: counts, sums of money, held reasons. Never a name or a memo.

The numbers and tables of a partition are those of its date and firm. What is a run's own (requests, its place in the
sync log, what it said) stands once for each firm: on the newest date of the run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandera.pandas as pa

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import name_of
from qb_pipeline.ledger.books.days import TOTALS, Day, ReceivedDay
from qb_pipeline.sync.pull.received_payments import PullReport
from qb_pipeline.sync.run import PLAN, PUSH_INVOICES, PUSH_PAYMENTS, SCAN, FirmReport
from qb_pipeline.sync.verify.reconcile import FirmReconciliation

SHOWN_ROWS = 500
"""So many rows of a table are shown: metadata are read as a whole."""

KIND = {PUSH_INVOICES: Kind.INVOICE, PUSH_PAYMENTS: Kind.PAYMENT}
SENT = ("created", "adopted", "updated")

RECEIVED_PAYMENTS, RECONCILIATION = "received_payments", "reconciliation"
"""The assets that are not of the sync; ``sync.run`` names those."""

POSTED = {
    "payment": "payments posted",
    "credit_application": "credit posted (no cash)",
    "reversal": "postings taken back",
}
"""How a day says its postings, by kind."""

INBOX = {
    "done": "payments that billing holds",
    "waiting": "wait for an invoice whose answer was lost",
    "unapplied": "pay no invoice yet",
    "not_ours": "pay other invoices than ours",
    "echo": "were sent by a pipeline",
    "older": "from before the firm came to Model 2",
    "refused": "refused: a person must look",
}
"""How a day says what became of its payments, by their state in the inbox."""


def column_schema(model: type[pa.DataFrameModel]) -> dict[str, Any]:
    """A pandera model as the asset page's Columns panel."""
    columns = [
        # pandas calls its text "string[python]"; what is in brackets is how it stores it
        dg.TableColumn(name, str(column.dtype or "object").split("[")[0], description=column.description or "")
        for name, column in model.to_schema().columns.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def of_firm(
    steps: Sequence[str], report: FirmReport, days: Mapping[date, Day], dates: Collection[date]
) -> dict[str, dict[date, dict[str, Any]]]:
    """The metadata of a firm's partitions after a run, by asset and date.

    ``days``: what the run did (``ledger.books.days``), also on dates that are not its own; those count as the run's.
    """
    plans = {day: [row for row in report.plan if row["document_date"] == day] for day in dates}
    found: dict[str, dict[date, dict[str, Any]]] = {}
    for step in steps:
        found[step] = {day: of_day(step, days[day], plans[day]) for day in sorted(dates)}
        if dates:
            found[step][max(dates)] |= _of_run(step, steps, report, [days[day] for day in days.keys() - set(dates)])
    return found


def of_day(step: str, day: Day, plan: Sequence[Any] = ()) -> dict[str, Any]:
    """What stands on one partition: numbers, and a table where there is something to be put into one.

    ``plan``: the documents of that date in a dry run.
    """
    if step == SCAN:
        return {
            "documents on the work list": day.listed,
            "amount on the work list": dollars(day.listed_cents),
            "documents new or changed": day.changed,
        }
    if step == PLAN:
        return {
            **table("plan", _with_amount(day.planned), ["kind", "operation", "documents", "amount"]),
            **table("documents of the plan", _plan_rows(plan), ["document", "date", "operation", "reason"]),
            **held_table(day.held),
            "documents planned": sum(row["documents"] for row in day.planned),
            "amount planned": dollars(sum(row["cents"] for row in day.planned)),
            **_held_numbers(day.held),
        }
    kind = KIND[step]
    held = [row for row in day.held if row["kind"] == kind]
    done = [{**row, "outcome": row["activity"]} for row in day.done if row["kind"] == kind]
    totals = [row for row in day.control_totals if row["kind"] == kind]
    return {
        **table("what became of them", _with_amount(done), ["outcome", "documents", "amount"]),
        **table(
            "control totals",
            [{_title(name): dollars(row[name]) for name in TOTALS} for row in totals],
            [_title(name) for name in TOTALS],
        ),
        **held_table(held),
        "documents sent": day.documents(kind, *SENT),
        "amount sent": dollars(day.cents(kind, *SENT)),
        **_held_numbers(held),
    }


def _of_run(step: str, steps: Sequence[str], report: FirmReport, elsewhere: Sequence[Day]) -> dict[str, Any]:
    """What is the run's own. Its requests stand at the first asset that may write; of a dry run, at the plan."""
    shown: dict[str, Any] = {}
    if step == SCAN:
        shown["this run: documents read in billing"] = report.scanned.get("seen", 0)
    if step == PLAN and report.plan:
        shown["plan id"] = report.run_id
    if step == PLAN and report.notices:
        shown["notices"] = "\n".join(report.notices)
    if kind := KIND.get(step):
        documents = sum(day.documents(kind, *SENT) for day in elsewhere)
        if documents:
            shown["this run: documents of other dates sent"] = documents
            shown["this run: amount of other dates sent"] = dollars(sum(day.cents(kind, *SENT) for day in elsewhere))
    if step == next(each for each in (PUSH_INVOICES, PUSH_PAYMENTS, PLAN, SCAN) if each in steps):
        shown |= {
            "requests: reads (metered)": report.reads,
            "requests: writes": report.writes,
            "sync log": dg.MetadataValue.md(f"`qb-pipeline log {report.firm_id} --run {report.run_id}`"),
        }
    return shown


def of_received_day(day: ReceivedDay) -> dict[str, Any]:
    """What stands on one partition: counts and sums of the payments of its date and firm. No client's data."""
    shown: dict[str, Any] = {}
    for kind, text in POSTED.items():
        rows = [row for row in day.posted if row["kind"] == kind]
        shown[text] = sum(row["documents"] for row in rows)
        shown[f"{text}: amount"] = dollars(sum(row["cents"] for row in rows))
    for state, text in INBOX.items():
        shown[f"of this date: {text}"] = sum(row["documents"] for row in day.inbox if row["state"] == state)
    shown["of this date: unapplied in QuickBooks"] = dollars(sum(row["cents"] for row in day.inbox))
    return shown


def of_pull(report: PullReport) -> dict[str, Any]:
    """What is the run's own, and the visual clue: how many invoices of the firm have a recent payment."""
    return {
        "invoices with a recent payment": report.recent_invoices,
        "recent payments": dg.MetadataValue.md("see the view `reporting.recent_quickbooks_payments`"),
        "requests: reads (metered)": report.reads,
    }


def of_reconciliation(report: FirmReconciliation) -> dict[str, Any]:
    """What stands on a firm's partition."""
    amounts = ("ours", "theirs", "difference", "residual")
    measures = [
        {"measure": row["measure"]} | {name: f"{row[name]:,.2f}" for name in amounts} for row in report.measures
    ]
    classes = [
        {
            "measure": row["measure"],
            "class": row["class"] or "NOT EXPLAINED",
            "documents": int(row["documents"]),
            "amount": f"{row['amount']:,.2f}",
            "oldest": str(row["oldest"] or ""),
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
    """Cents as a person writes dollars: ``12,345.67``."""
    return f"{to_dollars(cents):,.2f}"


def _title(name: str) -> str:
    """How a column of control totals is called on the page."""
    return name.removesuffix("_cents").replace("_", " ").replace("quickbooks", "QuickBooks")


def _with_amount(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "amount": dollars(row["cents"])} for row in rows]


def _held_numbers(held: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "documents held": sum(row["documents"] for row in held),
        "amount held": dollars(sum(row["cents"] for row in held)),
    }


def _plan_rows(plan: Sequence[Any]) -> list[dict[str, Any]]:
    """Each document of a dry run with its operation: ids and reasons only."""
    return [
        {
            "document": name_of(row),
            "date": str(row["document_date"]),
            "operation": row["operation"],
            "reason": row["reason"],
        }
        for row in plan
    ]


def held_table(held: Iterable[Mapping[str, Any]], *columns: str, limit: int = SHOWN_ROWS) -> dict[str, Any]:
    """What needs a person, by reason, with what clears it; rows kind, reason, documents, cents, more ``columns``."""
    rows = [
        {
            **row,
            "what clears it": PROBLEMS[Problem(row["reason"])].remedy if row["reason"] in Problem.__members__ else "",
        }
        for row in _with_amount(held)
    ]
    names = [*columns, "kind", "reason", "documents", "amount", "what clears it"]
    return table("held", rows, names, limit=limit)


def table(
    name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, limit: int = SHOWN_ROWS
) -> dict[str, Any]:
    """Rows as a table on an asset's page: nothing where there is no row; of many the first, which is said beside it.

    Documents are counted, all else is text. What is in a row beside ``columns`` is left out.
    """
    if not rows:
        return {}
    numbers = {"documents"}
    schema = dg.TableSchema([dg.TableColumn(each, "int" if each in numbers else "string") for each in columns])
    records = [dg.TableRecord({each: row[each] for each in columns}) for row in rows[:limit]]
    cut = {f"{name}: rows shown": f"{limit} of {len(rows)}"} if len(rows) > limit else {}
    return {name: dg.MetadataValue.table(records, schema=schema), **cut}
