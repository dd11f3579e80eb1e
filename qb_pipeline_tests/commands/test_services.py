"""``db``, ``billing``, ``emulator``, ``doctor`` and ``dev`` as commands."""

import dataclasses
import signal
from collections.abc import Iterator

import pytest
import requests
import sqlalchemy as sa

from qb_pipeline import config, database
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.conftest import fresh_database, make_template

REVISION = schema.newest_revision()


@pytest.fixture(scope="session")
def empty_template(server: sa.Engine, server_url: str) -> str:
    """A database without anything."""
    return make_template(server, server_url, "empty_template", lambda _engine: None)


@pytest.fixture
def empty(server: sa.Engine, server_url: str, empty_template: str, terminal: Terminal) -> Iterator[Terminal]:
    """A terminal whose pipeline and billing databases are empty."""
    with fresh_database(server, server_url, empty_template) as engine:
        url = engine.url.render_as_string(hide_password=False)
        yield dataclasses.replace(terminal, env=terminal.env | {config.DATABASE_URL: url, config.BILLING_URL: url})
        database.engine(url).dispose()


def test_a_database_is_migrated_once_and_then_current(empty: Terminal) -> None:
    missing = empty.run("db", "check", code=1)
    first = empty.run("db", "upgrade")
    second = empty.run("db", "upgrade")

    assert missing.err == (
        f"Error: the pipeline's database is at revision none, this code needs {REVISION}. Try: qb-pipeline db upgrade\n"
    )
    for printed in (first, second):
        ours, *_, dagsters = printed.out.splitlines()
        assert ours == f"the pipeline's database is at revision {REVISION}"
        assert dagsters.startswith("Dagster's storage is at revision ")
    assert empty.run("db", "check").out == f"current: revision {REVISION}\n"


def test_a_database_whose_views_are_of_another_release_is_not_current(terminal: Terminal) -> None:
    """Views change without a migration; what uses the database then says the same."""
    with database.engine(terminal.env[config.DATABASE_URL]).begin() as connection:
        connection.execute(sa.text("comment on schema reporting is 'of another release'"))

    check = terminal.run("db", "check", code=1)
    used = terminal.run("firm", "list", code=1)
    terminal.run("db", "upgrade")

    assert check.err == "Error: the reporting views are of another release. Try: qb-pipeline db upgrade\n"
    assert used.err == "Error: the pipeline's database is not up to date. Try: qb-pipeline db upgrade\n"
    terminal.run("db", "check")


def test_a_configured_database_is_never_migrated_by_the_way(empty: Terminal) -> None:
    printed = empty.run("firm", "list", code=1)

    assert printed.err == "Error: the pipeline's database is not up to date. Try: qb-pipeline db upgrade\n"
    with database.engine(empty.env[config.DATABASE_URL]).connect() as connection:
        assert "sync" not in sa.inspect(connection).get_schema_names()


def test_the_reference_billing_schema_is_made_and_meets_the_contract(empty: Terminal) -> None:
    missing = empty.run("billing", "check", code=1)

    made = empty.run("billing", "init")

    assert "billing" in missing.out
    assert made.out == "the reference billing schema is there. Next step: qb-pipeline billing check\n"
    assert empty.run("billing", "check").out == "The contract is met.\n"
    assert empty.json("billing", "check") == []
    assert empty.run("billing", "guard").out.startswith("the guard is there")


def test_a_second_init_changes_nothing_and_says_so(empty: Terminal) -> None:
    empty.run("billing", "init")

    printed = empty.run("billing", "init", code=1)

    assert printed.err.startswith("Error: ")
    empty.run("billing", "check")


def test_a_billing_database_that_breaks_the_contract_is_told_column_by_column(empty: Terminal) -> None:
    empty.run("billing", "init")
    with database.engine(empty.env[config.BILLING_URL]).begin() as connection:
        connection.execute(sa.text("alter table billing.payers drop column mobile"))
        connection.execute(sa.text("alter table billing.fee_items alter column unit_price type double precision"))

    rows = empty.json("billing", "check", code=1)

    assert [(row["relation"], row["column"]) for row in rows] == [("payers", "mobile"), ("fee_items", "unit_price")]
    assert all(row["problem"] and row["remedy"] for row in rows)


def test_a_database_that_nobody_serves_is_an_error_with_a_remedy(terminal: Terminal) -> None:
    url = "postgresql+psycopg2://nobody:hidden@127.0.0.1:9/nothing"
    lost = dataclasses.replace(terminal, env=terminal.env | {config.DATABASE_URL: url})

    printed = lost.run("firm", "list", code=1)

    assert printed.err.startswith("Error: a database cannot be used: ")
    assert printed.err.endswith("Try: qb-pipeline doctor\n")
    assert "hidden" not in printed.err


@pytest.mark.parametrize("url", ["nonsense", "postgresql://", "mysql+nodriver://u:hidden@h/d", "postgresql://h:port/d"])
def test_a_url_that_is_none_is_an_error_that_names_the_variable(terminal: Terminal, url: str) -> None:
    wrong = dataclasses.replace(terminal, env=terminal.env | {config.BILLING_URL: url})

    printed = wrong.run("billing", "check", code=1)

    assert printed.err.startswith("Error: ")
    assert "hidden" not in printed.err


def test_a_plain_postgresql_url_gets_its_driver(terminal: Terminal) -> None:
    plain = {
        name: terminal.env[name].replace("postgresql+psycopg2://", "postgresql://")
        for name in (config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL)
    }

    dataclasses.replace(terminal, env=terminal.env | plain).run("firm", "list")


def test_a_wrong_setting_is_named(terminal: Terminal) -> None:
    for name, value in ((config.FIRST_DATE, "soon"), (config.ENVIRONMENT, "moon")):
        printed = dataclasses.replace(terminal, env=terminal.env | {name: value}).run("firm", "list", code=1)

        assert printed.err.startswith(f"Error: {name} is '{value}'; ")


@pytest.mark.signals
def test_the_emulator_serves_until_it_is_interrupted(terminal: Terminal) -> None:
    process = terminal.start("emulator", "--port", "0")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]

        assert requests.get(f"{url}/emulator/companies", timeout=10).json() == []
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        process.communicate()


def test_doctor_ends_with_1_when_something_is_broken(terminal: Terminal) -> None:
    well = terminal.json("doctor")
    url = "postgresql+psycopg2://nobody:hidden@127.0.0.1:9/nothing"

    ill = dataclasses.replace(terminal, env=terminal.env | {config.BILLING_URL: url}).json("doctor", code=1)

    assert {row["part"] for row in well if row["verdict"] != "ok"} == {"Dagster daemon"}
    assert [(row["part"], row["remedy"]) for row in ill if row["verdict"] == "broken"] == [
        ("billing database", "Start the server, or correct QB_PIPELINE_BILLING_URL.")
    ]
