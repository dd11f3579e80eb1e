"""Launches of the job ``sync`` from a command, and their outcome.

Belongs here: the dates that a launch covers, and the outcome as one value. Does not belong here: printing the outcome
(``sync``).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from qb_pipeline.commands.terminal.progress import progress
from qb_pipeline.core.states import DOCUMENTS

if TYPE_CHECKING:
    from qb_pipeline.core.words import DocumentName
    from qb_pipeline.ledger.books.documents import Documents
    from qb_pipeline.ledger.books.listing import ListedDocument
    from qb_pipeline.ledger.log import LogRow
    from qb_pipeline.sync.deployment import Deployment
    from qb_pipeline.sync.extract.scan import Selection

LISTED = ("kind", "id", "number", "document_date", "amount", "state", "action", "recent_payment", "reason", "remedy",
          "refused_at")  # fmt: skip
"""The columns of a document of the work list."""


def sync_now(
    deployment: "Deployment",
    firm_id: str,
    *,
    first: date | None = None,
    last: date | None = None,
    invoices: Sequence[str] = (),
    payments: Sequence[str] = (),
    actor: str,
) -> dict[str, Any]:
    """Read billing, run the job ``sync`` over the dates that have work, and return the outcome from the log.

    ``invoices`` and ``payments`` are words that people type. When they name documents, only these documents are sent;
    ``first`` and ``last`` have no effect.

    Raises:
        NotNamedError: a word names no document, several, or one that cannot be sent; nothing was done.

    Returns:
        firm, runs (ids), failed (messages), activities (kind, activity, reason, documents, amount in dollars), held
        (every document of the selection that needs a person, whichever run held it), notices, control_totals (in
        cents), census, reads, writes.
    """
    from qb_pipeline.core.date_ranges import DAYS_AHEAD
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.extract.scan import Selection, scan, scan_everything
    from qb_pipeline.sync.firm_report import find_held
    from qb_pipeline.sync.people.naming import read_words, select

    with deployment.open(firm_id, Run("scan", "cli", actor)) as session:
        words = read_words(invoices, payments)
        selection = Selection(first, last, select(session, words) if words else ())
        if selection.is_everything:
            scan_everything(session)
        else:
            scan(session, selection)
        documents = session.documents
        asked = _dates_with_work(documents, selection)
    outcome = _nothing_yet(firm_id)
    # Documents with a date outside the partitions are held or wait: a run has nothing to do there.
    earliest, latest = deployment.first_date, deployment.clock().date() + timedelta(days=DAYS_AHEAD)
    asked = [(max(begin, earliest), min(end, latest)) for begin, end in asked if begin <= latest and end >= earliest]
    if not asked:
        outcome["notices"] = documents.why_not_worked_on(selection.documents)
    for begin, end in asked:
        _launch(deployment, outcome, begin, end, actor=actor, documents=selection.documents)
    outcome["held"] = [shown(row) for row in find_held(session.listing, selection)]
    return outcome


def _dates_with_work(documents: "Documents", selection: "Selection") -> list[tuple[date, date]]:
    """Return the inclusive ranges of dates that a launch must cover.

    Chosen documents have one range, from their first to their last date. Otherwise the ranges cover the dates with
    work.
    """
    from qb_pipeline.core.date_ranges import spans

    if selection.is_chosen:
        days = sorted(row.document_date for row in documents.chosen(selection.documents).values())
        return [(days[0], days[-1])] if days else []
    first, last = selection.first, selection.last
    return spans(
        day for day in documents.dates_with_work() if (first is None or day >= first) and (last is None or day <= last)
    )


def apply_plan(deployment: "Deployment", firm_id: str, plan_id: str, *, actor: str) -> dict[str, Any]:
    """Send the documents of a plan and nothing else.

    Returns:
        The outcome as ``sync_now`` returns it; ``held`` has only documents of the plan.

    Raises:
        StalePlanError: there is no such plan. A plan that is out of date does not raise: its run fails instead.
    """
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.extract.scan import Selection
    from qb_pipeline.sync.firm_report import find_held
    from qb_pipeline.sync.plan.approval import names_of, read_plan

    with deployment.open(firm_id, Run("scan", "cli", actor)) as session:
        plan = read_plan(session, plan_id)
    outcome = _nothing_yet(firm_id)
    if not plan:
        outcome["notices"] = [f"plan {plan_id} sends nothing"]
        return outcome
    days = [row.line.document_date for row in plan.values()]
    _launch(deployment, outcome, min(days), max(days), actor=actor, plan_id=plan_id)
    outcome["held"] = [
        shown(row) for row in find_held(session.listing, Selection(documents=names_of(plan), plan_id=plan_id))
    ]
    return outcome


def _nothing_yet(firm_id: str) -> dict[str, Any]:
    return {
        "firm": firm_id, "runs": [], "failed": [], "activities": [], "held": [], "notices": [], "control_totals": [],
        "census": [], "reads": 0, "writes": 0,
    }  # fmt: skip


def _launch(
    deployment: "Deployment",
    outcome: dict[str, Any],
    first: date,
    last: date,
    *,
    actor: str,
    documents: "Sequence[DocumentName]" = (),
    plan_id: str = "",
) -> None:
    """Run the job ``sync`` over a range of dates, and add the outcome of its run, from the log, to ``outcome``."""
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.defs.launch import launch_sync
    from qb_pipeline.ledger.log import Run

    firm_id = outcome["firm"]
    invoices, payments = ([name for name in documents if name.kind == kind] for kind in DOCUMENTS)
    ids = {"invoice_ids": [name.source_id for name in invoices], "payment_ids": [name.source_id for name in payments]}
    with progress(deployment, firm_id, stream=None, first=first, last=last, **ids):
        launched = launch_sync(
            firm_id, first, last, actor=actor, plan_id=plan_id,
            invoice_ids=[str(name) for name in invoices], payment_ids=[str(name) for name in payments],
        )  # fmt: skip
    run = Run(launched.run_id, "cli", actor)
    outcome["runs"].append(launched.run_id)
    outcome["activities"] += [
        asdict(row) | {"amount": to_dollars(row.cents)} for row in deployment.log(firm_id).summary(run)
    ]
    rows = deployment.log(firm_id).rows(run_id=launched.run_id, limit=1000)
    outcome["notices"] += [row.detail for row in rows if _is_notice(row)]
    outcome["control_totals"] += [asdict(row) for row in deployment.log(firm_id).control_totals(run)]
    outcome["census"] += [asdict(row) for row in deployment.censuses(firm_id).of_run(run)]
    ended = deployment.log(firm_id).ended(run)
    outcome["reads"] += ended.reads
    outcome["writes"] += ended.writes
    if not launched.succeeded:
        outcome["failed"].append(ended.error or launched.error)


def _is_notice(row: "LogRow") -> bool:
    """Whether a row of the log is about the whole run: a skipped step, a notice, or a finding of the pre-flight."""
    if row.activity in ("skipped", "notice"):
        return not row.source_id
    return row.activity == "preflight" and bool(row.reason)


def shown(row: "ListedDocument") -> dict[str, Any]:
    """Return a document of the work list as a row with the columns ``LISTED``; the amount is in dollars."""
    from qb_pipeline.core.money import to_dollars

    values = asdict(row) | {"id": id_of(row), "amount": to_dollars(row.amount_cents)}
    return {name: values[name] for name in LISTED}


def id_of(row: "ListedDocument | LogRow") -> str:
    """Return a document's id in billing; a part has its date after an @."""
    return f"{row.source_id}@{row.part}" if row.part else row.source_id
