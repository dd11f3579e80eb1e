"""The changes in a firm's company since a cursor.

No change is passed over, and no existing object is taken for deleted.

Belongs here: reading. Does not belong here: storing the result (``ledger``), which saves rows and cursor in one
transaction, so that a failed page or a killed process moves neither.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.quickbooks.errors import RequestRejectedError

OVERLAP = timedelta(minutes=15)
"""The time by which each reading overlaps the one before. An answer may lack changes of its own second, and QuickBooks'
machines lag."""

REACH = timedelta(days=29)
"""The greatest age of a cursor. QuickBooks looks back 30 days; one day is left for a wrong clock.

Source: Intuit, ChangeDataCapture reference (read 2026-11-21).
"""

GONE = "610"
"""The fault of an object that is not there any more. Source: Intuit, error codes (read 2026-11-21)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of a reading, keyed by entity. Save ``cursor`` in the transaction that saves the rows, or not at all.

    ``objects``: the newest snapshot of each object, including voided and (in lists) inactive ones, and unchanged ones
    if everything had to be read. ``deleted_ids``: those of the known Ids that QuickBooks itself said are gone.
    ``enumerated``: whether change data capture did not suffice, so that the company was read by query.
    """

    objects: Mapping[str, list[Entity]] = field(repr=False)
    deleted_ids: Mapping[str, list[str]]
    cursor: datetime
    enumerated: bool


def read_changes(
    quickbooks: QuickBooksClient,
    entities: Sequence[str],
    since: datetime | None,
    *,
    known_ids: Callable[[str], Collection[str]],
    now: datetime,
    confirm_together: bool = False,
    whole_since: Mapping[str, datetime | None] = MappingProxyType({}),
    shown_only: Collection[str] = (),
) -> Reading:
    """Read the changes, in one request if that suffices.

    An answer that was cut at its 1,000 objects cannot be continued. In this case everything changed since the cursor is
    read by query, and every known Id that no answer showed is asked for, since a query never shows deleted objects.
    Without a cursor, or with one older than ``REACH``, the whole company is read in the same way.

    Change data capture has been seen to call an existing object deleted. So an object counts as deleted only after a
    read of its Id was answered with fault 610.

    Args:
        quickbooks: the firm's company.
        entities: such as ``("Payment", "CreditMemo")``; lists (Customer) include inactive objects.
        since: the cursor of the last reading; None at first.
        known_ids: returns, for an entity, the Ids that the caller holds and believes to exist; called only when needed.
        now: our own clock; it decides only whether the cursor is too old.
        confirm_together: an object that change data capture calls deleted counts as deleted if one query for all such
            objects does not show it either. For callers that only inform a person; a caller that moves money waits for
            fault 610 of each object.
        whole_since: a moment per entity; a reading of the whole company reads only the changes of the entity since
            then.
        shown_only: entities whose objects in change data capture suffice; they are never read by query.

    Raises:
        QuickBooksError: a request was not answered. Nothing may be concluded, and the cursor stays.
    """
    whole = needs_all(since, now)
    changes = quickbooks.changed_since(
        entities, now if whole or since is None else since
    )  # if whole: only for the server's time
    found = {entity: _newest(changes.objects[entity]) for entity in entities}
    said = {entity: set(changes.deleted_ids[entity]) for entity in entities}
    doubtful = {entity: set(ids) for entity, ids in said.items()}
    enumerated = whole or not changes.complete
    if enumerated:
        for entity in _without(entities, shown_only):
            start = whole_since.get(entity) if whole else since
            where = "" if start is None else f"MetaData.LastUpdatedTime >= '{_instant(start)}'"
            rows = quickbooks.query_all(entity, where=_with_inactive(entity, where))
            found[entity] = _newest([*found[entity].values(), *rows])
            doubtful[entity] |= _sweep(quickbooks, entity, found[entity], known_ids(entity))
    deleted_ids: dict[str, list[str]] = {entity: [] for entity in entities}
    for entity in _without(entities, shown_only):
        ids = doubtful[entity]
        doubted = ids & set(known_ids(entity)) if ids else set()
        unseen = _unseen(quickbooks, entity, said[entity] & doubted) if confirm_together else set()
        for entity_id in unseen:
            found[entity].pop(entity_id, None)
        deleted_ids[entity] = sorted([*unseen, *_confirm(quickbooks, entity, found[entity], doubted - unseen)])
    objects = {entity: list(rows.values()) for entity, rows in found.items()}
    return Reading(objects, deleted_ids, changes.server_time - OVERLAP, enumerated)


def needs_all(since: datetime | None, now: datetime) -> bool:
    """Whether a reading since this cursor must read the whole company, which may take minutes."""
    return since is None or since < now - REACH


def read_dated(
    quickbooks: QuickBooksClient, entity: str, first: date, last: date, *, known_ids: Collection[str]
) -> tuple[list[Entity], list[str]]:
    """Read the transactions of inclusive dates, and the present versions of those that were known to have these dates.

    Returns:
        The objects, including those that moved to another date, and the Ids of the deleted ones.

    Raises:
        QuickBooksError: a request was not answered. Nothing may be concluded.
    """
    found = _newest(quickbooks.query_all(entity, where=f"TxnDate >= '{first}' AND TxnDate <= '{last}'"))
    doubtful = _sweep(quickbooks, entity, found, known_ids)
    deleted_ids = _confirm(quickbooks, entity, found, doubtful)
    return list(found.values()), deleted_ids


def _without(entities: Iterable[str], others: Collection[str]) -> list[str]:
    return [entity for entity in entities if entity not in others]


def _sweep(quickbooks: QuickBooksClient, entity: str, found: dict[str, Entity], known_ids: Collection[str]) -> set[str]:
    """Query every known Id that is not in ``found``, and add the objects that are there. Return the Ids that are still
    missing."""
    missing = set(known_ids) - found.keys()
    shown = quickbooks.find(entity, "Id", sorted(missing), where=_with_inactive(entity, ""))
    found.update(_newest(shown))
    return missing - found.keys()


def _unseen(quickbooks: QuickBooksClient, entity: str, said: Collection[str]) -> set[str]:
    """Return those of several Ids, which are said to be deleted, that a query does not show. A single Id is not queried
    here; it is read by itself."""
    if len(said) < 2:
        return set()
    shown = quickbooks.find(entity, "Id", sorted(said), columns="Id", where=_with_inactive(entity, ""))
    return set(said) - {row["Id"] for row in shown}


def _confirm(
    quickbooks: QuickBooksClient, entity: str, found: dict[str, Entity], doubtful: Collection[str]
) -> list[str]:
    """Read each Id that is said to be deleted. Return those that QuickBooks calls gone, and add the others to
    ``found``."""
    gone = []
    for entity_id in sorted(doubtful):
        try:
            alive = quickbooks.read(entity, entity_id)
        except RequestRejectedError as error:
            if GONE not in error.codes:  # any other refusal proves nothing
                raise
            gone.append(entity_id)
            found.pop(entity_id, None)
        else:
            found.update(_newest([alive, *([found[entity_id]] if entity_id in found else [])]))
    return gone


def _newest(rows: Iterable[Entity]) -> dict[str, Entity]:
    """Return the newest snapshot of each object, keyed by Id. An object may be in several answers. SyncTokens are
    compared as numbers, not as text."""
    newest: dict[str, Entity] = {}
    for row in rows:
        held = newest.get(row["Id"])
        if held is None or int(row["SyncToken"]) >= int(held["SyncToken"]):
            newest[row["Id"]] = row
    return newest


_LISTS = frozenset({"Customer", "Item", "Account", "PaymentMethod", "Term", "Class", "Department"})
"""The entities of which a query shows only active rows unless its condition includes inactive ones."""


def _with_inactive(entity: str, where: str) -> str:
    conditions = ["Active IN (true, false)"] * (entity in _LISTS) + [where] * bool(where)
    return " AND ".join(conditions)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
