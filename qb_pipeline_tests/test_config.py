"""The environment, and the key on disk."""

import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from qb_pipeline import config
from qb_pipeline.config import Config, ConfigurationError


def test_with_an_empty_environment_everything_is_embedded() -> None:
    found = config.load({})

    assert found == Config(
        home=config.default_home(),
        database_url=None,
        billing_url=None,
        dagster_url=None,
        first_date=date(2023, 1, 1),
        environment="emulator",
        client_id="emulator-client",
        client_secret="emulator-secret",
        api_url=None,
        discovery_url=None,
        alert_urls=None,
        pull_seconds=300,
        webhook_token="",
    )
    assert (found.needs_postgres, found.needs_emulator) == (True, True)


def test_every_variable_is_read(tmp_path: Path) -> None:
    values = {
        config.HOME: str(tmp_path),
        config.DATABASE_URL: "postgresql://a/1",
        config.BILLING_URL: "postgresql://a/2",
        config.DAGSTER_URL: "postgresql://a/3",
        config.FIRST_DATE: "2024-05-06",
        config.ENVIRONMENT: "sandbox",
        config.CLIENT_ID: "id",
        config.CLIENT_SECRET: "hush",
        config.API_URL: "https://api",
        config.DISCOVERY_URL: "https://discovery",
        config.ALERT_URLS: "json://h,mailto://u:p@h",
        config.PULL_SECONDS: "60",
        config.WEBHOOK_TOKEN: "verifier",
    }

    found = config.load(values)

    assert found == Config(
        tmp_path, "postgresql://a/1", "postgresql://a/2", "postgresql://a/3", date(2024, 5, 6), "sandbox", "id", "hush",
        "https://api", "https://discovery", "json://h,mailto://u:p@h", 60, "verifier",
    )  # fmt: skip
    assert (found.needs_postgres, found.needs_emulator) == (False, False)


def test_an_empty_variable_is_none() -> None:
    names = [getattr(config, name) for name in ("HOME", "DATABASE_URL", "CLIENT_ID", "API_URL")]

    assert config.load(dict.fromkeys(names, "")) == config.load({})


@pytest.mark.parametrize("missing", [config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL])
def test_one_database_without_a_url_is_the_embedded_one(missing: str) -> None:
    names = (config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL)

    assert config.load({name: "postgresql://a/b" for name in names if name != missing}).needs_postgres


def test_an_emulator_elsewhere_is_not_started_here() -> None:
    assert not config.load({config.API_URL: "http://127.0.0.1:9"}).needs_emulator


def test_outside_the_emulator_there_are_no_default_credentials() -> None:
    found = config.load({config.ENVIRONMENT: "production"})

    assert (found.client_id, found.client_secret) == ("", "")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (config.ENVIRONMENT, "moon", "QUICKBOOKS_ENVIRONMENT is 'moon'; use one of production, sandbox, emulator"),
        (config.FIRST_DATE, "1.1.2024", "QB_PIPELINE_FIRST_DATE is '1.1.2024'; write a date as 2023-01-31"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_remedy(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        config.load({name: value})

    assert str(error.value) == says


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = config.secret_keys(tmp_path / "home", {})
    finally:
        os.umask(before)

    again = config.secret_keys(tmp_path / "home", {})

    assert first == again
    assert len(first[0]) >= 32
    assert stat.S_IMODE((tmp_path / "home" / "secret_key").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o644])
def test_a_key_that_others_can_reach_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "secret_key"
    key.write_text("k")
    key.chmod(mode)

    with pytest.raises(ConfigurationError) as error:
        config.secret_keys(tmp_path, {})

    assert str(error.value) == f"{key} can be read by others; run: chmod 600 {key}"


def test_keys_of_the_environment_are_several_to_rotate_newest_first(tmp_path: Path) -> None:
    assert config.secret_keys(tmp_path, {config.SECRET_KEY: "new, old ,"}) == ["new", "old"]
    assert not (tmp_path / "secret_key").exists()


def test_commands_that_begin_at_once_agree_on_one_key(tmp_path: Path) -> None:
    program = "import sys, pathlib, qb_pipeline.config as c; print(c.secret_keys(pathlib.Path(sys.argv[1]), {}))"

    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(4)
    ]

    [key] = {process.communicate()[0].decode() for process in processes}
    assert len(key) > 32
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_roots_home_is_where_an_unprivileged_server_can_enter() -> None:
    home = config.default_home()

    assert home.parent == Path("/var/lib/qb_pipeline") if os.geteuid() == 0 else home == config.PROJECT / ".qb_pipeline"
