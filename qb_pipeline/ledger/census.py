"""What a census counts, and what it found.

Belongs here: reading what the ledger believes to stand in QuickBooks, and storing counts. Does not belong here: reading
QuickBooks and the judgement (``sync.census``, ``core.census``).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run

queries = Queries(Path(__file__).with_suffix(".sql"))


class Censuses:
    """The censuses of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def last(self) -> datetime | None:
        """When documents were last counted; None: never."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["last"], {"firm_id": self._firm_id})
        return found

    def written(self, since: datetime | None) -> list[Any]:
        """Documents accepted since then; without it all that QuickBooks holds of ours: document_id, kind, source_id,
        part, quickbooks_id, total_cents, sync_token, state, reason, source_hash, amount_cents."""
        return self._rows("written", since=since)

    def named(self, kind: str, source_ids: Sequence[str]) -> list[Any]:
        """Documents by billing id, in the columns of ``written``."""
        return self._rows("named", kind=kind, source_ids=list(source_ids))

    def windows(self, document_ids: Sequence[int]) -> list[Any]:
        """Requests that may have created these: document_id, first_sent_at, last_sent_at."""
        return self._rows("windows", document_ids=list(document_ids))

    def first_sent(self, document_ids: Sequence[int]) -> datetime | None:
        """When the first of the requests left by which these stand as they do."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["first_sent"], {"document_ids": list(document_ids)})
        return found

    def set_aside(self, kind: str) -> set[str]:
        """Ids in QuickBooks that a person said are none of ours."""
        return {row["quickbooks_id"] for row in self._rows("set_aside", kind=kind)}

    def record(self, run: Run, counts: Sequence[dict[str, Any]], *, now: datetime) -> None:
        """Store counts, a row per kind; the next census begins where this one did."""
        with self._engine.begin() as connection:
            for row in counts:
                connection.execute(
                    queries["record"], {"firm_id": self._firm_id, "run_id": run.run_id, "at": now, **row}
                )

    def of_run(self, run: Run) -> list[Any]:
        """What was counted in a run, a row per kind: documents, living, duplicates, copies, missing, differing,
        foreigners, strays, changed, reads."""
        return self._rows("of_run", run_id=run.run_id)

    def _rows(self, query: str, **parameters: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(queries[query], {"firm_id": self._firm_id, **parameters}).mappings())
