"""The shares that payments of billing pay of its invoices, kept over time.

Each version is valid from the time when we read it.

Belongs here: storing the shares. Does not belong here: dividing (``core.documents.shares``), reading billing
(``sync.extract.shares``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.documents.shares import Share
from qb_pipeline.core.states import Kind
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Undivided:
    """An invoice or payment whose newest content, known by its hash, has not been divided yet."""

    document_id: int
    kind: Kind
    source_id: str
    source_hash: str


@dataclass(frozen=True, slots=True)
class PaymentKnown:
    """A payment, or a part of one, on the work list.

    ``sent``: the cents that were sent to pay, keyed by billing's invoice id. It is empty unless QuickBooks holds the
    payment as billing means it.
    """

    document_id: int
    source_id: str
    part: str
    document_date: date
    sent: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InvoiceKnown:
    """An invoice on the work list. ``amount_cents`` is its total, and 0 if it is not issued or billing has lost it.
    ``forwarded_cents`` are the older balances on it."""

    document_id: int
    source_id: str
    document_date: date
    forwarded_cents: int
    amount_cents: int


class Shares:
    """The shares of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def undivided(self, *, limit: int) -> list[Undivided]:
        """Return at most ``limit`` of the invoices and payments whose newest content has not been divided yet."""
        rows = self._rows("undivided", limit=limit)
        return [Undivided(**{**row, "kind": Kind(row["kind"])}) for row in rows]

    def payments(self, payment_ids: Collection[str]) -> list[PaymentKnown]:
        """Return these payments, one element per part, in the order in which the sync divides them."""
        return [PaymentKnown(**row) for row in self._rows("payments", payment_ids=list(payment_ids))]

    def invoices(self, invoice_ids: Collection[str]) -> list[InvoiceKnown]:
        """Return those of these invoices that are on the work list."""
        return [InvoiceKnown(**row) for row in self._rows("invoices", invoice_ids=list(invoice_ids))]

    def record(
        self,
        divided: Sequence[Undivided],
        shares: Sequence[Share],
        *,
        payments: Collection[int],
        forwarded: Mapping[int, int],
        now: datetime,
    ) -> None:
        """Store the shares of payments that were divided.

        Args:
            divided: the documents whose newest content was divided.
            shares: all shares of these payments. Earlier versions that differ from them end.
            payments: document ids of the payments that were divided.
            forwarded: cents of older balances on an invoice, keyed by its document id.
            now: the time from which the shares are valid.
        """
        values = {
            "firm_id": self._firm_id,
            "document_ids": sorted({*payments, *forwarded, *(row.document_id for row in divided)}),
            "shares": json.dumps([asdict(share) for share in shares], default=str),
            "now": now,
        }
        changed = [{"document_id": document_id, "cents": cents} for document_id, cents in forwarded.items()]
        done = [{"document_id": row.document_id, "source_hash": row.source_hash} for row in divided]
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], values)
            connection.execute(queries["close"], values | {"document_ids": list(payments)})
            connection.execute(queries["add"], values)
            if changed:
                connection.execute(queries["forward"], {"forwarded": json.dumps(changed), "now": now})
            connection.execute(queries["divided"], {"divided": json.dumps(done)})

    def _rows(self, query: str, **values: object) -> Sequence[sa.RowMapping]:
        with self._engine.connect() as connection:
            return connection.execute(queries[query], {"firm_id": self._firm_id, **values}).mappings().all()
