"""The work list as people and sensors read it: lists, sums and reasons.

Belongs here: reading for a screen, an alert or a sensor. Does not belong here: what a run works on (``documents``).
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
    """A document as the work list shows it to a person; ``amount_cents`` is in cents, ``remedy`` clears its reason.

    ``action`` is sync_now (QuickBooks has never held it) or sync_again; ``recent_payment`` is the date of a recent
    payment that QuickBooks received on it, ``refused_at`` when QuickBooks refused it last for its reason.
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
        """Its exact name."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class PendingDocument:
    """An invoice or payment that waits for a sync; ``since``: when it came to its state."""

    kind: Kind
    source_id: str
    document_date: date
    state: State
    reason: str
    since: datetime
    part: str = ""

    @property
    def name(self) -> DocumentName:
        """Its exact name."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class HeldByReason:
    """The documents of one kind that are held or refused for one reason; ``amount`` in dollars."""

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
        """The work list for a person, oldest first: documents in ``state``, or else those that are not synced, voided
        or closed."""
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
        """Documents for which a run may be needed, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["pending"], {"firm_id": self._firm_id, "kinds": list(kinds)})
            return [
                PendingDocument(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])})
                for row in rows.mappings()
            ]

    def last_invoice_at(self) -> datetime | None:
        """When an invoice last reached QuickBooks; None when none has."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["last_invoice_at"], {"firm_id": self._firm_id})
        return found

    def held_by_reason(self) -> list[HeldByReason]:
        """Held and refused documents by kind and reason; most money first."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["held_by_reason"], {"firm_id": self._firm_id})
            return [HeldByReason(**row) for row in rows.mappings()]

    def in_quickbooks_totals(self) -> dict[str, tuple[int, Decimal]]:
        """Per kind: how many documents of ours QuickBooks holds, and their sum in dollars, as the ledger believes."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["in_quickbooks_totals"], {"firm_id": self._firm_id})
            return {row.kind: (row.documents, row.amount) for row in rows}
