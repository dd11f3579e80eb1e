"""What became of requests whose answer was lost: wait, ask QuickBooks, and only then repeat.

A negative answer proves absence only when it was given long enough after the last send, since a lost request may still
take effect. So every repetition is preceded by a quarantine from the last send and a complete, negative query.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Attempt, Item, Outcome
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import RequestRejectedError
from qb_pipeline.sync.merges import follow_merged
from qb_pipeline.sync.outcomes import (
    ENTITY,
    bodies_of,
    go_back,
    is_ours,
    is_voided,
    read_accepted,
    read_customer,
    size_of,
)
from qb_pipeline.sync.push import Bodies, transmit
from qb_pipeline.sync.workplace import Workplace

REMEMBERED = timedelta(hours=20)
"""How long QuickBooks is trusted to know a requestid. Intuit names no time; users report about 24 hours."""

BEFORE_SEND = timedelta(hours=24)
"""How far before our first send a document's CreateTime may lie: two clocks are never the same. The marker decides."""

NAME_FIELD = {"customer": "DisplayName", "item": "Name"}


NAP_SECONDS = 5.0


class DuplicateError(Exception):
    """QuickBooks holds more than one living document with one marker of ours: a person must look first."""


def settle(place: Workplace) -> int:
    """Settle every open attempt of the firm, oldest first; returns how many there were.

    Raises:
        DuplicateError: one document is there twice; nothing is deleted by us.
        QuickBooksError: a question was not answered: nothing was concluded, the attempts stay open.
    """
    attempts = place.sending.open()
    for attempt in attempts:
        _wait_out(place, attempt.last_sent_at)
        _settle(place, attempt)
    return len(attempts)


def _settle(place: Workplace, attempt: Attempt) -> None:
    bodies = bodies_of(attempt)
    found = _find(place, attempt, bodies)
    outcomes = [outcome for item in attempt.items if (outcome := found[item.document_id])]
    missing = [item for item in attempt.items if not found[item.document_id]]
    nothing_landed = len(missing) == size_of(attempt)  # of the whole request, items that were recorded before included
    if missing and nothing_landed and place.clock() - attempt.first_sent_at < REMEMBERED:
        _send_again(place, attempt)
        return
    # Some landed, or QuickBooks may have forgotten the request: the missing ones get a new attempt in this run.
    outcomes += [go_back(item, "missing") for item in missing]
    place.sending.record(attempt, outcomes, run=place.run, now=place.clock())
    place.unanswered = 0  # QuickBooks answers again


def _send_again(place: Workplace, attempt: Attempt) -> None:
    """Offer the frozen bytes once more, under the same request id."""
    place.sending.sending_again(attempt, now=place.clock())
    with suppress(RequestRejectedError):  # as a whole: its documents are back where they were, and are planned anew
        transmit(place, attempt, again=True)


def _find(place: Workplace, attempt: Attempt, bodies: Bodies) -> dict[int, Outcome | None]:
    """What became of each open item; None where QuickBooks shows nothing of it."""
    found: dict[int, Outcome | None] = {item.document_id: None for item in attempt.items}
    creates: dict[str, list[Item]] = defaultdict(list)
    changes: dict[str, list[Item]] = defaultdict(list)
    for item in attempt.items:
        (creates if item.operation == "create" else changes)[item.kind].append(item)
    for kind, items in creates.items():
        candidates = _candidates(place, kind, items, bodies, attempt.first_sent_at)
        nameless = {row["Id"]: row for row in candidates if is_voided(row) and not _marker_of(row)}
        for known in place.history.owns(kind, list(nameless)):  # such as the former bearer of a number
            del nameless[known]
        for item in items:
            body = bodies[item.document_id]
            ours = {row["Id"]: row for row in candidates if _is_result_of(item, row, body)}
            voided = [row for row in nameless.values() if not ours and _is_voided_result_of(item, row, body)]
            if ours:
                found[item.document_id] = _adopt(place, attempt, item, ours, body)
            elif voided:
                del nameless[voided[0]["Id"]]  # one voided document is what became of one of ours
                found[item.document_id] = replace(
                    read_accepted(item, voided[0], body, activity="adopted"),
                    state="held",
                    reason=Problem.REMOTE_VOIDED,
                )
    for kind, items in changes.items():
        rows = {row["Id"]: row for row in place.quickbooks.find(ENTITY[kind], "Id", [i.quickbooks_id for i in items])}
        for item in items:
            row = rows.get(item.quickbooks_id)
            body = _followed(place, bodies[item.document_id], row)
            if row is not None and _took_effect(item, row, body):
                found[item.document_id] = read_accepted(item, row, body, activity="adopted")
    return found


