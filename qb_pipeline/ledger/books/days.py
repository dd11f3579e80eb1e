"""The numbers of a run for one firm, date by date, as they are shown on its partitions.

Belongs here: reading them from the ledger, a query for all dates of a run. Does not belong here: how they are shown to
a person (``defs.metadata``). Nothing is handed over in memory: another process, or a later one, reads the same numbers.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import log

queries = Queries(Path(__file__).with_suffix(".sql"))

TOTALS = ("meant_cents", "accepted_cents", "in_quickbooks_cents", "refused_cents", "unknown_cents", "not_sent_cents")
"""The sums of a row of control totals, in cents."""


PARTS = ("listed", "changed", "planned", "done", "held", "references", "control_totals")
"""What is known of a day (``Day``)."""


@dataclass(slots=True)
class Day:
    """One date of one firm, as a run left it. Money in cents.

    ``listed`` and ``listed_cents``: documents of the work list. ``changed``: those that the run's scan listed or moved.
    ``planned``: rows kind, operation, documents, cents. ``done``: rows kind, activity, documents, cents.
    ``control_totals``: rows kind, documents, differing and ``TOTALS``. ``held``: rows kind, reason, documents, cents of
    documents that need a person now, whichever run held them. ``references``: rows kind, activity, documents of
    customers and items; what no single date needs stands on the newest.
    """

    listed: int = 0
    listed_cents: int = 0
    changed: int = 0
    planned: list[Any] = field(default_factory=list)
    done: list[Any] = field(default_factory=list)
    control_totals: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)

    def documents(self, kind: str, *activities: str) -> int:
        """How many documents of a kind had one of these activities."""
        return sum(row["documents"] for row in self.done if row["kind"] == kind and row["activity"] in activities)

    def cents(self, kind: str, *activities: str) -> int:
        """The money of documents of a kind that had one of these activities."""
        return sum(row["cents"] for row in self.done if row["kind"] == kind and row["activity"] in activities)


@dataclass(slots=True)
class ReceivedDay:
    """One date of one firm's received payments (Model 2), as a pull left it. Money in cents.

    ``posted``: rows kind, documents, cents of the postings that billing got in the run. ``inbox``: rows state,
    documents, cents (only the money that is not applied to an invoice yet).
    """

    posted: list[Any] = field(default_factory=list)
    inbox: list[Any] = field(default_factory=list)


class Days:
    """The days of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def of_run(self, run_id: str, dates: Collection[date], parts: Collection[str] = PARTS) -> dict[date, Day]:
        """The numbers of a run by document date: of each of ``dates``, and of every other date of a document that it
        worked on. ``parts`` are the numbers that are wanted; the others are left empty.

        The control totals summed over all these dates are the run's own (``Log.control_totals``).
        """
        days: dict[date, Day] = defaultdict(Day)
        days |= {day: Day() for day in dates}
        with self._engine.connect() as connection:
            rows = self._reader(connection, run_id=run_id, dates=list(dates))
            for row in rows("listed") if "listed" in parts else ():
                days[row["document_date"]].listed, days[row["document_date"]].listed_cents = (
                    row["documents"],
                    row["cents"],
                )
            for row in rows("changed") if "changed" in parts else ():
                days[row["document_date"]].changed = row["documents"]
            for name in ("planned", "done", "held", "references"):
                for row in rows(name) if name in parts else ():
                    day = row["document_date"] or max(dates, default=None)
                    if day is not None:
                        getattr(days[day], name).append(row)
            if "control_totals" in parts:
                for row in log.read_control_totals(connection, self._firm_id, run_id, by_date=True):
                    days[row["document_date"]].control_totals.append(row)
        return dict(days)

    def of_pull(
        self, run_id: str, dates: Collection[date], *, first: date | None, last: date | None
    ) -> dict[date, ReceivedDay]:
        """The numbers of a pull by the date that each payment has in QuickBooks; ``first`` and ``last``: None is open.

        A payment whose date is not in ``dates`` counts on the nearest of them before it, or else on the first of them:
        it was pulled together with that date.
        """
        known = sorted(dates)
        days = {day: ReceivedDay() for day in known}
        with self._engine.connect() as connection:
            rows = self._reader(connection, run_id=run_id, first=first, last=last)
            for name, query in (("posted", "received"), ("inbox", "inbox")):
                for row in rows(query):
                    day = known[max(bisect_right(known, row["document_date"]) - 1, 0)]
                    getattr(days[day], name).append(row)
        return days

    def _reader(self, connection: sa.Connection, **values: Any) -> Callable[[str], Sequence[sa.RowMapping]]:
        def rows(query: str) -> Sequence[sa.RowMapping]:
            return connection.execute(queries[query], {"firm_id": self._firm_id, **values}).mappings().all()

        return rows
