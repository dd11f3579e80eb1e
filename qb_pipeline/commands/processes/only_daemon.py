"""One Dagster daemon per storage: whoever runs it holds an advisory lock there, on any machine.

Two daemons would evaluate each schedule and sensor twice. A daemon that was started without our commands holds no lock;
the doctor finds that one by its heartbeats.
"""

from collections.abc import Iterator
from contextlib import contextmanager

LOCK = 7_221_043
"""Any number that no other program takes in Dagster's database."""


class AnotherDaemonError(Exception):
    """A daemon of ours runs on this storage already."""


@contextmanager
def only_daemon(dagster_url: str) -> Iterator[None]:
    """Hold the lock for as long as the daemon runs.

    Raises:
        AnotherDaemonError: another process holds it; start no second daemon.
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
