"""Partitions, and reading them back as scopes."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.defs.partitions import Scope, date_by_firm, dates, firms, range_tags, read_scopes

DAYS = st.dates(date(2023, 1, 1), date(2023, 3, 31))


def test_every_sync_asset_is_partitioned_by_date_and_firm() -> None:
    assert {dimension.name: dimension.partitions_def for dimension in date_by_firm.partitions_defs} == {
        "date": dates,
        "firm": firms,
    }


def test_dates_begin_with_the_first_date_and_end_31_days_ahead_today_included() -> None:
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    with dg.partition_loading_context(effective_dt=noon):
        keys = dates.get_partition_keys()

    assert (keys[0], keys[-1]) == ("2023-01-01", "2026-04-02")
    assert len(keys) == (date(2026, 4, 2) - date(2023, 1, 1)).days + 1


def test_a_day_turns_at_midnight_utc() -> None:
    for moment, last in (
        (datetime(2026, 3, 2, 23, 59, tzinfo=UTC), "2026-04-02"),
        (datetime(2026, 3, 3, 0, 0, tzinfo=UTC), "2026-04-03"),
    ):
        with dg.partition_loading_context(effective_dt=moment):
            assert dates.get_last_partition_key() == last


@given(
    first=DAYS, days=st.integers(1, 20), firm_ids=st.sets(st.from_regex("[a-z0-9-]{1,30}", fullmatch=True), min_size=1)
)
def test_a_rectangle_of_dates_and_firms_is_one_scope_for_each_firm(first: date, days: int, firm_ids: set[str]) -> None:
    chosen = [first + timedelta(days=n) for n in range(days)]

    scopes = read_scopes(f"{day}|{firm_id}" for day in reversed(chosen) for firm_id in firm_ids)

    assert scopes == [Scope(firm_id, chosen[0], chosen[-1]) for firm_id in sorted(firm_ids)]


def test_the_tags_of_a_range_name_its_ends_and_its_firm() -> None:
    assert range_tags("one", date(2026, 3, 1), date(2026, 3, 31)) == {
        "dagster/asset_partition_range_start": "2026-03-01|one",
        "dagster/asset_partition_range_end": "2026-03-31|one",
        "firm": "one",
    }
