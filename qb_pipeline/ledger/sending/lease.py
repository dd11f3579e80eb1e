"""The lease (distributed lock): one sender per company, across processes and machines.

An advisory lock in a database session of its own keeps other senders out while that session is open. The epoch (fencing
token) rises with every holder, so that a holder that was paused, cut off and succeeded cannot overwrite its successor's
records. On one machine the successor also kills a former holder that lost its lock and is still alive. If such a
process was suspended just before a request left, it would send the request later.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger.processes import Process

queries = Queries(Path(__file__).with_suffix(".sql"))

BUSY_SECONDS = 600
"""The longest time that a run waits for another run that writes to the same company. Then it fails that firm as
BUSY."""


class BusyError(Exception):
    """Another run writes to this company. Try again when that run has ended."""


class LeaseLostError(Exception):
    """This process may no longer send: it lost its lease, or the firm was paused. The next run continues its work."""


class Lease:
    """The right to send to one company. It is held as long as ``require`` raises no error."""

    def __init__(self, engine: sa.Engine, connection: sa.Connection, firm_id: str, realm_id: str, epoch: int) -> None:
        self._engine = engine
        self._connection = connection
        self._lock = threading.Lock()  # one session, several sending threads
        self._lost = False
        self.firm_id = firm_id
        self.realm_id = realm_id
        self.epoch = epoch

    def require(self) -> None:
        """Check the right to send, just before a request leaves.

        Raises:
            LeaseLostError: the session is gone, a successor took over, or a person paused the firm.
        """
        try:
            with self._lock:
                if self._lost:  # the library would connect anew, in a session that holds no lock
                    raise LeaseLostError(f"{self.firm_id}: the database session of the lease is gone")
                row = self._connection.execute(queries["standing"], {"realm_id": self.realm_id}).one()
                self._connection.commit()
        except sa.exc.DBAPIError as error:
            self._lost = True
            raise LeaseLostError(f"{self.firm_id}: the database session of the lease is gone") from error
        if row.epoch != self.epoch:
            raise LeaseLostError(f"{self.firm_id}: another run took over (epoch {row.epoch}, ours {self.epoch})")
        if row.paused_at is not None:
            raise LeaseLostError(f"{self.firm_id} is paused. Next step: qb-pipeline firm resume {self.firm_id}")

    def release(self, *, now: datetime) -> None:
        """Record that this holder will send no more. The lock itself ends with the session.

        When that session is gone, another session is used for the record, so that a successor does not kill a process
        that has finished.
        """
        parameters = {"realm_id": self.realm_id, "epoch": self.epoch, "now": now}
        with self._lock:
            if not self._lost:
                with suppress(sa.exc.DBAPIError):
                    self._connection.execute(queries["release"], parameters)
                    self._connection.commit()
                    return
            with suppress(sa.exc.DBAPIError), self._engine.begin() as connection:
                connection.execute(queries["release"], parameters)


@contextmanager
def hold(
    engine: sa.Engine,
    *,
    firm_id: str,
    realm_id: str,
    run_id: str,
    now: Callable[[], datetime],
    wait_seconds: float = BUSY_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lease]:
    """Hold the lease of a company during the block.

    A former holder on this machine that lost its lock, has not released the lease and is still alive is killed first.
    The quarantine (settling time) of its open requests then counts from its end.

    Raises:
        BusyError: another run kept the lease for ``wait_seconds``, or the former holder's process cannot be killed.
    """
    with engine.connect() as connection:
        # Detached from the pool: when this block ends in any way, the session ends, and the lock with it.
        connection.detach()
        waited = 0.0
        while not connection.scalar(queries["try_lock"], {"key": f"qb_pipeline:{realm_id}"}):
            connection.commit()
            if waited >= wait_seconds:
                holder = connection.execute(queries["holder"], {"realm_id": realm_id}).one_or_none()
                who = f"run {holder.run_id} on {holder.host}, process {holder.pid}" if holder else "another process"
                raise BusyError(
                    f"{firm_id} is BUSY: {who} is sending to company {realm_id}; try again when it has ended"
                )
            sleep(1.0)
            waited += 1.0
        was_killed = _end_former_holder(connection, firm_id, realm_id)
        ours = asdict(Process.of(os.getpid())) | {"realm_id": realm_id, "firm_id": firm_id, "run_id": run_id}
        epoch = connection.scalar(queries["take"], ours | {"now": now()})
        if was_killed:
            connection.execute(queries["count_from_now"], {"realm_id": realm_id, "now": now()})
        connection.commit()
        lease = Lease(engine, connection, firm_id, realm_id, int(epoch or 0))
        try:
            yield lease
        finally:
            lease.release(now=now())


def require_epoch(connection: sa.Connection, realm_id: str, epoch: int) -> None:
    """Refuse a write of a holder that was succeeded, inside the transaction of that write.

    Raises:
        LeaseLostError: a successor has taken over. Nothing of this transaction is kept.
    """
    found = connection.scalar(queries["epoch_for_share"], {"realm_id": realm_id})
    if found != epoch:
        raise LeaseLostError(
            f"company {realm_id}: epoch {epoch} was succeeded by {found}; its late answer is not recorded"
        )


def _end_former_holder(connection: sa.Connection, firm_id: str, realm_id: str) -> bool:
    """Kill the former holder if it did not release the lease and is still alive. Return whether it was killed.

    Raises:
        BusyError: the process cannot be killed.
    """
    former = connection.execute(queries["holder"], {"realm_id": realm_id}).one_or_none()
    if former is None or former.released_at is not None:
        return False
    try:
        return Process(former.host, former.boot_id, former.pid, former.started).kill()
    except (PermissionError, TimeoutError) as error:
        raise BusyError(
            f"{firm_id} is BUSY: process {former.pid} of run {former.run_id} lost its lease and is alive, and cannot "
            "be ended from here. End it, then run the sync again"
        ) from error
