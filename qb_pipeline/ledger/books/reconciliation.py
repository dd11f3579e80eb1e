"""The differences between billing and QuickBooks in the reporting views, now or as of a past moment.

Belongs here: querying the views. Does not belong here: computing a figure; the views do it (``sql/reporting``).
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
    """One sum on both sides: ``residual`` is what no difference explains, ``unexplained`` how many differences have no
    class."""

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
    """The differences of one measure that have one reason (``name``, "" for those without one); ``oldest`` is a
    document date."""

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
    """What a firm's checks look at.

    ``held_since``: since when the document that is held longest is held. ``newest_day``: the newest date of an invoice
    in QuickBooks; ``newest_billed_day``: the same of invoices that could be there. ``reads``: this calendar month's in
    UTC, of all firms together.
    """

    held_since: datetime | None
    newest_day: date | None
    newest_billed_day: date | None
    reads: int


class Reconciliation:
    """The reconciliation of one firm. Money in dollars, as the views have it; ``as_of`` None is now."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def measures(self, as_of: datetime | None = None) -> list[Measure]:
        """The measures by name."""
        return [Measure(**row) for row in self._rows("measures", as_of)]

    def classes(self, as_of: datetime | None = None) -> list[DifferenceClass]:
        """The differences by measure and class; the most money first."""
        return [DifferenceClass(*row.values()) for row in self._rows("classes", as_of)]

    def unexplained(self, as_of: datetime | None = None) -> list[Unexplained]:
        """The differences that have no class."""
        return [Unexplained(**row) for row in self._rows("unexplained", as_of)]

    def standing(self, *, now: datetime) -> FirmStanding:
        """What the firm's checks look at."""
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
        """Let the views answer as of a moment, in this transaction only."""
        with self._engine.begin() as connection:
            connection.execute(queries["as_of"], {"moment": moment.isoformat() if moment else ""})
            yield connection
