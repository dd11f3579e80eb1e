"""What QuickBooks holds of documents that billing wants to change, and whether a person changed it since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qb_pipeline.core.money import loads
from qb_pipeline.core.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.living import read_living
from qb_pipeline.sync.merges import follow_merged
from qb_pipeline.sync.outcomes import ENTITY, is_voided
from qb_pipeline.sync.workplace import Workplace

CUSTOMER = "CustomerRef.value"
"""How a comparison names the customer."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One document as QuickBooks holds it, and the problem that keeps us from changing it.

    ``entity`` is None only when it is deleted.
    """

    entity: Entity | None
    problem: Problem | None


Objection = Callable[[Any, Entity], Problem | None]
"""Why a document of the work list (its row) is not to be changed, where QuickBooks holds it like this."""


def read_remote(
    place: Workplace, kind: str, rows: Sequence[Any], *, objection: Objection = lambda _row, _entity: None
) -> dict[int, Remote]:
    """Read documents by Id (as few queries as are short enough) and compare them with what we last wrote.

    A bookkeeper's edit of memos and other fields that QuickBooks owns is kept; one of customer, number, dates or
    amounts holds the document as DRIFT. A query may show what was written just now as it was before, or not yet: so
    what looks wrong in it, or to ``objection``, is read by itself before anything is concluded; so is what QuickBooks
    has just refused as changed. Only what is held for that already is not, as long as this run has written nothing.
    """
    has_written = place.quickbooks.requests.writing > 0
    asked = [row.quickbooks_id for row in rows if row.document_id not in place.stale]  # the rest is not in the answer
    found = {row["Id"]: row for row in place.quickbooks.find(ENTITY[kind], "Id", asked)}
    written = place.history.last_body([row.document_id for row in rows])
    judged: dict[int, Remote] = {}
    for row in rows:
        sent = read_sent(kind, *written.get(row.document_id, (b"", "")))
        remote = _judge(place, row, found.get(row.quickbooks_id), sent, objection)
        is_known = remote.problem == row.reason and not has_written
        if not (is_known or remote.problem in (None, Problem.OUTCOME_UNKNOWN)):
            remote = _judge(place, row, read_living(place, kind, row.quickbooks_id), sent, objection)
        judged[row.document_id] = remote
    return judged


def read_sent(kind: str, body: bytes, b_id: str) -> Mapping[str, Any]:
    """What was last written of one document; nothing where that is not known."""
    sent: dict[str, Any] = loads(body) if body else {}
    if "BatchItemRequest" in sent:
        sent = next(item for item in sent["BatchItemRequest"] if item["bId"] == b_id)[ENTITY[kind]]
    return sent


def _judge(place: Workplace, row: Any, entity: Entity | None, sent: Mapping[str, Any], objection: Objection) -> Remote:
    if entity is None:
        return Remote(None, Problem.REMOTE_DELETED)
    if is_voided(entity):
        return Remote(entity, Problem.REMOTE_VOIDED)
    if row.reviewed_token and str(entity.get("SyncToken")) == row.reviewed_token:
        return Remote(entity, objection(row, entity))  # a person decided that billing's version goes over this one
    changed = {difference.field for difference in compare(sent, entity) if difference.owner == "billing"}
    problem: Problem | None = Problem.DRIFT if changed else None
    if changed == {CUSTOMER}:
        problem = _judge_customer(place, row, sent["CustomerRef"]["value"], entity["CustomerRef"]["value"])
    return Remote(entity, problem or objection(row, entity))


def _judge_customer(place: Workplace, row: Any, sent: str, theirs: str) -> Problem | None:
    """A document that is under another customer: somebody's change, or its customer was merged into that one."""
    if row.customer_id == theirs:
        return None  # we know already
    if follow_merged(place, [sent]).survivors.get(sent) != theirs:
        return Problem.DRIFT
    place.try_again = True
    return Problem.OUTCOME_UNKNOWN  # left as it is: this run plans it again, with the customer that it has now
