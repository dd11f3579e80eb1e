"""The emulator's time, and Intuit's formats of instants.

Belongs here: a clock that tests move forward, and instants as text. Does not belong here: waiting.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
"""The zone of the offsets that recorded companies print, wherever the company is (recordings of 2014 to 2026)."""


class Clock:
    """The real time plus the seconds that a test has added. Our code never moves it back."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset = 0.0

    def now(self) -> float:
        """Return the instant in seconds since 1970."""
        return self._source() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward by a number of seconds."""
        self.offset += seconds

    def today(self) -> str:
        """Return the server's date in Pacific time, which replaces an omitted ``TxnDate``."""
        return datetime.fromtimestamp(self.now(), PACIFIC).date().isoformat()


@lru_cache(maxsize=4096)
def print_instant(seconds: int) -> str:
    """Format an instant as ``MetaData`` shows it: ``2015-07-24T10:33:39-07:00``."""
    return datetime.fromtimestamp(seconds, PACIFIC).isoformat()


def print_stamp(seconds: float) -> str:
    """Format an instant as the ``time`` of an answer shows it, with milliseconds."""
    return datetime.fromtimestamp(seconds, PACIFIC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=4096)
def read_instant(text: str) -> float:
    """Return the seconds since 1970 of an ISO date or instant.

    A text without an offset is in Pacific time, the server's zone.

    Raises:
        ValueError: the text is neither a date nor an instant.
    """
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=PACIFIC)).timestamp()


def add_days(day: str, days: int) -> str:
    """Return the ISO date that is a number of days after an ISO date."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def month_of(seconds: float) -> str:
    """Return the calendar month (UTC) that a metered request counts towards, such as ``2026-11``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")
