"""The embedded PostgreSQL: one cluster with our three databases, on 127.0.0.1, protected by a password.

The files are below ``home/postgres``: ``data`` (the server's own), ``password`` (ours, mode 0600), ``port``, ``log``.
Belongs here: creating, starting and stopping the server. Does not belong here: keeping it alive (``supervisor``) or any
table (the migrations).
"""

import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qb_pipeline.embedded import EmbeddedError, processes
from qb_pipeline.embedded.binaries import as_account, check_can_enter, choose_account, find_programs, reachable

SUPERUSER = "qb_pipeline"
DATABASES = ("pipeline", "billing", "dagster")
COMMAND = re.compile(r"^(\S*/)?(postgres|initdb)\b")
"""The beginning of a command line of the server, or of one of its backends (``postgres: checkpointer``)."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes; a home's path may have more
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "32MB",  # a firm's whole year is compared in memory; with 4 MB its joins sort on disk, twice as long
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # a failed statement concerns only its client; its text may hold client data
    "log_min_error_statement": "panic",
}
if sys.platform == "linux":
    # After a crash all files are forced to disk once, in one call instead of file by file (3 s for a new cluster).
    SETTINGS["recovery_init_sync_method"] = "syncfs"
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_SECONDS = 60.0
CANNOT_CONNECT_NOW = b"C57P03\0"
"""The code that a server sends while it is starting up, recovering or shutting down, in PostgreSQL's protocol."""


@dataclass(frozen=True, slots=True)
class Urls:
    """The SQLAlchemy URLs of the three databases, password included."""

    database: str
    billing: str
    dagster: str


def urls(home: Path) -> Urls:
    """Read the URLs of the three databases from the home's files, without checking whether the server runs."""
    pipeline, billing, dagster = (_url(home, name) for name in DATABASES)
    return Urls(database=pipeline, billing=billing, dagster=dagster)


def takes_connections(home: Path) -> bool:
    """Return whether the server takes connections, by beginning a login.

    The login ends when the server asks for the password, and costs a millisecond. The supervisor's announcement is not
    enough: after a ``kill -9`` a server may be shutting down, or may have ended, some moments before its supervisor
    notices.
    """
    words = b"".join(word.encode() + b"\0" for word in ("user", SUPERUSER, "database", DATABASES[0], ""))
    version = 3 << 16
    try:
        port = int((home / "postgres" / "port").read_text())
        with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
            connection.sendall(struct.pack("!ii", 8 + len(words), version) + words)
            answer = connection.recv(4096)  # the whole answer: an unread rest would cause a line in the server's log
            return answer != b"" and CANNOT_CONNECT_NOW not in answer
    except (OSError, ValueError):
        return False


