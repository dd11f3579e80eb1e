"""The by-hand list: its rows, the transactions that may be a row, and the transactions that are one.

Belongs here: storing them. Does not belong here: reading QuickBooks (``sync.verify.hand_entries``), and matching
transactions with rows (``core.documents.hand_entries``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from qb_pipeline.core.documents.hand_entries import Entry
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log

queries = Queries(Path(__file__).with_suffix(".sql"))

Standing = Literal["there", "gone", "differs"]
"""The state in QuickBooks of a transaction that was entered: it is there with its total, it is gone, or it has another
total."""

Name = tuple[str, str]
"""The type and the Id of a transaction of QuickBooks."""


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row of the by-hand list that is to be entered. Amounts are in cents.

    ``what`` is the list's column of that name, without ``changed_``. ``original`` is billing's id of the payment that
    the row takes back, and ``original_id`` the Id of that payment in QuickBooks ("" if it is not there). We sent that
    payment with ``original_cents`` and applied ``applied_cents`` of it. ``original_stands``: whether QuickBooks holds
    it so, as far as the mirror knows. ``original_is_void``: whether the mirror has it as void.
    """

    document_id: int
    what: str
    customer_id: str
    amount_cents: int
    document_date: date
    original: str
    original_id: str
    original_cents: int
    applied_cents: int
    original_stands: bool
    original_is_void: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """A row that was entered. In cents: billing's amount and the transaction's total at the time of the entry, and
    billing's amount today."""

    document_id: int
    entity: str
    quickbooks_id: str
    amount_cents: int
    total_cents: int
    billed_cents: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A transaction that is entered for a row of the list. ``evidence`` is the reason: Ids, dates and sums."""

    document_id: int
    entity: str
    quickbooks_id: str
    total_cents: int
    entry_date: date | None
    evidence: str


class HandEntries:
    """The by-hand list of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def rows(self) -> list[ListedRow]:
        """Return the rows that are to be entered, including those whose transaction is gone."""
        return self._rows(None)

    def row(self, document_id: int) -> ListedRow | None:
        """Return the row of a document, also when its transaction is to be corrected, or None when the document is not
        on the list."""
        return next(iter(self._rows(document_id)), None)

    def _rows(self, document_id: int | None) -> list[ListedRow]:
        values = {"firm_id": self._firm_id, "document_id": document_id}
        with self._engine.connect() as connection:
            return [ListedRow(*row) for row in connection.execute(queries["rows"], values)]

    def held_back(self, payment_id: str) -> list[int]:
        """Return the document ids of the payments that are held until this payment (billing's id) is taken back in
        QuickBooks."""
        values = {"firm_id": self._firm_id, "payment_id": payment_id}
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["held_back"], values))

    def known(self, entity: str) -> list[str]:
        """Return the Ids of the transactions of a type that are entered for a row, or shown to a person as
        candidates."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["known"], {"firm_id": self._firm_id, "entity": entity}))

    def entered(self) -> list[Entered]:
        """Return the rows that were entered."""
        with self._engine.connect() as connection:
            return [Entered(*row) for row in connection.execute(queries["entered"], {"firm_id": self._firm_id})]

    def note(self, entries: Sequence[Entry], read: Collection[Name]) -> None:
        """Store transactions that may be a row.

        They replace everything that is stored about the transactions in ``read``. ``read``: all transactions that were
        read or are gone.
        """
        with self._engine.begin() as connection:
            if read:
                names = {"entities": [name for name, _ in read], "quickbooks_ids": [each for _, each in read]}
                connection.execute(queries["forget"], {"firm_id": self._firm_id, **names})
            if entries:
                connection.execute(queries["note"], {"firm_id": self._firm_id, "entries": _rows(entries)})

    def prune(self, *, before: date) -> None:
        """Delete those transactions that may be a row and are dated before a day. No row of the list is that old."""
        with self._engine.begin() as connection:
            connection.execute(queries["prune"], {"firm_id": self._firm_id, "before": before})

    def possible(self, wanted: Collection[tuple[str, int]]) -> list[Entry]:
        """Return the transactions of others about these pairs of customer Id and cents that are not entered for a row
        yet."""
        if not wanted:
            return []
        values = {
            "firm_id": self._firm_id,
            "customer_ids": [customer_id for customer_id, _ in wanted],
            "amounts": [cents for _, cents in wanted],
        }
        with self._engine.connect() as connection:
            return [Entry(*row) for row in connection.execute(queries["possible"], values)]

    def record(
        self,
        entered: Sequence[NewEntry],
        candidates: Mapping[int, Sequence[Entry]],
        *,
        run: log.Run,
        now: datetime,
    ) -> None:
        """Store the transactions that were recognised, and replace all candidates by the present ones.

        ``candidates``: the transactions that may be a row, keyed by the row's document id.
        """
        shown = [
            {
                "document_id": document_id,
                "entity": entry.entity,
                "quickbooks_id": entry.quickbooks_id,
                "entry_date": entry.entry_date,
            }
            for document_id, found in candidates.items()
            for entry in found
        ]
        with self._engine.begin() as connection:
            enter(connection, self._firm_id, entered, run=run, now=now)
            connection.execute(queries["drop_candidates"], {"firm_id": self._firm_id})
            if shown:
                parameters = {"firm_id": self._firm_id, "candidates": json.dumps(shown, default=str)}
                connection.execute(queries["add_candidates"], parameters)

    def stand(self, standings: Mapping[int, tuple[Standing, bool]], *, run: log.Run, now: datetime) -> int:
        """Record the state in QuickBooks of transactions that were entered. Return the number of rows that changed.

        ``standings``, keyed by document id: the state, and whether the transaction's amount is billing's amount of
        today.
        """
        if not standings:
            return 0
        rows = [
            {"document_id": document_id, "standing": standing, "is_billed": is_billed}
            for document_id, (standing, is_billed) in standings.items()
        ]
        with self._engine.begin() as connection:
            moved = connection.execute(queries["stand"], {"standings": json.dumps(rows)}).all()
            entries = [
                log.Entry(
                    "notice",
                    row.document_id,
                    detail=f"{row.entity} {row.quickbooks_id}, entered by hand: {_SAID[row.standing]}",
                    amount_cents=row.amount_cents,
                )
                for row in moved
            ]
            log.write(connection, self._firm_id, run, entries, now=now)
        return len(moved)

    def holder(self, name: Name, document_id: int) -> str:
        """Return billing's id of another document for which a transaction is entered, or "" if there is none."""
        values = {"firm_id": self._firm_id, "entity": name[0], "quickbooks_id": name[1], "document_id": document_id}
        with self._engine.connect() as connection:
            return str(connection.scalar(queries["holder"], values) or "")


def enter(
    connection: sa.Connection,
    firm_id: str,
    entered: Sequence[NewEntry],
    *,
    run: log.Run,
    now: datetime,
    entered_by: str = "",
) -> None:
    """Record rows of the list as entered, in the caller's transaction. ``entered_by`` is the person who named the
    transactions, "" if they were recognised."""
    if not entered:
        return
    values = {"entered": _rows(entered), "entered_by": entered_by, "now": now}
    rows = connection.execute(queries["enter"], values).all()
    entries = [log.Entry("entered", row.document_id, "", row.evidence, row.amount_cents) for row in rows]
    log.write(connection, firm_id, run, entries, now=now)


_SAID: Mapping[str, str] = {
    "there": "it is there with its total",
    "gone": "it is not there any more",
    "differs": "it has another total there",
}


def _rows(found: Sequence[Entry] | Sequence[NewEntry]) -> str:
    return json.dumps([asdict(row) for row in found], default=str)
