"""A firm that is set up, its lease, and processes that compete for it."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger import lease
from qb_pipeline_tests.ledger.desk import FIRM, NOON, REALM, Desk, set_up


@pytest.fixture
def desk(ledger_engine: sa.Engine) -> Iterator[Desk]:
    """The ledger of an active firm, under its lease."""
    set_up(ledger_engine)
    with lease.hold(ledger_engine, firm_id=FIRM, realm_id=REALM, run_id="run-1", now=lambda: NOON) as held:
        yield Desk(ledger_engine, held)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Real processes, which import the pipeline only once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qb_pipeline_tests.ledger.racers"])
    return context