@contextmanager
def temporary_server(home: Path, *, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server for tests until the block has ended, and yield the URL of a superuser.

    The server has no supervisor and does not wait for the disk, so its data are lost when the machine fails. The caller
    makes the home, runs nothing else in it, and removes it. For root the home and the folders above it must be open
    (``o+x``), since the server runs as another user.
    """
    server = Server(home, durable=False, environ=environ)
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
    """The server as a child process of the process that calls ``start``. A home has one caller at a time."""

    def __init__(self, home: Path, *, durable: bool = True, environ: Mapping[str, str] | None = None) -> None:
        self.directory = home.resolve() / "postgres"
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self._password = self.directory / "password"
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = SETTINGS | ({} if durable else NOT_DURABLE)
        self._durable = durable
        self._environ = os.environ if environ is None else environ

    def prepare(self) -> None:
        """Find the programs, and create the cluster if it does not exist.

        The cluster is created in another folder, which is renamed when it is complete, so that a crash leaves no
        partial cluster.

        Raises:
            EmbeddedError: nothing can be started before a person acts.
        """
        self.directory.mkdir(mode=0o755, exist_ok=True)
        self._account = choose_account(self.data)
        if self._account:
            self.directory.chmod(0o755)  # our umask may have closed it to the server's user
        check_can_enter(self.directory, self._account)
        self._programs = reachable(find_programs(self.data, self._environ), self._account, self.directory)
        if not self.data.exists():
            self._create_cluster()

    def start(self) -> None:
        """End the processes that an earlier server left, and start ours, without waiting until it is ready."""
        self.prepare()
        self._end_orphans()
        if not self._password.exists():
            self._set_password(self.data)
        port = processes.remembered_port(self.directory / "port")
        options = [text for name, value in self._settings.items() for text in ("-c", f"{name}={value}")]
        log = processes.open_log(self.log)
        try:
            self.process = subprocess.Popen(
                [self._programs.folder / "postgres", "-D", self.data, "-p", str(port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=self._inherited(),
                start_new_session=True,  # Ctrl-C must reach only the command in the foreground
                preexec_fn=processes.dying_with_us(signal.SIGINT),  # noqa: PLW1509 - no threads here
                **as_account(self._account),
            )
        finally:
            os.close(log)

    def is_ready(self) -> bool:
        """Return whether our child takes connections, according to the last line of its lock file."""
        if self.process is None or self.process.poll() is not None:
            return False
        lines = self._lock_file_lines()
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Stop the server cleanly: sessions are ended, open transactions are rolled back, and all data are on disk."""
        if self.process is not None:
            processes.stop_child(self.process, signal.SIGINT, signal.SIGQUIT, patience=10.0)
            self.process = None

    def _end_orphans(self) -> None:
        """End the processes that an earlier server left in our data directory, and remove its lock file.

        PostgreSQL itself would take *any* process with the number in the lock file for its server; after a reboot that
        number may belong to any program. We hold the home's lock, and recognise the processes by folder and command
        line. The server still checks the shared memory of its data directory, as a second guard.
        """
        lines = self._lock_file_lines()
        if lines and lines[0].isdigit() and int(lines[0]) in processes.find_processes(self.data, COMMAND):
            # Only the postmaster may get SIGINT (stop cleanly): a checkpointer alone would record a clean shutdown.
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
        modern = self._programs.version >= 17
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if modern else []
        access = ["--auth-host=scram-sha-256", "--auth-local=reject"]
        content = ["--encoding=UTF8", "--locale=C", *locale, "--data-checksums", "--no-sync"]
        self._run(new, "initdb", "-D", str(new), "--username", SUPERUSER, *access, *content)
        self._tell(new, *(f"create database {name}" for name in DATABASES))
        self._set_password(new)
        if self._durable:
            at_once = ["--sync-method=syncfs"] if modern and sys.platform == "linux" else []
            self._run(new, "initdb", "-D", str(new), "--sync-only", *at_once)
        new.rename(self.data)

    def _set_password(self, data: Path) -> None:
        """Set a new password for the superuser, and write it to our file ``password``."""
        password = secrets.token_urlsafe(24)
        self._tell(data, f"alter role {SUPERUSER} password '{password}'")
        self._password.unlink(missing_ok=True)
        with os.fdopen(os.open(self._password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
            file.flush()
            os.fsync(file.fileno())

    def _tell(self, data: Path, *statements: str) -> None:
        """Run statements in a server without listener and clients.

        The statements are sent through a pipe, which no other process can read.

        Raises:
            EmbeddedError: a statement failed.
        """
        text = "".join(f"{statement};\n" for statement in statements)
        fsync = "on" if data == self.data else "off"  # a new cluster is forced to disk at its end, as a whole
        if "ERROR" in self._run(
            data, "postgres", "--single", "-D", str(data), "-c", f"fsync={fsync}", "postgres", text=text
        ):
            raise EmbeddedError(f"PostgreSQL could not set up its cluster in {data}")

    def _run(self, data: Path, program: str, *arguments: str, text: str = "") -> str:
        """Run a program of PostgreSQL to its end, and return its output.

        Raises:
            EmbeddedError: the program failed.
        """
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [self._programs.folder / program, *arguments],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=data,
            env=self._inherited(),
            start_new_session=True,
            preexec_fn=processes.dying_with_us(signal.SIGKILL),
            **as_account(self._account),
        )
        if done.returncode:
            raise EmbeddedError(f"{program} failed with exit code {done.returncode}: {done.stdout[-1000:].strip()}")
        return done.stdout

    def _inherited(self) -> dict[str, str]:
        """Return the environment of the server: no secret of ours, no PG… variable, messages in English."""
        kept = {name: value for name, value in self._environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
        return kept | {"LC_ALL": "C"}


def _url(home: Path, database: str) -> str:
    password = (home / "postgres" / "password").read_text()
    port = int((home / "postgres" / "port").read_text())
    return f"postgresql+psycopg2://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}"
