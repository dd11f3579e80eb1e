"""The server itself: what it holds, who reaches it, and how it starts after bad days."""

import os
import shutil
import socket
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from qb_pipeline.embedded import postgres, processes
from qb_pipeline_tests.embedded.conftest import as_root, query

Running = tuple[Path, str]


def test_the_three_databases_are_there_in_unicode(server: Running) -> None:
    home, _ = server
    urls = postgres.urls(home)
    question = "select current_database()::text, current_setting('server_encoding'), lower('ÄÉ'), 'a' < 'B'"

    assert [query(url, question) for url in (urls.database, urls.billing, urls.dagster)] == [
        [("pipeline", "UTF8", "äé", False)],
        [("billing", "UTF8", "äé", False)],
        [("dagster", "UTF8", "äé", False)],
    ]


def test_times_are_in_utc_and_named_time_zones_are_known(server: Running) -> None:
    rows = query(
        server[1], "select current_setting('timezone'), timestamptz '2026-07-01 12:00Z' at time zone 'America/New_York'"
    )

    assert [(zone, str(local)) for zone, local in rows] == [("UTC", "2026-07-01 08:00:00")]


def test_a_connection_without_the_password_is_refused(server: Running) -> None:
    home, url = server
    password = (home / "postgres" / "password").read_text()

    for wrong in ("", "guess"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            query(url.replace(f":{password}@", f":{wrong}@"), "select 1")


def test_it_listens_on_the_loopback_address_only(server: Running) -> None:
    home, _ = server
    listening = set()
    for process in _processes(home):
        with suppress(psutil.NoSuchProcess):  # a session that ends meanwhile
            listening |= {
                connection.laddr
                for connection in process.net_connections("all")
                if connection.status == psutil.CONN_LISTEN or connection.family == socket.AF_UNIX
            }

    assert listening == {("127.0.0.1", int((home / "postgres" / "port").read_text()))}


def test_secrets_can_be_read_by_their_owner_only(server: Running) -> None:
    home, _ = server
    modes = {name: stat.S_IMODE((home / "postgres" / name).stat().st_mode) for name in ("password", "data", "log")}

    assert modes == {"password": 0o600, "data": 0o700, "log": 0o600}
    assert (home / "postgres" / "password").stat().st_uid == os.geteuid()


@as_root
def test_no_process_of_the_server_belongs_to_root(server: Running) -> None:
    owners = {(process.uids().real, process.uids().effective, process.gids().real) for process in _processes(server[0])}

    assert len(owners) == 1
    assert 0 not in next(iter(owners))


def test_folders_above_are_left_as_they_are(server: Running) -> None:
    home, _ = server

    assert [oct(folder.stat().st_mode) for folder in (home, home.parent)] == ["0o40755", "0o41777"]


def test_the_server_inherits_no_variable_of_ours(server: Running) -> None:
    postmaster = next(process for process in _processes(server[0]) if "-D" in process.cmdline())

    assert (
        set(postmaster.environ()) - {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "PG_GRANDPARENT_PID", "PGLOCALEDIR"} == set()
    )


def test_statements_that_fail_leave_no_text_in_the_log(server: Running) -> None:
    home, url = server

    with pytest.raises(psycopg2.Error):
        query(url, "select 'Jane Doe'::int")

    assert "Jane" not in (home / "postgres" / "log").read_text()


def test_asking_whether_it_takes_connections_leaves_no_trace(server: Running, tmp_path: Path) -> None:
    home, _ = server
    before = (home / "postgres" / "log").read_text()

    assert postgres.takes_connections(home)

    time.sleep(0.1)
    assert (home / "postgres" / "log").read_text() == before
    assert not postgres.takes_connections(tmp_path)


def test_a_server_that_has_no_room_left_is_up_all_the_same(server: Running) -> None:
    home, url = server
    connections = [psycopg2.connect(url.replace("+psycopg2", "")) for _ in range(100)]
    with pytest.raises(psycopg2.OperationalError, match="too many clients"):
        query(url, "select 1")

    assert postgres.takes_connections(home)
    for connection in connections:
        connection.close()


def test_what_a_death_during_creation_left_is_thrown_away(home: Path) -> None:
    shutil.rmtree(home / "postgres", ignore_errors=True)
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    (home / "postgres" / "password").write_text("of a cluster that never was")

    with postgres.temporary_server(home) as url:
        assert query(url, "select 1") == [(1,)]

    assert not (home / "postgres" / "data.new").exists()


@pytest.mark.slow
def test_a_server_comes_back_whatever_happened_to_its_files(home: Path) -> None:
    """A stale lock file that names a living stranger, a taken port, and a lost password, one after the other."""
    with postgres.temporary_server(home) as url:
        query(url, "create table kept as select 7 as seven")
    lock_file = home / "postgres" / "data" / "postmaster.pid"
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        lock_file.write_text(f"{stranger.pid}\n{lock_file.parent}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready   \n")
        with postgres.temporary_server(home) as url:
            assert query(url, "select seven from kept") == [(7,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

    port = int((home / "postgres" / "port").read_text())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with postgres.temporary_server(home) as url:
            assert query(url, "select seven from kept") == [(7,)]
            assert f":{port}/" not in url

    before = (home / "postgres" / "password").read_text()
    (home / "postgres" / "password").unlink()
    with postgres.temporary_server(home) as url:
        assert query(url, "select seven from kept") == [(7,)]
        assert before not in url


@pytest.mark.slow
@pytest.mark.skipif(not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")), reason="no server of the system")
def test_a_server_of_the_system_serves_as_well(home: Path) -> None:
    folder = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    with postgres.temporary_server(home, environ={"QB_PIPELINE_PG_BIN": str(folder)}) as url:
        version = query(url, "show server_version")

    assert str(version[0][0]).startswith(folder.parent.name)


def _processes(home: Path) -> list[psutil.Process]:
    pids = processes.find_processes(home / "postgres" / "data", postgres.COMMAND)
    assert len(pids) > 3  # the postmaster and its helpers
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):  # a worker that ended meanwhile
            found.append(psutil.Process(pid))
    return found
