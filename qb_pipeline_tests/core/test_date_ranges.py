from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.date_ranges import spans

DAYS = st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 12, 31))


def test_no_dates_are_no_ranges() -> None:
    assert spans([]) == []


def test_a_long_gap_begins_a_new_range_and_a_short_one_does_not() -> None:
    days = [date(2026, 3, 5), date(2026, 1, 1), date(2026, 2, 1), date(2026, 1, 1)]

    assert spans(days) == [(date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 3, 5), date(2026, 3, 5))]
    assert spans(days, gap_days=0) == [(day, day) for day in sorted(set(days))]


@given(st.lists(DAYS), st.integers(min_value=0, max_value=60))
def test_ranges_hold_every_date_and_lie_apart(days: list[date], gap_days: int) -> None:
    ranges = spans(days, gap_days)

    assert all(any(first <= day <= last for first, last in ranges) for day in days)
    assert {day for both in ranges for day in both} <= set(days)
    assert all(later[0] - earlier[1] > timedelta(days=gap_days) for earlier, later in pairwise(ranges))
