"""Date ranges of a run.

Belongs here: joining dates into ranges. Does not belong here: partitions (``defs``).
"""

from collections.abc import Iterable
from datetime import date, timedelta

DAYS_AHEAD = 31
"""The most days that a document may be dated ahead. The date partitions reach as far."""


def spans(dates: Iterable[date], gap_days: int = 31) -> list[tuple[date, date]]:
    """Return the inclusive ranges that cover the dates. A gap of more than ``gap_days`` days begins a new range.

    Each day of a range is a partition, so a year of empty days costs more than one more range.
    """
    ranges: list[tuple[date, date]] = []
    for day in sorted(set(dates)):
        if ranges and day - ranges[-1][1] <= timedelta(days=gap_days):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges
