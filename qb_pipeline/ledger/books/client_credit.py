"""Payments from credit that have a second half (a journal entry), and the pairs whose halves differ.

Belongs here: the pairs, as the ledger knows them. Does not belong here: the step that a pair needs
(``core.planning.client_credit``), sending (``sync.send.client_credit``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.planning.client_credit import Pair
from qb_pipeline.core.states import State
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Planned:
    """The number of payments from credit that a plan would create with their journal entries. ``amount`` is their sum
    in dollars."""

    payments: int
    amount: Decimal


class ClientCredit:
    """The payments from credit of one firm that have a second half (a journal entry)."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def decided(self, document_ids: Collection[int]) -> set[int]:
        """Return those of these payments that have a second half, whatever its state is."""
        with self._engine.connect() as connection:
            return set(connection.scalars(queries["decided"], {"document_ids": list(document_ids)}))

    def pair(self, document_ids: Collection[int], *, now: datetime) -> None:
        """Record a second half for those of these documents that are payments from credit and are about to be created.
        A document of a later generation, which a person asked for, gets none here."""
        with self._engine.begin() as connection:
            connection.execute(queries["pair"], {"document_ids": list(document_ids), "now": now})
            crash_point("pair payments from credit: before its commit")
        crash_point("pair payments from credit: committed")

    def differing(self) -> list[Pair]:
        """Return the pairs whose halves differ, oldest first. A pair is left out while the answer to a request about
        one of its halves is missing."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["differing"], {"firm_id": self._firm_id}).mappings()
            return [
                Pair(
                    **{
                        **row,
                        "payment_state": State(row["payment_state"]),
                        "entry_state": State(row["entry_state"]),
                    }
                )
                for row in rows
            ]

    def note_same(self, entries: Sequence[tuple[int, int, str]], *, now: datetime) -> None:
        """Store that QuickBooks holds entries as they shall be: document id, cents and customer."""
        if not entries:
            return
        with self._engine.begin() as connection:
            for document_id, cents, customer_id in entries:
                values = {"document_id": document_id, "cents": cents, "customer_id": customer_id, "now": now}
                connection.execute(queries["note_same"], values)

    def release(self, differing: Collection[Pair], *, run: log.Run, now: datetime) -> None:
        """Release the payments that were held because the halves of their pair differed, and whose pair is not in
        ``differing`` any more."""
        with self._engine.begin() as connection:
            values = {"firm_id": self._firm_id, "differing": [pair.payment for pair in differing], "now": now}
            rows = connection.execute(queries["release"], values).all()
            told = "QuickBooks holds both halves of this payment from credit"
            entries = [log.Entry("notice", row.document_id, detail=told) for row in rows]
            log.write(connection, self._firm_id, run, entries, now=now)

    def planned(self, run_id: str) -> Planned:
        """Return the number and the sum of the payments from credit that the plan of a run would create."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["planned"], {"firm_id": self._firm_id, "run_id": run_id}).one()
        return Planned(row.payments, row.amount)
