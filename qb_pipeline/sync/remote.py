"""What QuickBooks holds of documents that billing wants to change, and whether a person changed it since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qb_pipeline.core.money import loads
from qb_pipeline.core.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.outcomes import ENTITY, is_voided
from qb_pipeline.sync.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Remote:
    """One document as QuickBooks holds it, and the problem that keeps us from changing it.

    ``entity`` is None only when it is deleted.
    """

    entity: Entity | None
    problem: Problem | None


def read_remote(place: Workplace, kind: str, rows: Sequence[Any]) -> dict[int, Remote]:
    """Read documents by Id (as few queries as are short enough) and compare them with what we last wrote.

    A bookkeeper's edit of memos and other fields that QuickBooks owns is kept; one of customer, number, dates or
    amounts holds the document as DRIFT.
    """
    found = {row["Id"]: row for row in place.quickbooks.find(ENTITY[kind], "Id", [row.quickbooks_id for row in rows])}
    written = place.sending.last_body([row.document_id for row in rows])
    return {row.document_id: _judge(kind, found.get(row.quickbooks_id), written.get(row.document_id)) for row in rows}


def _judge(kind: str, entity: Entity | None, written: tuple[bytes, str] | None) -> Remote:
    if entity is None:
        return Remote(None, Problem.REMOTE_DELETED)
    if is_voided(entity):
        return Remote(entity, Problem.REMOTE_VOIDED)
    if written is not None:
        body, b_id = written
        sent = loads(body)
        if "BatchItemRequest" in sent:
            sent = next(item for item in sent["BatchItemRequest"] if item["bId"] == b_id)[ENTITY[kind]]
        if any(difference.owner == "billing" for difference in compare(sent, entity)):
            return Remote(entity, Problem.DRIFT)
    return Remote(entity, None)
