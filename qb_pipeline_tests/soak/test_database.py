"""The database server dies, its disk is full, the line to it is cut: the next run finishes without a person."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.conftest import NOON, url_of
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.send.test_settle import once

COMMIT = b"COMMIT"


class Line:
    """A line to PostgreSQL that can be cut right after a COMMIT went through: who committed hears no answer."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.commits = 0
        self.cut_at = 0
        self.was_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                threading.Thread(target=self._forward, args=[client, server, True], daemon=True).start()
                threading.Thread(target=self._forward, args=[server, client, False], daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                is_commit = is_client and COMMIT in data
                self.commits += is_commit
                if is_commit and self.commits == self.cut_at:
                    source.shutdown(socket.SHUT_RDWR)  # the client is cut off first; the server still gets its COMMIT
                    target.sendall(data)
                    self.was_cut = True
                    break
                target.sendall(data)
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


@contextmanager
def firm_behind(line: Line, server_url: str, books: Bookkeeper, server: sa.Engine) -> Iterator[LawFirm]:
    """A firm whose ledger is reached through the line."""
    for name in ("line_billing", "line_ledger"):
        with server.connect() as connection:
            connection.exec_driver_sql(f"drop database if exists {name} with (force)")
            connection.exec_driver_sql(f"create database {name}")
    billing = sa.create_engine(url_of(server_url, "line_billing"))
    direct = sa.create_engine(url_of(server_url, "line_ledger"))
    install(billing)
    schema.upgrade(direct, now=NOON)
    through = sa.make_url(url_of(server_url, "line_ledger")).set(port=line.port)
    ledger = sa.create_engine(through, poolclass=sa.NullPool, hide_parameters=True)
    try:
        yield LawFirm(billing, ledger, books)
    finally:
        for engine in (billing, direct, ledger):
            engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_commit_whose_answer_is_lost_is_neither_done_twice_nor_dropped(
    server_url: str, server: sa.Engine, emulator_url: str, books: Bookkeeper, seed: int
) -> None:
    line = Line(sa.make_url(server_url).port or 0)
    with firm_behind(line, server_url, books, server) as firm:
        firm.activate()
        for number in ("1", "2", "3"):
            firm.invoice(number, "100.00")
            firm.payment(f"p{number}", applied={number: "40.00"})
        line.cut_at = line.commits + 8 + 5 * seed

        with suppress(Exception):
            firm.sync()
        line.cut_at = 0
        firm.sync()

        assert line.was_cut
        assert (firm.in_quickbooks("invoice"), firm.in_quickbooks("payment")) == (
            once("1", "2", "3"), once("p1", "p2", "p3"),
        )  # fmt: skip
        assert set(firm.states().values()) == {("synced", "")}
    line.close()


@pytest.mark.slow
def test_a_database_that_dies_in_the_middle_of_a_batch_comes_back_with_the_intent(books: Bookkeeper) -> None:
    """SIGQUIT is PostgreSQL's immediate stop: nothing is written down any more, the log is replayed at the start."""
    with own_server() as (server, url), firm_on(url, "pipeline", books) as firm:
        for number in ("1", "2"):
            firm.invoice(number, "100.00")
        with in_the_middle_of_a_batch(firm) as failed:
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGQUIT)
            server.process.wait(30)
        server.start()
        _await(server)
        for engine in (firm.billing, firm.ledger):
            engine.dispose()

        firm.sync()

        assert failed
        assert firm.in_quickbooks("invoice") == once("1", "2")
        assert set(firm.states().values()) == {("synced", "")}


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is small enough to fill")
def test_a_disk_that_fills_while_an_answer_is_awaited_loses_and_doubles_nothing(books: Bookkeeper) -> None:
    numbers = [f"{number:03}" for number in range(150)]
    with own_server() as (server, url), small_disk(server) as disk:
        with sa.create_engine(url_of(url, "postgres"), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"create tablespace small location '{disk / 'space'}'")
            connection.exec_driver_sql("create database small tablespace small")
        with firm_on(url, "small", books) as firm:
            for number in numbers:
                firm.invoice(number, "100.00")
            with in_the_middle_of_a_batch(firm) as failed:
                fill(disk / "ballast")
            (disk / "ballast").unlink()

            firm.sync()

            assert failed
            assert firm.in_quickbooks("invoice") == once(*numbers)
            assert set(firm.states().values()) == {("synced", "")}


@contextmanager
def own_server() -> Iterator[tuple[postgres.Server, str]]:
    """A server that writes to disk as in production, to be killed."""
    with temporary_home() as home:
        server = postgres.Server(home)
        server.start()
        _await(server)
        yield server, postgres.urls(home).database
        server.stop()


@contextmanager
def firm_on(url: str, ledger_name: str, books: Bookkeeper) -> Iterator[LawFirm]:
    """An active firm in this server."""
    billing, ledger = (sa.create_engine(url_of(url, name), hide_parameters=True) for name in ("billing", ledger_name))
    install(billing)
    schema.upgrade(ledger, now=NOON)
    firm = LawFirm(billing, ledger, books)
    firm.activate()
    yield firm
    for engine in (billing, ledger):
        engine.dispose()


@contextmanager
def in_the_middle_of_a_batch(firm: LawFirm) -> Iterator[list[Exception]]:
    """A run in another thread; the block begins while it waits for the answer to a batch. Gives how the run failed."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            firm.sync()
        except Exception as error:
            failed.append(error)

    firm.books.fault({"what": "delay_after", "seconds": 1.5, "match": "batch"})
    thread = threading.Thread(target=run)
    thread.start()
    until = time.monotonic() + 60
    while not firm.books.statistics()["mishaps"].get("delay_after") and time.monotonic() < until:
        time.sleep(0.02)
    yield failed
    thread.join(120)


@contextmanager
def small_disk(server: postgres.Server) -> Iterator[Path]:
    """A file system of 40 MB in memory, that the server's user may write to."""
    disk = Path(tempfile.mkdtemp(prefix="small", dir="/var/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=False)  # noqa: S607
    if mounted.returncode:
        disk.rmdir()
        pytest.skip("no file system may be mounted here")
    try:
        disk.chmod(0o755)
        owner = server.data.stat()
        (disk / "space").mkdir()
        os.chown(disk / "space", owner.st_uid, owner.st_gid)
        yield disk
        server.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)  # noqa: S607
        disk.rmdir()


def fill(path: Path) -> None:
    """Leave no room on a disk."""
    with suppress(OSError), path.open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def _await(server: postgres.Server) -> None:
    until = time.monotonic() + 60
    while not server.is_ready():
        assert time.monotonic() < until, "PostgreSQL did not start"
        time.sleep(0.02)
