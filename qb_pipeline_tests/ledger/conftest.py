"""A firm that is set up, its lease, and processes that compete for it."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.sending import lease
from qb_pipeline_tests.conftest import fresh_database
from qb_pipeline_tests.ledger.desk import FIRM, NOON, REALM, Desk, set_up


@pytest.fixture(scope="session")
def desk_engine(server: sa.Engine, server_url: str, ledger_template: str) -> Iterator[sa.Engine]:
    """One database for every desk: emptying it takes a tenth of the time of a fresh one."""
    with fresh_database(server, server_url, ledger_template) as engine:
        yield engine


@pytest.fixture
def desk(desk_engine: sa.Engine) -> Iterator[Desk]:
    """The ledger of an active firm, under its lease."""
    _empty(desk_engine)
    set_up(desk_engine)
    with lease.hold(desk_engine, firm_id=FIRM, realm_id=REALM, run_id="run-1", now=lambda: NOON) as held:
        yield Desk(desk_engine, held)


def _empty(engine: sa.Engine) -> None:
    kept = {"alembic_version", "installation", "problem"}
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names(schema="sync")
        connection.exec_driver_sql("set local session_replication_role = replica")  # in any order of the tables
        connection.exec_driver_sql(";".join(f"delete from sync.{name}" for name in names if name not in kept))  # noqa: S608


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Real processes, which import the pipeline only once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qb_pipeline_tests.ledger.racers"])
    return context
