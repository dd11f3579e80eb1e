"""Launch the job ``sync`` from a command and gather what came of it.

Belongs here: which dates a launch covers, and the outcome as one value. Does not belong here: printing it (``sync``).
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from qb_pipeline.commands.progress import progress

if TYPE_CHECKING:
    from qb_pipeline.sync.companies import Companies

LISTED = ("kind", "id", "number", "document_date", "amount", "state", "action", "recent_payment", "reason", "remedy")
"""The columns of a document of the work list."""


def sync_now(
    companies: "Companies",
    firm_id: str,
    *,
    first: date | None = None,
    last: date | None = None,
    invoice_ids: Sequence[str] = (),
    payment_ids: Sequence[str] = (),
    actor: str,
) -> dict[str, Any]:
    """Scan, then launch the job over the dates that have work, and gather what the log says of its runs.

    Returns:
        firm, runs (ids), failed (messages), activities (kind, activity, reason, documents, amount), held (every
        document of the selection that needs a person, this run's or not), notices, control_totals, census, reads,
        writes.
    """
    from qb_pipeline.core.scopes import spans
    from qb_pipeline.ledger.documents import DAYS_AHEAD
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.scan import Selection, scan

    selection = Selection(first, last, invoice_ids, payment_ids)
    kinds = [kind for kind in ("invoice", "payment") if selection.includes(kind)]
    with companies.open(firm_id, Run("scan", "cli", actor)) as place:
        scan(place, selection)
        documents = place.documents
        if selection.is_chosen:
            ranges = [documents.date_range(kind, selection.ids(kind)) for kind in kinds]
            days = [day for found in ranges if found for day in found]
            asked = [(min(days), max(days))] if days else []
        else:
            asked = spans(
                day
                for day in documents.dates_with_work(kinds)
                if (first is None or day >= first) and (last is None or day <= last)
            )
    outcome = _nothing_yet(firm_id)
    # Dates outside the partitions are held or wait: nothing there is for a run.
    earliest, latest = companies.first_date, companies.clock().date() + timedelta(days=DAYS_AHEAD)
    asked = [(max(begin, earliest), min(end, latest)) for begin, end in asked if begin <= latest and end >= earliest]
    if not asked:
        outcome["notices"] = [
            documents.why_not_chosen(kind, source_id, first, last)
            for kind in kinds
            for source_id in selection.ids(kind)
        ]
    for begin, end in asked:
        _launch(companies, outcome, begin, end, actor=actor, invoice_ids=invoice_ids, payment_ids=payment_ids)
    outcome["held"] = [
        shown(row)
        for kind in kinds
        for state in ("held", "refused")
        for row in documents.listing(kind, first=first, last=last, state=state)
        if not selection.is_chosen or row["source_id"] in selection.ids(kind)
    ]
    return outcome


def apply_plan(companies: "Companies", firm_id: str, plan_id: str, *, actor: str) -> dict[str, Any]:
    """Send exactly what a plan says; gives what ``sync_now`` gives, its held documents being those of the plan.

    Raises:
        StalePlanError: there is no such plan. One that has moved fails the run.
    """
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.apply import read_plan

    with companies.open(firm_id, Run("scan", "cli", actor)) as place:
        plan = read_plan(place, plan_id)
        documents = place.documents
    outcome = _nothing_yet(firm_id)
    if not plan:
        outcome["notices"] = [f"plan {plan_id} sends nothing"]
        return outcome
    days = [row["document_date"] for row in plan.values()]
    _launch(companies, outcome, min(days), max(days), actor=actor, plan_id=plan_id)
    named = {(row["kind"], row["source_id"]) for row in plan.values()}
    outcome["held"] = [
        shown(row)
        for state in ("held", "refused")
        for row in documents.listing(None, state=state)
        if (row["kind"], row["source_id"]) in named
    ]
    return outcome


def _nothing_yet(firm_id: str) -> dict[str, Any]:
    return {
        "firm": firm_id, "runs": [], "failed": [], "activities": [], "held": [], "notices": [], "control_totals": [],
        "census": [], "reads": 0, "writes": 0,
    }  # fmt: skip


def _launch(
    companies: "Companies", outcome: dict[str, Any], first: date, last: date, *, actor: str, **selection: Any
) -> None:
    """Run the job over a range of dates, and add what the log says of its run."""
    from qb_pipeline.defs.launch import launch_sync
    from qb_pipeline.ledger.log import Run

    firm_id = outcome["firm"]
    ids = {name: selection.get(name, ()) for name in ("invoice_ids", "payment_ids")}
    with progress(companies, firm_id, first=first, last=last, **ids):
        launched = launch_sync(firm_id, first, last, actor=actor, **selection)
    run = Run(launched.run_id, "cli", actor)
    outcome["runs"].append(launched.run_id)
    outcome["activities"] += [{**row, "amount": dollars(row["cents"])} for row in companies.log(firm_id).summary(run)]
    rows = companies.log(firm_id).rows(run_id=launched.run_id, limit=1000)
    outcome["notices"] += [
        row["detail"]
        for row in rows
        if (row["activity"] == "skipped" and not row["source_id"]) or (row["activity"] == "preflight" and row["reason"])
    ]
    outcome["control_totals"] += [dict(row) for row in companies.log(firm_id).control_totals(run)]
    outcome["census"] += [dict(row) for row in companies.censuses(firm_id).of_run(run)]
    ended = companies.log(firm_id).ended(run)
    outcome["reads"] += ended.reads
    outcome["writes"] += ended.writes
    if not launched.succeeded:
        outcome["failed"].append(ended.error or launched.error)


def shown(row: Any) -> dict[str, Any]:
    """A document of the work list in the columns of ``LISTED``."""
    values = {**row, "id": id_of(row), "amount": dollars(row["amount_cents"])}
    return {name: values[name] for name in LISTED}


def id_of(row: Any) -> str:
    """A document's id in billing, with the date of a part."""
    return f"{row['source_id']}@{row['part']}" if row["part"] else str(row["source_id"])


def dollars(cents: int) -> Any:
    """Cents as decimal dollars."""
    from qb_pipeline.core.money import to_dollars

    return to_dollars(cents)
