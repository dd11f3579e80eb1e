"""The present standing of several firms, as the ledger knows it: the input of Dagster's checks.

Belongs here: a query for each question, for all firms at once. Does not belong here: the verdict (``defs.checks``,
``defs.received_payments``, ``defs.reconciliation``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors
from qb_pipeline.ledger.books.census import FAULTS
from qb_pipeline.ledger.setup.tokens import describe_end

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class HeldInFirm:
    """The documents of one firm and kind that need a person for one reason, and since when the first of them does."""

    firm_id: str
    kind: str
    reason: str
    documents: int
    cents: int
    since: datetime


@dataclass(frozen=True, slots=True)
class DifferingTotals:
    """The documents of one firm and kind whose total in QuickBooks differs from the total that was sent."""

    firm_id: str
    kind: str
    documents: int
    meant_cents: int
    in_quickbooks_cents: int


@dataclass(frozen=True, slots=True)
class NewestCensus:
    """The newest census of one firm and kind; ``faults``: how many documents do not stand once, as QuickBooks
    answered."""

    firm_id: str
    kind: str
    at: datetime
    documents: int
    copies: int
    faults: int


@dataclass(frozen=True, slots=True)
class NewestReconciliation:
    """The newest reconciliation of one firm (``books.reconciliation``)."""

    firm_id: str
    at: datetime
    unexplained: int
    residual_cents: int
    newest_day: date | None
    newest_billed_day: date | None


@dataclass(frozen=True, slots=True)
class ReceivedStanding:
    """How one firm's received payments stand (Model 2).

    ``failed``: payments that billing refuses; ``refused``: payments that cannot be taken over; ``differing``: postings
    that billing no longer holds as they were made; ``at``: when postings were compared last.
    """

    firm_id: str
    failed: int
    refused: int
    differing: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How these firms stand. Money in cents, times in UTC."""

    engine: sa.Engine
    firm_ids: Sequence[str]

    def held(self) -> list[HeldInFirm]:
        """Documents that need a person; most documents first."""
        return [HeldInFirm(**row) for row in self._rows("held")]

    def differing(self) -> list[DifferingTotals]:
        """Documents whose total in QuickBooks differs from the total that was sent, except those that a person voided,
        deleted or accepted there."""
        return [DifferingTotals(**row) for row in self._rows("differing")]

    def compared(self) -> dict[str, datetime | None]:
        """By firm, when QuickBooks last answered with a document that it holds; None: never."""
        return {row["firm_id"]: row["at"] for row in self._rows("compared")}

    def counted(self) -> list[NewestCensus]:
        """The newest census of each firm and kind that was ever counted."""
        return [
            NewestCensus(
                firm_id=row["firm_id"],
                kind=row["kind"],
                at=row["at"],
                documents=row["documents"],
                copies=row["copies"],
                faults=sum(row[name] for name in FAULTS),
            )
            for row in self._rows("counted")
        ]

    def connections(self, *, now: datetime) -> dict[str, tuple[int, str]]:
        """By firm, how soon a person must connect again: level and sentence (``tokens.describe_end``)."""
        return {
            row["firm_id"]: describe_end(
                min(filter(None, (row["refresh_expires_at"], row["refresh_hard_expires_at"]))), row["lost_at"], now=now
            )
            for row in self._rows("connections")
        }

    def reconciled(self) -> list[NewestReconciliation]:
        """The newest reconciliation of each firm that was ever reconciled."""
        return [NewestReconciliation(**row) for row in self._rows("reconciled")]

    def received(self) -> list[ReceivedStanding]:
        """How the received payments of each firm stand (Model 2)."""
        return [ReceivedStanding(**row) for row in self._rows("received", compared=cursors.BILLING_COMPARED)]

    def _rows(self, query: str, **values: object) -> Sequence[sa.RowMapping]:
        with self.engine.connect() as connection:
            parameters = {"firm_ids": list(self.firm_ids), **values}
            return connection.execute(queries[query], parameters).mappings().all()
