"""Reserve, send, record: the way of a request to QuickBooks.

Belongs here: the order of those three, and reading an answer into an outcome. Does not belong here: what to send
(``invoices``, ``payments``, ``references``), and what became of a request whose answer was lost (``settle``).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from qb_pipeline.core.batches import BatchItem, batch_body, batch_id, group_into_batches
from qb_pipeline.core.markers import Kind, find_marker
from qb_pipeline.core.money import dumps, loads, to_cents
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Application, Attempt, Item, NotReservedError, Outcome
from qb_pipeline.ledger.documents import state_of
from qb_pipeline.ledger.lease import LeaseLostError
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import BATCH_ITEM_LIMIT
from qb_pipeline.quickbooks.errors import (
    Fault,
    OutcomeUnknownError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.sync.workplace import Workplace

ENTITY: dict[str, Literal["Customer", "Item", "Invoice", "Payment"]] = {
    "customer": "Customer",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
}

HELD_BY_FAULT = {
    "6140": Problem.NUMBER_TAKEN,
    "6200": Problem.PERIOD_CLOSED,
    "6210": Problem.PERIOD_CLOSED,
    "6540": Problem.DEPOSITED,
    "610": Problem.MAPPING_INACTIVE,
    "2500": Problem.MAPPING_INACTIVE,
    "6250": Problem.MAPPING_INACTIVE,
}
"""Faults that name what a person can mend; every other one is REFUSED.

Source: Intuit, error codes (read 2026-11-21).
"""

STALE = "5010"
"""Fault: the SyncToken is not the current one. The next look at the document reads it again."""

THROTTLED_TRIES = 5
"""How often one request is offered while QuickBooks answers 429; the throttle waits 60 s before each."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that is ready to leave. ``body`` is complete, with Id and SyncToken where it is an update."""

    document_id: int
    kind: Kind
    source_id: str
    part: str
    operation: str
    former_state: str
    source_hash: str
    marker: str
    body: dict[str, Any]
    fingerprint: str
    total_cents: int
    applications: tuple[Application, ...] = ()
    notices: tuple[str, ...] = ()


def send_batches(place: Workplace, ready: Sequence[Ready]) -> None:
    """Send documents in batches of at most 30, a few batches at a time; every outcome is recorded.

    Voids leave alone: a batch has no documented way to void.

    Raises:
        QuickBooksError, LeaseLostError: nothing more can be sent now; what had left is recorded or open, the rest is
            untouched.
    """
    for item in ready:
        if item.operation == "void":
            send_one(place, item)
    in_batches = {_batch_item(item).document: item for item in ready if item.operation != "void"}
    batches = group_into_batches([_batch_item(item) for item in in_batches.values()], size=BATCH_ITEM_LIMIT)
    with ThreadPoolExecutor(max_workers=place.in_flight) as pool:
        results = [pool.submit(_send_batch, place, batch, [in_batches[i.document] for i in batch]) for batch in batches]
        errors = []
        for result in results:
            error = None if result.cancelled() else result.exception()
            if error is not None:
                errors.append(error)
                for other in results:
                    other.cancel()
    if errors:
        raise errors[0]


def send_one(place: Workplace, item: Ready) -> Outcome:
    """Send one document in a request of its own, and give back what was recorded."""
    body = dumps(item.body)
    try:
        attempt = place.sending.reserve(
            item.kind, item.operation, body, [_item(item, "1")], run=place.run, now=place.clock()
        )
    except NotReservedError:
        return Outcome(item.document_id, "not_sent", item.former_state)
    outcomes = transmit(place, attempt)
    return outcomes[0] if outcomes else Outcome(item.document_id, "open", "unknown", Problem.OUTCOME_UNKNOWN)


def _send_batch(place: Workplace, batch: Sequence[BatchItem], ready: Sequence[Ready]) -> None:
    operations = {item.operation for item in ready}
    try:
        attempt = place.sending.reserve(
            "batch",
            operations.pop() if len(operations) == 1 else "mixed",
            batch_body(batch),
            [_item(item, batch_id(position)) for position, item in enumerate(ready)],
            run=place.run,
            now=place.clock(),
        )
    except NotReservedError:
        return  # one of them moved since it was planned: the next run plans all of them anew
    transmit(place, attempt)


def transmit(place: Workplace, attempt: Attempt, *, again: bool = False) -> list[Outcome]:
    """Send an attempt's frozen bytes once and record what came back.

    ``again``: these bytes may have been sent before. Then nothing but a complete answer closes the attempt.

    Returns:
        The outcomes that were recorded; items without one stay open, to be settled.
    """
    try:
        outcomes, status, tid = _answers(place, attempt)
    except OutcomeUnknownError as error:
        place.sending.unknown(
            attempt, run=place.run, now=place.clock(), detail=type(error).__name__, intuit_tid=error.intuit_tid
        )
        return []
    except RequestRejectedError as error:
        if len(attempt.items) > 1:
            _nothing_was_sent(place, attempt, again=again)
            raise
        outcomes = [_refused(attempt.items[0], error.faults)]
        status, tid = error.http_status, error.intuit_tid
    except LeaseLostError:
        _nothing_was_sent(place, attempt, again=again)  # the guard stopped it before its first byte
        raise
    except TransientError as error:
        if not error.sent:
            _nothing_was_sent(place, attempt, again=again)
        raise  # else: the attempt stays open, and is settled like one whose answer was lost
    place.sending.record(attempt, outcomes, run=place.run, now=place.clock(), http_status=status, intuit_tid=tid)
    if len(outcomes) < len(attempt.items):
        place.sending.unknown(attempt, run=place.run, now=place.clock(), detail="system fault", intuit_tid=tid)
    return outcomes


