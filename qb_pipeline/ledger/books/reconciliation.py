"""The differences between billing and QuickBooks in the reporting views, now or as of a past moment.

Belongs here: querying the views. Does not belong here: computing a figure, which the views do (``sql/reporting``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Measure:
    """One sum on both sides. ``residual`` is the amount that no difference explains, ``unexplained`` the number of
    differences without a class."""

    measure: str
    ours: Decimal
    theirs: Decimal
    difference: Decimal
    explained: Decimal
    residual: Decimal
    differences: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class DifferenceClass:
    """The differences of one measure that have one reason (``name``, "" for those without one). ``oldest`` is the
    oldest date of their documents."""

    measure: str
    name: str
    documents: int
    amount: Decimal
    oldest: date | None


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference that has no class."""

    measure: str
    kind: str
    source_id: str
    part: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class FirmStanding:
    """The figures that a firm's checks need.

    ``held_since`` is the time since which the longest-held document is held or refused. ``newest_day`` is the newest
    date of an invoice in QuickBooks, ``newest_billed_day`` the newest date of an invoice that could be there. ``reads``
    is the number of reads in this calendar month (UTC), of all firms together.
    """

    held_since: datetime | None
    newest_day: date | None
    newest_billed_day: date | None
    reads: int


class Reconciliation:
    """The reconciliation of one firm. Money is in dollars, as the views have it. ``as_of`` None means now."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def measures(self, as_of: datetime | None = None) -> list[Measure]:
        """Return the measures, in the order of their names."""
        return [Measure(**row) for row in self._rows("measures", as_of)]

    def classes(self, as_of: datetime | None = None) -> list[DifferenceClass]:
        """Return the differences, summed by measure and class, the largest sum of each measure first."""
        return [DifferenceClass(*row.values()) for row in self._rows("classes", as_of)]

    def unexplained(self, as_of: datetime | None = None) -> list[Unexplained]:
        """Return the differences that have no class."""
        return [Unexplained(**row) for row in self._rows("unexplained", as_of)]

    def note(self, as_of: datetime | None = None) -> str:
        """Return the note of the views about a moment before the firm's records (such as the time when these begin), or
        "" for a later moment."""
        return "".join(row["note"] for row in self._rows("note", as_of))

    def standing(self, *, now: datetime) -> FirmStanding:
        """Return the figures that the firm's checks need."""
        with self._engine.connect() as connection:
            return FirmStanding(*connection.execute(queries["standing"], {"firm_id": self._firm_id, "now": now}).one())

    def record(
        self, run_id: str, *, unexplained: int, residual_cents: int, standing: FirmStanding, now: datetime
    ) -> None:
        """Store the result of this reconciliation in place of the firm's former one."""
        with self._engine.begin() as connection:
            connection.execute(
                queries["record"],
                {
                    "firm_id": self._firm_id, "run_id": run_id, "now": now, "unexplained": unexplained,
                    "residual_cents": residual_cents, "newest_day": standing.newest_day,
                    "newest_billed_day": standing.newest_billed_day,
                },
            )  # fmt: skip

    def _rows(self, query: str, as_of: datetime | None) -> Sequence[sa.RowMapping]:
        with self._as_of(as_of) as connection:
            return connection.execute(queries[query], {"firm_id": self._firm_id}).mappings().all()

    @contextmanager
    def _as_of(self, moment: datetime | None) -> Iterator[sa.Connection]:
        """Open a transaction in which the views answer as of a moment."""
        with self._engine.begin() as connection:
            connection.execute(queries["as_of"], {"moment": moment.isoformat() if moment else ""})
            yield connection
