"""A world to break: real PostgreSQL, an emulator in its worst mode, firms, and runs that die where they are told to.

Belongs here: starting, forking, killing. Does not belong here: what is sent (``work``), what must hold (``checker``).
"""

import gc
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

import requests
import sqlalchemy as sa

from qb_pipeline import crash_points
from qb_pipeline.billing.contract import install
from qb_pipeline.database import with_driver
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger import schema
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
        """A firm that is not set up yet, in step with the emulator's clock."""
        books = Bookkeeper.of_new_company(self.emulator_url, realm_id=str(next(self.realms)), **(WORST | switches))
        with (
            fresh_database(self.server, self.server_url, "soak_billing") as billing,
            fresh_database(self.server, self.server_url, "soak_ledger") as ledger,
        ):
            firm = LawFirm(billing, ledger, books, model=model)
            firm.companies.quarantine = timedelta(seconds=QUARANTINE_SECONDS)
            catch_up(firm)
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


def catch_up(firm: LawFirm) -> None:
    """Set the firm's clock to the emulator's: a run that died may have moved that one only."""
    answer = requests.get(f"{firm.books.url}/emulator/clock", timeout=30)
    firm.time.skipped = timedelta(seconds=float(answer.json()["offset_seconds"]))


@dataclass
class Stop:
    """Where a run stops: at the ``nth`` time that it comes to ``point``."""

    point: str
    nth: int = 1
    signal: int = signal.SIGKILL


def fork_run(
    firm: LawFirm, output: Path, *, stop: Stop | None = None, heard: Callable[[str], None] | None = None
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
        firm.sync()
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
    catch_up(firm)
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
            os.kill(os.getpid(), stop.signal)

    return reach
