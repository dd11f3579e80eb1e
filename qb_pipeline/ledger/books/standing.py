"""The present standing of several firms, as the ledger knows it: the input of Dagster's checks.

Belongs here: a query for each question, for all firms at once. Does not belong here: the verdict (``defs.checks``,
``defs.received_payments``, ``defs.reconciliation``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors
from qb_pipeline.ledger.setup.tokens import describe_end

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How these firms stand. Money in cents, times in UTC."""

    engine: sa.Engine
    firm_ids: Sequence[str]

    def held(self) -> list[Any]:
        """Documents that need a person: firm_id, kind, reason, documents, cents, since; most documents first."""
        return self._rows("held")

    def differing(self) -> list[Any]:
        """Documents whose total in QuickBooks differs from the total that was sent: firm_id, kind, documents,
        meant_cents, in_quickbooks_cents."""
        return self._rows("differing")

    def compared(self) -> dict[str, datetime | None]:
        """By firm, when QuickBooks last answered with a document that it holds; None: never."""
        return {row["firm_id"]: row["at"] for row in self._rows("compared")}

    def counted(self) -> list[Any]:
        """The newest census of each firm and kind that was ever counted: firm_id, kind, at, and what
        ``Censuses.of_run`` gives."""
        return self._rows("counted")

    def connections(self, *, now: datetime) -> dict[str, tuple[int, str]]:
        """By firm, how soon a person must connect again: level and sentence (``tokens.describe_end``)."""
        return {
            row["firm_id"]: describe_end(
                min(filter(None, (row["refresh_expires_at"], row["refresh_hard_expires_at"]))), row["lost_at"], now=now
            )
            for row in self._rows("connections")
        }

    def reconciled(self) -> list[Any]:
        """The newest reconciliation of each firm that was ever reconciled: firm_id, at, unexplained, residual_cents,
        newest_day, newest_billed_day."""
        return self._rows("reconciled")

    def received(self) -> list[Any]:
        """Model 2, each firm: firm_id, failed (payments that billing refuses), refused (payments that cannot be taken
        over), differing (postings that billing no longer holds as they were made), at (when postings were last
        compared)."""
        return self._rows("received", compared=cursors.BILLING_COMPARED)

    def _rows(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            parameters = {"firm_ids": list(self.firm_ids), **values}
            return list(connection.execute(queries[query], parameters).mappings())
