"""The numbers of a run for one firm, date by date, as they are shown on its partitions.

Belongs here: reading the numbers from the ledger, with one query for all dates of a run. Does not belong here: showing
them to a person (``defs.metadata``). Nothing is passed on in memory, so that another process, or a later one, reads the
same numbers.
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
"""The names of the parts of a day (``Day``)."""


@dataclass(frozen=True, slots=True)
class DoneCount:
    """The documents of one kind that had one activity. ``cents`` is the sum of their amounts."""

    kind: str
    activity: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class HeldCount:
    """The documents of one kind that need a person for one reason. ``cents`` is the sum of their amounts."""

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
    """The postings of one kind that billing got. ``cents`` is the sum of their amounts."""

    kind: str
    documents: int
    cents: int


@dataclass(frozen=True, slots=True)
class InboxCount:
    """The received payments in one state. ``cents`` is their money that is not applied to an invoice yet."""

    state: str
    documents: int
    cents: int


@dataclass(slots=True)
class Day:
    """One date of one firm, as a run left it. Money is in cents.

    ``listed`` and ``listed_cents`` count the documents of the work list. ``changed`` counts those that the run's scan
    listed or moved. ``held`` counts the documents that need a person now, whichever run held them. ``references``
    counts customers and items. Those that no single date needs are counted on the newest date.
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
        """Return the number of documents of a kind that had one of these activities."""
        return sum(row.documents for row in self.done if row.kind == kind and row.activity in activities)

    def cents(self, kind: str, *activities: str) -> int:
        """Return the sum, in cents, of the documents of a kind that had one of these activities."""
        return sum(row.cents for row in self.done if row.kind == kind and row.activity in activities)


@dataclass(slots=True)
class ReceivedDay:
    """One date of one firm's received payments (Model 2), as a pull left it.

    ``posted`` counts the postings that billing got in the run. ``inbox`` counts the payments by their present state.
    """

    posted: list[PostedCount] = field(default_factory=list)
    inbox: list[InboxCount] = field(default_factory=list)


COUNTS: dict[str, Callable[..., PlannedCount | DoneCount | HeldCount | ReferenceCount]] = {
    "planned": PlannedCount,
    "done": DoneCount,
    "held": HeldCount,
    "references": ReferenceCount,
}
"""The parts of a day that are rows of a query of the same name: the class of a row, keyed by the name of the part."""


class Days:
    """The days of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def of_run(self, run_id: str, dates: Collection[date], parts: Collection[str] = PARTS) -> dict[date, Day]:
        """Return the numbers of a run, keyed by document date: for each of ``dates``, and for every other date of a
        document that the run worked on. ``parts`` names the parts of a day that are read. The others are left empty.

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
        """Return the numbers of a pull, keyed by the date that each payment has in QuickBooks. ``first`` and ``last``
        limit the dates of the inbox. None means no limit.

        A payment whose date is not in ``dates`` counts on the nearest of them before it, or else on the first of them,
        because it was pulled together with that date.
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
    """Return the last of ascending dates that is not after a date, or else the first of them."""
    return known[max(bisect_right(known, day) - 1, 0)]
