"""The turn to pull for a firm (Model 2): one puller at a time, across processes and machines. The turn is like the
lease (distributed lock), but for reading only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.lease import BusyError, LeaseLostError

queries = Queries(Path(__file__).with_suffix(".sql"))

BUSY_SECONDS = 60.0
"""The longest time that a pull waits for another pull of the same firm."""


class Turn:
    """The right to pull for one firm. No other process pulls while the database session of the turn is open. A pause of
    the firm ends the right."""

    def __init__(self, connection: sa.Connection, firm_id: str) -> None:
        self._connection = connection
        self._firm_id = firm_id

    def require(self) -> None:
        """Check the right to pull, just before a request leaves.

        Raises:
            LeaseLostError: a person paused the firm, or the session is gone.
        """
        try:
            paused_at = self._connection.scalar(queries["paused_at"], {"firm_id": self._firm_id})
            self._connection.commit()
        except sa.exc.DBAPIError as error:
            raise LeaseLostError(f"{self._firm_id}: the database session of the pull is gone") from error
        if paused_at is not None:
            raise LeaseLostError(f"{self._firm_id} is paused. Next step: qb-pipeline firm resume {self._firm_id}")


@contextmanager
def turn(
    engine: sa.Engine, firm_id: str, *, wait_seconds: float = BUSY_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Turn]:
    """Hold the turn to pull for a firm during the block. The lock ends with the database session, however the block
    ends.

    Raises:
        BusyError: another process kept the turn for ``wait_seconds``.
    """
    with engine.connect() as connection:
        connection.detach()
        waited = 0.0
        while not connection.scalar(lease.queries["try_lock"], {"key": f"qb_pipeline:pull:{firm_id}"}):
            connection.commit()
            if waited >= wait_seconds:
                raise BusyError(f"{firm_id} is BUSY: another process pulls its payments; try again in a minute")
            sleep(0.5)
            waited += 0.5
        connection.commit()
        yield Turn(connection, firm_id)
