"""The supervisor of a home's services, which keeps them alive while they are used.

It runs as ``python -m qb_pipeline.embedded.supervisor HOME``. The services are its children, so it is notified at once
when a service ends; it then removes the remains of that service and starts it again. It ends by itself when no process
has held ``home/users.lock`` for the linger time. Files in the home:

supervisor.lock   locked by the one supervisor; contains its process id
users.lock        locked (shared) by every command that uses the services
wanted/NAME       exists while that service is wanted
running           the services that are ready, as JSON; locked by the supervisor that wrote it, else out of date

Belongs here: the start and the end of services over time. Does not belong here: the way to start a service
(``postgres``, ``emulator``), or the functions for commands (``services``).
"""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from select import select

from qb_pipeline.embedded import EmbeddedError
from qb_pipeline.embedded.emulator import Emulator
from qb_pipeline.embedded.postgres import Server

SERVICES: dict[str, Callable[[Path], Server | Emulator]] = {"postgres": Server, "emulator": Emulator}
LINGER_SECONDS = 20.0
TICK_SECONDS = 0.25
STARTING_TICK_SECONDS = 0.02
STABLE_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run the supervisor and return its exit code, which is 0 also when this home already has a supervisor."""
    parser = argparse.ArgumentParser(prog="python -m qb_pipeline.embedded.supervisor")
    parser.add_argument("home", type=Path)
    parser.add_argument("--postgres", action="store_true", help="keep PostgreSQL running")
    parser.add_argument("--emulator", action="store_true", help="keep the QuickBooks emulator running")
    parser.add_argument(
        "--linger", type=float, default=LINGER_SECONDS, help="seconds to stay after the last user is gone"
    )
    parser.add_argument("--detach", action="store_true", help="come back when all is prepared; go on in the background")
    given = parser.parse_args(arguments)
    home = given.home.resolve()
    os.umask(0o022)  # the server's user must reach its folder; secret files get a mode of their own
    lock = lock_alone(home / "supervisor.lock")
    if lock is None:
        return 0
    supervisor = Supervisor(home, lock=lock, linger=given.linger)
    try:
        for name in SERVICES:
            if getattr(given, name):
                supervisor.add(name)
    except (EmbeddedError, OSError) as error:
        say(str(error))
        return 1
    if given.detach:
        if os.fork():
            os._exit(0)  # the child continues, and keeps the lock
        os.setsid()
        os.chdir("/")
        write_pid(lock)
    supervisor.run()
    return 0


def lock_alone(path: Path) -> int | None:
    """Lock this file exclusively and return its descriptor; return None when another process holds the lock.

    The lock ends with the process.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(10):  # a process that only tests the lock holds it for a moment too
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            write_pid(descriptor)
            return descriptor
    os.close(descriptor)
    return None


def write_pid(lock: int) -> None:
    """Write our process id into the file of the lock."""
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def seconds_before_restart(quick_deaths: int) -> float:
    """Return the seconds to wait before the next start of a service.

    ``quick_deaths`` is the number of times in a row that the service ended soon after its start.
    """
    return 0.0 if quick_deaths < 2 else min(0.25 * 2.0 ** (quick_deaths - 1), 5.0)


def say(message: str) -> None:
    """Write a line to our log (stderr), with the time in UTC."""
    print(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), message, file=sys.stderr, flush=True)  # noqa: T201


