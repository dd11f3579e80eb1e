"""The work list as people and sensors read it: lists, sums and reasons.

Belongs here: reading for a screen, an alert or a sensor. Does not belong here: the documents that a run works on
(``documents``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Kind, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document as the work list shows it to a person. ``amount_cents`` is in cents. ``remedy`` is the act that clears
    the document's reason.

    ``action`` is sync_now (QuickBooks has never held the document) or sync_again. ``recent_payment`` is the date of a
    recent payment that QuickBooks received on it. ``refused_at`` is the time when QuickBooks last refused it for its
    reason. Both are None without such an event.
    """

    kind: Kind
    source_id: str
    part: str
    number: str
    document_date: date
    amount_cents: int
    state: State
    reason: str
    action: str
    sentence: str | None
    remedy: str | None
    recent_payment: date | None
    refused_at: datetime | None

    @property
    def name(self) -> DocumentName:
        """The exact name of the document."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class PendingDocument:
    """An invoice or payment that waits for a sync. ``since`` is the time when it came to its state."""

    kind: Kind
    source_id: str
    document_date: date
    state: State
    reason: str
    since: datetime
    part: str = ""

    @property
    def name(self) -> DocumentName:
        """The exact name of the document."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class HeldByReason:
    """The documents of one kind that are held or refused for one reason. ``amount`` is their sum in dollars."""

    kind: str
    reason: str
    documents: int
    amount: Decimal
    sentence: str
    remedy: str


class Listing:
    """The work list of one firm, for reading."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def listing(
        self,
        kind: Kind | None,
        *,
        first: date | None = None,
        last: date | None = None,
        state: State | None = None,
    ) -> list[ListedDocument]:
        """Return the work list for a person, oldest first: the documents in ``state``, or without ``state`` those that
        are not synced, voided or closed."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["listing"],
                {"firm_id": self._firm_id, "kind": kind, "first": first, "last": last, "state": state},
            )
            return [
                ListedDocument(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])})
                for row in rows.mappings()
            ]

    def pending(self, kinds: Sequence[str]) -> list[PendingDocument]:
        """Return the documents for which a run may be needed, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["pending"], {"firm_id": self._firm_id, "kinds": list(kinds)})
            return [
                PendingDocument(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])})
                for row in rows.mappings()
            ]

    def last_invoice_at(self) -> datetime | None:
        """Return the time when an invoice last reached QuickBooks, or None before the first."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["last_invoice_at"], {"firm_id": self._firm_id})
        return found

    def held_by_reason(self) -> list[HeldByReason]:
        """Return the held and refused documents, counted by kind and reason, the largest sum first."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["held_by_reason"], {"firm_id": self._firm_id})
            return [HeldByReason(**row) for row in rows.mappings()]

    def in_quickbooks_totals(self) -> dict[str, tuple[int, Decimal]]:
        """Return the number of our documents in QuickBooks and their sum in dollars, keyed by kind, as the ledger has
        them."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["in_quickbooks_totals"], {"firm_id": self._firm_id})
            return {row.kind: (row.documents, row.amount) for row in rows}
