"""The sync log: one row per activity and error, written in the transaction of what it tells.

Rows hold ids, codes and sums of money; never names, memos or a fault's text.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.processes import Process

DIED = "its process ended before the run did: killed, or the machine stopped. The runs after it finish its work"

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Run:
    """Who is at work: a Dagster run (or a command without one), what started it, and for whom."""

    run_id: str
    trigger: str
    actor: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log. ``amount_cents`` is the document's amount, None where there is none."""

    activity: str
    document_id: int | None = None
    reason: str = ""
    detail: str = ""
    amount_cents: int | None = None
    quickbooks_id: str = ""
    attempt_id: str | None = None
    intuit_tid: str = ""


def write(connection: sa.Connection, firm_id: str, run: Run, entries: Sequence[Entry], *, now: datetime) -> None:
    """Append entries; document fields (number, kind, …) are filled in from the work list."""
    if entries:
        connection.execute(
            queries["write"],
            {
                "firm_id": firm_id,
                "run_id": run.run_id,
                "trigger": run.trigger,
                "actor": run.actor,
                "now": now,
                "entries": json.dumps([asdict(entry) for entry in entries]),
            },
        )


class Log:
    """Reads the log of one firm, and keeps the row of each run."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def add(self, run: Run, entries: Sequence[Entry], *, now: datetime) -> None:
        """Append entries that belong to no other change."""
        with self._engine.begin() as connection:
            write(connection, self._firm_id, run, entries, now=now)

    def begin(self, run: Run, *, now: datetime) -> None:
        """Remember that this process works on this firm; a re-executed run id goes on in its row.

        Runs whose process died before it could say how they ended are closed as failed: nobody else would.
        """
        parameters = {"run_id": run.run_id, "firm_id": self._firm_id}
        with self._engine.begin() as connection:
            for row in connection.execute(queries["running"], parameters).all():
                if Process(row.host, row.boot_id, row.pid, row.started).is_dead:
                    self._end(connection, Run(row.run_id, row.trigger, row.actor), "failed", DIED, 0, 0, now)
            ours = asdict(Process.of(os.getpid()))
            connection.execute(
                queries["begin_run"], parameters | ours | {"trigger": run.trigger, "actor": run.actor, "now": now}
            )

    def end(self, run: Run, *, outcome: str, error: str, reads: int, writes: int, now: datetime) -> None:
        """Close the run's row with what it cost. ``outcome`` is done or failed; a failure stands in the log too."""
        with self._engine.begin() as connection:
            self._end(connection, run, outcome, error, reads, writes, now)

    def _end(
        self, connection: sa.Connection, run: Run, outcome: str, error: str, reads: int, writes: int, now: datetime
    ) -> None:
        connection.execute(
            queries["end_run"],
            {
                "run_id": run.run_id,
                "firm_id": self._firm_id,
                "outcome": outcome,
                "error": error,
                "reads": reads,
                "writes": writes,
                "now": now,
            },
        )
        if outcome == "failed":
            write(connection, self._firm_id, run, [Entry("failed", detail=error)], now=now)

    def prune(self, *, before: datetime, chunk: int = 10_000) -> int:
        """Forget what happened before an instant: rows of the log, plans and finished runs; gives how many rows.

        In chunks, a transaction each, so that nobody waits long. What a document is now is no log, and stays.
        """
        parameters = {"firm_id": self._firm_id, "before": before, "chunk": chunk}
        pruned = 0
        for query in ("prune_log", "prune_plans", "prune_runs"):
            while True:
                with self._engine.begin() as connection:
                    rows = connection.execute(queries[query], parameters).rowcount
                pruned += rows
                if rows < chunk:
                    break
        return pruned

    def rows(self, *, source_id: str = "", run_id: str = "", errors: bool = False, limit: int = 200) -> list[Any]:
        """The newest rows first: at, run_id, trigger, actor, kind, source_id, part, number, activity, reason, detail,
        amount_cents, quickbooks_id, intuit_tid."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(
                    queries["rows"],
                    {
                        "firm_id": self._firm_id,
                        "source_id": source_id,
                        "run_id": run_id,
                        "errors": errors,
                        "limit": limit,
                    },
                ).mappings()
            )

    def summary(self, run: Run) -> list[Any]:
        """What a run did: kind, activity, reason, documents, cents."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run.run_id}
            return list(connection.execute(queries["summary"], parameters).mappings())

    def control_totals(self, run: Run) -> list[Any]:
        """Per kind, of the requests of a run, in cents: meant, accepted, in_quickbooks, refused, unknown, not_sent."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run.run_id}
            return list(connection.execute(queries["control_totals"], parameters).mappings())

    def ended(self, run: Run) -> Any:
        """How a run ended and what it cost: outcome, error, reads, writes."""
        with self._engine.connect() as connection:
            return connection.execute(queries["run"], {"firm_id": self._firm_id, "run_id": run.run_id}).one()