def _adopt(
    place: Workplace, attempt: Attempt, item: Item, ours: Mapping[str, Entity], body: Mapping[str, Any]
) -> Outcome:
    """Take what carries our marker for the result.

    Raises:
        DuplicateError: there are several, and we have sent more than once.
    """
    first = min(ours, key=int)
    body = _followed(place, body, ours[first], proves_it=True)
    outcome = read_accepted(item, ours[first], body, activity="adopted")
    if len(ours) == 1:
        return outcome
    if attempt.sends == 1:  # one request makes one document: the others are a person's copies
        return replace(outcome, state="held", reason=Problem.COPIED)
    raise DuplicateError(
        f"company {place.quickbooks.realm_id} holds {len(ours)} {ENTITY[item.kind]} documents "
        f"(Ids {', '.join(sorted(ours))}) for one {item.kind} of {place.firm.firm_id}: "
        "compare them in QuickBooks, delete the copy, then run the sync again"
    )


def _candidates(
    place: Workplace, kind: str, items: list[Item], bodies: Bodies, first_sent_at: datetime
) -> list[Entity]:
    """Everything that a lost create may have made.

    PrivateNote cannot be searched in a query, so the search goes by what can: a name, a number, a time.
    """
    if kind in NAME_FIELD:
        names = [str(bodies[item.document_id][NAME_FIELD[kind]]) for item in items]
        return list(place.quickbooks.find(ENTITY[kind], NAME_FIELD[kind], names, where="Active IN (true, false)"))
    rows: list[Entity] = []
    if kind == "invoice":
        rows += place.quickbooks.find("Invoice", "DocNumber", [str(bodies[i.document_id]["DocNumber"]) for i in items])
        if {find_marker(item.marker) for item in items} <= {_marker_of(row) for row in rows}:
            return rows
    # Then by nothing that a bookkeeper may have changed before we could look: neither number nor customer.
    return [*rows, *made_since(place, kind, first_sent_at)]


def made_since(place: Workplace, kind: str, first_sent_at: datetime) -> Iterator[Entity]:
    """Everything of a kind that QuickBooks made since about a moment: one read per 1,000 documents."""
    since = (first_sent_at - BEFORE_SEND).isoformat(timespec="seconds")
    return place.quickbooks.query_all(ENTITY[kind], where=f"MetaData.CreateTime >= '{since}'")


def _marker_of(row: Entity) -> object:
    return find_marker(str(row.get("PrivateNote", "")))


def _is_result_of(item: Item, row: Entity, body: Mapping[str, Any]) -> bool:
    # An item of QuickBooks has no note of ours: it is known by its name, which is unique.
    return row.get("Name") == body["Name"] if item.kind == "item" else is_ours(item, row)


def _is_voided_result_of(item: Item, row: Entity, body: Mapping[str, Any]) -> bool:
    """Whether a person voided this document before we could record it: the void may have cost it its marker."""
    if item.kind == "refund":
        return False  # QuickBooks has no void of journal entries
    if read_customer(row) != read_customer(body):
        return False
    if item.kind == "invoice":
        return bool(row.get("DocNumber") == body["DocNumber"])
    return row.get("TxnDate") == body["TxnDate"] and body.get("PaymentRefNum") in (None, row.get("PaymentRefNum"))


def _followed(
    place: Workplace, body: Mapping[str, Any], row: Entity | None, *, proves_it: bool = False
) -> Mapping[str, Any]:
    """What was meant, with the customer into which its own was merged since.

    ``proves_it``: this row was made for that customer, so that where it stands now shows where the customer went. A row
    that was to be changed may never have been that customer's.
    """
    meant, theirs = read_customer(body), read_customer(row or {})
    if not meant or not theirs or meant == theirs:
        return body
    survivors = follow_merged(place, [meant], seen_under={meant: theirs} if proves_it else {}).survivors
    return {**body, "CustomerRef": {"value": theirs}} if survivors.get(meant) == theirs else body


def _took_effect(item: Item, row: Entity, body: Mapping[str, Any]) -> bool:
    if item.operation == "void":
        return is_voided(row)
    return str(row.get("SyncToken")) != str(body["SyncToken"]) and not [
        difference for difference in compare(body, row) if difference.owner == "billing"
    ]


def _wait_out(place: Workplace, last_sent_at: datetime) -> None:
    """Sleep until a request sent then has taken effect and shows in a query, or never will.

    In short naps, so that a paused firm or a lost lease is noticed in time.
    """
    until = last_sent_at + place.quarantine
    for nap in _naps((until - place.clock()).total_seconds()):
        place.sleep(nap)
        place.require_lease()


def _naps(seconds: float) -> Iterable[float]:
    while seconds > 0:
        yield min(seconds, NAP_SECONDS)
        seconds -= NAP_SECONDS
