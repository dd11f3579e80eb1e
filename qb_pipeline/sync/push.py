"""Reserve, send, record: the way of a request to QuickBooks.

Belongs here: the order of those three. Does not belong here: what to send (``invoices``, ``payments``, ``references``),
what an answer means (``outcomes``), and what became of a request whose answer was lost (``settle``).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from qb_pipeline.core.batches import BatchItem, batch_body, batch_id, group_into_batches
from qb_pipeline.core.markers import Kind
from qb_pipeline.core.mirror import deleted_version
from qb_pipeline.core.money import dumps
from qb_pipeline.core.plan import update_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Application, Attempt, Item, NotReservedError, Outcome
from qb_pipeline.ledger.lease import LeaseLostError
from qb_pipeline.quickbooks.client import BATCH_ITEM_LIMIT
from qb_pipeline.quickbooks.errors import (
    OutcomeUnknownError,
    PermanentError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.living import read_living
from qb_pipeline.sync.outcomes import CORRECTION, ENTITY, STALE, bodies_of, go_back, read_accepted, read_refused
from qb_pipeline.sync.refusals import look_closer
from qb_pipeline.sync.workplace import Workplace

THROTTLED_TRIES = 5
"""How often one request is offered while QuickBooks answers 429; the throttle waits 60 s before each."""

MAX_UNANSWERED = 3
"""After so many lost answers in a row nothing more is sent: each would have to be settled."""


Bodies = Mapping[int, Mapping[str, Any]]
"""What each item of a request says, by document."""


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

    Voids leave first and alone: a batch has no documented way to void. Changes have arrived before anything new leaves:
    it may need the number or the money that a change sets free, and a batch has no order.

    Raises:
        QuickBooksError, LeaseLostError: nothing more can be sent now; what had left is recorded or open, the rest is
            untouched.
    """
    for item in ready:
        if item.operation == "void":
            send_one(place, item)
    for operation in ("update", "create"):
        _send_side_by_side(place, _group([item for item in ready if item.operation == operation]))


def _send_side_by_side(place: Workplace, batches: Sequence[Sequence[Ready]]) -> None:
    with ThreadPoolExecutor(max_workers=place.in_flight) as pool:
        results = [pool.submit(_send_batch, place, batch) for batch in batches]
        errors = []
        try:
            for result in results:
                error = None if result.cancelled() else result.exception()
                if error is not None:
                    errors.append(error)
                    pool.shutdown(wait=False, cancel_futures=True)
        except BaseException:  # a person interrupts: nothing begins any more, what is under way is recorded
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if errors:
        raise errors[0]


def send_one(place: Workplace, item: Ready) -> Outcome:
    """Send one document in a request of its own, and give back what was recorded."""
    unsent = Outcome(item.document_id, "not_sent", item.former_state)
    if place.unanswered >= MAX_UNANSWERED:
        return unsent
    try:
        attempt = place.sending.reserve(
            item.kind, item.operation, dumps(item.body), [_item(item, "1")], run=place.run, now=place.clock()
        )
    except NotReservedError:
        return unsent
    outcomes = transmit(place, attempt)
    return outcomes[0] if outcomes else Outcome(item.document_id, "open", "unknown", Problem.OUTCOME_UNKNOWN)


def _group(ready: Sequence[Ready]) -> list[list[Ready]]:
    items = {_batch_item(item).document: item for item in ready}
    batches = group_into_batches([_batch_item(item) for item in ready], size=BATCH_ITEM_LIMIT)
    return [[items[item.document] for item in batch] for batch in batches]


def _send_batch(place: Workplace, ready: Sequence[Ready]) -> None:
    """Send one batch. What moved since it was planned is left out; what is refused as a whole is sent in halves."""
    if not ready or place.unanswered >= MAX_UNANSWERED:
        return
    try:
        attempt = place.sending.reserve(
            "batch",
            ready[0].operation,
            batch_body([_batch_item(item) for item in ready]),
            [_item(item, batch_id(position)) for position, item in enumerate(ready)],
            run=place.run,
            now=place.clock(),
        )
    except NotReservedError:
        place.try_again = True
        unmoved = _unmoved(place, ready)
        if len(unmoved) < len(ready):
            _send_batch(place, unmoved)
        return
    try:
        transmit(place, attempt)
    except RequestRejectedError:
        if len(ready) == 1:
            raise
        half = len(ready) // 2
        _send_batch(place, ready[:half])
        _send_batch(place, ready[half:])


def _unmoved(place: Workplace, ready: Sequence[Ready]) -> list[Ready]:
    now = {row.document_id: row for row in rows(place.documents.read([item.document_id for item in ready]))}
    return [
        item
        for item in ready
        if (now[item.document_id].state, now[item.document_id].source_hash) == (item.former_state, item.source_hash)
    ]


