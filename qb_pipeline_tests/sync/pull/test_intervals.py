"""When the sensor looks at QuickBooks: often while reads are plenty, and never more than the month allows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.ledger.books.received import Due
from qb_pipeline.sync.pull.intervals import FOR_SYNCS, READS_A_MONTH, SLOWEST, choose_pulls, interval, is_due

FIVE_MINUTES = timedelta(minutes=5)
FIRST_OF_APRIL = datetime(2026, 4, 1, tzinfo=UTC)
NOON = datetime(2026, 4, 16, 12, tzinfo=UTC)
DAY = date(2026, 4, 10)


def test_an_idle_firm_costs_8640_reads_in_a_month_of_30_days() -> None:
    every = interval(FIVE_MINUTES, firms=1, reads=0, now=FIRST_OF_APRIL)

    assert timedelta(days=30) / every == 8_640


def test_fifty_firms_share_the_month_without_slowing_down() -> None:
    assert interval(FIVE_MINUTES, firms=50, reads=0, now=FIRST_OF_APRIL) == FIVE_MINUTES
    assert interval(FIVE_MINUTES, firms=100, reads=0, now=FIRST_OF_APRIL) == timedelta(minutes=9, seconds=36)


def test_it_slows_down_as_the_reads_run_out_and_never_stops() -> None:
    reads = [0, 400_000, 440_000, 449_000, 449_999, 450_000, 600_000]
    found = [interval(FIVE_MINUTES, firms=10, reads=each, now=NOON) for each in reads]

    assert found == sorted(found)
    assert (found[0], found[-1]) == (FIVE_MINUTES, SLOWEST)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(0, READS_A_MONTH - FOR_SYNCS), st.floats(0, 29.9))
def test_what_is_left_lasts_until_the_month_ends(firms: int, reads: int, day: float) -> None:
    now = FIRST_OF_APRIL + timedelta(days=day)
    every = interval(FIVE_MINUTES, firms=firms, reads=reads, now=now)

    looks = firms * ((datetime(2026, 5, 1, tzinfo=UTC) - now) / every)
    assert every == SLOWEST or looks <= READS_A_MONTH - FOR_SYNCS - reads + 1


@pytest.mark.parametrize(
    ("asked", "hinted", "due"),
    [
        (None, None, True), (284, None, False), (285, None, True),
        (61, 30, True), (61, 61, False), (61, 70, False), (59, 1, False),
    ],
)  # fmt: skip
def test_a_firm_is_due_after_the_interval_or_a_minute_after_a_look_when_a_webhook_hinted(
    asked: int | None, hinted: int | None, due: bool
) -> None:
    asked_at, hinted_at = (None if ago is None else NOON - timedelta(seconds=ago) for ago in (asked, hinted))

    assert is_due(NOON, asked_at, hinted_at, FIVE_MINUTES) is due


def due(payment_id: str, day: date = DAY, *, has_failed: bool = False, sync_token: int = 0) -> Due:
    return Due(payment_id, day, sync_token, "live", has_failed)


def runs(*rows: Due, now: datetime = NOON) -> list[tuple[date, date]]:
    return [(w.first, w.last) for w in choose_pulls("one", rows, now, earliest=date(2023, 1, 1), latest=DAY)]


def keys(*rows: Due, now: datetime = NOON) -> list[str]:
    return [w.run_key for w in choose_pulls("one", rows, now, earliest=date(2023, 1, 1), latest=DAY)]


def test_an_idle_firm_needs_no_run() -> None:
    assert runs() == []


def test_payments_of_near_dates_are_one_run_and_far_ones_another() -> None:
    assert runs(due("1"), due("2", date(2026, 4, 1)), due("3", date(2025, 1, 5))) == [
        (date(2025, 1, 5), date(2025, 1, 5)), (date(2026, 4, 1), DAY),
    ]  # fmt: skip


def test_what_is_dated_outside_the_partitions_goes_with_the_nearest_one() -> None:
    assert runs(due("1", date(2019, 1, 1)), due("2", date(2031, 1, 1))) == [
        (date(2023, 1, 1), date(2023, 1, 1)), (DAY, DAY),
    ]  # fmt: skip


def test_equal_work_has_an_equal_key_and_is_asked_for_again_later() -> None:
    soon, later = NOON + timedelta(minutes=5), NOON + timedelta(minutes=11)

    assert keys(due("1"), due("2")) == keys(due("2"), due("1"), now=soon)
    assert keys(due("1")) != keys(due("1", sync_token=1))
    assert keys(due("1")) != keys(due("1"), now=later)
    assert keys(due("1", has_failed=True)) == keys(due("1", has_failed=True), now=later)
