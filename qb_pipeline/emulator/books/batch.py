"""Batches of up to 30 items, each of which succeeds or fails alone.

Belongs here: reading items, their order, one answer per ``bId``, and the request ids of single writes, to which the
same rule applies. Does not belong here: the wire, and the work of single writes.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.cdc import run_cdc
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.query import read_query
from qb_pipeline.emulator.books.request_ids import (
    B_ID_LENGTH,
    BATCH_LENGTH,
    Answer,
    Repeats,
    check_request_id,
    hash_body,
)
from qb_pipeline.emulator.books.select import run_query
from qb_pipeline.emulator.books.tables import ENTITIES
from qb_pipeline.emulator.books.writes import is_name, write

ONE_NAME = "You can only add or edit one name at a time. Please try again."
NOTHING_FAILS: Mapping[int, FaultError] = {}
KNOWN = frozenset({"bId", "operation", "optionsData", "Query", "CDCQuery", *ENTITIES})


@dataclass
class Desk:
    """The writes of one company, each done once per request id, and the refusals."""

    company: Company
    repeats: Repeats = field(default_factory=Repeats)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    batches: int = 0

    def note(self, error: FaultError, where: str) -> None:
        """Record a refusal, with the hint that QuickBooks does not give. Only the last 100 are kept."""
        self.refusals.append({"code": error.code, "detail": error.detail, "hint": error.hint, "where": where})
        del self.refusals[:-100]

    def write(
        self,
        entity: str,
        operation: str,
        body: Any,
        *,
        request_id: str = "",
        b_id: str = "",
        include: frozenset[str] = frozenset(),
        unseen: frozenset[tuple[str, str]] = frozenset(),
    ) -> Answer:
        """Execute a write once per request id, and return its answer; a repeated write returns the remembered answer.

        Raises:
            FaultError: QuickBooks refuses.
        """
        if not isinstance(body, dict):
            raise faults.unknown_property(entity)
        key = (request_id, b_id)
        known = self.repeats.recall(self.company, key, body)
        if known is not None:
            return known
        mark = hash_body(body) if request_id and self.company.switches.requestid_compares_bodies else b""
        now = self.company.clock.now()
        try:
            content, identifier = write(self.company, entity, operation, body, include=include, unseen=unseen)
        except FaultError as error:
            self.repeats.remember(key, Answer(now, mark, entity, "", b"", error))
            raise
        answer = Answer(now, mark, entity, identifier, content)
        self.repeats.remember(key, answer)
        return answer


def check_batch(company: Company, body: Any, request_id: str) -> list[Body]:
    """Check a batch, and return its items.

    Raises:
        FaultError: the batch as a whole is refused.
    """
    check_request_id(request_id, longest=BATCH_LENGTH)
    if not isinstance(body, dict) or set(body) - {"BatchItemRequest"}:
        raise faults.unknown_property("BatchItemRequest")
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise faults.missing("BatchItemRequest")
    limit = company.switches.batch_limit
    if len(items) > limit:
        detail = f"Batch size exceeds allowed limit : at most {limit} items."
        raise FaultError("1040", "Batch size exceeds allowed limit", detail, hint="code documented, Detail our wording")
    for item in items:
        if not isinstance(item.get("bId"), str) or not item["bId"]:
            raise faults.missing("bId")
        if request_id:
            check_request_id(item["bId"], longest=B_ID_LENGTH)
    return items


def run_batch(
    desk: Desk,
    items: list[Body],
    request_id: str,
    *,
    failing: Mapping[int, FaultError] = NOTHING_FAILS,
    drop_links: bool = False,
) -> Iterator[Body]:
    """Execute the items one after another, in QuickBooks' own order, and yield the answer of each.

    A caller that stops iterating stops the batch. ``failing`` contains the faults of the items that must fail, keyed by
    position.
    """
    order = list(range(len(items)))
    desk.batches += 1
    if desk.company.switches.batch_order == "shuffled":
        random.Random(f"{desk.company.realm}:{desk.batches}").shuffle(order)  # noqa: S311 - repeatable disorder
    made: set[tuple[str, str]] = set()
    names = 0
    for place in order:
        item = items[place]
        try:
            if place in failing:
                raise failing[place]
            entity = _entity_of(item)
            if entity and is_name(entity):
                names += 1
                if names > 1 and desk.company.switches.one_name_per_batch:
                    raise faults.business(ONE_NAME)
            yield _run_item(desk, item, entity, request_id, made, drop_links)
        except FaultError as error:
            desk.note(error, f"batch item {item['bId']}")
            yield {"Fault": error.envelope(), "bId": item["bId"]}


def _entity_of(item: Body) -> str:
    for name in item:
        if name not in KNOWN:
            raise faults.unknown_property(name)
    found = [name for name in item if name in ENTITIES]
    if len(found) + ("Query" in item) + ("CDCQuery" in item) != 1:
        raise faults.unknown_property("exactly one object, Query or CDCQuery")
    return found[0] if found else ""


def _run_item(
    desk: Desk, item: Body, entity: str, request_id: str, made: set[tuple[str, str]], drop_links: bool
) -> Body:
    company, b_id = desk.company, item["bId"]
    if "Query" in item:
        query = read_query(str(item["Query"]), company.clock.today())
        return {"QueryResponse": run_query(company, query), "bId": b_id}
    if "CDCQuery" in item:
        wanted = item["CDCQuery"]
        return {
            "CDCResponse": [run_cdc(company, wanted.get("Entities") or "", wanted.get("ChangedSince") or "")],
            "bId": b_id,
        }
    operation = item.get("operation")
    if operation not in ("create", "update", "delete", "void"):
        raise faults.unsupported(str(operation))
    include = read_options(item.get("optionsData"))
    body = item[entity]
    if drop_links and entity == "Payment" and isinstance(body, dict):
        body = {**body, "Line": []}
    answer = desk.write(
        entity, operation, body, request_id=request_id, b_id=b_id, include=include, unseen=frozenset(made)
    )
    if operation == "create":
        made.add((entity, answer.id))
    content = msgspec.Raw(answer.content) if isinstance(answer.content, bytes) else answer.content
    return {entity: content, "bId": b_id}


def read_options(text: Any) -> frozenset[str]:
    """Return the lower-case words of ``optionsData`` or ``include=``, which are joined by commas."""
    words = {word.strip().lower() for word in str(text or "").split(",") if word.strip()}
    return frozenset("allowduplicatedocnum" if word == "allowduplicatedocnumber" else word for word in words)
