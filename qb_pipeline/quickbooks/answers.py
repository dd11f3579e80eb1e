"""Readers of complete answers of QuickBooks: entities, batch outcomes, changes.

Belongs here: reading parsed JSON and refusing contradictory answers. Does not belong here: HTTP (``client``), and
checking that an entity carries our marker (idempotency mark) and the amounts sent, which is the caller's work.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from qb_pipeline.core.money import JsonObject
from qb_pipeline.quickbooks.errors import Fault, faults_of

MAX_CHANGES = 1000
"""A change-data-capture answer holds at most 1,000 objects over all its entities, and cannot be continued.

Source: Intuit, ChangeDataCapture reference (read 2026-11-21).
"""

Entity = JsonObject
"""An object as QuickBooks wrote it. Numbers with a decimal point are Decimals."""


class ContradictionError(Exception):
    """An answer that contradicts itself or the request, so that it must not be believed. The message holds no client's
    data."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a single request that succeeded. ``entity`` is the object as QuickBooks now holds it."""

    entity: Entity = field(repr=False)
    intuit_tid: str
    http_status: int
    time: str


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """The result of one item of a batch: an entity, or the faults."""

    b_id: str
    entity: Entity | None = field(default=None, repr=False)
    faults: tuple[Fault, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether the item may have taken effect although a fault came back. Such an item must be settled as if no
        answer had come."""
        return any(fault.leaves_outcome_unknown for fault in self.faults)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to a batch: one outcome for every item that was sent, in the order of sending."""

    outcomes: tuple[ItemAnswer, ...]
    intuit_tid: str
    http_status: int
    time: str

    def __getitem__(self, b_id: str) -> ItemAnswer:
        return next(outcome for outcome in self.outcomes if outcome.b_id == b_id)


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes in a company since a moment. Objects and deleted Ids are keyed by entity.

    ``server_time`` is the time of the answer by QuickBooks' clock, not ours. The next call starts there, less an
    overlap. ``complete`` is False when the answer holds 1,000 objects, the limit at which QuickBooks cuts an answer.
    The caller must then keep its cursor and read by query.
    """

    objects: Mapping[str, list[Entity]] = field(repr=False)
    deleted_ids: Mapping[str, list[str]]
    server_time: datetime
    complete: bool


def read_entity(payload: object, entity: str) -> Entity:
    """Return the one entity of an answer.

    Raises:
        ContradictionError: the entity is missing, or has no Id.
    """
    found = payload.get(entity) if isinstance(payload, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("Id"), str) or not found["Id"]:
        raise ContradictionError(f"the answer holds no {entity} with an Id")
    return found


def read_rows(payload: object) -> list[Entity]:
    """Return the rows of a query's answer, an empty list when it has no rows.

    Raises:
        ContradictionError: the payload is not a query's answer, or its rows cannot be told apart. It must not be taken
            for an answer without rows.
    """
    response = payload.get("QueryResponse") if isinstance(payload, dict) else None
    if not isinstance(response, dict):
        raise ContradictionError("the answer holds no QueryResponse")
    lists = [value for value in response.values() if isinstance(value, list)]
    if len(lists) > 1 or not all(isinstance(row, dict) for rows in lists for row in rows):
        raise ContradictionError("the answer holds rows that cannot be told apart")
    return lists[0] if lists else []


def read_time(payload: object) -> str:
    """Return the time of an answer as it is written: a text with an offset, or milliseconds from the gateway. The
    result is "" when the answer has no time."""
    time = payload.get("time") if isinstance(payload, dict) else None
    return str(time) if isinstance(time, str | int) else ""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item of our own batch body, reduced to the fields by which its answer is recognised."""

    entity: str
    id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)


LABELS = ("DocNumber", "PrivateNote")
"""Fields that QuickBooks returns as they were sent, and that distinguish one document from another."""


def read_items(body: bytes) -> dict[str, BatchItem]:
    """Read the items of our own batch body, keyed by bId.

    Raises:
        ValueError: the body is not a batch, or holds a bId twice. This is a mistake of ours, found before sending.
    """
    try:
        items = msgspec.json.decode(body)["BatchItemRequest"]
        read = {item["bId"]: _read_item(item) for item in items}
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the body is not a batch of entities, each with its bId") from error
    if len(read) != len(items):
        raise ValueError("the body holds a bId twice")
    return read


