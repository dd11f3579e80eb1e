"""The sync log: one row per activity and error, written in the same transaction as the change that it reports.

Rows hold ids, codes and sums of money, but never names, memos or a fault's text.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName, NotNamedError
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger.processes import Process

DIED = "its process ended before the run did: killed, or the machine stopped. The runs after it finish its work"

RUNS_OFFERED = 5
"""The number of runs that the error message lists when a word names no run, or several."""

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Run:
    """A Dagster run, or a command that works without one. ``trigger`` is its cause (such as schedule or cli), ``actor``
    the person or job for whom it works."""

    run_id: str
    trigger: str
    actor: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log. ``amount_cents`` is the document's amount, or None for an entry without an amount."""

    activity: str
    document_id: int | None = None
    reason: str = ""
    detail: str = ""
    amount_cents: int | None = None
    quickbooks_id: str = ""
    attempt_id: str | None = None
    intuit_tid: str = ""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the log as it was written. ``kind``, ``source_id``, ``part`` and ``number`` are "" in a row that is
    about no document."""

    at: datetime
    run_id: str
    trigger: str
    actor: str
    kind: str
    source_id: str
    part: str
    number: str
    activity: str
    reason: str
    detail: str
    amount_cents: int | None
    quickbooks_id: str
    intuit_tid: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The documents of one kind that had one activity in a run, for one reason. ``cents`` is the sum of their
    amounts."""

    kind: str
    activity: str
    reason: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """The control totals of the requests of a run, for one kind of document. Money is in cents.

    ``differing`` is the number of documents of which QuickBooks holds another total than the one that was sent.
    """

    kind: str
    documents: int
    differing: int
    meant_cents: int
    accepted_cents: int
    in_quickbooks_cents: int
    refused_cents: int
    unknown_cents: int
    not_sent_cents: int


