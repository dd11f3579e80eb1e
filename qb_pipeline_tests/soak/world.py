"""A world to break: real PostgreSQL, an emulator in its worst mode, firms, and runs that die where they are told to.

Belongs here: starting, forking, killing. Does not belong here: what is sent (``work``), what must hold (``checker``).
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import requests
import sqlalchemy as sa

from qb_pipeline import crash_points
from qb_pipeline.billing.contract import install
from qb_pipeline.database import with_driver
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.conftest import NOON, fresh_database, make_template
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.soak.plans import LAG_SECONDS, QUARANTINE_SECONDS

WORST = {
    "requestid": "ignored",
    "duplicate_numbers": "allowed",
    "batch_order": "shuffled",
    "query_lag_seconds": LAG_SECONDS,
}
"""No help of QuickBooks: only intent, quarantine and asking stand between a lost answer and a duplicate."""

LEASE_NAP_SECONDS = 1.0
"""How long ``ledger.sending.lease`` sleeps between two looks at whether the company is free."""

ENDED, FAILED = 0, 3
"""Exit codes of a run that was not killed: it ended well, or with an error that it named."""


@dataclass
class World:
    """One database server and one emulator; every firm in it has databases and a company of its own."""

    server: sa.Engine
    server_url: str
    emulator_url: str
    output: Path
    """What runs print goes here, to be searched for what must not be in it."""

    def __post_init__(self) -> None:
        self.realms = count(9_140_000_000_000_000 + os.getpid() * 10_000)

    @contextmanager
    def firm(self, *, model: int = 1, **switches: object) -> Iterator[LawFirm]:
        """A firm that is not set up yet, in step with the emulator's clock; who is stopped keeps its locks briefly."""
        books = Bookkeeper.of_new_company(self.emulator_url, realm_id=str(next(self.realms)), **(WORST | switches))
        with (
            fresh_database(self.server, self.server_url, "soak_billing") as billing,
            fresh_database(self.server, self.server_url, "soak_ledger") as ledger,
        ):
            with self.server.connect() as connection:  # so soon, not after the five minutes of qb_pipeline.database
                name = ledger.url.database
                connection.exec_driver_sql(f"alter database {name} set idle_in_transaction_session_timeout = '5s'")
            firm = LawFirm(billing, ledger, books, model=model)
            firm.deployment.quarantine = timedelta(seconds=QUARANTINE_SECONDS)
            _share_time(firm, SharedTime(books.url))
            yield firm


@contextmanager
def open_world() -> Iterator[World]:
    """Start everything; at the end nothing is left."""
    with temporary_home() as home, postgres.temporary_server(home) as url, start_emulator() as emulator_url:
        server = sa.create_engine(with_driver(url), isolation_level="AUTOCOMMIT")
        make_template(server, url, "soak_billing", install)
        make_template(server, url, "soak_ledger", lambda engine: schema.upgrade(engine, now=NOON))
        yield World(server, url, emulator_url, home / "output")
        server.dispose()


class SharedTime:
    """One clock for all processes of a firm, a little behind the emulator's at most; it jumps where they would sleep.

    Who waits for the lease sleeps really, and moves nothing: time must not fly while another process is sending.
    """

    def __init__(self, emulator_url: str) -> None:
        self._url = f"{emulator_url}/emulator/clock"
        self._skipped = multiprocessing.RawValue("d", 0.0)
        self.session = requests.Session()
        self.catch_up()

    def now(self) -> datetime:
        """What time it is for the pipeline."""
        return datetime.now(UTC) + timedelta(seconds=self._skipped.value)

    def sleep(self, seconds: float) -> None:
        """Be so much later at once."""
        if seconds == LEASE_NAP_SECONDS:
            time.sleep(0.03)
        else:
            answer = self.session.post(self._url, json={"advance_seconds": seconds}, timeout=30)
            self._skipped.value = float(answer.json()["offset_seconds"])

    def catch_up(self) -> None:
        """Take over the emulator's time: whoever moved it may have died before saying so."""
        self._skipped.value = float(self.session.get(self._url, timeout=30).json()["offset_seconds"])


def _share_time(firm: LawFirm, shared: SharedTime) -> None:
    firm.time = shared  # type: ignore[assignment]
    firm.deployment.clock, firm.deployment.sleep = shared.now, shared.sleep
    firm.deployment.throttles[firm.books.realm_id] = Throttle(
        clock=lambda: shared.now().timestamp(), sleep=shared.sleep
    )


@dataclass
class Stop:
    """Where a run stops: at the ``nth`` time that it comes to ``point``."""

    point: str
    nth: int = 1
    signal: int = signal.SIGKILL


def fork_run(
    firm: LawFirm,
    output: Path,
    *,
    stop: Stop | None = None,
    heard: Callable[[str], None] | None = None,
    whole: bool = False,
) -> int:
    """Begin a sync in a forked process and give its pid; with ``stop`` it sends itself a signal at a crash point."""
    gc.freeze()  # the child's collector must not copy all that the parent has
    pid = os.fork()
    if pid:
        gc.unfreeze()
        return pid
    code = FAILED
    try:
        _move_in(firm, output)
        crash_points.on_reach = _stopper(stop) if stop else heard
        firm.sync(first=firm.deployment.first_date if whole else None)
        code = ENDED
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int) -> int:
    """Wait for a run: its exit code, negative for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_to_its_end(firm: LawFirm, output: Path, stop: Stop | None = None) -> int:
    """A run in a process of its own, killed where ``stop`` says; then the clocks agree again."""
    status = wait(fork_run(firm, output, stop=stop))
    firm.time.catch_up()  # type: ignore[attr-defined]
    return status


def _move_in(firm: LawFirm, output: Path) -> None:
    """Share no connection with the parent, and print into the file."""
    for engine in (firm.billing, firm.ledger):
        engine.dispose(close=False)
    firm.time.session = requests.Session()
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def _stopper(stop: Stop) -> Callable[[str], None]:
    reached: Counter[str] = Counter()
    lock = threading.Lock()

    def reach(name: str) -> None:
        with lock:
            reached[name] += 1
            here = name == stop.point and reached[name] == stop.nth
        if here:
            # To this very thread: one to the process may reach another first, and the request leaves meanwhile.
            signal.pthread_kill(threading.get_ident(), stop.signal)

    return reach
