"""Homes and servers for this room's tests."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from qb_pipeline import config
from qb_pipeline.embedded import postgres
from qb_pipeline_tests.embedded.homes import temporary_home

Query = Callable[..., list[tuple[object, ...]]]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root must not do")


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home of our own."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Path, str]]:
    """A running server of this module: its home and a superuser's URL."""
    with temporary_home() as folder, postgres.temporary_server(folder) as url:
        yield folder, url


@pytest.fixture
def only_postgres(home: Path) -> config.Config:
    """A configuration that needs the embedded databases and no emulator."""
    return config.load({config.HOME: str(home), config.API_URL: "http://127.0.0.1:9"})


@pytest.fixture
def only_emulator(home: Path) -> config.Config:
    """A configuration with databases of its own."""
    names = (config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL)
    return config.load({config.HOME: str(home)} | {name: f"postgresql://elsewhere/{name}" for name in names})


def query(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; gives the last one's rows."""
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def wait_for(condition: Callable[[], object], *, seconds: float = 20.0) -> float:
    """Wait until the condition holds; gives how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def answers(url: str) -> bool:
    """Whether the server takes a connection."""
    try:
        query(url, "select 1")
    except psycopg2.OperationalError:
        return False
    return True
