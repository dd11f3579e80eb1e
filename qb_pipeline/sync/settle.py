"""What became of requests whose answer was lost: wait, ask QuickBooks, and only then repeat.

A negative answer proves absence only when it was given long enough after the last send, since a lost request may still
take effect. So every repetition is preceded by a quarantine from the last send and a complete, negative query.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import loads
from qb_pipeline.core.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Attempt, Item, Outcome
from qb_pipeline.ledger.documents import Decision
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.push import ENTITY, is_ours, read_accepted, transmit
from qb_pipeline.sync.workplace import Workplace

REMEMBERED = timedelta(hours=20)
"""How long QuickBooks is trusted to know a requestid. Intuit names no time; users report about 24 hours."""

BEFORE_SEND = timedelta(minutes=10)
"""How far before our first send a document's CreateTime may lie: two clocks are never the same."""

NAME_FIELD = {"customer": "DisplayName", "item": "Name"}


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
    bodies = _bodies(attempt)
    found = _find(place, attempt, bodies)
    outcomes = [
        _read_found(item, found[item.document_id], bodies[item.document_id])
        for item in attempt.items
        if found[item.document_id]
    ]
    missing = [item for item in attempt.items if not found[item.document_id]]
    nothing_landed = len(missing) == _size(attempt)  # of the whole request, items that were recorded before included
    if missing and nothing_landed and place.clock() - attempt.first_sent_at < REMEMBERED:
        _send_again(place, attempt)
        return
    # Some landed, or QuickBooks may have forgotten the request: the missing ones get a new attempt in this run.
    outcomes += [Outcome(item.document_id, "missing", item.former_state) for item in missing]
    place.sending.record(attempt, outcomes, run=place.run, now=place.clock())


def _send_again(place: Workplace, attempt: Attempt) -> None:
    """Offer the frozen bytes once more, under the same request id.

    QuickBooks may answer with the success of the first time although that document was deleted since: what it claims to
    have made is looked at.
    """
    place.sending.sending_again(attempt, now=place.clock())
    outcomes = transmit(place, attempt, again=True)
    made = {outcome.document_id: outcome.quickbooks_id for outcome in outcomes if outcome.outcome == "accepted"}
    for kind in sorted({item.kind for item in attempt.items}):
        ids = [made[item.document_id] for item in attempt.items if item.kind == kind and item.document_id in made]
        where = "Active IN (true, false)" if kind in NAME_FIELD else ""
        alive = {row["Id"] for row in place.quickbooks.find(ENTITY[kind], "Id", ids, where=where)} if ids else set()
        dead = [
            item for item in attempt.items if made.get(item.document_id, "") not in alive | {""} and item.kind == kind
        ]
        place.documents.record_decisions(
            [Decision(item.document_id, "hold", Problem.REMOTE_DELETED, item.total_cents) for item in dead],
            run=place.run,
            now=place.clock(),
        )


def _find(place: Workplace, attempt: Attempt, bodies: dict[int, dict[str, Any]]) -> dict[int, Entity | None]:
    found: dict[int, Entity | None] = {item.document_id: None for item in attempt.items}
    creates: dict[str, list[Item]] = defaultdict(list)
    changes: dict[str, list[Item]] = defaultdict(list)
    for item in attempt.items:
        (creates if item.operation == "create" else changes)[item.kind].append(item)
    for kind, items in creates.items():
        candidates = _candidates(place, kind, items, bodies, attempt.first_sent_at)
        for item in items:
            ours = {row["Id"]: row for row in candidates if _is_result_of(item, row, bodies[item.document_id])}
            if len(ours) > 1:
                raise DuplicateError(
                    f"company {place.quickbooks.realm_id} holds {len(ours)} {ENTITY[kind]} documents "
                    f"(Ids {', '.join(sorted(ours))}) for one {kind} of {place.firm.firm_id}: "
                    "compare them in QuickBooks, delete the copy, then run the sync again"
                )
            found[item.document_id] = next(iter(ours.values()), None)
    for kind, items in changes.items():
        rows = {row["Id"]: row for row in place.quickbooks.find(ENTITY[kind], "Id", [i.quickbooks_id for i in items])}
        for item in items:
            row = rows.get(item.quickbooks_id)
            if row is not None and _took_effect(item, row, bodies[item.document_id]):
                found[item.document_id] = row
    return found


def _candidates(
    place: Workplace, kind: str, items: list[Item], bodies: dict[int, dict[str, Any]], first_sent_at: datetime
) -> list[Entity]:
    """Everything that a lost create may have made.

    PrivateNote cannot be searched in a query, so the search goes by what can: a name, a number, a customer and a time.
    """
    if kind in NAME_FIELD:
        names = [str(bodies[item.document_id][NAME_FIELD[kind]]) for item in items]
        return list(place.quickbooks.find(ENTITY[kind], NAME_FIELD[kind], names, where="Active IN (true, false)"))
    rows: list[Entity] = []
    if kind == "invoice":
        rows += place.quickbooks.find("Invoice", "DocNumber", [str(bodies[i.document_id]["DocNumber"]) for i in items])
    # By customer as well: a bookkeeper may have changed the number before we could look.
    seen = {find_marker(str(row.get("PrivateNote", ""))) for row in rows}
    rest = [item for item in items if find_marker(item.marker) not in seen]
    since = (first_sent_at - BEFORE_SEND).isoformat(timespec="seconds")
    for customer in sorted({str(bodies[item.document_id]["CustomerRef"]["value"]) for item in rest}):
        rows += place.quickbooks.query_all(
            ENTITY[kind], where=f"CustomerRef = '{customer}' AND MetaData.CreateTime >= '{since}'"
        )
    return rows


def _is_result_of(item: Item, row: Entity, body: dict[str, Any]) -> bool:
    # An item of QuickBooks has no note of ours: it is known by its name, which is unique.
    return row.get("Name") == body["Name"] if item.kind == "item" else is_ours(item, row)


def _took_effect(item: Item, row: Entity, body: dict[str, Any]) -> bool:
    if item.operation == "void":
        return row.get("TotalAmt") == 0 and "void" in str(row.get("PrivateNote", "")).lower()
    return str(row.get("SyncToken")) != str(body["SyncToken"]) and not [
        difference for difference in compare(body, row) if difference.owner == "billing"
    ]


def _read_found(item: Item, row: Entity | None, body: dict[str, Any]) -> Outcome:
    assert row is not None  # noqa: S101 - the caller chose those that were found
    outcome = read_accepted(item, row, activity="adopted")
    customer = str(body.get("CustomerRef", {}).get("value", ""))
    if customer and outcome.customer_id != customer:
        return Outcome(
            item.document_id,
            "accepted",
            "held",
            Problem.CONFLICT,
            outcome.quickbooks_id,
            outcome.sync_token,
            outcome.customer_id,
            outcome.total_cents,
            activity="adopted",
        )
    return outcome


def _bodies(attempt: Attempt) -> dict[int, dict[str, Any]]:
    """What each item of a frozen request said, by document."""
    sent = loads(attempt.body)
    if attempt.endpoint != "batch":
        return {attempt.items[0].document_id: sent}
    by_b_id = {request["bId"]: request for request in sent["BatchItemRequest"]}
    return {item.document_id: by_b_id[item.b_id][ENTITY[item.kind]] for item in attempt.items}


def _size(attempt: Attempt) -> int:
    return 1 if attempt.endpoint != "batch" else len(loads(attempt.body)["BatchItemRequest"])


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
        yield min(seconds, 2.0)
        seconds -= 2.0
