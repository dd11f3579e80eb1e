"""The differences between billing and QuickBooks in the reporting views, now or as of a past moment.

Belongs here: querying the views. Does not belong here: computing a figure; the views do it (``sql/reporting``).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class Reconciliation:
    """The reconciliation of one firm. Money in dollars, as the views have it; ``as_of`` None is now."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def measures(self, as_of: datetime | None = None) -> list[Any]:
        """Rows measure, ours, theirs, difference, explained, residual, differences, unexplained."""
        return self._rows("measures", as_of)

    def classes(self, as_of: datetime | None = None) -> list[Any]:
        """Rows measure, class, documents, amount, oldest (document date); the most money first."""
        return self._rows("classes", as_of)

    def unexplained(self, as_of: datetime | None = None) -> list[Any]:
        """Rows measure, kind, source_id, part, amount: differences that have no class."""
        return self._rows("unexplained", as_of)

    def standing(self, *, now: datetime) -> Any:
        """Input of a firm's checks: held_since (since when the longest-held document is held), newest_day (the newest
        date of an invoice in QuickBooks), newest_billed_day (the same of invoices that could be there), reads (this
        calendar month in UTC, of all firms together)."""
        with self._engine.connect() as connection:
            return connection.execute(queries["standing"], {"firm_id": self._firm_id, "now": now}).mappings().one()

    def record(
        self, run_id: str, *, unexplained: int, residual_cents: int, standing: Mapping[str, Any], now: datetime
    ) -> None:
        """Store the result of this reconciliation in place of the firm's former one."""
        with self._engine.begin() as connection:
            connection.execute(
                queries["record"],
                {
                    "firm_id": self._firm_id, "run_id": run_id, "now": now, "unexplained": unexplained,
                    "residual_cents": residual_cents, "newest_day": standing["newest_day"],
                    "newest_billed_day": standing["newest_billed_day"],
                },
            )  # fmt: skip

    def _rows(self, query: str, as_of: datetime | None) -> list[Any]:
        with self._as_of(as_of) as connection:
            return list(connection.execute(queries[query], {"firm_id": self._firm_id}).mappings())

    @contextmanager
    def _as_of(self, moment: datetime | None) -> Iterator[sa.Connection]:
        """Let the views answer as of a moment, in this transaction only."""
        with self._engine.begin() as connection:
            connection.execute(queries["as_of"], {"moment": moment.isoformat() if moment else ""})
            yield connection
