"""The jobs that an operator sees."""

from qb_pipeline.definitions import defs
from qb_pipeline.sync.stages import STAGES


def test_sync_goes_from_the_work_list_to_quickbooks() -> None:
    job = defs().resolve_job_def("sync")

    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == set(STAGES)
    assert job.description


def test_a_backfill_over_dates_is_one_run() -> None:
    graph = defs().resolve_asset_graph()

    for key in graph.materializable_asset_keys:
        policy = graph.get(key).backfill_policy
        assert policy is not None
        assert policy.max_partitions_per_run is None
