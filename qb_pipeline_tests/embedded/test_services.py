"""What a command sees: services that are there, whoever else comes and goes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qb_pipeline import config
from qb_pipeline.config import Config
from qb_pipeline.embedded import EmbeddedError, postgres, services
from qb_pipeline.embedded.services import Status
from qb_pipeline_tests.embedded.conftest import answers, as_root, query, wait_for

NOTHING = Status(supervisor=None, postgres=None, emulator=None)
USER = """
import sys, time
from qb_pipeline import config
from qb_pipeline.embedded import services

with services.use(config.load(), linger=float(sys.argv[1])) as ours:
    print(ours.billing_url, flush=True)
    time.sleep(float(sys.argv[2]))
"""


def a_user(settings: Config, *, linger: float, seconds: float, **more: str) -> subprocess.Popen[str]:
    """Another process that uses the services for so many seconds."""
    environ = os.environ | {config.HOME: str(settings.home), config.API_URL: "http://127.0.0.1:9"} | more
    command = [sys.executable, "-c", USER, str(linger), str(seconds)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_command_with_its_own_databases_and_company_starts_nothing(tmp_path: Path) -> None:
    names = (config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL)
    settings = config.load({name: name.lower() for name in names} | {"QUICKBOOKS_ENVIRONMENT": "sandbox"})

    with services.use(settings) as ours:
        assert (ours.database_url, ours.billing_url, ours.dagster_url) == tuple(name.lower() for name in names)
        assert ours.emulator_url is None
        assert ours.environment() == {name: name.lower() for name in names}
        assert services.status(tmp_path) == NOTHING


def test_importing_the_services_loads_nothing_heavy() -> None:
    program = (
        "import sys, qb_pipeline.embedded.services\n"
        "print({'sqlalchemy', 'pandas', 'dagster', 'psycopg2', 'requests', 'starlette'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_a_home_is_made_with_the_folders_above_it_and_nothing_else_changes(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mode

    services.make_home(tmp_path / "a" / "b")
    services.make_home(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()
    assert tmp_path.stat().st_mode == before


@as_root
def test_roots_new_home_is_open_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        services.make_home(tmp_path / "a" / "b")
    finally:
        os.umask(before)

    assert [oct((tmp_path / name).stat().st_mode) for name in ("a", "a/b")] == ["0o40755", "0o40755"]


@as_root
@pytest.mark.slow
def test_a_home_that_the_servers_user_cannot_enter_is_refused_at_once(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    settings = config.load({config.HOME: str(closed), config.API_URL: "http://127.0.0.1:9"})
    began = time.monotonic()

    with pytest.raises(EmbeddedError, match=rf"cannot enter {closed}: set QB_PIPELINE_HOME"), services.use(settings):
        pass

    assert time.monotonic() - began < 5
    assert oct(closed.stat().st_mode) == "0o40700"


@pytest.mark.slow
def test_a_missing_server_is_said_at_once_with_its_remedy(only_postgres: Config) -> None:
    with a_user(only_postgres, linger=0, seconds=0, QB_PIPELINE_PG_BIN="/nowhere") as user:
        _, said = user.communicate(timeout=20)

    assert user.returncode == 1
    assert "no PostgreSQL of version 14 or later in /nowhere, which QB_PIPELINE_PG_BIN names" in said


@pytest.mark.slow
def test_services_start_serve_linger_and_stop(only_postgres: Config) -> None:
    """One home's day: first start, a second command while it lingers, then nobody."""
    home = only_postgres.home
    assert services.status(home) == NOTHING

    with services.use(only_postgres, linger=1.5) as ours:
        assert ours == services.Services(
            home=home,
            database_url=postgres.urls(home).database,
            billing_url=postgres.urls(home).billing,
            dagster_url=postgres.urls(home).dagster,
            emulator_url=None,
        )
        query(ours.billing_url, "create table kept as select 7 as seven")
        first = services.status(home)
        time.sleep(2.0)  # longer than the linger time: we are still here
        assert services.status(home) == first

    waits = []
    for _ in range(5):
        began = time.monotonic()
        with services.use(only_postgres, linger=1.5) as ours:
            waits.append(time.monotonic() - began)
            assert services.status(home) == first
            assert query(ours.billing_url, "select seven from kept") == [(7,)]
    assert min(waits) < 0.05

    wait_for(lambda: services.status(home) == NOTHING)
    assert not answers(ours.billing_url)
    with services.use(only_postgres, linger=0.0) as again:
        assert again == ours  # the same port and password as yesterday
        assert query(again.billing_url, "select seven from kept") == [(7,)]


@pytest.mark.slow
def test_two_first_starts_at_the_same_moment_share_one_server(only_postgres: Config) -> None:
    with a_user(only_postgres, linger=0, seconds=1) as one, a_user(only_postgres, linger=0, seconds=1) as other:
        said = [user.communicate(timeout=60) for user in (one, other)]

    assert said[0] == said[1] == (f"{postgres.urls(only_postgres.home).billing}\n", "")


@pytest.mark.slow
def test_a_killed_command_counts_as_gone(only_postgres: Config) -> None:
    with a_user(only_postgres, linger=0.5, seconds=60) as user:
        assert user.stdout is not None
        url = user.stdout.readline().strip()
        assert answers(url)

        user.send_signal(signal.SIGKILL)

    wait_for(lambda: services.status(only_postgres.home) == NOTHING)
    assert not answers(url)


@pytest.mark.slow
def test_stop_ends_everything_even_while_it_is_used(only_postgres: Config) -> None:
    with services.use(only_postgres) as ours:
        services.stop(only_postgres.home)

        assert services.status(only_postgres.home) == NOTHING
        time.sleep(services.GUARD_SECONDS + 0.5)
        assert not answers(ours.database_url)


@pytest.mark.slow
def test_each_command_gets_what_it_needs_and_a_killed_emulator_comes_back(
    only_postgres: Config, only_emulator: Config
) -> None:
    with services.use(only_emulator, linger=0.0) as ours:
        before = services.status(only_emulator.home)
        assert before.emulator is not None
        assert before.postgres is None
        assert ours.emulator_url == (only_emulator.home / "emulator" / "url").read_text().strip()
        with services.use(only_postgres, linger=0.0) as more:
            assert answers(more.database_url)
            assert services.status(only_emulator.home).emulator == before.emulator

            os.kill(before.emulator, signal.SIGKILL)
            wait_for(lambda: services.status(only_emulator.home).emulator not in (None, before.emulator))

            assert (only_emulator.home / "emulator" / "url").read_text().strip() == ours.emulator_url
