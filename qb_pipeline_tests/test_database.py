"""Connecting, and queries in files."""

import gc
import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.config import PROJECT, ConfigurationError
from qb_pipeline.database import Queries, engine, run_script, with_driver

TEXT = st.text("abcdefghijklmnop@:/?#%+ äß", min_size=1)


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_postgresql_url_names_the_driver_that_dagster_can_use(prefix: str) -> None:
    assert with_driver(f"{prefix}://u:p@h:5/d?sslmode=require") == "postgresql+psycopg2://u:p@h:5/d?sslmode=require"


def test_other_databases_keep_their_driver() -> None:
    assert with_driver("mssql+pyodbc://u:p@h/d") == "mssql+pyodbc://u:p@h/d"


@given(user=TEXT, password=TEXT)
def test_odd_passwords_survive(user: str, password: str) -> None:
    url = sa.URL.create("postgresql", user, password, "h", 5, "d")

    found = sa.make_url(with_driver(url.render_as_string(hide_password=False)))

    assert (found.username, found.password, found.host, found.database) == (user, password, "h", "d")


@pytest.mark.parametrize("url", ["nonsense", "", "mysql+nodriver://u:hidden@h/d"])
def test_a_url_that_is_none_says_how_to_write_one_and_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"postgresql\+psycopg2://user:password@host/database") as error:
        engine(url)

    assert "hidden" not in str(error.value)


def test_one_engine_for_each_url(server_url: str) -> None:
    assert engine(server_url) is engine(server_url)


def test_who_stands_still_or_is_gone_keeps_no_lock_for_long(server_url: str) -> None:
    names = (
        "idle_in_transaction_session_timeout",
        *(f"tcp_keepalives_{what}" for what in ("idle", "interval", "count")),
    )
    with engine(server_url).connect() as connection:
        connection.rollback()  # what is set outlives a transaction that is taken back
        found = [connection.exec_driver_sql(f"show {name}").scalar() for name in names]
        ours = connection.connection.dbapi_connection.info.dsn_parameters  # type: ignore[union-attr]
    engine(server_url).dispose()

    assert found == ["5min", "60", "10", "6"]
    assert ours["keepalives_idle"] == "60"


def test_what_a_url_says_of_keeping_alive_stands(server_url: str) -> None:
    address = sa.make_url(server_url).update_query_dict({"keepalives_idle": "7"}).render_as_string(hide_password=False)
    with engine(address).connect() as connection:
        ours = connection.connection.dbapi_connection.info.dsn_parameters  # type: ignore[union-attr]
    engine(address).dispose()

    assert (ours["keepalives_idle"], ours["keepalives_interval"]) == ("7", "10")


def test_an_error_shows_no_parameters(server_url: str) -> None:
    with pytest.raises(sa.exc.DBAPIError) as error, engine(server_url).connect() as connection:
        connection.execute(sa.text("select cast(:name as text), 1 / 0"), {"name": "Zzyzx"})

    engine(server_url).dispose()
    gc.collect()
    assert "Zzyzx" not in str(error.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.sql"
    path.write_text("-- of no query\n-- name: one\n-- Why.\nselect :a::int;\n\n-- name: two\nselect 2;\n")
    return path


def test_a_query_is_found_by_its_name(file: Path) -> None:
    queries = Queries(file)

    assert list(queries) == ["one", "two"]
    assert queries["two"].text.strip() == "select 2;"


def test_a_query_that_is_not_there_names_the_file(file: Path) -> None:
    with pytest.raises(KeyError, match=r"no query named 'three' in .*some\.sql"):
        Queries(file)["three"]


def test_a_script_runs_as_it_stands_in_the_callers_transaction(server_url: str, tmp_path: Path) -> None:
    """Colons and percent signs are no parameters."""
    script = tmp_path / "script.sql"
    script.write_text("create temp table t as select '100 %s :x' as a; insert into t values ('b');")

    with engine(server_url).connect() as connection:
        run_script(connection, script)
        rows = connection.execute(sa.text("select a from t order by a desc")).scalars().all()
    engine(server_url).dispose()

    assert rows == ["b", "100 %s :x"]


def test_no_query_stands_in_python() -> None:
    """All SQL is in .sql files; what a test or the server's set-up says is no query of the pipeline's."""
    words = ("select ", "insert into", "update ", "delete from")
    found = [
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "qb_pipeline").rglob("*.py")
        if not {"emulator", "quickbooks"} & {*path.parts}  # QuickBooks has a query language of its own
        for line in path.read_text().splitlines()
        if any(f'"{word}' in line.lower() for word in words) and "select 1" not in line
    ]

    assert found == []


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("insert into public.client values ('CANARY')", "SQLSTATE 23505, constraint client_pkey"),
        ("insert into public.client values (null)", "SQLSTATE 23502"),
        ("select cast('CANARY' as integer)", "SQLSTATE 22P02"),
    ],
)
def test_an_error_that_quotes_a_row_shows_only_its_code_and_constraint(
    ledger_engine: sa.Engine, statement: str, shown: str
) -> None:
    watched = engine(ledger_engine.url.render_as_string(hide_password=False))
    with watched.connect() as connection:
        connection.execute(sa.text("create table public.client (name text primary key)"))
        connection.execute(sa.text("insert into public.client values ('CANARY')"))
        with pytest.raises(sa.exc.DBAPIError) as raised:
            connection.execute(sa.text(statement))
    watched.dispose()

    told = "".join(traceback.format_exception(raised.value, limit=0))
    assert str(raised.value.orig) == shown
    assert told.replace(statement, "").count("CANARY") == 0
