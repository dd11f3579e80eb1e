"""What the definitions are made with."""

from datetime import date

import dagster as dg
import pytest

from qb_pipeline.defs.build import build_defs


def test_the_first_partition_is_that_of_the_first_date() -> None:
    graph = build_defs(first_date=date(2024, 5, 6), pull_seconds=300).resolve_asset_graph()

    for asset in ("work_list", "received_payments"):
        found = graph.get(dg.AssetKey(asset)).partitions_def
        assert isinstance(found, dg.MultiPartitionsDefinition)
        assert found.get_partitions_def_for_dimension("date").get_first_partition_key() == "2024-05-06"


@pytest.mark.parametrize(("pull_seconds", "tick_seconds"), [(5, 5), (60, 60), (300, 60)])
def test_the_sensor_of_received_payments_ticks_as_often_as_it_looks_and_once_a_minute_at_least(
    pull_seconds: int, tick_seconds: int
) -> None:
    found = build_defs(first_date=date(2024, 5, 6), pull_seconds=pull_seconds)

    assert found.resolve_sensor_def("received_payments").minimum_interval_seconds == tick_seconds
