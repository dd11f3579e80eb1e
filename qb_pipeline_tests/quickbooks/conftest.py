"""A company behind a server of the test's own, with a clock that never waits."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline_tests.quickbooks.wire import Server, Time, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def virtual() -> Time:
    return Time()


@pytest.fixture
def open_company(server: Server, virtual: Time) -> Iterator[Callable[..., QuickBooksClient]]:
    """Open companies behind the test's server; they are closed when the test ends."""
    opened: list[QuickBooksClient] = []

    def open_one(**changes: Any) -> QuickBooksClient:
        arguments = {
            "api_url": server.url,
            "realm_id": "4620816365",
            "access_token": lambda refused: "token-2" if refused else "token-1",
            "throttle": Throttle(clock=virtual.clock, sleep=virtual.sleep),
            "sleep": virtual.sleep,
            **changes,
        }
        opened.append(QuickBooksClient(**arguments))
        return opened[-1]

    yield open_one
    for company in opened:
        company.close()


@pytest.fixture
def company(open_company: Callable[..., QuickBooksClient]) -> QuickBooksClient:
    return open_company()
