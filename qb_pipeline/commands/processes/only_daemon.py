"""The rule of one Dagster daemon per storage. A daemon of ours on any machine holds an advisory lock in the storage.

Two daemons would evaluate each schedule and sensor twice. A daemon that was started without our commands holds no lock;
the doctor finds it by its heartbeats.
"""

from collections.abc import Iterator
from contextlib import contextmanager

LOCK = 7_221_043
"""The number of the advisory lock. No other program uses this number in Dagster's database."""


class AnotherDaemonError(Exception):
    """A daemon of ours runs on this storage already."""


@contextmanager
def only_daemon(dagster_url: str) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        AnotherDaemonError: another process holds the lock; start no second daemon.
    """
    import sqlalchemy as sa

    from qb_pipeline import database

    with database.engine(dagster_url).connect() as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK))):
            raise AnotherDaemonError(
                "a Dagster daemon runs on this storage already (another qb-pipeline dev?). "
                "Try: open its page, or end it first"
            )
        connection.commit()
        connection.detach()  # the lock is the session's: it ends with the block, not with the pool
        yield
