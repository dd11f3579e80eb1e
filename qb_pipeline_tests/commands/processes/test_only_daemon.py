"""A second daemon on one storage is refused."""

import pytest
import sqlalchemy as sa

from qb_pipeline import config
from qb_pipeline.commands.processes.only_daemon import AnotherDaemonError, only_daemon
from qb_pipeline_tests.commands.typed import Terminal


def test_a_second_daemon_is_refused_and_the_next_one_is_not(ledger_engine: sa.Engine) -> None:
    url = ledger_engine.url.render_as_string(hide_password=False)

    with only_daemon(url), pytest.raises(AnotherDaemonError, match="already"), only_daemon(url):
        pytest.fail("two daemons")
    with only_daemon(url):
        pass


def test_dev_says_so(terminal: Terminal) -> None:
    with only_daemon(terminal.env[config.DAGSTER_URL]):
        refused = terminal.run("dev", code=1)

    assert refused.err.startswith("Error: a Dagster daemon runs on this storage already")
