"""The clock of QuickBooks' servers."""

from datetime import UTC, datetime, timedelta

import pytest

from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.quickbooks.server_clock import read_server_time


def test_the_time_is_the_servers(emulator_url: str) -> None:
    before = datetime.now(UTC)

    found = read_server_time(environment("emulator", api_url=emulator_url))

    assert before - timedelta(seconds=5) <= found <= datetime.now(UTC)  # a server keeps its Date for a second or two


def test_a_server_that_does_not_answer_has_no_time() -> None:
    with pytest.raises(QuickBooksError):
        read_server_time(environment("emulator", api_url="http://127.0.0.1:9"))
