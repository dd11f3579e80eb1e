"""Who pulls now, what looking at QuickBooks has cost, and hints that something changed there (Model 2).

Belongs here: what surrounds the pulls of a firm. Does not belong here: payments themselves (``received``).
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import cursors, lease

queries = Queries(Path(__file__).with_suffix(".sql"))

BUSY_SECONDS = 60.0
"""How long a pull waits for another one of the same firm."""


class Turn:
    """The right to pull for one firm: no other process does while this session lives, and a pause ends it."""

    def __init__(self, connection: sa.Connection, firm_id: str) -> None:
        self._connection = connection
        self._firm_id = firm_id

    def require(self) -> None:
        """Ask before a request leaves.

        Raises:
            LeaseLostError: a person paused the firm, or the session is gone.
        """
        try:
            paused_at = self._connection.scalar(queries["paused_at"], {"firm_id": self._firm_id})
            self._connection.commit()
        except sa.exc.DBAPIError as error:
            raise lease.LeaseLostError(f"{self._firm_id}: the database session of the pull is gone") from error
        if paused_at is not None:
            raise lease.LeaseLostError(f"{self._firm_id} is paused. Next step: qb-pipeline firm resume {self._firm_id}")


@contextmanager
def turn(
    engine: sa.Engine, firm_id: str, *, wait_seconds: float = BUSY_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Turn]:
    """Pull alone for a firm, for the length of the block; the lock ends with the session, however the block ends.

    Raises:
        BusyError: another process kept it for ``wait_seconds``.
    """
    with engine.connect() as connection:
        connection.detach()
        waited = 0.0
        while not connection.scalar(lease.queries["try_lock"], {"key": f"qb_pipeline:pull:{firm_id}"}):
            connection.commit()
            if waited >= wait_seconds:
                raise lease.BusyError(f"{firm_id} is BUSY: another process pulls its payments; try again in a minute")
            sleep(0.5)
            waited += 0.5
        connection.commit()
        yield Turn(connection, firm_id)


def asked_at(engine: sa.Engine, firm_id: str) -> tuple[datetime | None, datetime | None]:
    """When the sensor last read this firm's company, and when a webhook last hinted at a change; our clock."""
    with engine.connect() as connection:
        return (
            cursors.read(connection, firm_id, cursors.PULL_ASKED),
            cursors.read(connection, firm_id, cursors.PULL_HINTED),
        )


def record_asked(engine: sa.Engine, firm_id: str, *, reads: int, now: datetime) -> None:
    """Remember that the sensor read, and what it cost."""
    with engine.begin() as connection:
        cursors.save(connection, firm_id, cursors.PULL_ASKED, now)
        connection.execute(
            queries["add_reads"],
            {"firm_id": firm_id, "month": now.astimezone(UTC).date().replace(day=1), "reads": reads},
        )


def record_hints(engine: sa.Engine, environment: str, realm_ids: Collection[str], *, now: datetime) -> int:
    """Remember that something may have changed in these companies: the sensor looks sooner.

    Returns:
        How many of them are firms of Model 2; what nobody knows is passed over.
    """
    with engine.begin() as connection:
        rows = connection.execute(
            queries["hint"],
            {"environment": environment, "realm_ids": [*realm_ids], "name": cursors.PULL_HINTED, "now": now},
        )
        return len(rows.all())


def reads_this_month(engine: sa.Engine, *, now: datetime) -> int:
    """Reads of all firms in this calendar month (UTC): Intuit meters its app, not a company."""
    begins = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with engine.connect() as connection:
        return int(connection.scalar(queries["reads_since"], {"month": begins.date(), "month_begins": begins}) or 0)
