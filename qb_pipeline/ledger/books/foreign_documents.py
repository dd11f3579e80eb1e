"""The index of the company's invoices and payments that others wrote, and people's answers about possible duplicates.

Belongs here: storing the index and the answers. Does not belong here: reading QuickBooks
(``sync.remote.foreign_documents``), and finding possible duplicates (``core.planning.possible_duplicates``).
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
"""A person's answer about a pair: same (the same document), new (another document), or "" while adoption asks and no
person has answered."""


@dataclass(frozen=True, slots=True)
class ForeignDocument:
    """A row of the index. The total is in cents. ``number`` is a key (``possible_duplicates.number_key``). ``pays``
    holds the Ids of the invoices to which a payment is applied."""

    kind: Kind
    quickbooks_id: str
    number: str
    customer_id: str
    document_date: date | None
    total_cents: int
    pays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A document of billing for which the index is searched, by the key of its number, or by customer and amount in
    cents."""

    number: str
    customer_id: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A document of billing and a document of QuickBooks that may be the same."""

    document: DocumentName
    quickbooks_id: str


class ForeignDocuments:
    """The index of one firm's company."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def cursor(self) -> datetime | None:
        """Return the instant, by QuickBooks' clock, up to which changes were read, or None before the first reading."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.FOREIGN)

    def note(
        self, written: Sequence[ForeignDocument], ended: Collection[tuple[Kind, str]], *, cursor: datetime
    ) -> None:
        """Store the documents that were read, and the cursor. ``ended`` names documents that are removed from the
        index, because they carry a marker by now or are void."""
        rows = json.dumps([asdict(row) for row in written], default=str)
        gone = {"kinds": [kind for kind, _ in ended], "quickbooks_ids": [quickbooks_id for _, quickbooks_id in ended]}
        with self._engine.begin() as connection:
            if ended:
                connection.execute(queries["remove"], {"firm_id": self._firm_id, **gone})
            if written:
                connection.execute(queries["note"], {"firm_id": self._firm_id, "documents": rows})
            cursors.save(connection, self._firm_id, cursors.FOREIGN, cursor)

    def find(self, kind: Kind, asked: Collection[Asked]) -> list[ForeignDocument]:
        """Return the documents of the index that have the number, or the customer and the amount, of one of these
        documents of billing.

        A document that is linked to a document of ours, or was, is left out.
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
        """Return people's answers about pairs with these documents, keyed by pair. The answer is "" where adoption asks
        and nobody has answered."""
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
    """Record, in the caller's transaction, that adoption found these pairs alike. Answers that exist are kept."""
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
    """Record a person's answer about pairs, in the caller's transaction."""
    if pairs:
        values = {"firm_id": firm_id, "pairs": _rows(pairs), "answer": said, "actor": actor, "now": now}
        connection.execute(queries["answer"], values)


def _rows(pairs: Collection[Pair]) -> str:
    return json.dumps([{**pair.document._asdict(), "quickbooks_id": pair.quickbooks_id} for pair in pairs])
