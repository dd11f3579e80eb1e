"""The embedded PostgreSQL: one cluster with our three databases, on 127.0.0.1, behind a password.

Everything is below ``home/postgres``: ``data`` (the server's own), ``password`` (ours, 0600), ``port``, ``log``.
Belongs here: creating, starting and stopping the server. Does not belong here: keeping it alive (``supervisor``) or any
table (the migrations).
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qb_pipeline.embedded import EmbeddedError, processes
from qb_pipeline.embedded.binaries import as_account, check_can_enter, choose_account, find_binaries, reachable

SUPERUSER = "qb_pipeline"
DATABASES = ("pipeline", "billing", "dagster")
COMMAND = re.compile(r"^(\S*/)?(postgres|initdb)\b")
"""How the command line of the server begins, and of its backends (``postgres: checkpointer``)."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes; a home's path may have more
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # a failed statement is its client's business; its text may hold client data
    "log_min_error_statement": "panic",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
LOG_BYTES = 5_000_000
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Urls:
    """SQLAlchemy URLs of the three databases, password included."""

    database: str
    billing: str
    dagster: str


def urls(home: Path) -> Urls:
    """Read from the home's files how to connect; whether the server is up is not looked at."""
    pipeline, billing, dagster = (_url(home, name) for name in DATABASES)
    return Urls(database=pipeline, billing=billing, dagster=dagster)


@contextmanager
def temporary_server(home: Path) -> Iterator[str]:
    """Run a server for tests, without supervisor and without waiting for the disk; yields a superuser's URL.

    Its data are lost when the machine fails. The home's owner removes the home.
    """
    server = Server(home, durable=False)
    server.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.is_ready():
            if server.process is None or server.process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start; see {server.log}")
            time.sleep(0.02)
        yield _url(home, "postgres")
    finally:
        server.stop()


class Server:
    """The server as a child process of whoever calls ``start``. One caller at a time per home."""

    name = "postgres"

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.directory = home / "postgres"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = SETTINGS | ({} if durable else NOT_DURABLE)
        self._durable = durable

    def prepare(self) -> None:
        """Find the programs, and create the cluster when there is none.

        The cluster is made aside and moved into place when it is complete, so a death in between costs nothing.

        Raises:
            EmbeddedError: nothing can be started before a person acts.
        """
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._account = choose_account(self.data)
        if self._account:
            self.directory.chmod(0o755)  # our umask may have closed it to the server's user
        check_can_enter(self.directory, self._account)
        self._programs = reachable(find_binaries(self.data, os.environ), self._account, self.directory)
        if not self.data.exists():
            self._create_cluster()

    def start(self) -> None:
        """Start the server, after all that an earlier one left behind is gone; doesn't wait until it is ready."""
        self.prepare()
        self._end_orphans()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1"))
        port = processes.remembered_port(self.directory / "port")
        options = [text for name, value in self._settings.items() for text in ("-c", f"{name}={value}")]
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, "-p", str(port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the command in front
                preexec_fn=processes.dying_with_us(signal.SIGINT),  # noqa: PLW1509 - no threads here
                **as_account(self._account),
            )
        finally:
            os.close(log)

    def is_ready(self) -> bool:
        """Whether our child takes connections: it says so itself in the last line of its lock file."""
        if self.process is None or self.process.poll() is not None:
            return False
        lines = self._lock_file_lines()
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Stop cleanly: sessions are ended, open transactions rolled back, everything is on disk."""
        if self.process is not None:
            processes.stop_child(self.process, signal.SIGINT, signal.SIGQUIT, patience=10.0)
            self.process = None
            self._end_orphans()

    def _end_orphans(self) -> None:
        """End what lives in our data directory without us, and remove a lock file that names nobody of ours.

        PostgreSQL itself would take *any* process with the number in the lock file for its server; after a reboot that
        may be anything. We hold the home's lock and have looked at what the processes do. The server still checks the
        shared memory of its data directory, as its own second guard.
        """
        lines = self._lock_file_lines()
        if lines and lines[0].isdigit() and int(lines[0]) in processes.find_processes(self.data, COMMAND):
            # Only the postmaster may get SIGINT (stop cleanly): a checkpointer alone would write down that all is well.
            processes.end_processes(self.data, COMMAND, signal_number=signal.SIGINT, patience=10.0, only=int(lines[0]))
        processes.end_processes(self.data, COMMAND, signal_number=signal.SIGQUIT, patience=3.0)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _lock_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _create_cluster(self) -> None:
        new = self.directory / "data.new"
        processes.end_processes(new, COMMAND, signal_number=signal.SIGKILL, patience=3.0)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._account:
            os.chown(new, self._account.uid, self._account.gid)
        self._run("initdb", "-D", str(new), "--username", SUPERUSER, *self._initdb_options())
        statements = [
            f"alter role {SUPERUSER} password '{self._new_password()}'",
            *(f"create database {name}" for name in DATABASES),
        ]
        # A server without listener or clients; the password passes through a pipe, so no other user ever sees it.
        said = self._run("postgres", "--single", "-D", str(new), "postgres", says=statements)
        if "ERROR" in said:
            raise EmbeddedError("PostgreSQL could not create the databases in a new cluster")
        new.rename(self.data)

    def _initdb_options(self) -> list[str]:
        options = [
            "--auth-local=reject",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
        ]
        version = int((self._run("initdb", "--version").split()[-1]).split(".")[0])
        if version >= 17:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return options if self._durable else [*options, "--no-sync"]

    def _run(self, program: str, *arguments: str, says: list[str] | None = None) -> str:
        """Run a program of PostgreSQL to its end; gives what it printed."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [self._programs / program, *arguments],
            input="".join(f"{statement};\n" for statement in says or []),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self.directory / "data.new",
            env=_environment(),
            start_new_session=True,
            preexec_fn=processes.dying_with_us(signal.SIGKILL),
            **as_account(self._account),
        )
        if done.returncode:
            raise EmbeddedError(f"{program} failed with exit code {done.returncode}: {done.stdout[-1000:].strip()}")
        return done.stdout

    def _new_password(self) -> str:
        path = self.directory / "password"
        path.unlink(missing_ok=True)  # of a cluster that was never completed
        password = secrets.token_urlsafe(24)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        return password


def _url(home: Path, database: str) -> str:
    password = (home / "postgres" / "password").read_text()
    port = int((home / "postgres" / "port").read_text())
    return f"postgresql+psycopg2://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}"


def _environment() -> dict[str, str]:
    """What the server inherits: no secret of ours, no PG… variable, messages in English."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    return kept | {"LC_ALL": "C"}
