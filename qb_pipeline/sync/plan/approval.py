"""Plan before apply: a dry run stores the requests that it would send, and a later run sends exactly these or nothing.

Belongs here: detailing a plan, and refusing a plan of which either side has moved. Does not belong here: deciding
(``sync.plan.invoices``, ``sync.plan.payments``) and sending (``push``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

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
"""The number of moved documents that a message names. The rest are counted."""


class StalePlanError(Exception):
    """The plan does not exist, or something in it has moved since; nothing was sent."""


def keep_details(session: FirmSession, plan: Plan) -> None:
    """Store, beside the decisions of a dry run, digests of the content that they would send, and the changes in
    QuickBooks."""
    items = [(_planned(item), _shown(plan, item)) for item in plan.ready]
    if items:
        session.plans.detail(session.run, items)


def read_plan(session: FirmSession, plan_id: str) -> dict[int, PlanDocument]:
    """Return the documents that a plan would send, keyed by document id.

    Raises:
        StalePlanError: there is no such plan.
    """
    if not session.plans.is_plan(plan_id):
        raise StalePlanError(explain_no_plan({session.firm.firm_id: session.plans.newest()}, plan_id))
    return {row.planned.document_id: row for row in session.plans.documents(plan_id) if row.planned.operation in SENT}


def explain_no_plan(newest: Mapping[str, Sequence[str]], plan_id: str) -> str:
    """Describe for a message that a plan does not exist, and list the newest plans of each firm (``newest``, keyed by
    firm id)."""
    offered = [f"{firm_id}: {', '.join(plans)}" for firm_id, plans in newest.items() if plans]
    meant = f" Newest plans of {'; '.join(offered)}." if offered else ""
    return f"{', '.join(newest)} has no plan {plan_id}.{meant} Try: qb-pipeline plan {next(iter(newest))}"


def require_unmoved(session: FirmSession, plan_id: str, planned: Mapping[int, PlanDocument]) -> None:
    """Compare a plan with the dry run that this run has just made.

    Raises:
        StalePlanError: names the documents that moved, and the causes; nothing was sent.
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


def unmoved(
    planned: Mapping[int, PlanDocument],
    ready: Iterable[Ready],
    *,
    stepped: Mapping[int, str] = MappingProxyType({}),
) -> list[Ready]:
    """Return the ready documents whose operation, SyncToken and content are those of the plan.

    The others have moved in the last moments and are not sent. ``stepped``: the SyncToken that a step of our own gave a
    document since the plan, keyed by document id.
    """
    kept = []
    for item in ready:
        row = planned.get(item.document_id)
        if row is None:
            continue
        body = item.body
        if item.document_id in stepped and body.get("SyncToken") == stepped[item.document_id]:
            body = {**body, "SyncToken": row.planned.sync_token}
        now = _planned(replace(item, body=body))
        if (row.planned.operation, row.planned.sync_token, row.planned.content_sha256) == (
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
    """Return the totals before and after, and every field of billing's that changes. A new document has only its
    total."""
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
    """Return the names of the documents of a plan."""
    return [row.line.name for row in planned.values()]
