"""The days of firms and their outcomes, for the jobs that run once per firm and local date.

Belongs here: storing the outcome of a day, and assigning a day to one run. Does not belong here: the time when a day is
due, and the cause of a failure (``sync.automation``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class DayOutcome(StrEnum):
    """The outcome of a day."""

    OPEN = "open"  # a run is still to be requested
    RUNNING = "running"  # a run works on it, or its process died
    DONE = "done"
    FAILED = "failed"  # its run failed by itself; one that was killed is RUNNING


class Cause(StrEnum):
    """The cause of a day's failure. The comment beside each names the event which shows that the cause is gone."""

    NONE = ""
    UNREAD = "unread"  # a tick can read the firm
    UNANSWERED = "unanswered"  # QuickBooks answered another run of the firm, which ended well
    OTHER = "other"  # a person changed something of the firm


@dataclass(frozen=True, slots=True)
class FirmDay:
    """A firm's day as the ledger knows it. ``since`` is the UTC instant of its outcome.

    ``changed`` tells whether a person changed the firm's set-up since then. ``answered`` tells whether since then a run
    of the firm has ended well, and QuickBooks answered that run.
    """

    outcome: DayOutcome
    cause: Cause
    run_id: str
    since: datetime
    changed: bool = False
    answered: bool = False


class FirmDays:
    """The days of one job (``sync`` or ``reconcile``)."""

    def __init__(self, engine: sa.Engine, job: str) -> None:
        self._engine = engine
        self._job = job

    def read(self, wanted: Mapping[str, date]) -> dict[str, FirmDay]:
        """Read the days of these firms' local dates, keyed by firm. A firm whose day is not known is left out."""
        parameters = {"job": self._job, "firm_ids": list(wanted), "local_dates": list(wanted.values())}
        with self._engine.connect() as connection:
            rows = connection.execute(queries["days"], parameters).all()
        return {
            row.firm_id: FirmDay(
                DayOutcome(row.outcome), Cause(row.cause), row.run_id, row.since, row.changed, row.answered
            )
            for row in rows
        }

    def note(
        self, firm_id: str, day: date, outcome: DayOutcome, cause: Cause = Cause.NONE, *, died: str = "", now: datetime
    ) -> None:
        """Record the finding of a tick for a day. A day that is done is not changed. A running day is changed only if
        ``died`` is its run."""
        values = {"outcome": outcome, "cause": cause, "died": died, "now": now}
        with self._engine.begin() as connection:
            connection.execute(queries["note"], self._key(firm_id, day) | values)

    def claim(self, firm_id: str, day: date, run_id: str, *, over: str = "", now: datetime) -> Cause | None:
        """Assign the day to a run. ``over`` is the run that had the day and is known to have ended.

        Returns:
            The cause of the day's former failure (NONE: it had not failed), or None when the day is done or another run
            has it (``holder``).
        """
        values = {"run_id": run_id, "over": over, "now": now}
        with self._engine.begin() as connection:
            cause = connection.scalar(queries["claim"], self._key(firm_id, day) | values)
        return None if cause is None else Cause(cause)

    def holder(self, firm_id: str, day: date) -> tuple[DayOutcome, str]:
        """Return the outcome of a day that was claimed, and the id of the run that has or had the day. The id is ""
        when a tick found no work."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["holder"], self._key(firm_id, day)).one()
        return DayOutcome(row.outcome), row.run_id

    def end(
        self, firm_id: str, day: date, run_id: str, outcome: DayOutcome, cause: Cause = Cause.NONE, *, now: datetime
    ) -> None:
        """Store the outcome of the run that has the day. A run that lost the day to a successor changes nothing."""
        values = {"run_id": run_id, "outcome": outcome, "cause": cause, "now": now}
        with self._engine.begin() as connection:
            connection.execute(queries["end"], self._key(firm_id, day) | values)
        crash_point("the day has ended: committed")

    def _key(self, firm_id: str, day: date) -> dict[str, object]:
        return {"job": self._job, "firm_id": firm_id, "local_date": day}
