"""Plan before apply: keep what a dry run would send, and later send exactly that or nothing.

Belongs here: detailing a plan, and refusing one of which either side has moved. Does not belong here: deciding
(``sync.invoices``, ``sync.payments``) and sending (``push``).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.plan import side_by_side
from qb_pipeline.core.staleness import SENT, Planned, digest, digest_content, why_moved
from qb_pipeline.sync.evidence import name_of
from qb_pipeline.sync.outcomes import read_cents
from qb_pipeline.sync.plan import Plan
from qb_pipeline.sync.push import Ready
from qb_pipeline.sync.workplace import Workplace

NAMED = 20
"""So many moved documents are named; the rest is counted."""


class StalePlanError(Exception):
    """The plan is none, or something in it has moved since; nothing was sent."""


def keep_details(place: Workplace, plan: Plan) -> None:
    """Keep, beside the decisions of a dry run, what they would send and what that changes in QuickBooks."""
    items = [(_planned(item), _shown(plan, item)) for item in plan.ready]
    if items:
        place.plans.detail(place.run, items)


def read_plan(place: Workplace, plan_id: str) -> dict[int, Any]:
    """What a plan would send, by document id (``Plans.documents``).

    Raises:
        StalePlanError: there is no such plan.
    """
    if not place.plans.is_plan(plan_id):
        firm_id = place.firm.firm_id
        raise StalePlanError(f"{firm_id} has no plan {plan_id}. Try: qb-pipeline plan {firm_id}")
    return {row["document_id"]: row for row in place.plans.documents(plan_id) if row["operation"] in SENT}


def require_unmoved(place: Workplace, plan_id: str, planned: Mapping[int, Any]) -> None:
    """Compare a plan with what the dry run that this run has just made would send now.

    Raises:
        StalePlanError: names the documents that moved, and what moved them; nothing was sent.
    """
    now = {row["document_id"]: _of_row(row) for row in place.plans.documents(place.run.run_id)}
    states = {document_id: _state(place, document_id) for document_id in planned.keys() - now.keys()}
    moved = {
        name_of(row): why
        for document_id, row in planned.items()
        if (why := why_moved(_of_row(row), now.get(document_id), state=states.get(document_id, "")))
    }
    if moved:
        named = "; ".join(f"{name}: {why}" for name, why in list(moved.items())[:NAMED])
        rest = f"; and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        raise StalePlanError(
            f"plan {plan_id} is stale, nothing was sent: {len(moved)} of {len(planned)} documents have moved "
            f"({named}{rest}). Make a new one: qb-pipeline plan {place.firm.firm_id}"
        )


def _state(place: Workplace, document_id: int) -> str:
    document = place.history.document(document_id)
    return f"{document['state']} ({document['reason']})" if document["reason"] else str(document["state"])


def unmoved(planned: Mapping[int, Any], ready: Iterable[Ready]) -> list[Ready]:
    """Of what is ready to leave: what stands in the plan just so. The rest moved in the last moments, and stays."""
    kept = []
    for item in ready:
        row, now = planned.get(item.document_id), _planned(item)
        if row is not None and (row["operation"], row["sync_token"], row["content_sha256"]) == (
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
        body_sha256=digest(item.body),
        content_sha256=digest_content(item.body),
    )


def _of_row(row: Mapping[str, Any]) -> Planned:
    return Planned(**{name: row[name] for name in Planned.__dataclass_fields__})


def _shown(plan: Plan, item: Ready) -> dict[str, Any]:
    """Totals before and after, and every field of billing's that changes; what is new has only its total."""
    remote = plan.remote.get(item.document_id)
    before = read_cents(remote.entity, "TotalAmt") if remote and remote.entity else 0
    after = 0 if item.operation == "void" else item.total_cents
    changes: list[dict[str, str]] = []
    if remote and remote.entity:
        fields = side_by_side(item.body, remote.entity) if item.operation == "update" else ()
        changes = [
            {"field": field.name, "before": field.theirs, "after": field.ours}
            for field in fields
            if field.differs and field.name != "TotalAmt"
        ]
    if item.operation != "create" and before != after:
        changes.append({"field": "TotalAmt", "before": str(to_dollars(before)), "after": str(to_dollars(after))})
    return {"before_cents": before, "after_cents": after, "changes": changes}


def chosen_ids(planned: Mapping[int, Any], kind: str) -> Sequence[str]:
    """Billing's ids of a plan's documents of one kind."""
    return sorted({row["source_id"] for row in planned.values() if row["kind"] == kind})
