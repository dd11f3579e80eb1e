"""The cost of reading QuickBooks, and hints that something changed there (Model 2).

Belongs here: facts around the pulls of a firm. Does not belong here: payments themselves (``received``), and whose turn
it is (``pull_turn``).
"""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))


def asked_at(engine: sa.Engine, firm_id: str) -> tuple[datetime | None, datetime | None]:
    """When the sensor last read this firm's company, and when a webhook last hinted at a change; our clock."""
    with engine.connect() as connection:
        return (
            cursors.read(connection, firm_id, cursors.PULL_ASKED),
            cursors.read(connection, firm_id, cursors.PULL_HINTED),
        )


def record_asked(engine: sa.Engine, firm_id: str, *, reads: int, now: datetime) -> None:
    """Record that the sensor read, and the number of its reads."""
    with engine.begin() as connection:
        cursors.save(connection, firm_id, cursors.PULL_ASKED, now)
        connection.execute(
            queries["add_reads"],
            {"firm_id": firm_id, "month": now.astimezone(UTC).date().replace(day=1), "reads": reads},
        )


def record_hints(engine: sa.Engine, environment: str, realm_ids: Collection[str], *, now: datetime) -> int:
    """Remember that something may have changed in these companies: the sensor looks sooner.

    Returns:
        How many of them belong to active firms of Model 2; the others are passed over.
    """
    with engine.begin() as connection:
        rows = connection.execute(
            queries["hint"],
            {"environment": environment, "realm_ids": [*realm_ids], "name": cursors.PULL_HINTED, "now": now},
        )
        return len(rows.all())


def reads_this_month(engine: sa.Engine, *, now: datetime) -> int:
    """Reads of all firms in this calendar month (UTC): Intuit meters an app, not a company."""
    begins = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with engine.connect() as connection:
        return int(connection.scalar(queries["reads_since"], {"month": begins.date(), "month_begins": begins}) or 0)
