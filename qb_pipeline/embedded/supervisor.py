"""Keep the services of one home alive while somebody uses them: ``python -m qb_pipeline.embedded.supervisor HOME``.

The services are children of this process, so it learns of a death at once; it removes the remains of the dead service
and starts it again. It ends by itself when nobody has held ``home/users.lock`` for a while. Files in the home:

supervisor.lock   locked by the one supervisor; holds its pid
users.lock        locked (shared) by every command that uses the services
wanted/NAME       somebody wants that service
running           which services are ready, as JSON; locked by the supervisor that wrote it, out of date when unlocked

Belongs here: when services start and end. Does not belong here: how a service is started (``postgres``, ``emulator``),
or the functions for commands (``services``).
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
    """Run the supervisor; 0 also when this home already has one."""
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
            os._exit(0)  # the child goes on, and the lock with it
        os.setsid()
        os.chdir("/")
        write_pid(lock)
    supervisor.run()
    return 0


def lock_alone(path: Path) -> int | None:
    """Lock this file for ourselves; None when another process holds it. The lock ends with the process."""
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
    """Write our process id into the lock's file."""
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def seconds_before_restart(quick_deaths: int) -> float:
    """Seconds to wait before the next start, after so many deaths in a row, each soon after its start."""
    return 0.0 if quick_deaths < 2 else min(0.25 * 2.0 ** (quick_deaths - 1), 5.0)


def say(message: str) -> None:
    """Write a line to our log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), message, file=sys.stderr, flush=True)  # noqa: T201


@dataclass(slots=True)
class Kept:
    """A service that we keep alive, and the record of its starts and deaths."""

    service: Server | Emulator
    is_ready: bool = False
    started_at: float | None = None
    start_at: float = 0.0
    quick_deaths: int = 0


class Supervisor:
    """Starts the wanted services, restarts dead ones, and ends when it is told to or when nobody needs it."""

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
        """Keep this service from now on.

        Raises:
            EmbeddedError: it cannot run on this machine.
        """
        kept = Kept(SERVICES[name](self._home))
        kept.service.prepare()
        self._kept[name] = kept

    def run(self) -> None:
        """Keep the services alive until SIGTERM or SIGINT, or until nobody has used them for the linger time.

        SIGUSR1 sets that time to 0, so that a command that was told to end leaves no services behind.
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
        """Start the service when it is not running and its time has come."""
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
        self._announce()  # nobody shall think the service ready while the remains of the dead one are removed
        try:
            kept.service.start()
        except (EmbeddedError, OSError) as error:
            say(f"{name}: {error}")

    def _announce(self) -> None:
        """Write which services are ready when that has changed: a new file, locked before it replaces the old one."""
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
        """Whether nobody has held the users' lock for the linger time."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._used_at = time.monotonic()
            return False
        if time.monotonic() - self._used_at >= self._linger:
            return True  # the lock is kept: a command that comes now waits until we have stopped, and starts anew
        fcntl.flock(self._users, fcntl.LOCK_UN)
        return False

    def _home_is_ours(self) -> bool:
        """Whether the file that we locked is still the home's: somebody may have removed the home under our feet.

        Then another supervisor may already be at work in a new folder of that name; its services are not ours.
        """
        try:
            return os.path.samestat(os.stat(self._home / "supervisor.lock"), os.fstat(self._lock))
        except FileNotFoundError:
            return False

    def _wake_on_signals(self) -> int:
        """Give a descriptor that becomes readable when a child died or somebody wants us to stop."""

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
