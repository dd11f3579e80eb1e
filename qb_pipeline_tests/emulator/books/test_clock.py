"""Time as Intuit prints it."""

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.emulator.books.clock import Clock, add_days, month_of, print_instant, print_stamp, read_instant


@given(st.integers(0, 4_000_000_000))
def test_what_is_printed_is_read_back(seconds: int) -> None:
    assert read_instant(print_instant(seconds)) == seconds


def test_offsets_follow_the_pacific_year() -> None:
    assert print_instant(1437759219) == "2015-07-24T10:33:39-07:00"
    assert print_instant(1419963963) == "2014-12-30T10:26:03-08:00"
    assert print_stamp(1437759219.11) == "2015-07-24T10:33:39.110-07:00"


def test_dates_without_an_offset_are_the_servers() -> None:
    assert (
        read_instant("2026-11-21") == read_instant("2026-11-21T08:00:00Z") == read_instant("2026-11-21T00:00:00-0800")
    )


def test_the_clock_moves_only_forward_by_what_is_added() -> None:
    clock = Clock(source=lambda: 1437759219.0)
    assert clock.today() == "2015-07-24"
    clock.advance(86400)
    assert (clock.now(), clock.today()) == (1437845619.0, "2015-07-25")


def test_days_and_months() -> None:
    assert add_days("2026-02-27", 3) == "2026-03-02"
    assert month_of(1437759219) == "2015-07"