@dataclass(frozen=True, slots=True)
class RunStage:
    """One stage of a run. ``outcome`` is running, done or failed. ``reads`` and ``writes`` are numbers of requests."""

    stage: str
    outcome: str
    started_at: datetime
    finished_at: datetime | None
    error: str
    reads: int
    writes: int


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of a run, and its cost. ``outcome`` is running, done or failed. ``reads`` and ``writes`` are numbers of
    requests."""

    outcome: str
    error: str
    reads: int
    writes: int


def write(connection: sa.Connection, firm_id: str, run: Run, entries: Sequence[Entry], *, now: datetime) -> None:
    """Append entries to the log. Document fields (number, kind, …) are filled in from the work list."""
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
    """The log of one firm, and the rows of the firm's runs."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def add(self, run: Run, entries: Sequence[Entry], *, now: datetime) -> None:
        """Append entries that belong to no other change."""
        with self._engine.begin() as connection:
            write(connection, self._firm_id, run, entries, now=now)

    def said(self, run: Run, activity: str) -> set[str]:
        """Return the details of a run's entries that have one activity and are about no document."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run.run_id, "activity": activity}
            return set(connection.scalars(queries["said"], parameters))

    def begin(self, run: Run, *, now: datetime, stage: str = "") -> None:
        """Open the run's row for this firm and store this process in it. A run id that is executed again opens its row
        again.

        ``stage`` is the stage that begins. A stage that is repeated opens its row again too.

        Runs of the firm whose process died without closing its row are closed as failed here. Nothing else closes them.
        """
        parameters = {"run_id": run.run_id, "firm_id": self._firm_id}
        with self._engine.begin() as connection:
            for row in connection.execute(queries["running"], parameters | {"now": now}).all():
                if Process(row.host, row.boot_id, row.pid, row.started).is_dead:
                    died = Run(row.run_id, row.trigger, row.actor)
                    self._end(connection, died, "failed", DIED, 0, 0, now)
                    connection.execute(
                        queries["end_stages"],
                        {"run_id": died.run_id, "firm_id": self._firm_id, "error": DIED, "now": now},
                    )
            ours = asdict(Process.of(os.getpid()))
            connection.execute(
                queries["begin_run"], parameters | ours | {"trigger": run.trigger, "actor": run.actor, "now": now}
            )
            if stage:
                connection.execute(queries["begin_stage"], parameters | {"stage": stage, "now": now})

    def end(self, run: Run, *, outcome: str, error: str, reads: int, writes: int, now: datetime) -> None:
        """Close the run's row, and add its requests (``reads``, ``writes``). ``outcome`` is done or failed. A failure
        is logged too. The decisions that the run kept for its stages are deleted."""
        with self._engine.begin() as connection:
            self._end(connection, run, outcome, error, reads, writes, now)

    def end_stage(
        self, run: Run, stage: str, *, outcome: str, error: str, reads: int, writes: int, now: datetime, is_last: bool
    ) -> None:
        """Close the row of a stage, and add its requests to the run's. The run ends with its last stage, or with a
        stage that failed."""
        counted = {"run_id": run.run_id, "firm_id": self._firm_id, "reads": reads, "writes": writes}
        with self._engine.begin() as connection:
            connection.execute(
                queries["end_stage"], counted | {"stage": stage, "outcome": outcome, "error": error, "now": now}
            )
            if is_last or outcome == "failed":
                self._end(connection, run, outcome, error, reads, writes, now)
            else:
                connection.execute(queries["count_requests"], counted)
            crash_point("a stage ends: before its commit")
        crash_point("a stage ends: committed")

    def stages(self, run_id: str) -> list[RunStage]:
        """Return the stages of a run, in the order in which they began."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run_id}
            return [RunStage(**row) for row in connection.execute(queries["stages"], parameters).mappings()]

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
        forget_plan(connection, self._firm_id, run)
        if outcome == "failed":
            write(connection, self._firm_id, run, [Entry("failed", detail=error)], now=now)

    def prune(self, *, before: datetime, chunk: int = 10_000) -> int:
        """Delete log rows, plans, finished runs and firm days from before an instant. Return the number of deleted
        rows.

        Rows are deleted in chunks, one transaction each, so that no other process waits long. Documents and their
        states stay.
        """
        parameters = {"firm_id": self._firm_id, "before": before, "chunk": chunk}
        pruned = 0
        for query in ("prune_log", "prune_plans", "prune_runs", "prune_days"):
            while True:
                with self._engine.begin() as connection:
                    rows = connection.execute(queries[query], parameters).rowcount
                pruned += rows
                if rows < chunk:
                    break
        return pruned

    def find_run(self, word: str) -> str:
        """Return the id of the one run that ``word`` names, by its whole id or by its beginning.

        Raises:
            NotNamedError: no run or several runs match. The message lists the matches, or else the newest runs.
        """
        with self._engine.connect() as connection:
            found = list(connection.scalars(queries["find_runs"], {"firm_id": self._firm_id, "word": word}))
            if word in found:
                return word
            if len(found) == 1:
                return str(found[0])
            newest = connection.execute(queries["newest_runs"], {"firm_id": self._firm_id, "limit": RUNS_OFFERED}).all()
        if found:
            listed = "\n".join(f"  {run_id}" for run_id in found[:RUNS_OFFERED])
            raise NotNamedError(f"{word} names {len(found)} runs of {self._firm_id}; say which:\n{listed}")
        listed = "".join(f"\n  {row.run_id}  ({row.trigger}, {row.started_at:%Y-%m-%d %H:%M} UTC)" for row in newest)
        offered = f" Try: one of the newest{listed}" if newest else f" Try: qb-pipeline log {self._firm_id}"
        raise NotNamedError(f"{self._firm_id} has no run {word}.{offered}")

    def rows(
        self, *, document_id: int | None = None, run_id: str = "", errors: bool = False, limit: int = 200
    ) -> list[LogRow]:
        """Return rows of the log, the newest first. ``document_id`` and ``run_id`` limit them to one document or run.
        ``errors`` limits them to the activities held, refused, unknown and failed."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["rows"],
                {
                    "firm_id": self._firm_id,
                    "document_id": document_id,
                    "run_id": run_id,
                    "errors": errors,
                    "limit": limit,
                },
            )
            return [LogRow(**row) for row in rows.mappings()]

    def noticed(self, reason: str, *, since: datetime) -> list[DocumentName]:
        """Return the documents about which a notice with this reason was written since a moment, each once."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["noticed"], {"firm_id": self._firm_id, "reason": reason, "since": since}
            ).all()
        return [DocumentName(Kind(row.kind), row.source_id, row.part) for row in rows]

    def summary(self, run: Run) -> list[Activity]:
        """Return the activities of a run, counted by kind, activity and reason."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run.run_id}
            return [Activity(**row) for row in connection.execute(queries["summary"], parameters).mappings()]

    def control_totals(self, run: Run) -> list[ControlTotals]:
        """Return the control totals of a run's requests, one for each kind."""
        with self._engine.connect() as connection:
            rows = read_control_totals(connection, self._firm_id, run.run_id, by_date=False)
            return [totals for _, totals in rows]

    def ended(self, run: Run) -> RunEnd:
        """Return the end of a run, and its cost."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run.run_id}
            return RunEnd(*connection.execute(queries["run"], parameters).one())


def forget_plan(connection: sa.Connection, firm_id: str, run: Run) -> None:
    """Delete the decisions that a run keeps for its stages (``books.planned``)."""
    connection.execute(queries["forget_plan"], {"run_id": run.run_id, "firm_id": firm_id})


def read_control_totals(
    connection: sa.Connection, firm_id: str, run_id: str, *, by_date: bool
) -> list[tuple[date | None, ControlTotals]]:
    """Return the control totals of a run's requests, one for each kind. With ``by_date`` there is one for each document
    date and kind, otherwise the date is None."""
    parameters = {"firm_id": firm_id, "run_id": run_id, "by_date": by_date}
    rows = connection.execute(queries["control_totals"], parameters)
    return [(day, ControlTotals(*values)) for day, *values in rows]
