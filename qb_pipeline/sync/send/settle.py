"""The settling of requests whose answer was lost: wait, ask QuickBooks, and only then repeat.

A negative answer proves absence only if enough time has passed since the last send, since a lost request may still take
effect. So a quarantine from the last send and a complete, negative query precede every repetition.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from qb_pipeline.core.markers import find_marker, read_marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import ENTRIES, Kind, Operation, State
from qb_pipeline.ledger.sending.attempts import Attempt, Item, ItemOutcome
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import RequestRejectedError
from qb_pipeline.sync.remote.merges import find_merged, follow
from qb_pipeline.sync.remote.outcomes import (
    ENTITY,
    bodies_of,
    is_ours,
    is_voided,
    read_accepted,
    read_customer,
    restore_state,
    size_of,
)
from qb_pipeline.sync.send.push import Bodies, transmit
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender

REMEMBERED = timedelta(hours=20)
"""The time for which QuickBooks is trusted to know a requestid. Intuit names no time; users report about 24 hours."""

BEFORE_SEND = timedelta(hours=24)
"""The time by which a document's CreateTime may precede our first send, since two clocks never agree exactly. The
marker decides."""

NAME_FIELD = {Kind.CUSTOMER: "DisplayName", Kind.ITEM: "Name"}


NAP_SECONDS = 5.0


class DuplicateError(Exception):
    """QuickBooks holds more than one document with one marker of ours that is not void. A person must compare them
    first."""


def settle(session: FirmSession, sender: Sender, known: Learned) -> tuple[int, Learned]:
    """Settle every open attempt of the firm, oldest first.

    Return the number of attempts, and everything learned so far.

    Raises:
        DuplicateError: QuickBooks holds one document twice; the pipeline deletes neither.
        QuickBooksError: a question was not answered. Nothing was concluded, and the attempts stay open.
    """
    attempts = sender.open()
    for attempt in attempts:
        _wait_out(session, sender, attempt.last_sent_at)
        known |= _settle(session, sender, attempt, known)
    return len(attempts), known


def look(session: FirmSession) -> dict[int, ItemOutcome | None]:
    """Return the outcome that QuickBooks shows of every request whose answer was lost, keyed by document id.

    None: QuickBooks does not show it. It may still take effect, which ``settle`` waits out. Nothing is recorded and
    nothing sent.

    Raises:
        DuplicateError: QuickBooks holds one document twice.
        QuickBooksError: a question was not answered.
    """
    found: dict[int, ItemOutcome | None] = {}
    for attempt in session.open_attempts():
        found |= _find(session, attempt, bodies_of(attempt), NOTHING)[0]
    return found


def _settle(session: FirmSession, sender: Sender, attempt: Attempt, known: Learned) -> Learned:
    bodies = bodies_of(attempt)
    found, learned = _find(session, attempt, bodies, known)
    learned |= follow(session, learned.followed)
    outcomes = [outcome for item in attempt.items if (outcome := found[item.document_id])]
    missing = [item for item in attempt.items if not found[item.document_id]]
    nothing_landed = len(missing) == size_of(attempt)  # of the whole request, including items that were recorded before
    if missing and nothing_landed and session.clock() - attempt.first_sent_at < REMEMBERED:
        return learned | _send_again(session, sender, attempt, known | learned)
    # Some took effect, or QuickBooks may have forgotten the request: the others get a new attempt in this run.
    outcomes += [restore_state(item, "missing") for item in missing]
    sender.record(attempt, outcomes)
    sender.note_answered()
    return learned


def _send_again(session: FirmSession, sender: Sender, attempt: Attempt, known: Learned) -> Learned:
    """Send the stored bytes once more, under the same request id."""
    sender.reserve_again(attempt)
    with suppress(RequestRejectedError):  # as a whole: its documents are back, and are planned anew
        return transmit(session, sender, attempt, known, again=True)[1]
    return NOTHING


def _find(
    session: FirmSession, attempt: Attempt, bodies: Bodies, known: Learned
) -> tuple[dict[int, ItemOutcome | None], Learned]:
    """Return the outcome of each open item, keyed by document id (None if QuickBooks shows nothing of it), and the
    facts learned."""
    learned = NOTHING
    found: dict[int, ItemOutcome | None] = {item.document_id: None for item in attempt.items}
    creates: dict[Kind, list[Item]] = defaultdict(list)
    changes: dict[Kind, list[Item]] = defaultdict(list)
    for item in attempt.items:
        (creates if item.operation == Operation.CREATE else changes)[item.kind].append(item)
    for kind, items in creates.items():
        made, told = _find_made(session, attempt, kind, items, bodies, known | learned)
        found |= made
        learned |= told
    for kind, items in changes.items():
        changed, told = _find_changed(session, kind, items, bodies, known | learned)
        found |= changed
        learned |= told
    return found, learned


def _find_made(
    session: FirmSession, attempt: Attempt, kind: Kind, items: list[Item], bodies: Bodies, known: Learned
) -> tuple[dict[int, ItemOutcome], Learned]:
    """Return the outcomes of those creates of one kind whose object QuickBooks shows, keyed by document id, and the
    facts learned."""
    found: dict[int, ItemOutcome] = {}
    learned = NOTHING
    candidates = _candidates(session, kind, items, bodies, attempt.first_sent_at)
    nameless = {row["Id"]: row for row in candidates if is_voided(row) and not read_marker(row)}
    for owned in session.history.owns(kind, list(nameless)):  # such as the former bearer of a number
        del nameless[owned]
    for item in items:
        body = bodies[item.document_id]
        ours = {row["Id"]: row for row in candidates if _is_result_of(item, row, body)}
        voided = [row for row in nameless.values() if not ours and _is_voided_result_of(item, row, body)]
        if ours:
            found[item.document_id], told = _adopt(session, attempt, item, ours, body, known | learned)
            learned |= told
        elif voided:
            del nameless[voided[0]["Id"]]  # one voided document is the result of one of our creates
            found[item.document_id] = replace(
                read_accepted(item, voided[0], body, activity="adopted"),
                state=State.HELD,
                reason=Problem.REMOTE_VOIDED,
            )
    return found, learned


def _find_changed(
    session: FirmSession, kind: Kind, items: list[Item], bodies: Bodies, known: Learned
) -> tuple[dict[int, ItemOutcome], Learned]:
    """Return the outcomes of those changes of one kind that took effect, keyed by document id, and the facts
    learned."""
    found: dict[int, ItemOutcome] = {}
    learned = NOTHING
    wanted = [item.quickbooks_id for item in items]
    rows = {row["Id"]: row for row in session.quickbooks.find(ENTITY[kind], "Id", wanted)}
    for item in items:
        row = rows.get(item.quickbooks_id)
        body, told = _followed(session, bodies[item.document_id], row, known | learned)
        learned |= told
        if row is not None and _took_effect(item, row, body):
            found[item.document_id] = read_accepted(item, row, body, activity="adopted")
    return found, learned


def _adopt(
    session: FirmSession,
    attempt: Attempt,
    item: Item,
    ours: Mapping[str, Entity],
    body: JsonObject,
    known: Learned,
) -> tuple[ItemOutcome, Learned]:
    """Return the outcome of a create by the object that carries our marker, and the facts learned.

    Raises:
        DuplicateError: several objects carry it, and we have sent more than once.
    """
    first = min(ours, key=int)
    body, learned = _followed(session, body, ours[first], known, proves_it=True)
    outcome = read_accepted(item, ours[first], body, activity="adopted")
    if len(ours) == 1:
        return outcome, learned
    if attempt.sends == 1:  # one request makes one document: the others are a person's copies
        return replace(outcome, state=State.HELD, reason=Problem.COPIED), learned
    raise DuplicateError(
        f"company {session.quickbooks.realm_id} holds {len(ours)} {ENTITY[item.kind]} documents "
        f"(Ids {', '.join(sorted(ours))}) for one {item.kind} of {session.firm.firm_id}: "
        "compare them in QuickBooks, delete the copy, then run the sync again"
    )


def _candidates(
    session: FirmSession, kind: Kind, items: list[Item], bodies: Bodies, first_sent_at: datetime
) -> list[Entity]:
    """Return everything that a lost create may have made.

    PrivateNote cannot be searched in a query. So the search goes by name, number or time.
    """
    if kind in NAME_FIELD:
        names = [str(bodies[item.document_id][NAME_FIELD[kind]]) for item in items]
        return list(session.quickbooks.find(ENTITY[kind], NAME_FIELD[kind], names, where="Active IN (true, false)"))
    rows: list[Entity] = []
    if kind == Kind.INVOICE:
        rows += session.quickbooks.find(
            "Invoice", "DocNumber", [str(bodies[i.document_id]["DocNumber"]) for i in items]
        )
        if {find_marker(item.marker) for item in items} <= {read_marker(row) for row in rows}:
            return rows
    # Next by time: a bookkeeper may have changed number or customer before we could read.
    return [*rows, *made_since(session, kind, first_sent_at)]


def made_since(session: FirmSession, kind: Kind, first_sent_at: datetime) -> Iterator[Entity]:
    """Return all documents of a kind that QuickBooks created since ``BEFORE_SEND`` before a moment. Costs one read per
    1,000 documents."""
    since = (first_sent_at - BEFORE_SEND).isoformat(timespec="seconds")
    return session.quickbooks.query_all(ENTITY[kind], where=f"MetaData.CreateTime >= '{since}'")


def _is_result_of(item: Item, row: Entity, body: JsonObject) -> bool:
    # An item of QuickBooks has no note of ours: it is known by its name, which is unique.
    return row.get("Name") == body["Name"] if item.kind == Kind.ITEM else is_ours(item, row)


def _is_voided_result_of(item: Item, row: Entity, body: JsonObject) -> bool:
    """Whether a document is the result of this item, voided by a person before we could record it. The void may have
    removed its marker."""
    if item.kind in ENTRIES:
        return False  # QuickBooks has no void of journal entries
    if read_customer(row) != read_customer(body):
        return False
    if item.kind == Kind.INVOICE:
        return bool(row.get("DocNumber") == body["DocNumber"])
    return row.get("TxnDate") == body["TxnDate"] and body.get("PaymentRefNum") in (None, row.get("PaymentRefNum"))


def _followed(
    session: FirmSession, body: JsonObject, row: Entity | None, known: Learned, *, proves_it: bool = False
) -> tuple[JsonObject, Learned]:
    """Return the body that was meant, with the customer into which its own was merged since, and the facts learned.

    ``proves_it``: this row was created for the customer of the body, so that its present customer shows the survivor. A
    row that was to be changed may never have been that customer's.
    """
    meant, theirs = read_customer(body), read_customer(row or {})
    if not meant or not theirs or meant == theirs:
        return body, NOTHING
    merges = find_merged(session, [meant], known, seen_under={meant: theirs} if proves_it else {})
    is_followed = merges.survivors.get(meant) == theirs
    return {**body, "CustomerRef": {"value": theirs}} if is_followed else body, merges.learned


def _took_effect(item: Item, row: Entity, body: JsonObject) -> bool:
    if item.operation == Operation.VOID:
        return is_voided(row)
    return str(row.get("SyncToken")) != str(body["SyncToken"]) and not [
        difference for difference in compare(body, row) if difference.owner == "billing"
    ]


def _wait_out(session: FirmSession, sender: Sender, last_sent_at: datetime) -> None:
    """Sleep until a request that was sent at this time has taken effect and shows in a query, or never will.

    The sleep consists of short naps, so that a paused firm or a lost lease is noticed in time.
    """
    until = last_sent_at + session.quarantine
    for nap in _naps((until - session.clock()).total_seconds()):
        sender.wait(nap)


def _naps(seconds: float) -> Iterable[float]:
    while seconds > 0:
        yield min(seconds, NAP_SECONDS)
        seconds -= NAP_SECONDS
