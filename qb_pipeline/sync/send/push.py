"""The way of a request to QuickBooks: reserve, send, record.

Belongs here: the order of these three steps. Does not belong here: the content of a request (``invoices``,
``payments``, ``references``), the meaning of an answer (``outcomes``), and the outcome of a request whose answer was
lost (``settle``).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from qb_pipeline import stopping
from qb_pipeline.core.alerts import PAID_AT_ONCE
from qb_pipeline.core.documents.batches import BatchItem, batch_body, batch_id, group_into_batches
from qb_pipeline.core.documents.mirror import deleted_version
from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import JsonObject, dumps, to_dollars
from qb_pipeline.core.planning.plan import update_body
from qb_pipeline.core.planning.refusals import Refusal, hash_refused, is_first_of_two
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import NEEDS_A_PERSON, Kind, Operation, State
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending.attempts import Attempt, Item, ItemOutcome, NotReservedError
from qb_pipeline.ledger.sending.lease import LeaseLostError
from qb_pipeline.quickbooks.client import BATCH_ITEM_LIMIT
from qb_pipeline.quickbooks.errors import (
    CompanyFaultError,
    OutcomeUnknownError,
    PermanentError,
    QuickBooksError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.outcomes import (
    CORRECTION,
    ENTITY,
    STALE,
    as_it_was,
    bodies_of,
    read_accepted,
    read_refused,
    restore_state,
)
from qb_pipeline.sync.remote.standing import read_evidence
from qb_pipeline.sync.send.refusals import diagnose_refusals
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender

THROTTLED_TRIES = 5
"""The number of times that one request is sent while QuickBooks answers 429. The throttle waits 60 s after each such
answer."""

Bodies = Mapping[int, JsonObject]
"""The body of each item of a request, keyed by document id."""


def send_batches(session: FirmSession, sender: Sender, ready: Sequence[Ready], known: Learned) -> Learned:
    """Send documents in batches of at most 30, a few batches at a time. Every outcome is recorded.

    Voids leave first, each in a request of its own, since a batch has no documented way to void. Updates have arrived
    before any create leaves: a create may need the number or the money that an update releases, and a batch has no
    order.

    Returns:
        Everything learned so far: ``known``, and the facts from the answers.

    Raises:
        QuickBooksError, LeaseLostError, StoppedError: nothing more can be sent now. The requests that had left are
            recorded or open, the others are untouched.
    """
    for item in ready:
        if item.operation == Operation.VOID:
            known |= send_one(session, sender, item, known)[1]
    for operation in (Operation.UPDATE, Operation.CREATE):
        batches = _group([item for item in ready if item.operation == operation])
        known |= _send_side_by_side(session, sender, batches, known)
    return known


def _send_side_by_side(
    session: FirmSession, sender: Sender, batches: Sequence[Sequence[Ready]], known: Learned
) -> Learned:
    left = list(batches)
    while left and sender.is_doubted:  # one request at a time, until QuickBooks has accepted one
        known |= _send_batch(session, sender, left.pop(0), known)
    with ThreadPoolExecutor(max_workers=sender.in_flight) as pool:
        results = [pool.submit(_send_batch, session, sender, batch, known) for batch in left]
        errors = []
        try:
            for result in results:
                error = None if result.cancelled() else result.exception()
                if error is not None:
                    errors.append(error)
                    pool.shutdown(wait=False, cancel_futures=True)
        except BaseException:  # a person interrupts: no request begins any more, those under way are recorded
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if errors:
        raise next((error for error in errors if isinstance(error, CompanyFaultError)), errors[0])
    for result in results:
        known |= result.result()
    return known


def send_one(session: FirmSession, sender: Sender, item: Ready, known: Learned) -> tuple[ItemOutcome, Learned]:
    """Send one document in a request of its own. Return the outcome that was recorded, and the facts learned."""
    unsent = ItemOutcome(item.document_id, "not_sent", item.former_state)
    if sender.has_given_up:
        return unsent, NOTHING
    session.quickbooks.require_usable()
    try:
        attempt = sender.reserve(item.kind, item.operation, dumps(item.body), [_item(item, "1")])
    except NotReservedError:
        return unsent, NOTHING
    outcomes, learned = transmit(session, sender, attempt, known)
    lost = ItemOutcome(item.document_id, "open", State.UNKNOWN, Problem.OUTCOME_UNKNOWN)
    return outcomes[0] if outcomes else lost, learned


def _group(ready: Sequence[Ready]) -> list[list[Ready]]:
    items = {_batch_item(item).document: item for item in ready}
    batches = group_into_batches([_batch_item(item) for item in ready], size=BATCH_ITEM_LIMIT)
    return [[items[item.document] for item in batch] for batch in batches]


def _send_batch(session: FirmSession, sender: Sender, ready: Sequence[Ready], known: Learned) -> Learned:
    """Send one batch. Documents that moved since they were planned are left out. A batch that is refused as a whole is
    sent in halves."""
    if not ready or sender.has_given_up:
        return NOTHING
    stopping.require()
    session.quickbooks.require_usable()
    try:
        attempt = sender.reserve(
            "batch",
            ready[0].operation,
            batch_body([_batch_item(item) for item in ready]),
            [_item(item, batch_id(position)) for position, item in enumerate(ready)],
        )
    except NotReservedError:
        moved = Learned(try_again=True)
        unmoved = _unmoved(session, ready)
        if len(unmoved) < len(ready):
            return moved | _send_batch(session, sender, unmoved, known)
        return moved
    try:
        return transmit(session, sender, attempt, known)[1]
    except RequestRejectedError:
        if len(ready) == 1:
            raise
        half = len(ready) // 2
        learned = _send_batch(session, sender, ready[:half], known)
        return learned | _send_batch(session, sender, ready[half:], known | learned)


def _unmoved(session: FirmSession, ready: Sequence[Ready]) -> list[Ready]:
    now = {row.document_id: row for row in work_items(session.documents.read([item.document_id for item in ready]))}
    return [
        item
        for item in ready
        if (now[item.document_id].state, now[item.document_id].source_hash) == (item.former_state, item.source_hash)
    ]


def transmit(
    session: FirmSession, sender: Sender, attempt: Attempt, known: Learned, *, again: bool = False
) -> tuple[list[ItemOutcome], Learned]:
    """Send an attempt's stored bytes once, and record the answer.

    ``again``: these bytes may have been sent before. In this case only a complete answer closes the attempt, and the
    documents that the answer names are read: QuickBooks may repeat an old answer although the document is gone.

    Returns:
        The outcomes that were recorded, and the facts learned. Items without an outcome stay open, to be settled.

    Raises:
        RequestRejectedError: a batch was refused as a whole; its documents are back in their former states.
        CompanyFaultError: QuickBooks refused the company. Documents keep their states, and accepted ones are recorded.
    """
    bodies = bodies_of(attempt)
    try:
        outcomes, status, tid = _answers(sender, attempt, bodies)
    except OutcomeUnknownError as error:
        sender.note_lost()
        sender.record_unknown(attempt, type(error).__name__, intuit_tid=error.intuit_tid)
        return [], NOTHING
    except RequestRejectedError as error:
        if len(attempt.items) > 1:
            # Before a repetition, absence was proved: after the refusal, no send has done anything.
            _nothing_was_done(sender, attempt, "missing" if again else "not_sent")
            raise
        outcomes = [read_refused(attempt.items[0], error.faults)]
        status, tid = error.http_status, error.intuit_tid
    except CompanyFaultError as error:
        _company_refused(sender, attempt, error, again=again)
        raise
    except (TransientError, PermanentError, LeaseLostError, stopping.StoppedError) as error:
        if not again and not (isinstance(error, TransientError) and error.sent):
            _nothing_was_done(sender, attempt, "not_sent")  # it was stopped before its first byte, or not authorised
        raise  # otherwise the attempt stays open, and is settled like one whose answer was lost
    sender.note_answered()
    with stopping.owed():
        return _record(session, sender, attempt, outcomes, bodies, known, again=again, http_status=status, tid=tid)


def _record(
    session: FirmSession, sender: Sender, attempt: Attempt, outcomes: list[ItemOutcome], bodies: Bodies,
    known: Learned, *, again: bool, http_status: int | None, tid: str,
) -> tuple[list[ItemOutcome], Learned]:  # fmt: skip
    """Diagnose the refusals among the outcomes, and record all outcomes. Return them, and the facts learned."""
    if again:
        outcomes = _look_again(session, attempt, outcomes, bodies)
    looked, learned = diagnose_refusals(session, attempt, outcomes, bodies, known)
    outcomes = _with_digests(attempt, looked, bodies)
    stale = frozenset(outcome.document_id for outcome in outcomes if outcome.fault_code == STALE)
    now = session.clock()
    sender.record(attempt, outcomes, now=now, http_status=http_status, intuit_tid=tid)
    if any(outcome.outcome == "accepted" and outcome.activity != "adopted" for outcome in outcomes):
        sender.note_answered(is_accepted=True)
    if len(outcomes) < len(attempt.items):
        sender.record_unknown(attempt, "system fault", intuit_tid=tid)
    if not again:  # an invoice that is read later may have been paid by a bookkeeper since
        learned |= _note_paid_at_once(session, attempt, outcomes)
    _note_evidence(session, attempt, outcomes, bodies, refused_at=now)
    session.quickbooks.require_usable()
    came_badly = any(outcome.outcome == "refused" and not outcome.reason for outcome in outcomes)
    learned |= Learned(try_again=came_badly, stale=stale)
    if not again:  # a difference that is read later may be a bookkeeper's work: it stays held
        learned |= _resend_tax(session, sender, attempt, outcomes, bodies, known | learned)
    return outcomes, learned


def _company_refused(sender: Sender, attempt: Attempt, error: CompanyFaultError, *, again: bool) -> None:
    """Set documents back to exactly their former states. A request that may have worked, or was open before, stays
    open."""
    if error.sent:
        sender.record_unknown(attempt, "system fault", intuit_tid=error.intuit_tid)
    elif not again:
        outcome, code = ("refused", error.code) if error.http_status else ("not_sent", "")
        sender.record(
            attempt,
            [as_it_was(item, outcome, fault_code=code) for item in attempt.items],
            http_status=error.http_status,
            intuit_tid=error.intuit_tid,
        )


def _with_digests(attempt: Attempt, outcomes: Sequence[ItemOutcome], bodies: Bodies) -> list[ItemOutcome]:
    """Return the outcomes. Each refusal that holds its document gets the digest of the refused body."""
    kinds = {item.document_id: item.kind for item in attempt.items}
    return [
        replace(
            outcome,
            refused_sha256=hash_refused(ENTITY[kinds[outcome.document_id]], bodies[outcome.document_id]),
        )
        if outcome.outcome == "refused" and outcome.state in NEEDS_A_PERSON and outcome.reason
        else outcome
        for outcome in outcomes
    ]


def _note_paid_at_once(session: FirmSession, attempt: Attempt, outcomes: Sequence[ItemOutcome]) -> Learned:
    """Write a notice into the log for each new invoice that QuickBooks paid at its creation from money that somebody
    else entered. That money may be the payment that billing has for the invoice. Return a notice with the number of
    such invoices."""
    items = {item.document_id: item for item in attempt.items}
    entries = [
        Entry(
            "notice",
            outcome.document_id,
            PAID_AT_ONCE,
            f"QuickBooks has paid {to_dollars(version.total_cents - version.balance_cents):,.2f} of "
            f"{to_dollars(version.total_cents):,.2f} by itself, from money that others entered: compare with billing",
        )
        for outcome in outcomes
        if (version := outcome.version) is not None
        and (version.kind, items[outcome.document_id].operation) == (Kind.INVOICE, Operation.CREATE)
        and version.balance_cents < version.total_cents
    ]
    if not entries:
        return NOTHING
    session.log.add(session.run, entries, now=session.clock())
    return Learned(notices=(f"{len(entries)} new invoices were paid by QuickBooks at once ({PAID_AT_ONCE})",))


def _note_evidence(
    session: FirmSession, attempt: Attempt, outcomes: Sequence[ItemOutcome], bodies: Bodies, *, refused_at: datetime
) -> None:
    """Read the objects that refusals mention, and store digests of them for the comparison by the next run. A document
    whose objects cannot be read is sent once more."""
    items = {item.document_id: item for item in attempt.items}
    refused = {
        outcome.document_id: refusal
        for outcome in outcomes
        if outcome.refused_sha256 and outcome.is_looked_at
        if not is_first_of_two(refusal := _refusal(items[outcome.document_id], outcome, bodies[outcome.document_id]))
    }
    if not refused:
        return
    with suppress(QuickBooksError):
        evidence = read_evidence(session, refused)
        digests = {document_id: found.sha256 for document_id, found in evidence.items()}
        session.refusals.note_evidence(digests, refused_at=refused_at)


def _refusal(item: Item, outcome: ItemOutcome, body: JsonObject) -> Refusal:
    mark = find_marker(item.marker)
    source_id = mark.source_id if mark else ""
    return Refusal(
        ENTITY[item.kind], source_id, item.operation, outcome.fault_code, body, outcome.named, outcome.reason
    )


def _resend_tax(
    session: FirmSession,
    sender: Sender,
    attempt: Attempt,
    outcomes: Sequence[ItemOutcome],
    bodies: Bodies,
    known: Learned,
) -> Learned:
    """Send the tax once more if QuickBooks answered with another total. A document whose total still differs stays held
    as TOTAL_DIFFERS."""
    items = {item.document_id: item for item in attempt.items}
    learned = NOTHING
    for outcome in outcomes:
        item, body = items[outcome.document_id], bodies[outcome.document_id]
        is_other = outcome.reason == Problem.TOTAL_DIFFERS and outcome.activity != "adopted"
        if not is_other or item.b_id == CORRECTION or "TxnTaxDetail" not in body:
            continue
        said = update_body(body, quickbooks_id=outcome.quickbooks_id, sync_token=outcome.sync_token)
        said |= {"Id": outcome.quickbooks_id, "SyncToken": outcome.sync_token}
        correction = replace(item, b_id=CORRECTION, operation=Operation.UPDATE, former_state=State.HELD)
        try:
            reserved = sender.reserve(item.kind, Operation.UPDATE, dumps(said), [correction])
        except NotReservedError:
            continue  # billing changed it meanwhile: the revision contains the tax anyway
        learned |= transmit(session, sender, reserved, known | learned)[1]
    return learned


def _answers(sender: Sender, attempt: Attempt, bodies: Bodies) -> tuple[list[ItemOutcome], int | None, str]:
    """Send a request. While QuickBooks answers 429, which means that it did nothing, send the same bytes again."""
    for tries in range(THROTTLED_TRIES):
        if tries:
            sender.reserve_again(attempt)
        try:
            return _exchange(sender, attempt, bodies)
        except ThrottledError:
            if tries == THROTTLED_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _exchange(sender: Sender, attempt: Attempt, bodies: Bodies) -> tuple[list[ItemOutcome], int | None, str]:
    if attempt.endpoint != "batch":
        item = attempt.items[0]
        answer = sender.send(attempt, ENTITY[attempt.endpoint])
        return [read_accepted(item, answer.entity, bodies[item.document_id])], answer.http_status, answer.intuit_tid
    answers = sender.send_batch(attempt)
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


def _look_again(
    session: FirmSession, attempt: Attempt, outcomes: Sequence[ItemOutcome], bodies: Bodies
) -> list[ItemOutcome]:
    """Read the documents that the answer to a repeated request names, as they are now. A document that is gone by now
    is held."""
    items = {item.document_id: item for item in attempt.items}
    looked = []
    for outcome in outcomes:
        item = items[outcome.document_id]
        if outcome.outcome != "accepted":
            looked.append(outcome)
        elif (entity := read_current(session, item.kind, outcome.quickbooks_id)) is not None:
            looked.append(read_accepted(item, entity, bodies[outcome.document_id]))
        else:
            gone = outcome.version and deleted_version(item.kind, outcome.quickbooks_id)
            looked.append(replace(outcome, state=State.HELD, reason=Problem.REMOTE_DELETED, version=gone))
    return looked


def _nothing_was_done(sender: Sender, attempt: Attempt, outcome: str) -> None:
    outcomes = [restore_state(item, outcome) for item in attempt.items]
    sender.record(attempt, outcomes)


def _batch_item(ready: Ready) -> BatchItem:
    operation = Operation.CREATE if ready.operation == Operation.CREATE else Operation.UPDATE
    return BatchItem(
        ENTITY[ready.kind],
        operation,
        ready.body,
        ready.kind,
        ready.source_id,
        ready.part,
        shares_number=ready.shares_number,
    )


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
        is_release=ready.is_release,
    )
