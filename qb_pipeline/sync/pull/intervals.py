"""When to look at QuickBooks for received payments. Decisions only: they ask nobody.

Intuit meters reads, all firms of an app together, and blocks further ones until the month ends. So a firm is looked at
every few minutes while there is plenty, and less often as the month's reads run out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from qb_pipeline.core.date_ranges import spans
from qb_pipeline.ledger.books.received import Due

READS_A_MONTH = 500_000
"""Reads (CorePlus calls) of an app in a calendar month, in the tier in which every app begins.

Source: Intuit, App Partner Program, Builder tier (read 2026-11-21).
"""

FOR_SYNCS = READS_A_MONTH // 10
"""Kept back: syncs must be able to ask what became of a request."""

SLOWEST = timedelta(hours=6)
"""However little is left; each firm then costs four reads a day."""

HINTED_PART = 5
"""A hint of a webhook counts after a fifth of the interval: a flood of hints is one look a minute, and less when reads
run out."""

EARLY_PART = 20
"""A tick that comes a twentieth of the interval early is taken: the next one would be a whole tick late."""

ANEW, ANEW_AFTER_REFUSAL = timedelta(minutes=10), timedelta(hours=1)
"""A run that failed is asked for again after so long; where billing refused a payment, a person must act first."""


def interval(usual: timedelta, *, firms: int, reads: int, now: datetime) -> timedelta:
    """How long to leave a firm alone. ``reads``: what this month has cost so far, all firms together."""
    left = READS_A_MONTH - FOR_SYNCS - reads
    if left <= 0:
        return max(usual, SLOWEST)
    begins = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rest_of_month = (begins + timedelta(days=32)).replace(day=1) - now
    return min(max(usual, rest_of_month * firms / left), max(usual, SLOWEST))


def is_due(now: datetime, asked_at: datetime | None, hinted_at: datetime | None, every: timedelta) -> bool:
    """Whether to look now: the interval has passed, or a webhook has hinted at a change since the last look."""
    if asked_at is None or now - asked_at >= every - every / EARLY_PART:
        return True
    return hinted_at is not None and hinted_at > asked_at and now - asked_at >= every / HINTED_PART


@dataclass(frozen=True, slots=True)
class WantedPull:
    """A run that should start, for payments of these inclusive dates. Equal work has an equal ``run_key``."""

    first: date
    last: date
    run_key: str


def first_pull(firm_id: str, now: datetime) -> WantedPull:
    """A run that reads the whole company, and posts what is of today; what it found besides is asked for afterwards."""
    turn = int(now.timestamp() // ANEW_AFTER_REFUSAL.total_seconds())
    return WantedPull(now.date(), now.date(), f"{firm_id}:whole:{turn}")


def choose_pulls(firm_id: str, due: Iterable[Due], now: datetime, *, earliest: date, latest: date) -> list[WantedPull]:
    """Runs for what billing does not hold as it shall; none for an idle firm.

    What is dated outside the partitions (``earliest`` to ``latest``) goes with the nearest one.
    """
    by_date = {each.payment_id: (min(max(each.payment_date, earliest), latest), each) for each in due}
    runs = []
    for first, last in spans(day for day, _ in by_date.values()):
        named = [each for day, each in by_date.values() if first <= day <= last]
        anew = ANEW_AFTER_REFUSAL if all(each.has_failed for each in named) else ANEW
        turn = int(now.timestamp() // anew.total_seconds())
        parts = sorted(f"{each.payment_id}|{each.sync_token}|{each.status}" for each in named)
        key = sha256("\n".join([str(turn), *parts]).encode()).hexdigest()[:24]
        runs.append(WantedPull(first, last, f"{firm_id}:{key}"))
    return runs
