"""The decisions about the time of the next pull of received payments. This module makes no request.

Intuit meters reads, of all firms of an app together, and blocks further ones until the month ends. So a firm is read
every few minutes while many reads are left, and less often as the month's reads run out.
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
"""The reads that are kept back for syncs, which must be able to ask for the outcome of a request."""

SLOWEST = timedelta(hours=6)
"""The longest interval, however few reads are left. Each firm then costs four reads a day."""

HINTED_PART = 5
"""The divisor of the interval after which a hint of a webhook counts: a fifth of it. A flood of hints then causes one
read a minute, and fewer when reads run out."""

EARLY_PART = 20
"""The divisor of the interval by which a tick may come early: a twentieth of it. The next tick would be a whole tick
late."""

ANEW, ANEW_AFTER_REFUSAL = timedelta(minutes=10), timedelta(hours=1)
"""The time after which a failed run is requested again. It is longer if billing refused a payment, because a person
must act first."""


def interval(usual: timedelta, *, firms: int, reads: int, now: datetime) -> timedelta:
    """Return the time between two reads of a firm. ``reads``: the number of reads in this month so far, of all firms
    together."""
    left = READS_A_MONTH - FOR_SYNCS - reads
    if left <= 0:
        return max(usual, SLOWEST)
    begins = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rest_of_month = (begins + timedelta(days=32)).replace(day=1) - now
    return min(max(usual, rest_of_month * firms / left), max(usual, SLOWEST))


def is_due(now: datetime, asked_at: datetime | None, hinted_at: datetime | None, every: timedelta) -> bool:
    """Whether a firm is to be read now: the interval has passed, or a webhook has hinted at a change since the last
    read (``HINTED_PART``)."""
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
    """Return the run that reads the whole company and posts the payments of today. The other payments that it finds are
    requested afterwards."""
    turn = int(now.timestamp() // ANEW_AFTER_REFUSAL.total_seconds())
    return WantedPull(now.date(), now.date(), f"{firm_id}:whole:{turn}")


def choose_pulls(firm_id: str, due: Iterable[Due], now: datetime, *, earliest: date, latest: date) -> list[WantedPull]:
    """Return the runs for payments that billing does not hold as it should; none for an idle firm.

    A payment dated outside the partitions (``earliest`` to ``latest``) belongs to the nearest one.
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
