"""The cost of reading QuickBooks, and hints that something changed there (Model 2).

Belongs here: facts about the pulls of a firm. Does not belong here: payments themselves (``received``), and the turn to
pull (``pull_turn``).
"""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))


def asked_at(engine: sa.Engine, firm_id: str) -> tuple[datetime | None, datetime | None]:
    """Return two times by our clock: the sensor's last read of this firm's company, and a webhook's last hint at a
    change. Each is None before the first."""
    with engine.connect() as connection:
        return (
            cursors.read(connection, firm_id, cursors.PULL_ASKED),
            cursors.read(connection, firm_id, cursors.PULL_HINTED),
        )


def record_asked(engine: sa.Engine, firm_id: str, *, reads: int, now: datetime) -> None:
    """Record the time of the sensor's read, and add the number of its reads to the month's (UTC)."""
    with engine.begin() as connection:
        cursors.save(connection, firm_id, cursors.PULL_ASKED, now)
        connection.execute(
            queries["add_reads"],
            {"firm_id": firm_id, "month": now.astimezone(UTC).date().replace(day=1), "reads": reads},
        )


def record_hints(engine: sa.Engine, environment: str, realm_ids: Collection[str], *, now: datetime) -> int:
    """Record that something may have changed in these companies, so that the sensor reads them sooner.

    Returns:
        The number of active firms of Model 2 to which these companies belong. Other companies are ignored.
    """
    with engine.begin() as connection:
        rows = connection.execute(
            queries["hint"],
            {"environment": environment, "realm_ids": [*realm_ids], "name": cursors.PULL_HINTED, "now": now},
        )
        return len(rows.all())


def reads_this_month(engine: sa.Engine, *, now: datetime) -> int:
    """Return the number of reads of all firms in this calendar month (UTC). Intuit meters an app, not a company."""
    begins = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with engine.connect() as connection:
        return int(connection.scalar(queries["reads_since"], {"month": begins.date(), "month_begins": begins}) or 0)
