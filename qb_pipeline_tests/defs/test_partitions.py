"""Partitions, and reading them back as scopes."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.date_ranges import spans
from qb_pipeline.definitions import defs
from qb_pipeline.defs.partitions import (
    Scope,
    build_date_by_firm,
    firms,
    keys_of_run,
    range_tags,
    read_scopes,
    stretch_tags,
)
from qb_pipeline.sync.stages import STAGES

DAYS = st.dates(date(2023, 1, 1), date(2023, 3, 31))
DATE_BY_FIRM = build_date_by_firm(date(2023, 1, 1))
DATES = DATE_BY_FIRM.get_partitions_def_for_dimension("date")


def test_every_sync_asset_is_partitioned_by_date_and_firm() -> None:
    graph = defs().resolve_asset_graph()

    for step in (*STAGES, "received_payments"):
        found = graph.get(dg.AssetKey(step)).partitions_def
        assert isinstance(found, dg.MultiPartitionsDefinition)
        assert {each.name: each.partitions_def for each in found.partitions_defs} == {"date": DATES, "firm": firms}


def test_dates_begin_with_the_first_date_and_end_31_days_ahead_today_included() -> None:
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    with dg.partition_loading_context(effective_dt=noon):
        keys = DATES.get_partition_keys()

    assert (keys[0], keys[-1]) == ("2023-01-01", "2026-04-02")
    assert len(keys) == (date(2026, 4, 2) - date(2023, 1, 1)).days + 1


def test_a_day_turns_at_midnight_utc() -> None:
    for moment, last in (
        (datetime(2026, 3, 2, 23, 59, tzinfo=UTC), "2026-04-02"),
        (datetime(2026, 3, 3, 0, 0, tzinfo=UTC), "2026-04-03"),
    ):
        with dg.partition_loading_context(effective_dt=moment):
            assert DATES.get_last_partition_key() == last


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


def test_a_run_of_several_firms_is_for_the_partitions_that_dagster_sees_between_its_ends() -> None:
    ends = dg.PartitionKeyRange("2023-02-27|two", "2023-03-02|three")
    run = dg.DagsterRun(
        "sync",
        tags={"dagster/asset_partition_range_start": ends.start, "dagster/asset_partition_range_end": ends.end},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(firms.name or "", ["one", "two", "four", "three", "five"])

        keys = keys_of_run(run, [], instance)

        assert keys == DATE_BY_FIRM.get_partition_keys_in_range(ends, dynamic_partitions_store=instance)
        assert len(keys) == 4 * 3


def test_dates_with_gaps_are_one_run_that_marks_these_dates_and_no_others() -> None:
    """Dagster's own tags name one stretch; the run reads the others beside it."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(firms.name or "", ["one"])

        @settings(deadline=None, max_examples=20)
        @given(days=st.sets(DAYS, min_size=1))
        def check(days: set[date]) -> None:
            stretches = spans(days, gap_days=2)
            run = dg.DagsterRun("sync", tags=stretch_tags("one", stretches))

            keys = keys_of_run(run, [], instance)

            wanted = [first + timedelta(days=n) for first, last in stretches for n in range((last - first).days + 1)]
            assert sorted(keys) == [f"{day}|one" for day in wanted]
            assert read_scopes(keys) == [Scope("one", min(days), max(days))]
            assert set(run.tags) - {"further_dates"} == set(range_tags("one", min(days), max(days)))

        check()
