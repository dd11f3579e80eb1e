"""Life and death of the services, with real processes and real kill -9."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import psycopg2
import pytest

from qb_pipeline.config import Config
from qb_pipeline.embedded import services, supervisor
from qb_pipeline_tests.embedded.conftest import answers, query, wait_for


def test_a_service_that_keeps_dying_is_restarted_ever_slower() -> None:
    waits = [supervisor.seconds_before_restart(deaths) for deaths in range(7)]

    assert waits == [0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 5.0]


@pytest.mark.slow
def test_a_killed_server_comes_back_with_all_that_was_committed(only_postgres: Config) -> None:
    """Killed while one session counts, another holds a row it never committed, and a third is idle."""
    with services.use(only_postgres, linger=0.0) as ours:
        url = ours.database_url
        query(url, "create table kept as select n from generate_series(1, 50000) as n")
        idle, open_ended = (psycopg2.connect(url.replace("+psycopg2", "")) for _ in range(2))
        open_ended.cursor().execute("insert into kept values (-1)")
        busy = threading.Thread(target=_count_for_a_minute, args=(url,))
        busy.start()
        wait_for(
            lambda: query(url, "select 1 from pg_stat_activity where query like 'select count(%' and state = 'active'")
        )
        before = services.status(only_postgres.home)
        assert before.postgres is not None

        os.kill(before.postgres, signal.SIGKILL)
        seconds = wait_for(lambda: answers(url))

        busy.join()
        assert query(url, "select count(*), min(n), sum(n) from kept") == [(50000, 1, 1250025000)]
        after = services.status(only_postgres.home)
        assert after.supervisor == before.supervisor
        assert after.postgres != before.postgres
        assert seconds < 10
        for connection in (idle, open_ended):
            connection.close()


@pytest.mark.slow
def test_a_supervisor_killed_while_it_creates_the_cluster_costs_nothing(only_postgres: Config) -> None:
    home = only_postgres.home
    with subprocess.Popen([sys.executable, "-m", "qb_pipeline.embedded.supervisor", str(home), "--postgres"]) as first:
        wait_for((home / "postgres" / "data.new" / "global").exists)
        first.kill()
    assert not (home / "postgres" / "data").exists()

    with services.use(only_postgres, linger=0.0) as ours:
        assert answers(ours.dagster_url)


@pytest.mark.slow
def test_a_second_supervisor_leaves_at_once(only_postgres: Config) -> None:
    with services.use(only_postgres, linger=0.0) as ours:
        before = services.status(only_postgres.home)

        command = [sys.executable, "-m", "qb_pipeline.embedded.supervisor", str(only_postgres.home), "--postgres"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=20)

        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert services.status(only_postgres.home) == before
        assert answers(ours.database_url)


@pytest.mark.slow
def test_a_supervisor_killed_without_users_leaves_nothing_that_hinders_the_next_start(only_postgres: Config) -> None:
    with services.use(only_postgres, linger=60.0) as ours:
        query(ours.database_url, "create table kept as select 7 as seven")
    killed = services.status(only_postgres.home)
    assert killed.supervisor is not None
    assert killed.postgres is not None

    os.kill(killed.supervisor, signal.SIGKILL)
    wait_for(lambda: not _runs(killed.supervisor))
    with services.use(only_postgres, linger=0.0) as ours:
        assert query(ours.database_url, "select seven from kept") == [(7,)]

        now = services.status(only_postgres.home)
        assert {now.supervisor, now.postgres} & {killed.supervisor, killed.postgres} == set()
        assert not _runs(killed.postgres)


@pytest.mark.slow
def test_supervisor_and_server_killed_together_come_back_to_a_command_that_uses_them(only_postgres: Config) -> None:
    with services.use(only_postgres, linger=0.0) as ours:
        query(ours.database_url, "create table kept as select 7 as seven")
        killed = services.status(only_postgres.home)
        assert killed.supervisor is not None
        assert killed.postgres is not None

        os.kill(killed.supervisor, signal.SIGKILL)
        os.kill(killed.postgres, signal.SIGKILL)
        wait_for(lambda: services.status(only_postgres.home).postgres not in (None, killed.postgres))

        assert query(ours.database_url, "select seven from kept") == [(7,)]


@pytest.mark.slow
def test_a_supervisor_whose_home_was_removed_ends_with_its_server(only_postgres: Config) -> None:
    home = only_postgres.home
    with services.use(only_postgres, linger=60.0):
        abandoned = services.status(home)
    assert abandoned.supervisor is not None
    assert abandoned.postgres is not None
    aside = home.with_name(f"{home.name}-aside")
    home.rename(aside)
    home.mkdir(mode=0o755)
    try:
        with services.use(only_postgres, linger=0.0) as ours:
            assert answers(ours.database_url)

            wait_for(lambda: not _runs(abandoned.supervisor) and not _runs(abandoned.postgres))
            time.sleep(1.0)
            assert answers(ours.database_url)
    finally:
        subprocess.run(["/bin/rm", "-rf", str(aside)], check=True)


def _runs(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _count_for_a_minute(url: str) -> None:
    with pytest.raises(psycopg2.OperationalError):
        query(url, "select count(*) from generate_series(1, 10000) as a, generate_series(1, 100000) as b")
