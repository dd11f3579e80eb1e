"""What changed in a firm's company since a cursor: nothing is passed over, nothing alive is taken for deleted.

Belongs here: reading. Does not belong here: keeping what was read (``ledger``), which saves rows and cursor in one
transaction, so that a failed page or a killed process moves neither.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import QuickBooksClient
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
    quickbooks: QuickBooksClient,
    entities: Sequence[str],
    since: datetime | None,
    *,
    known_ids: Callable[[str], Collection[str]],
    now: datetime,
    confirm_together: bool = False,
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
        confirm_together: what change data capture calls deleted is believed when one query for all of it does not show
            it either. For whoever only tells a person; who moves money on it waits for fault 610 of each.

    Raises:
        QuickBooksError: something was not answered. Nothing may be concluded, and the cursor stays.
    """
    whole = needs_all(since, now)
    changes = quickbooks.changed_since(
        entities, now if whole or since is None else since
    )  # if whole: for its time only
    found = {entity: _newest(changes.objects[entity]) for entity in entities}
    said = {entity: set(changes.deleted_ids[entity]) for entity in entities}
    doubtful = {entity: set(ids) for entity, ids in said.items()}
    enumerated = whole or not changes.complete
    if enumerated:
        where = "" if whole or since is None else f"MetaData.LastUpdatedTime >= '{_instant(since)}'"
        for entity in entities:
            rows = quickbooks.query_all(entity, where=_with_inactive(entity, where))
            found[entity] = _newest([*found[entity].values(), *rows])
            doubtful[entity] |= _sweep(quickbooks, entity, found[entity], known_ids(entity))
    deleted_ids = {}
    for entity, ids in doubtful.items():
        doubted = ids & set(known_ids(entity)) if ids else set()
        unseen = _unseen(quickbooks, entity, said[entity] & doubted) if confirm_together else set()
        for entity_id in unseen:
            found[entity].pop(entity_id, None)
        deleted_ids[entity] = sorted([*unseen, *_confirm(quickbooks, entity, found[entity], doubted - unseen)])
    objects = {entity: list(rows.values()) for entity, rows in found.items()}
    return Reading(objects, deleted_ids, changes.server_time - OVERLAP, enumerated)


def needs_all(since: datetime | None, now: datetime) -> bool:
    """Whether a reading since this cursor has to read the whole company, which may take minutes."""
    return since is None or since < now - REACH


def read_dated(
    quickbooks: QuickBooksClient, entity: str, first: date, last: date, *, known_ids: Collection[str]
) -> tuple[list[Entity], list[str]]:
    """Read the transactions of inclusive dates, and what became of those that were known to be dated so.

    Returns:
        The objects, also those that moved to another date; and the Ids of the deleted ones.

    Raises:
        QuickBooksError: something was not answered. Nothing may be concluded.
    """
    found = _newest(quickbooks.query_all(entity, where=f"TxnDate >= '{first}' AND TxnDate <= '{last}'"))
    doubtful = _sweep(quickbooks, entity, found, known_ids)
    deleted_ids = _confirm(quickbooks, entity, found, doubtful)
    return list(found.values()), deleted_ids


def _sweep(quickbooks: QuickBooksClient, entity: str, found: dict[str, Entity], known_ids: Collection[str]) -> set[str]:
    """Ask for every known Id that did not show, and add what is there to ``found``; gives those that still do not."""
    missing = set(known_ids) - found.keys()
    shown = quickbooks.find(entity, "Id", sorted(missing), where=_with_inactive(entity, ""))
    found.update(_newest(shown))
    return missing - found.keys()


def _unseen(quickbooks: QuickBooksClient, entity: str, said: Collection[str]) -> set[str]:
    """Of several Ids that are said to be deleted: those that a query does not show. One alone is read by itself."""
    if len(said) < 2:
        return set()
    shown = quickbooks.find(entity, "Id", sorted(said), columns="Id", where=_with_inactive(entity, ""))
    return set(said) - {row["Id"] for row in shown}


def _confirm(
    quickbooks: QuickBooksClient, entity: str, found: dict[str, Entity], doubtful: Collection[str]
) -> list[str]:
    """Read each Id that is said to be deleted; those that QuickBooks calls gone. What lives is added to ``found``."""
    gone = []
    for entity_id in sorted(doubtful):
        try:
            alive = quickbooks.read(entity, entity_id)
        except RequestRejectedError as error:
            if GONE not in error.codes:  # any other refusal concludes nothing
                raise
            gone.append(entity_id)
            found.pop(entity_id, None)
        else:
            found.update(_newest([alive, *([found[entity_id]] if entity_id in found else [])]))
    return gone


def _newest(rows: Iterable[Entity]) -> dict[str, Entity]:
    """The newest snapshot by Id: an object may stand in several answers. SyncToken is a number, and not text."""
    newest: dict[str, Entity] = {}
    for row in rows:
        held = newest.get(row["Id"])
        if held is None or int(row["SyncToken"]) >= int(held["SyncToken"]):
            newest[row["Id"]] = row
    return newest


_LISTS = frozenset({"Customer", "Item", "Account", "PaymentMethod", "Term", "Class", "Department"})
"""Entities of which a query shows only active rows unless it says otherwise."""


def _with_inactive(entity: str, where: str) -> str:
    conditions = ["Active IN (true, false)"] * (entity in _LISTS) + [where] * bool(where)
    return " AND ".join(conditions)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
