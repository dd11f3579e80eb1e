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
    """The documents of one firm and kind that need a person for one reason. ``since`` is the time when the first of
    them came to its state."""

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
    """The newest census of one firm and kind. ``faults`` is the number of faults that it found (``census.FAULTS``)."""

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
    """The numbers of one firm's received payments that need attention (Model 2).

    ``failed`` counts payments that billing refuses, ``refused`` payments that cannot be taken over, and ``differing``
    postings that billing no longer holds as they were made. ``at`` is the time when postings were last compared, or
    None.
    """

    firm_id: str
    failed: int
    refused: int
    differing: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The present standing of these firms. Money is in cents, times are in UTC."""

    engine: sa.Engine
    firm_ids: Sequence[str]

    def held(self) -> list[HeldInFirm]:
        """Return the documents that need a person, counted by firm, kind and reason, the largest count first."""
        return [HeldInFirm(**row) for row in self._rows("held")]

    def differing(self) -> list[DifferingTotals]:
        """Return the documents whose total in QuickBooks differs from the total that was sent, counted by firm and
        kind. Documents that a person voided, deleted or accepted in QuickBooks are left out."""
        return [DifferingTotals(**row) for row in self._rows("differing")]

    def compared(self) -> dict[str, datetime | None]:
        """Return, keyed by firm, the time when QuickBooks last answered with a document that it holds, or None before
        the first."""
        return {row["firm_id"]: row["at"] for row in self._rows("compared")}

    def counted(self) -> list[NewestCensus]:
        """Return the newest census of each firm and kind that was ever counted."""
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
        """Return, keyed by firm, the level and the sentence about the end of its connection
        (``tokens.describe_end``)."""
        return {
            row["firm_id"]: describe_end(
                min(filter(None, (row["refresh_expires_at"], row["refresh_hard_expires_at"]))), row["lost_at"], now=now
            )
            for row in self._rows("connections")
        }

    def reconciled(self) -> list[NewestReconciliation]:
        """Return the newest reconciliation of each firm that was ever reconciled."""
        return [NewestReconciliation(**row) for row in self._rows("reconciled")]

    def received(self) -> list[ReceivedStanding]:
        """Return the numbers of each firm's received payments that need attention (Model 2)."""
        return [ReceivedStanding(**row) for row in self._rows("received", compared=cursors.BILLING_COMPARED)]

    def _rows(self, query: str, **values: object) -> Sequence[sa.RowMapping]:
        with self.engine.connect() as connection:
            parameters = {"firm_ids": list(self.firm_ids), **values}
            return connection.execute(queries[query], parameters).mappings().all()
