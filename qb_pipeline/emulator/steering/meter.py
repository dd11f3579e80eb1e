"""The counts of requests, for the limits and for statistics.

Belongs here: rate limits, the monthly quota, statistics. Does not belong here: the form of a refusal.
"""

from collections import Counter, deque
from typing import Any

from qb_pipeline.emulator.books.clock import month_of
from qb_pipeline.emulator.books.switches import Switches

MINUTE = 60.0
SECOND = 1.0
READ, WRITE = "reads", "writes"
"""The two kinds of requests. Intuit meters reads (CorePlus); writes (Core) are free."""


class Window:
    """The instants of the last ``seconds``, and their highest number so far (``peak``)."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.peak = 0
        self._at: deque[float] = deque()

    def count(self, now: float) -> int:
        """Return the number of instants in the window."""
        while self._at and self._at[0] <= now - self.seconds:
            self._at.popleft()
        return len(self._at)

    def add(self, now: float, weight: int = 1) -> None:
        """Add this instant ``weight`` times."""
        self._at.extend([now] * weight)
        self.peak = max(self.peak, self.count(now))


class Meter:
    """The counts of one company's requests."""

    def __init__(self) -> None:
        self.monthly: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Reset the counts. The reads of the month are kept, since their quota is Intuit's."""
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.metered: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.mishaps: Counter[str] = Counter()
        self.batch_items = 0
        self.busy = 0
        self.most_busy = 0
        self._minute, self._second, self._batches = Window(MINUTE), Window(SECOND), Window(MINUTE)

    def admit(self, switches: Switches, now: float, *, batch_items: int | None, kind: str) -> str:
        """Count a request if no limit forbids it; return "", or the name of the limit that the request breaks."""
        weight = max(1, batch_items or 1) if switches.batch_items_count_as_requests else 1
        limits = (
            ("requests_per_minute", switches.requests_per_minute, self._minute.count(now) + weight),
            ("requests_per_second", switches.requests_per_second, self._second.count(now) + weight),
            ("concurrent_requests", switches.concurrent_requests, self.busy),
        )
        broken = next((name for name, limit, count in limits if limit is not None and count > limit), "")
        if not broken and batch_items is not None and switches.batches_per_minute is not None:
            broken = "batches_per_minute" if self._batches.count(now) >= switches.batches_per_minute else ""
        month = month_of(now)
        if not broken and kind == READ and switches.monthly_reads is not None:
            broken = "monthly_reads" if self.monthly[month] >= switches.monthly_reads else ""
        if broken:
            self.throttled[broken] += 1
            return broken
        self._minute.add(now, weight)
        self._second.add(now, weight)
        if batch_items is not None:
            self._batches.add(now)
            self.batch_items += batch_items
        self.metered[kind] += 1
        if kind == READ:
            self.monthly[month] += 1
        return ""

    def begin(self, endpoint: str) -> None:
        """Count a request that has come in."""
        self.requests[endpoint] += 1
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)

    def end(self, status: int) -> None:
        """Count the status of a request that has ended; 0 means that it was not answered."""
        self.busy -= 1
        self.statuses[str(status)] += 1

    def statistics(self, now: float) -> dict[str, Any]:
        """Return all counts, keyed by name."""
        return {
            "requests": sum(self.requests.values()),
            "by_endpoint": dict(self.requests),
            "by_status": dict(self.statuses),
            "posts": sum(count for name, count in self.requests.items() if name.startswith("POST ")),
            "metered": {READ: self.metered[READ], WRITE: self.metered[WRITE]},
            "reads_this_month": self.monthly[month_of(now)],
            "batch_items": self.batch_items,
            "throttled": dict(self.throttled),
            "mishaps": dict(self.mishaps),
            "peak_per_minute": self._minute.peak,
            "peak_per_second": self._second.peak,
            "peak_batches_per_minute": self._batches.peak,
            "peak_concurrency": self.most_busy,
        }