@dataclass(slots=True)
class Kept:
    """A service that the supervisor keeps alive, and the record of its starts and ends."""

    service: Server | Emulator
    is_ready: bool = False
    started_at: float | None = None
    start_at: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """The object that starts the wanted services and restarts the ones that have ended.

    It ends when it is told to, or when no process uses the services any more.
    """

    def __init__(self, home: Path, *, lock: int, linger: float) -> None:
        self._home = home
        self._lock = lock
        self._linger = linger
        self._kept: dict[str, Kept] = {}
        self._ready: dict[str, int] | None = None
        self._announcement: int | None = None
        self._users = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._used_at = time.monotonic()
        self._told_to_stop = False

    def add(self, name: str) -> None:
        """Prepare this service, and keep it alive from now on.

        Raises:
            EmbeddedError: it cannot run on this machine.
        """
        kept = Kept(SERVICES[name](self._home))
        kept.service.prepare()
        self._kept[name] = kept

    def run(self) -> None:
        """Keep the services alive until a signal comes, or until no process has used them for the linger time.

        The signals are SIGTERM, SIGINT and SIGHUP. SIGUSR1 sets the linger time to 0, so that a command that was told
        to end leaves no services behind.
        """
        woken = self._wake_on_signals()
        try:
            while not self._told_to_stop and not self._is_idle() and self._home_is_ours():
                self._add_wanted()
                for name, kept in self._kept.items():
                    self._tend(name, kept)
                self._announce()
                all_ready = all(kept.is_ready for kept in self._kept.values())
                select([woken], [], [], TICK_SECONDS if all_ready else STARTING_TICK_SECONDS)
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
        finally:
            self._end()

    def _add_wanted(self) -> None:
        for name, make in SERVICES.items():
            if name not in self._kept and (self._home / "wanted" / name).exists():
                self._kept[name] = Kept(make(self._home))

    def _tend(self, name: str, kept: Kept) -> None:
        """Start the service if it is not running and the time of its next start has come; note whether it is ready."""
        process = kept.service.process
        if process is not None and process.poll() is None:
            kept.is_ready = kept.is_ready or kept.service.is_ready()
            return
        kept.is_ready = False
        now = time.monotonic()
        if kept.started_at is not None:
            ended = "could not be started" if process is None else f"ended with code {process.returncode}"
            kept.quick_deaths = kept.quick_deaths + 1 if now - kept.started_at < STABLE_SECONDS else 0
            kept.start_at = now + seconds_before_restart(kept.quick_deaths)
            kept.started_at = None
            say(f"{name} {ended}; next start in {kept.start_at - now:.1f} s")
        if now < kept.start_at:
            return
        kept.started_at = now
        kept.service.process = None
        self._announce()  # the service must not look ready while the remains of the dead process are removed
        try:
            kept.service.start()
        except (EmbeddedError, OSError) as error:
            say(f"{name}: {error}")

    def _announce(self) -> None:
        """Write the list of the services that are ready, if it has changed.

        The list is written to a new file, which is locked before it replaces the old file.
        """
        ready = {
            name: kept.service.process.pid
            for name, kept in self._kept.items()
            if kept.service.process is not None and kept.is_ready
        }
        if ready == self._ready:
            return
        new = self._home / "running.new"
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"supervisor": os.getpid(), "ready": ready}).encode())
        new.replace(self._home / "running")
        if self._announcement is not None:
            os.close(self._announcement)
        self._announcement, self._ready = descriptor, ready

    def _is_idle(self) -> bool:
        """Return whether no process has held the users' lock for the linger time."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._used_at = time.monotonic()
            return False
        if time.monotonic() - self._used_at >= self._linger:
            return True  # the lock is kept: a command that comes now waits for our end, and starts a new supervisor
        fcntl.flock(self._users, fcntl.LOCK_UN)
        return False

    def _home_is_ours(self) -> bool:
        """Return whether the file that we locked is still the home's lock file.

        Somebody may have removed the home while we run. Another supervisor may then be at work in a new folder of the
        same name; its services are not ours.
        """
        try:
            return os.path.samestat(os.stat(self._home / "supervisor.lock"), os.fstat(self._lock))
        except FileNotFoundError:
            return False

    def _wake_on_signals(self) -> int:
        """Set the signal handlers, and return a descriptor that becomes readable when a signal comes.

        A signal comes when a child has ended, or when another process wants us to stop.
        """

        def stop(_signal: int, _frame: object) -> None:
            self._told_to_stop = True

        def hurry(_signal: int, _frame: object) -> None:
            self._linger = 0.0

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGUSR1, hurry)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)  # without a handler nothing would wake us
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        return reader

    def _end(self) -> None:
        if self._home_is_ours():
            (self._home / "running").unlink(missing_ok=True)
            for name in self._kept:
                (self._home / "wanted" / name).unlink(missing_ok=True)
        for kept in self._kept.values():
            kept.service.stop()


if __name__ == "__main__":
    sys.exit(main())
