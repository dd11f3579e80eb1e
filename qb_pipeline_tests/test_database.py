"""Engines and named queries."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.database import Queries, run_script, with_driver


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5/d", "postgresql+psycopg2://u:p@h:5/d"),
        ("postgres://h/d", "postgresql+psycopg2://h/d"),
        ("postgresql+psycopg://h/d?sslmode=require", "postgresql+psycopg2://h/d?sslmode=require"),
        ("sqlite:///file.db", "sqlite:///file.db"),
    ],
)
def test_a_postgresql_url_names_psycopg2_and_others_stay(url: str, expected: str) -> None:
    assert with_driver(url) == expected


def test_a_query_is_found_by_its_name_and_a_missing_one_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("-- a comment\n-- name: one\nselect 1\n-- name: two\nselect :x\n")
    queries = Queries(path)

    assert list(queries) == ["one", "two"]
    assert str(queries["one"]).strip() == "select 1"
    with pytest.raises(KeyError, match=r"no query named 'three' in .*q\.sql"):
        queries["three"]


def test_a_script_runs_as_it_stands_in_the_transaction(ledger_engine: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "s.sql"
    path.write_text("create table public.t (x text default '100%'); insert into public.t default values;")

    with ledger_engine.begin() as connection:
        run_script(connection, path)
        assert connection.scalar(sa.text("select x from public.t")) == "100%"
        connection.rollback()
    with ledger_engine.connect() as connection:
        assert connection.scalar(sa.text("select to_regclass('public.t')")) is None
