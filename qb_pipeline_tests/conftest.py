"""What every room's tests may use: a real PostgreSQL server, databases copied from templates, a QuickBooks emulator.

Belongs here: starting and stopping. Does not belong here: what a test is about.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from qb_pipeline.billing.contract import install
from qb_pipeline.config import DAGSTER_SWITCHES
from qb_pipeline.database import with_driver
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.moves import require_moves

os.environ.update(DAGSTER_SWITCHES)  # as every process of Dagster has them in a deployment

# A machine that is busy is slow, not wrong: no law is judged by the time that its examples take.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("patient")

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

numbers = count(1)


@pytest.fixture(autouse=True)
def sigterm_as_before() -> Iterator[None]:
    """Dagster gives SIGTERM back what SIGINT had: where SIGINT is ignored, a child of the next test could not be ended.

    Source: ``raise_execution_interrupts`` of dagster 1.13.27.
    """
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running server of this test session alone; it keeps nothing on disk that it must sync."""
    with temporary_home() as home, postgres.temporary_server(home) as url:
        yield url


@pytest.fixture(scope="session")
def server(server_url: str) -> Iterator[sa.Engine]:
    """The server's maintenance database: where databases are made and dropped."""
    engine = sa.create_engine(with_driver(server_url), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def url_of(server_url: str, name: str) -> str:
    """The URL of one database of the server."""
    return sa.make_url(with_driver(server_url)).set(database=name).render_as_string(hide_password=False)


def make_template(server: sa.Engine, server_url: str, name: str, fill: Callable[[sa.Engine], object]) -> str:
    """Make a database once, to be copied for each test."""
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine = sa.create_engine(url_of(server_url, name))
    fill(engine)
    engine.dispose()
    return name


@contextmanager
def fresh_database(server: sa.Engine, server_url: str, template: str) -> Iterator[sa.Engine]:
    """A copy of a template, dropped at the end."""
    name = f"{template}_{next(numbers)}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database {name} template {template} strategy file_copy")
    engine = sa.create_engine(url_of(server_url, name), hide_parameters=True)
    try:
        yield engine
    finally:
        engine.dispose()
        with server.connect() as connection:
            connection.exec_driver_sql(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def billing_template(server: sa.Engine, server_url: str) -> str:
    """A database with the reference billing schema."""
    return make_template(server, server_url, "billing_template", install)


@pytest.fixture(scope="session")
def ledger_template(server: sa.Engine, server_url: str) -> str:
    """A database with the pipeline's schema, which refuses a move of a document that ``MOVES`` lacks."""

    def fill(engine: sa.Engine) -> None:
        schema.upgrade(engine, now=NOON)
        require_moves(engine)

    return make_template(server, server_url, "ledger_template", fill)


@pytest.fixture
def ledger_engine(server: sa.Engine, server_url: str, ledger_template: str) -> Iterator[sa.Engine]:
    """A fresh database of the pipeline."""
    with fresh_database(server, server_url, ledger_template) as engine:
        yield engine


@pytest.fixture(scope="session")
def emulator_url() -> Iterator[str]:
    """A running QuickBooks emulator; every test makes companies of its own in it."""
    with start_emulator() as url:
        yield url


@pytest.fixture
def books(emulator_url: str) -> Bookkeeper:
    """A fresh company without rate limits, seen from the bookkeeper's side."""
    return Bookkeeper.of_new_company(emulator_url, realm_id=str(9_130_000_000_000_000 + next(numbers)), name="Firm One")


@pytest.fixture
def law_firm(
    server: sa.Engine,
    server_url: str,
    billing_template: str,
    ledger_engine: sa.Engine,
    books: Bookkeeper,
    tmp_path: Path,
) -> Iterator[LawFirm]:
    """A firm that is not set up yet: ``law_firm.activate()`` takes every step."""
    with fresh_database(server, server_url, billing_template) as billing:
        yield LawFirm(billing, ledger_engine, books, home=tmp_path / "home")