def transmit(place: Workplace, attempt: Attempt, *, again: bool = False) -> list[Outcome]:
    """Send an attempt's frozen bytes once and record what came back.

    ``again``: these bytes may have been sent before. Then nothing but a complete answer closes the attempt, and what it
    claims to have made is looked at: QuickBooks may repeat an old answer although the document is gone.

    Returns:
        The outcomes that were recorded; items without one stay open, to be settled.

    Raises:
        RequestRejectedError: a batch was refused as a whole; its documents are back where they were.
    """
    bodies = bodies_of(attempt)
    try:
        outcomes, status, tid = _answers(place, attempt, bodies)
    except OutcomeUnknownError as error:
        place.unanswered += 1
        place.sending.unknown(
            attempt, run=place.run, now=place.clock(), detail=type(error).__name__, intuit_tid=error.intuit_tid
        )
        return []
    except RequestRejectedError as error:
        if len(attempt.items) > 1:
            # Before a repetition, absence was proved: with the refusal, nothing of any send was done.
            _nothing_was_done(place, attempt, "missing" if again else "not_sent")
            raise
        outcomes = [read_refused(attempt.items[0], error.faults)]
        status, tid = error.http_status, error.intuit_tid
    except (TransientError, PermanentError, LeaseLostError) as error:
        if not again and not (isinstance(error, TransientError) and error.sent):
            _nothing_was_done(place, attempt, "not_sent")  # it was stopped before its first byte, or not let in
        raise  # else: the attempt stays open, and is settled like one whose answer was lost
    place.unanswered = 0
    if again:
        outcomes = _look_again(place, attempt, outcomes, bodies)
    outcomes = look_closer(place, attempt, outcomes, bodies)
    place.stale |= {outcome.document_id for outcome in outcomes if outcome.fault_code == STALE}
    place.sending.record(attempt, outcomes, run=place.run, now=place.clock(), http_status=status, intuit_tid=tid)
    if len(outcomes) < len(attempt.items):
        place.sending.unknown(attempt, run=place.run, now=place.clock(), detail="system fault", intuit_tid=tid)
    if any(outcome.outcome == "refused" and not outcome.reason for outcome in outcomes):
        place.try_again = True
    if not again:  # what was read later may be a bookkeeper's work: it stays held
        _put_totals_right(place, attempt, outcomes, bodies)
    return outcomes


def _put_totals_right(place: Workplace, attempt: Attempt, outcomes: Sequence[Outcome], bodies: Bodies) -> None:
    """Say the tax once more where QuickBooks answered with another; what still differs stays held as TOTAL_DIFFERS."""
    items = {item.document_id: item for item in attempt.items}
    for outcome in outcomes:
        item, body = items[outcome.document_id], bodies[outcome.document_id]
        is_other = outcome.reason == Problem.TOTAL_DIFFERS and outcome.activity != "adopted"
        if not is_other or item.b_id == CORRECTION or "TxnTaxDetail" not in body:
            continue
        said = update_body(body, quickbooks_id=outcome.quickbooks_id, sync_token=outcome.sync_token)
        said |= {"Id": outcome.quickbooks_id, "SyncToken": outcome.sync_token}
        correction = replace(item, b_id=CORRECTION, operation="update", former_state="held")
        try:
            reserved = place.sending.reserve(
                item.kind, "update", dumps(said), [correction], run=place.run, now=place.clock()
            )
        except NotReservedError:
            continue  # billing changed it meanwhile: the revision says the tax anyway
        transmit(place, reserved)


def _answers(place: Workplace, attempt: Attempt, bodies: Bodies) -> tuple[list[Outcome], int | None, str]:
    """Send; while QuickBooks answers 429, which means that it did nothing, offer the same bytes again."""
    for tries in range(THROTTLED_TRIES):
        if tries:
            place.sending.sending_again(attempt, now=place.clock())
        place.in_hand.attempt = attempt
        try:
            return _exchange(place, attempt, bodies)
        except ThrottledError:
            if tries == THROTTLED_TRIES - 1:
                raise
        finally:
            place.in_hand.attempt = None
    raise AssertionError("unreachable")


def _exchange(place: Workplace, attempt: Attempt, bodies: Bodies) -> tuple[list[Outcome], int | None, str]:
    if attempt.endpoint != "batch":
        item = attempt.items[0]
        method = {"create": place.quickbooks.create, "update": place.quickbooks.update, "void": place.quickbooks.void}
        answer = method[attempt.operation](ENTITY[attempt.endpoint], attempt.body, request_id=attempt.request_id)
        return [read_accepted(item, answer.entity, bodies[item.document_id])], answer.http_status, answer.intuit_tid
    answers = place.quickbooks.batch(
        attempt.body, request_id=attempt.request_id, b_ids=[item.b_id for item in attempt.items]
    )
    outcomes = []
    by_b_id = {outcome.b_id: outcome for outcome in answers.outcomes}
    for item in attempt.items:
        outcome = by_b_id[item.b_id]
        if outcome.is_unknown:
            continue
        if outcome.entity is not None:
            outcomes.append(read_accepted(item, outcome.entity, bodies[item.document_id]))
        else:
            outcomes.append(read_refused(item, outcome.faults))
    return outcomes, answers.http_status, answers.intuit_tid


def _look_again(place: Workplace, attempt: Attempt, outcomes: Sequence[Outcome], bodies: Bodies) -> list[Outcome]:
    """Read what a repeated request claims to have made, as it is now; a replayed success of something gone is none."""
    items = {item.document_id: item for item in attempt.items}
    looked = []
    for outcome in outcomes:
        item = items[outcome.document_id]
        if outcome.outcome != "accepted":
            looked.append(outcome)
        elif (entity := read_living(place, item.kind, outcome.quickbooks_id)) is not None:
            looked.append(read_accepted(item, entity, bodies[outcome.document_id]))
        else:
            gone = outcome.version and deleted_version(item.kind, outcome.quickbooks_id)
            looked.append(replace(outcome, state="held", reason=Problem.REMOTE_DELETED, version=gone))
    return looked


def _nothing_was_done(place: Workplace, attempt: Attempt, outcome: str) -> None:
    outcomes = [go_back(item, outcome) for item in attempt.items]
    place.sending.record(attempt, outcomes, run=place.run, now=place.clock())


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
