"""Invoices and payments of the company that others wrote: an index of them, and what people said of likenesses.

Belongs here: keeping both. Does not belong here: reading QuickBooks (``sync.remote.foreign_documents``), and what is
like what (``core.planning.possible_duplicates``).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))

DuplicateAnswer = Literal["", "same", "new"]
"""What a person said of a pair: the same document, another one, or nothing yet ("", adoption asks)."""


@dataclass(frozen=True, slots=True)
class ForeignDocument:
    """A row of the index; the total in cents. ``number`` is a key (``possible_duplicates.number_key``); ``pays`` has
    the Ids of the invoices that a payment is applied to."""

    kind: Kind
    quickbooks_id: str
    number: str
    customer_id: str
    document_date: date | None
    total_cents: int
    pays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for: a document of billing by its number's key, or by customer and amount in cents."""

    number: str
    customer_id: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A document of billing and one of QuickBooks that may be the same."""

    document: DocumentName
    quickbooks_id: str


class ForeignDocuments:
    """The index of one firm's company."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def cursor(self) -> datetime | None:
        """Up to which instant, by QuickBooks' clock, changes were read; None before the first reading."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.FOREIGN)

    def note(
        self, written: Sequence[ForeignDocument], ended: Collection[tuple[Kind, str]], *, cursor: datetime
    ) -> None:
        """Store what was read, and its cursor; ``ended``: what carries a mark by now, or lives no more."""
        rows = json.dumps([asdict(row) for row in written], default=str)
        gone = {"kinds": [kind for kind, _ in ended], "quickbooks_ids": [quickbooks_id for _, quickbooks_id in ended]}
        with self._engine.begin() as connection:
            if ended:
                connection.execute(queries["remove"], {"firm_id": self._firm_id, **gone})
            if written:
                connection.execute(queries["note"], {"firm_id": self._firm_id, "documents": rows})
            cursors.save(connection, self._firm_id, cursors.FOREIGN, cursor)

    def find(self, kind: Kind, asked: Collection[Asked]) -> list[ForeignDocument]:
        """What is not ours and has the number, or the customer and the amount, of one of these.

        What is linked to a document of ours, or was, is left out.
        """
        if not asked:
            return []
        values = {
            "firm_id": self._firm_id,
            "kind": kind,
            "numbers": sorted({each.number for each in asked} - {""}),
            "customer_ids": [each.customer_id for each in asked],
            "totals": [each.total_cents for each in asked],
        }
        with self._engine.connect() as connection:
            rows = connection.execute(queries["find"], values).mappings()
            return [ForeignDocument(**{**row, "kind": kind, "pays": tuple(row["pays"])}) for row in rows]

    def answers(self, kind: Kind, names: Collection[DocumentName]) -> dict[Pair, DuplicateAnswer]:
        """What people said of pairs with these documents; "" where adoption asks and nobody has answered."""
        if not names:
            return {}
        values = {
            "firm_id": self._firm_id,
            "kind": kind,
            "source_ids": [name.source_id for name in names],
            "parts": [name.part for name in names],
        }
        with self._engine.connect() as connection:
            return {
                Pair(DocumentName(kind, row.source_id, row.part), row.quickbooks_id): row.answer
                for row in connection.execute(queries["answers"], values)
            }


def ask(connection: sa.Connection, firm_id: str, pairs: Collection[Pair]) -> None:
    """Remember that adoption found these pairs alike, in the caller's transaction; what was answered stays so."""
    if pairs:
        connection.execute(queries["ask"], {"firm_id": firm_id, "pairs": _rows(pairs)})


def answer(
    connection: sa.Connection,
    firm_id: str,
    pairs: Collection[Pair],
    said: Literal["same", "new"],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Keep what a person said of pairs, in the caller's transaction."""
    if pairs:
        values = {"firm_id": firm_id, "pairs": _rows(pairs), "answer": said, "actor": actor, "now": now}
        connection.execute(queries["answer"], values)


def _rows(pairs: Collection[Pair]) -> str:
    return json.dumps([{**pair.document._asdict(), "quickbooks_id": pair.quickbooks_id} for pair in pairs])
