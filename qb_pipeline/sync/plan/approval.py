"""Plan before apply: keep what a dry run would send, and later send exactly that or nothing.

Belongs here: detailing a plan, and refusing one of which either side has moved. Does not belong here: deciding
(``sync.plan.invoices``, ``sync.plan.payments``) and sending (``push``).
"""

from collections.abc import Iterable, Mapping, Sequence

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.planning.plan import side_by_side
from qb_pipeline.core.planning.plan_freshness import Planned, hash_body, hash_content, why_moved
from qb_pipeline.core.states import SENT, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.plans import PlanDocument, Shown
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.outcomes import read_cents
from qb_pipeline.sync.session.firm_session import FirmSession

NAMED = 20
"""So many moved documents are named; the rest is counted."""


class StalePlanError(Exception):
    """The plan does not exist, or something in it has moved since; nothing was sent."""


def keep_details(session: FirmSession, plan: Plan) -> None:
    """Keep, beside the decisions of a dry run, what they would send and what that changes in QuickBooks."""
    items = [(_planned(item), _shown(plan, item)) for item in plan.ready]
    if items:
        session.plans.detail(session.run, items)


def read_plan(session: FirmSession, plan_id: str) -> dict[int, PlanDocument]:
    """The documents that a plan would send, by document id.

    Raises:
        StalePlanError: there is no such plan.
    """
    if not session.plans.is_plan(plan_id):
        raise StalePlanError(explain_no_plan({session.firm.firm_id: session.plans.newest()}, plan_id))
    return {row.planned.document_id: row for row in session.plans.documents(plan_id) if row.planned.operation in SENT}


def explain_no_plan(newest: Mapping[str, Sequence[str]], plan_id: str) -> str:
    """Say that a plan does not exist, and which do: the newest plans of each firm."""
    offered = [f"{firm_id}: {', '.join(plans)}" for firm_id, plans in newest.items() if plans]
    meant = f" Newest plans of {'; '.join(offered)}." if offered else ""
    return f"{', '.join(newest)} has no plan {plan_id}.{meant} Try: qb-pipeline plan {next(iter(newest))}"


def require_unmoved(session: FirmSession, plan_id: str, planned: Mapping[int, PlanDocument]) -> None:
    """Compare a plan with what the dry run that this run has just made would send now.

    Raises:
        StalePlanError: names the documents that moved, and what moved them; nothing was sent.
    """
    now = {row.planned.document_id: row.planned for row in session.plans.documents(session.run.run_id)}
    states = {document_id: _state(session, document_id) for document_id in planned.keys() - now.keys()}
    moved = {
        row.line.name: why
        for document_id, row in planned.items()
        if (why := why_moved(row.planned, now.get(document_id), state=states.get(document_id, "")))
    }
    if moved:
        named = "; ".join(f"{name}: {why}" for name, why in list(moved.items())[:NAMED])
        rest = f"; and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        raise StalePlanError(
            f"plan {plan_id} is stale, nothing was sent: {len(moved)} of {len(planned)} documents have moved "
            f"({named}{rest}). Make a new one: qb-pipeline plan {session.firm.firm_id}"
        )


def _state(session: FirmSession, document_id: int) -> str:
    document = session.history.document(document_id)
    return f"{document.state} ({document.reason})" if document.reason else str(document.state)


def unmoved(planned: Mapping[int, PlanDocument], ready: Iterable[Ready]) -> list[Ready]:
    """The ready documents that stand in the plan just so. The others have moved in the last moments and are not
    sent."""
    kept = []
    for item in ready:
        row, now = planned.get(item.document_id), _planned(item)
        if row is not None and (row.planned.operation, row.planned.sync_token, row.planned.content_sha256) == (
            now.operation, now.sync_token, now.content_sha256,
        ):  # fmt: skip
            kept.append(item)
    return kept


def _planned(item: Ready) -> Planned:
    return Planned(
        document_id=item.document_id,
        operation=item.operation,
        reason="",
        source_hash=item.source_hash,
        sync_token=str(item.body.get("SyncToken", "")),
        body_sha256=hash_body(item.body),
        content_sha256=hash_content(item.body),
    )


def _shown(plan: Plan, item: Ready) -> Shown:
    """Totals before and after, and every field of billing's that changes; what is new has only its total."""
    remote = plan.remote.get(item.document_id)
    before = read_cents(remote.entity, "TotalAmt") if remote and remote.entity else 0
    after = 0 if item.operation == Operation.VOID else item.total_cents
    changes: list[dict[str, str]] = []
    if remote and remote.entity:
        fields = side_by_side(item.body, remote.entity) if item.operation == Operation.UPDATE else ()
        changes = [
            {"field": field.name, "before": field.theirs, "after": field.ours}
            for field in fields
            if field.differs and field.name != "TotalAmt"
        ]
    if item.operation != Operation.CREATE and before != after:
        changes.append({"field": "TotalAmt", "before": str(to_dollars(before)), "after": str(to_dollars(after))})
    return Shown(before, after, changes)


def names_of(planned: Mapping[int, PlanDocument]) -> list[DocumentName]:
    """The documents of a plan."""
    return [row.line.name for row in planned.values()]
