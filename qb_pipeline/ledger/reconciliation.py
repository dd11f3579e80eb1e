"""How far billing and QuickBooks are apart, as the reporting views say it, now or as of a past moment.

Belongs here: asking the views. Does not belong here: any figure; those are the views' (``sql/reporting``).
"""

from collections.abc import Iterator
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
        """What the checks of a firm look at: held_since (of the document that is held longest), newest_day and
        newest_billed_day (of invoices in QuickBooks, and of those that could be), reads (this calendar month, of all
        firms together)."""
        with self._engine.connect() as connection:
            return connection.execute(queries["standing"], {"firm_id": self._firm_id, "now": now}).mappings().one()

    def _rows(self, query: str, as_of: datetime | None) -> list[Any]:
        with self._as_of(as_of) as connection:
            return list(connection.execute(queries[query], {"firm_id": self._firm_id}).mappings())

    @contextmanager
    def _as_of(self, moment: datetime | None) -> Iterator[sa.Connection]:
        """Let the views answer for a moment, in this transaction only."""
        with self._engine.begin() as connection:
            connection.execute(queries["as_of"], {"moment": moment.isoformat() if moment else ""})
            yield connection
