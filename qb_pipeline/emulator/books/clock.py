"""The time in the emulator, and how Intuit prints it.

Belongs here: a clock that tests move forward, and instants as text. Does not belong here: waiting.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
"""Recorded companies print Pacific offsets wherever the company is (recordings of 2014 to 2026)."""


class Clock:
    """The real time plus whatever a test has added; it never runs backwards by our own doing."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset = 0.0

    def now(self) -> float:
        """Say the instant in seconds since 1970."""
        return self._source() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.offset += seconds

    def today(self) -> str:
        """Give the server's date, in Pacific time; it stands in for an omitted ``TxnDate``."""
        return datetime.fromtimestamp(self.now(), PACIFIC).date().isoformat()


@lru_cache(maxsize=4096)
def print_instant(seconds: int) -> str:
    """Print an instant as ``MetaData`` does: ``2015-07-24T10:33:39-07:00``."""
    return datetime.fromtimestamp(seconds, PACIFIC).isoformat()


def print_stamp(seconds: float) -> str:
    """Print the ``time`` of an answer, with milliseconds."""
    return datetime.fromtimestamp(seconds, PACIFIC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=4096)
def read_instant(text: str) -> float:
    """Read a date or an ISO instant; without an offset it is Pacific, the server's zone.

    Raises:
        ValueError: not a date and not an instant.
    """
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=PACIFIC)).timestamp()


def add_days(day: str, days: int) -> str:
    """Add days to an ISO date."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def month_of(seconds: float) -> str:
    """Name the calendar month that a metered call counts towards."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")