def _read_item(item: JsonObject) -> BatchItem:
    [entity] = [key for key, value in item.items() if isinstance(value, dict)]
    sent = item[entity]
    return BatchItem(
        entity, str(sent.get("Id", "")), {label: sent[label] for label in LABELS if isinstance(sent.get(label), str)}
    )


def read_outcomes(payload: object, items: Mapping[str, BatchItem]) -> tuple[ItemAnswer, ...]:
    """Return the outcomes of a batch's answer in the order of the items sent, matched by bId and never by position.

    Raises:
        ContradictionError: a bId is missing, doubled, swapped or unknown, or an outcome contradicts its item. Nothing
            in such an answer can be trusted.
    """
    responses = payload.get("BatchItemResponse") if isinstance(payload, dict) else None
    if not isinstance(responses, list) or not all(isinstance(response, dict) for response in responses):
        raise ContradictionError("the answer holds no BatchItemResponse")
    answered = Counter(response.get("bId") if isinstance(response.get("bId"), str) else None for response in responses)
    if answered != Counter(items.keys()):
        raise ContradictionError(f"{len(items)} bIds were sent, {len(responses)} answers do not match them one to one")
    by_b_id = {response["bId"]: response for response in responses}
    outcomes = tuple(_read_outcome(b_id, by_b_id[b_id], item) for b_id, item in items.items())
    _refuse_swapped(outcomes, items)
    return outcomes


def _read_outcome(b_id: str, response: JsonObject, item: BatchItem) -> ItemAnswer:
    faults = faults_of(response)
    if faults:
        if item.entity in response:
            raise ContradictionError(f"item {b_id} holds both an entity and a Fault")
        return ItemAnswer(b_id, faults=faults)
    entity = read_entity(response, item.entity)
    if item.id and entity["Id"] != item.id:
        raise ContradictionError(f"item {b_id} answers for another Id than was sent")
    return ItemAnswer(b_id, entity=entity)


def _refuse_swapped(outcomes: Sequence[ItemAnswer], items: Mapping[str, BatchItem]) -> None:
    """Refuse an answer in which an item comes back with a label (``LABELS``) that was sent with another item."""
    for label in LABELS:
        sent = {item.labels.get(label) for item in items.values()}
        for outcome in outcomes:
            meant = items[outcome.b_id].labels.get(label)
            came = (outcome.entity or {}).get(label)
            if came is not None and came != meant and came in sent:
                raise ContradictionError(f"item {outcome.b_id} answers with the {label} of another one")


def read_changes(payload: object, entities: Sequence[str]) -> Changes:
    """Read the objects of a change-data-capture answer, keyed by entity, with the Ids of deleted objects apart.

    Raises:
        ContradictionError: the payload is not such an answer. It must not be taken for an answer without changes.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("CDCResponse"), list):
        raise ContradictionError("the answer holds no CDCResponse")
    try:
        server_time = datetime.fromisoformat(read_time(payload))
    except ValueError as error:
        raise ContradictionError("the answer holds no time from which to continue") from error
    if server_time.tzinfo is None:
        raise ContradictionError("the answer's time has no offset")
    objects: dict[str, list[Entity]] = {entity: [] for entity in entities}
    deleted_ids: dict[str, list[str]] = {entity: [] for entity in entities}
    spelled = {entity.lower(): entity for entity in entities}
    count = 0
    for name, rows in _groups(payload["CDCResponse"]):
        entity = spelled.get(name.lower())
        if entity is None:
            raise ContradictionError("the answer holds an entity that was not asked for")
        for row in rows:
            count += 1
            if not isinstance(row, dict) or not isinstance(row.get("Id"), str):
                raise ContradictionError(f"the answer holds a {entity} without an Id")
            if row.get("status") == "Deleted":
                deleted_ids[entity].append(row["Id"])
            else:
                objects[entity].append(row)
    return Changes(objects, deleted_ids, server_time, complete=count < MAX_CHANGES)


def _groups(responses: list[object]) -> list[tuple[str, list[object]]]:
    groups: list[tuple[str, list[object]]] = []
    for response in responses:
        queries = response.get("QueryResponse") if isinstance(response, dict) else None
        if not isinstance(queries, list) or not all(isinstance(query, dict) for query in queries):
            raise ContradictionError("a CDCResponse holds no QueryResponse")
        if any(faults_of(query) for query in queries):
            raise ContradictionError("a QueryResponse holds a Fault")
        groups += [(name, rows) for query in queries for name, rows in query.items() if isinstance(rows, list)]
    return groups
