"""The command ``plan``: a dry run of a sync."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.documents import print_candidates
from qb_pipeline.commands.mapping import print_suggested
from qb_pipeline.commands.sync import From, Invoice, Payment, To, read_dates
from qb_pipeline.commands.terminal.console import HELD, As, Firm, Json, say, table, who, working
from qb_pipeline.core.states import Operation

if TYPE_CHECKING:
    from qb_pipeline.ledger.books.plans import PlanLine
    from qb_pipeline.sync.people.payer_questions import Question

SHOWN = 40
"""The greatest number of rows of a list that a terminal shows; ``--json`` has all rows."""


def plan(
    key: Firm,
    first: From = "",
    last: To = "",
    invoice: Invoice = [],  # noqa: B006 - typer reads the default, nobody changes it
    payment: Payment = [],  # noqa: B006
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Show the decision of a sync about each document; sends nothing. Apply the plan with sync --plan PLAN_ID."""
    from qb_pipeline.core.problems import Problem
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.extract.scan import Selection, scan_everything
    from qb_pipeline.sync.mapping.suggestions import suggest_namesakes
    from qb_pipeline.sync.people.naming import read_words, select
    from qb_pipeline.sync.people.payer_questions import find_questions_of
    from qb_pipeline.sync.stages import Stage, sync_firm

    days = read_dates(first, last)
    with working() as (_, _, deployment):
        run = Run(f"plan-{uuid4().hex[:8]}", "plan", who(actor))
        with deployment.open(key, run) as session:
            words = read_words(invoice, payment)
            selection = Selection(*days, select(session, words) if words else ())
            if selection.is_everything:
                scan_everything(session)
            report = sync_firm(session, selection, {Stage.WORK_LIST, Stage.SYNC_PLAN})
            held = [row.name for row in report.plan if row.reason == Problem.LIKE_CUSTOMER]
            questions = find_questions_of(session, held) if held else []
            ambiguous = [row.name for row in report.plan if row.reason == Problem.AMBIGUOUS_NAME]
            namesakes = [asdict(row) for row in suggest_namesakes(session, ambiguous)] if ambiguous else []
        rows = [_shown(row) for row in report.plan]
        totals = _totals(rows)
        references = [{"kind": kind, "id in billing": source_id} for kind, source_id in report.would_create]
        if as_json:
            told = {"firm": key, "plan_id": run.run_id, "documents": rows, "totals": totals, "reads": report.reads}
            told |= {"customers_and_items": references, "notices": report.notices}
            told |= {"look_alikes": [asdict(question) for question in questions], "namesakes": namesakes}
            say(json.dumps(told, default=str, indent=2))
        else:
            _print(key, run.run_id, rows, totals, references, report.reads)
            _print_questions(key, questions)
            print_suggested(namesakes, title="Customers of the same name (AMBIGUOUS_NAME): map each payer to one")
            for notice in report.notices:
                say(notice)
        if any(row["operation"] == Operation.HOLD for row in rows):
            raise typer.Exit(HELD)


def _shown(row: "PlanLine") -> dict[str, Any]:
    """Return a document of a plan as a row. Amounts are in dollars; before and after are None when nothing would be
    sent."""
    from qb_pipeline.core.money import to_dollars

    before, after = (None if cents is None else to_dollars(cents) for cents in (row.before_cents, row.after_cents))
    return {
        "document": str(row.name),
        "kind": row.kind,
        "number": row.number,
        "document_date": row.document_date,
        "operation": row.operation,
        "reason": row.reason,
        "remedy": row.remedy,
        "amount": to_dollars(row.amount_cents),
        "before": before,
        "after": after,
        "changes": row.changes,
    }


def _totals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each kind and operation: documents, amount in billing, sums in QuickBooks before and after.

    Amounts are in dollars. The sums are None when nothing would be sent.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        total = found.setdefault(
            (row["kind"], row["operation"]),
            {"kind": row["kind"], "operation": row["operation"], "documents": 0, "amount": 0, "before": None,
             "after": None},
        )  # fmt: skip
        total["documents"] += 1
        total["amount"] += row["amount"]
        if row["after"] is not None:
            total["before"] = (total["before"] or 0) + row["before"]
            total["after"] = (total["after"] or 0) + row["after"]
    order = tuple(Operation)
    return sorted(found.values(), key=lambda total: (total["kind"], order.index(total["operation"])))


def _print(
    key: str,
    plan_id: str,
    rows: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
    references: Sequence[Mapping[str, str]],
    reads: int,
) -> None:
    from qb_pipeline.core.field_labels import say_field, say_value

    if not rows:
        say(f"{key}: a sync would find nothing to do.")
        return
    sums = [{**row, "QuickBooks before": row["before"], "QuickBooks after": row["after"]} for row in totals]
    columns = ["kind", "operation", "documents", "amount", "QuickBooks before", "QuickBooks after"]
    table(sums, columns, title=f"{key}: what a sync would do")
    changes = [
        {
            "document": row["document"],
            "operation": row["operation"],
            "field": say_field(change["field"]),
            "before": say_value(change["field"], change["before"]),
            "after": say_value(change["field"], change["after"]),
        }
        for row in rows
        for change in row["changes"]
    ]
    table(changes, ["document", "operation", "field", "before", "after"], title="What changes in QuickBooks")
    creates = [row for row in rows if row["operation"] == Operation.CREATE]
    table(
        creates[:SHOWN],
        ["document", "number", "document_date", "after"],
        title=f"New in QuickBooks{_more(len(creates))}",
    )
    table(
        references[:SHOWN],
        ["kind", "id in billing"],
        title=f"New customers, items{_more(len(references))}",
    )
    held = Counter((row["kind"], row["operation"], row["reason"], row["remedy"]) for row in rows if row["reason"])
    table(
        [
            {"kind": kind, "operation": operation, "reason": reason, "documents": many, "what clears it": remedy}
            for (kind, operation, reason, remedy), many in sorted(held.items())
        ],
        ["kind", "operation", "reason", "documents", "what clears it"],
        title="Not sent",
    )
    say(f"Plan {plan_id} ({reads} reads). Nothing was sent. Apply it: qb-pipeline sync {key} --plan {plan_id}")


def _print_questions(key: str, questions: "Sequence[Question]") -> None:
    """Print the payers about which a sync would ask a person. The names are for the person who asked, not for a log."""
    if not questions:
        return
    print_candidates(questions[:SHOWN])
    say(
        f"Payers that a person will be asked about: {len(questions)}{_more(len(questions))}. One by one: qb-pipeline "
        f"resolve {key} customer:PAYER --same ID, or --new. By file: qb-pipeline mapping export {key} FILE.csv"
    )


def _more(many: int) -> str:
    return f": the first {SHOWN} of {many}; --json has all" if many > SHOWN else ""