def _answers(place: Workplace, attempt: Attempt) -> tuple[list[Outcome], int | None, str]:
    """Send; while QuickBooks answers 429, which means that it did nothing, offer the same bytes again."""
    for tries in range(THROTTLED_TRIES):
        if tries:
            place.sending.sending_again(attempt, now=place.clock())
        try:
            return _exchange(place, attempt)
        except ThrottledError:
            if tries == THROTTLED_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _exchange(place: Workplace, attempt: Attempt) -> tuple[list[Outcome], int | None, str]:
    if attempt.endpoint != "batch":
        item = attempt.items[0]
        method = {"create": place.quickbooks.create, "update": place.quickbooks.update, "void": place.quickbooks.void}
        answer = method[attempt.operation](ENTITY[attempt.endpoint], attempt.body, request_id=attempt.request_id)
        return [read_accepted(item, answer.entity)], answer.http_status, answer.intuit_tid
    answers = place.quickbooks.batch(attempt.body, request_id=attempt.request_id, b_ids=b_ids_of(attempt.body))
    outcomes = []
    by_b_id = {outcome.b_id: outcome for outcome in answers.outcomes}
    for item in attempt.items:
        outcome = by_b_id[item.b_id]
        if outcome.is_unknown:
            continue
        if outcome.entity is not None:
            outcomes.append(read_accepted(item, outcome.entity))
        else:
            outcomes.append(_refused(item, outcome.faults))
    return outcomes, answers.http_status, answers.intuit_tid


def read_accepted(item: Item, entity: Entity, *, activity: str = "") -> Outcome:
    """Compare what QuickBooks now holds with what was meant.

    A document that is not ours, or of another customer or total, is not taken for success: it is held.
    """
    reason = ""
    total = None
    if item.operation == "void":
        state = "voided"
        total = 0
    else:
        state = "synced"
        if item.kind in ("invoice", "payment"):
            total = to_cents(entity["TotalAmt"])
            if total != item.total_cents:
                state, reason = "held", Problem.TOTAL_DIFFERS
            if not is_ours(item, entity):
                state, reason = "held", Problem.CONFLICT
    return Outcome(
        item.document_id,
        "accepted",
        state,
        reason,
        quickbooks_id=entity["Id"],
        sync_token=str(entity.get("SyncToken", "")),
        customer_id=str(entity.get("CustomerRef", {}).get("value", "")),
        total_cents=total,
        activity=activity,
    )


def is_ours(item: Item, entity: Entity) -> bool:
    """Whether an object of QuickBooks carries this item's marker."""
    note = str(entity.get("Notes" if item.kind == "customer" else "PrivateNote", ""))
    found = find_marker(note)
    return found is not None and found == find_marker(item.marker)


def b_ids_of(body: bytes) -> list[str]:
    """The bIds of a frozen batch, in its order."""
    return [str(item["bId"]) for item in loads(body)["BatchItemRequest"]]


def _refused(item: Item, faults: Sequence[Fault]) -> Outcome:
    code = faults[0].code if faults else ""
    if code == STALE or any(fault.may_pass_later for fault in faults):
        return Outcome(item.document_id, "refused", item.former_state, fault_code=code)
    problem = HELD_BY_FAULT.get(code, Problem.REFUSED)
    return Outcome(item.document_id, "refused", state_of(problem), problem, fault_code=code)


def _nothing_was_sent(place: Workplace, attempt: Attempt, *, again: bool) -> None:
    if again:
        return  # an earlier send of these bytes may still count: the attempt stays open
    place.sending.record(
        attempt,
        [Outcome(item.document_id, "not_sent", item.former_state) for item in attempt.items],
        run=place.run,
        now=place.clock(),
    )


def _batch_item(ready: Ready) -> BatchItem:
    operation: Literal["create", "update"] = "create" if ready.operation == "create" else "update"
    return BatchItem(ENTITY[ready.kind], operation, ready.body, ready.kind, ready.source_id, ready.part)


def _item(ready: Ready, b_id: str) -> Item:
    return Item(
        document_id=ready.document_id,
        b_id=b_id,
        kind=ready.kind,
        operation=ready.operation,
        marker=ready.marker,
        fingerprint=ready.fingerprint,
        source_hash=ready.source_hash,
        total_cents=ready.total_cents,
        former_state=ready.former_state,
        applications=ready.applications,
    )
