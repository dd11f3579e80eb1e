"""What changed in a firm's company since a cursor: nothing is passed over, nothing alive is taken for deleted.

Belongs here: reading. Does not belong here: keeping what was read (``ledger``), which saves rows and cursor in one
transaction, so that a failed page or a killed process moves neither.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import Company
from qb_pipeline.quickbooks.errors import RequestRejectedError

OVERLAP = timedelta(minutes=15)
"""Each reading looks back this far: what changes in the second of an answer may not be in it, and machines lag."""

REACH = timedelta(days=29)
"""How old a cursor may be. QuickBooks looks back 30 days; a day is left for a clock that is wrong.

Source: Intuit, ChangeDataCapture reference (read 2026-11-21).
"""

GONE = "610"
"""Fault: the object is not there any more. Source: Intuit, error codes (read 2026-11-21)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reading found, by entity. Save ``cursor`` in the transaction that saves the rows, or not at all.

    ``objects``: the newest snapshot of each object, voided and (in lists) inactive ones too; more than changed, where
    everything had to be read. ``deleted_ids``: of the known Ids, those that QuickBooks itself said are gone.
    ``enumerated``: whether change data capture did not suffice, and the company was asked by query.
    """

    objects: Mapping[str, list[Entity]] = field(repr=False)
    deleted_ids: Mapping[str, list[str]]
    cursor: datetime
    enumerated: bool


def read_changes(
    quickbooks: Company,
    entities: Sequence[str],
    since: datetime | None,
    *,
    known_ids: Callable[[str], Collection[str]],
    now: datetime,
) -> Reading:
    """Read what changed, in one request when that suffices.

    An answer that was cut at its 1,000 objects cannot be continued: then everything changed since the cursor is read by
    query, and every known Id that did not show is asked for, since a query never shows what is deleted. Without a
    cursor, or with one older than ``REACH``, the whole company is read in the same way.

    Change data capture has been seen to call a living object deleted: nothing is believed deleted before a read of its
    Id was answered with fault 610.

    Args:
        quickbooks: the firm's company.
        entities: such as ``("Payment", "CreditMemo")``; lists (Customer) include what is inactive.
        since: the cursor that the last reading gave; None at first.
        known_ids: of an entity, the Ids that the caller holds and believes alive; asked only when it is needed.
        now: our own clock; it decides nothing but whether the cursor is too old.

    Raises:
        QuickBooksError: something was not answered. Nothing may be concluded, and the cursor stays.
    """
    whole = since is None or since < now - REACH
    changes = quickbooks.changed_since(
        entities, now if whole or since is None else since
    )  # if whole: for its time only
    found = {entity: _newest(changes.objects[entity]) for entity in entities}
    doubtful = {entity: set(changes.deleted_ids[entity]) for entity in entities}
    enumerated = whole or not changes.complete
    if enumerated:
        where = "" if whole or since is None else f"MetaData.LastUpdatedTime >= '{_instant(since)}'"
        for entity in entities:
            rows = [*found[entity].values(), *quickbooks.query_all(entity, where=_with_inactive(entity, where))]
            found[entity] = _newest(rows)
            missing = set(known_ids(entity)) - found[entity].keys()
            shown = quickbooks.find(entity, "Id", sorted(missing), where=_with_inactive(entity, ""))
            found[entity] = _newest([*found[entity].values(), *shown])
            doubtful[entity] |= missing - found[entity].keys()
    deleted_ids = {}
    for entity in entities:
        gone = []
        for entity_id in sorted(doubtful[entity] & set(known_ids(entity)) if doubtful[entity] else ()):
            alive = _read_if_there(quickbooks, entity, entity_id)
            if alive is None:
                gone.append(entity_id)
                found[entity].pop(entity_id, None)
            else:
                found[entity] = _newest([*found[entity].values(), alive])
        deleted_ids[entity] = gone
    objects = {entity: list(rows.values()) for entity, rows in found.items()}
    return Reading(objects, deleted_ids, changes.server_time - OVERLAP, enumerated)


def _newest(rows: Iterable[Entity]) -> dict[str, Entity]:
    """The newest snapshot by Id: an object may stand in several answers. SyncToken is a number, and not text."""
    newest: dict[str, Entity] = {}
    for row in rows:
        held = newest.get(row["Id"])
        if held is None or int(row["SyncToken"]) >= int(held["SyncToken"]):
            newest[row["Id"]] = row
    return newest


def _read_if_there(quickbooks: Company, entity: str, entity_id: str) -> Entity | None:
    """One object, or None when QuickBooks says that it is deleted; any other refusal concludes nothing."""
    try:
        return quickbooks.read(entity, entity_id)
    except RequestRejectedError as error:
        if GONE in error.codes:
            return None
        raise


_LISTS = frozenset({"Customer", "Item", "Account", "PaymentMethod", "Term", "Class", "Department"})
"""Entities of which a query shows only active rows unless it says otherwise."""


def _with_inactive(entity: str, where: str) -> str:
    conditions = ["Active IN (true, false)"] * (entity in _LISTS) + [where] * bool(where)
    return " AND ".join(conditions)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
