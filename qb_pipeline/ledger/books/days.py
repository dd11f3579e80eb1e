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

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books.plans import PlannedCount

queries = Queries(Path(__file__).with_suffix(".sql"))

TOTALS = ("meant_cents", "accepted_cents", "in_quickbooks_cents", "refused_cents", "unknown_cents", "not_sent_cents")
"""The sums of a row of control totals, in cents."""


PARTS = ("listed", "changed", "planned", "done", "held", "references", "control_totals")
"""What is known of a day (``Day``)."""


@dataclass(frozen=True, slots=True)
class DoneCount:
    """The documents of one kind that had one activity; their money in cents."""

    kind: str
    activity: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class HeldCount:
    """The documents of one kind that need a person for one reason; their amount in cents."""

    kind: str
    reason: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class ReferenceCount:
    """The customers, or items, that had one activity."""

    kind: str
    activity: str
    documents: int


@dataclass(frozen=True, slots=True)
class PostedCount:
    """The postings of one kind that billing got; their money in cents."""

    kind: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class InboxCount:
    """The received payments in one state; ``cents`` is their money that is not applied to an invoice yet."""

    state: str
    documents: int
    cents: int


@dataclass(slots=True)
class Day:
    """One date of one firm, as a run left it. Money in cents.

    ``listed`` and ``listed_cents``: documents of the work list. ``changed``: those that the run's scan listed or moved.
    ``held``: documents that need a person now, whichever run held them. ``references``: customers and items; what no
    single date needs stands on the newest.
    """

    listed: int = 0
    listed_cents: int = 0
    changed: int = 0
    planned: list[PlannedCount] = field(default_factory=list)
    done: list[DoneCount] = field(default_factory=list)
    control_totals: list[log.ControlTotals] = field(default_factory=list)
    held: list[HeldCount] = field(default_factory=list)
    references: list[ReferenceCount] = field(default_factory=list)

    def documents(self, kind: str, *activities: str) -> int:
        """How many documents of a kind had one of these activities."""
        return sum(row.documents for row in self.done if row.kind == kind and row.activity in activities)

    def cents(self, kind: str, *activities: str) -> int:
        """The money of documents of a kind that had one of these activities."""
        return sum(row.cents for row in self.done if row.kind == kind and row.activity in activities)


@dataclass(slots=True)
class ReceivedDay:
    """One date of one firm's received payments (Model 2), as a pull left it.

    ``posted``: the postings that billing got in the run. ``inbox``: the payments, as they stand.
    """

    posted: list[PostedCount] = field(default_factory=list)
    inbox: list[InboxCount] = field(default_factory=list)


COUNTS: dict[str, Callable[..., PlannedCount | DoneCount | HeldCount | ReferenceCount]] = {
    "planned": PlannedCount,
    "done": DoneCount,
    "held": HeldCount,
    "references": ReferenceCount,
}
"""The parts of a day that are rows of a query of the same name."""


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
        parameters = {"firm_id": self._firm_id, "run_id": run_id, "dates": list(dates)}
        with self._engine.connect() as connection:
            for row in connection.execute(queries["listed"], parameters) if "listed" in parts else ():
                days[row.document_date].listed, days[row.document_date].listed_cents = row.documents, row.cents
            for row in connection.execute(queries["changed"], parameters) if "changed" in parts else ():
                days[row.document_date].changed = row.documents
            for name, count in COUNTS.items():
                for document_date, *values in connection.execute(queries[name], parameters) if name in parts else ():
                    day = document_date or max(dates, default=None)
                    if day is not None:
                        getattr(days[day], name).append(count(*values))
            if "control_totals" in parts:
                for day, totals in log.read_control_totals(connection, self._firm_id, run_id, by_date=True):
                    if day is not None:
                        days[day].control_totals.append(totals)
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
        parameters = {"firm_id": self._firm_id, "run_id": run_id, "first": first, "last": last}
        with self._engine.connect() as connection:
            for document_date, *values in connection.execute(queries["received"], parameters):
                days[_nearest(known, document_date)].posted.append(PostedCount(*values))
            for document_date, *values in connection.execute(queries["inbox"], parameters):
                days[_nearest(known, document_date)].inbox.append(InboxCount(*values))
        return days


def _nearest(known: Sequence[date], day: date) -> date:
    """Of ascending dates the nearest one before a date, or else the first."""
    return known[max(bisect_right(known, day) - 1, 0)]
