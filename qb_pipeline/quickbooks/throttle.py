"""The limits of the requests to a company: Intuit's limits, and the pause after a 429.

Belongs here: waiting for a turn. Does not belong here: requests (``client``).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qb_pipeline.quickbooks.errors import ThrottledError

REQUESTS_PER_MINUTE = 490
REQUESTS_PER_SECOND = 9
BATCHES_PER_MINUTE = 40
REQUESTS_IN_FLIGHT = 10
"""Intuit allows 500 requests a minute and 10 a second for a company, and 40 batches a minute for a company and an app.
An older text says 10 at the same time instead of 10 a second. We keep both limits.

Source: "API call limits and throttles", developer.intuit.com; blog of 2016-08-08 (read 2026-11-21).
"""

MINUTE = 61.0
SECOND = 1.1
"""Our minute and second, in seconds. They are a little longer than QuickBooks', because travel times vary: requests
that left within one window may arrive within a shorter one."""

PAUSE_SECONDS = 60.0
"""After a 429 no request leaves for this time. Source: the page named above ("wait 60 seconds")."""

PATIENCE_SECONDS = 150.0
"""The longest wait for a turn. A turn that is further away is refused.

No run should hold its company for the hours that a spent monthly quota may demand.
"""


class Throttle:
    """One company's limits, shared by all threads that send requests to it."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._in_flight = threading.BoundedSemaphore(REQUESTS_IN_FLIGHT)
        self._requests: deque[float] = deque(maxlen=REQUESTS_PER_MINUTE)
        self._batches: deque[float] = deque(maxlen=BATCHES_PER_MINUTE)
        self._paused_until = float("-inf")

    @contextmanager
    def turn(self, *, batch: bool = False) -> Iterator[None]:
        """Wait for a turn. One request may be in flight inside the block.

        Raises:
            ThrottledError: the turn is more than ``PATIENCE_SECONDS`` away. Nothing was sent.
        """
        give_up = self._clock() + PATIENCE_SECONDS
        if not self._in_flight.acquire(timeout=PATIENCE_SECONDS):
            raise ThrottledError("no request in flight was answered; nothing was sent", seconds=PAUSE_SECONDS)
        try:
            while (wait := self._take(batch=batch)) > 0:
                if self._clock() + wait > give_up:
                    raise ThrottledError(f"the next turn is {wait:.0f} s away; nothing was sent", seconds=wait)
                self._sleep(wait)
            yield
        finally:
            self._in_flight.release()

    def pause(self, seconds: float = PAUSE_SECONDS) -> None:
        """Stop all requests for this number of seconds. A longer pause that is already running is kept."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _take(self, *, batch: bool) -> float:
        """Take the turn and return 0, or return the seconds to wait before the next call."""
        with self._lock:
            now = self._clock()
            opens = self._paused_until
            if len(self._requests) == REQUESTS_PER_MINUTE:
                opens = max(opens, self._requests[0] + MINUTE)
            if len(self._requests) >= REQUESTS_PER_SECOND:
                opens = max(opens, self._requests[-REQUESTS_PER_SECOND] + SECOND)
            if batch and len(self._batches) == BATCHES_PER_MINUTE:
                opens = max(opens, self._batches[0] + MINUTE)
            if opens > now:
                return opens - now
            self._requests.append(now)
            if batch:
                self._batches.append(now)
            return 0.0
