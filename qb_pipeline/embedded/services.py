"""The functions by which a command has the services that the configuration lacks, as long as the command runs.

Belongs here: requesting services and waiting for them. Does not belong here: starting a server (``postgres``,
``emulator``) or keeping it alive (``supervisor``, another process). Every command imports this module, so it imports
little.
"""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, SIGUSR1
from typing import Any

from qb_pipeline import stopping
from qb_pipeline.config import BILLING_URL, DAGSTER_URL, DATABASE_URL, HOME, PROJECT, Config
from qb_pipeline.embedded import EmbeddedError, emulator, postgres, processes

DEADLINE_SECONDS = 60.0
LINGER_SECONDS = 20.0
LOOK_SECONDS = 0.02
GUARD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    """The addresses of all services: those in the environment, and those of the services that we run ourselves."""

    home: Path
    database_url: str
    billing_url: str
    dagster_url: str
    emulator_url: str | None

    def environment(self) -> dict[str, str]:
        """Return the URLs of the databases as environment variables, for Dagster's processes."""
        return {DATABASE_URL: self.database_url, BILLING_URL: self.billing_url, DAGSTER_URL: self.dagster_url}


@dataclass(frozen=True, slots=True)
class Status:
    """The ids of the processes that run in a home; None for a process that does not run."""

    supervisor: int | None
    postgres: int | None
    emulator: int | None


@contextmanager
def use(config: Config, *, linger: float = LINGER_SECONDS) -> Iterator[Services]:
    """Start the services that are down, wait until they answer, and keep them running until the block has ended.

    They end ``linger`` seconds after their last user has gone; a killed user counts as gone. If a signal told this
    process to end, they end at once, unless another process uses them.

    Raises:
        EmbeddedError: a service could not be started; the message contains the end of its log.
    """
    home = config.home.resolve()
    needed = [name for name in ("postgres", "emulator") if getattr(config, f"needs_{name}")]
    if not needed:
        yield _resolve(config, home)
        return
    over = threading.Event()
    try:
        with _users_lock(home):
            _have(home, needed, linger=linger, over=over)
            guard = threading.Thread(target=_guard, args=(home, needed, linger, over), name="guard", daemon=True)
            guard.start()
            try:
                yield _resolve(config, home)
            finally:
                over.set()
                guard.join()  # or it might restart services that another process stops after us
    finally:
        if stopping.is_told():
            _hurry(home)


def _hurry(home: Path) -> None:
    """Tell the supervisor to end as soon as no process uses its services."""
    supervisor = status(home).supervisor
    if supervisor is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, SIGUSR1)


def status(home: Path) -> Status:
    """Read the ids of the processes that run in this home at this moment."""
    running = _read_running(home) or {"supervisor": None, "ready": {}}
    return Status(running["supervisor"], running["ready"].get("postgres"), running["ready"].get("emulator"))


def stop(home: Path, *, seconds: float = 30.0) -> None:
    """Stop all services that run in this home, used or not, and wait until they have ended.

    Raises:
        EmbeddedError: a process still runs after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    lock = home / "supervisor.lock"
    while _is_locked(lock):
        pid = lock.read_text().strip()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), SIGTERM)
        if time.monotonic() > deadline:
            raise EmbeddedError(f"the services in {home} did not stop: process {pid} still runs")
        time.sleep(LOOK_SECONDS)


def make_home(home: Path) -> None:
    """Make the folder, and the folders above it that are missing.

    Folders that root makes are open to everybody whatever the umask is, since the server's unprivileged user must pass
    through them. Existing folders are not changed.
    """
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another command made it at the same time
            folder.mkdir()
            if os.geteuid() == 0:
                folder.chmod(0o755)


def _resolve(config: Config, home: Path) -> Services:
    local = postgres.urls(home) if config.needs_postgres else postgres.Urls("", "", "")
    return Services(
        home=home,
        database_url=config.database_url or local.database,
        billing_url=config.billing_url or local.billing,
        dagster_url=config.dagster_url or local.dagster,
        emulator_url=emulator.url(home) if config.needs_emulator else None,
    )


@contextmanager
def _users_lock(home: Path) -> Iterator[None]:
    """Count this process as a user of the home's services until the block has ended.

    Raises:
        EmbeddedError: the home cannot be written.
    """
    try:
        make_home(home)
        descriptor = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise EmbeddedError(f"{home} cannot be written: set {HOME} to a folder of your own") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _have(home: Path, needed: list[str], *, linger: float, over: threading.Event) -> None:
    """Wait until all of these services are ready or ``over`` is set, starting the supervisor when it is not running.

    Raises:
        EmbeddedError: the services are not ready after ``DEADLINE_SECONDS``; the message contains the ends of the logs.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not over.is_set() and not _are_ready(home, needed):
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"the embedded {' and '.join(needed)} did not become ready within {DEADLINE_SECONDS:.0f} s.\n"
                + "\n".join(_tail(home / log) for log in ("supervisor.log", *(f"{name}/log" for name in needed)))
            )
        for name in needed:
            wish = home / "wanted" / name
            wish.parent.mkdir(exist_ok=True)
            wish.touch()
        if not _is_locked(home / "supervisor.lock"):
            _start_supervisor(home, needed, linger=linger, seconds=deadline - time.monotonic())
        time.sleep(LOOK_SECONDS)


def _guard(home: Path, needed: list[str], linger: float, over: threading.Event) -> None:
    """Start a new supervisor whenever ours was killed, until ``over`` is set.

    A supervisor that ended on purpose has removed its announcement (``running``); a killed supervisor has left it
    there, without its lock.
    """
    while not over.wait(GUARD_SECONDS):
        if (home / "running").exists() and _read_running(home) is None:
            with contextlib.suppress(EmbeddedError, OSError):  # our command learns it from its connections
                _have(home, needed, linger=linger, over=over)


def _are_ready(home: Path, needed: list[str]) -> bool:
    running = _read_running(home)
    if running is None or any(name not in running["ready"] for name in needed):
        return False
    return "postgres" not in needed or postgres.takes_connections(home)


def _read_running(home: Path) -> dict[str, Any] | None:
    """Read the announcement of the living supervisor; return None when no supervisor runs."""
    try:
        with (home / "running").open() as file:
            if _is_held(file.fileno()):
                running: dict[str, Any] = json.load(file)
                return running
    except FileNotFoundError:
        pass
    return None


def _is_locked(path: Path) -> bool:
    """Return whether a living process holds this file's exclusive lock."""
    try:
        with path.open() as file:
            return _is_held(file.fileno())
    except FileNotFoundError:
        return False


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _start_supervisor(home: Path, needed: list[str], *, linger: float, seconds: float) -> None:
    """Start the supervisor in the background, and return when it has prepared the services.

    Raises:
        EmbeddedError: the supervisor could not prepare them; the message contains its output.
    """
    log = home / "supervisor.log"
    command = [sys.executable, "-m", "qb_pipeline.embedded.supervisor", str(home), *(f"--{name}" for name in needed)]
    with open(processes.open_log(log), "ab") as file:
        begin = file.tell()
        try:
            subprocess.run(
                [*command, "--detach", "--linger", str(linger)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=True,
                cwd=PROJECT,  # where ``-m`` finds us, installed or not
                start_new_session=True,
                timeout=seconds,
            )
        except subprocess.SubprocessError as error:
            said = log.read_bytes()[begin:].decode(errors="replace").strip()
            raise EmbeddedError(f"the embedded {' and '.join(needed)} cannot run: {said or error}") from error


def _tail(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return f"{log}: not there"
    return f"{log}:\n" + "\n".join(text.splitlines()[-10:])
