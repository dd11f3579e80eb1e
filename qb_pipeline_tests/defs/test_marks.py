"""Which partitions look green and which look failed, as the page asks Dagster for it."""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_graphql.schema import create_schema

from qb_pipeline.config import PROJECT
from qb_pipeline.definitions import defs
from qb_pipeline.defs.marks import mark_failed
from qb_pipeline.defs.orphans import TAG, report_orphans
from qb_pipeline.defs.partitions import firms, range_tags, stretch_tags
from qb_pipeline.ledger.processes import Process
from qb_pipeline.sync.stages import STAGES
from qb_pipeline_tests.defs.conftest import Orchestra, add_firm, partitions
from qb_pipeline_tests.law_firm import FIRM, LawFirm

pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")

STATUSES = """
query($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) { assetKey { path } assetPartitionStatuses {
  ... on MultiPartitionStatuses { ranges { primaryDimStartKey primaryDimEndKey secondaryDim {
    ... on DefaultPartitionStatuses { materializedPartitions failedPartitions } } } } } } }
"""
"""What the page asks for the coloured bar of an asset's partitions."""

TODAY = datetime.now(UTC).date()


def looks(instance: dg.DagsterInstance) -> dict[str, dict[str, set[str]]]:
    """How the partitions of the sync's assets look on the page: green and failed keys, by asset."""
    origin = LoadableTargetOrigin(python_file=str(PROJECT / "qb_pipeline" / "definitions.py"), attribute="defs")
    found: dict[str, dict[str, set[str]]] = {}
    with in_process_test_workspace(instance, origin) as workspace:
        keys = [{"path": [step]} for step in STAGES]
        asked = create_schema().execute_async(STATUSES, variables={"keys": keys}, context_value=workspace)
        answer = asyncio.run(asked)
        assert not answer.errors, answer.errors
        for node in answer.data["assetNodes"]:
            look = found.setdefault(node["assetKey"]["path"][0], {"green": set(), "failed": set()})
            for each in node["assetPartitionStatuses"]["ranges"]:
                for day in dg.DailyPartitionsDefinition(each["primaryDimStartKey"]).get_partition_keys_in_range(
                    dg.PartitionKeyRange(each["primaryDimStartKey"], each["primaryDimEndKey"])
                ):
                    for name, field in (("green", "materializedPartitions"), ("failed", "failedPartitions")):
                        look[name] |= {f"{day}|{firm_id}" for firm_id in each["secondaryDim"][field]}
    return found


def everywhere(*, green: set[str], failed: set[str]) -> dict[str, dict[str, set[str]]]:
    """The same look of every asset."""
    return {step: {"green": green, "failed": failed} for step in STAGES}


def planned_events(instance: dg.DagsterInstance, run_id: str) -> int:
    return len(instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED).records)


@pytest.fixture(params=["true", ""], ids=["one planned event per asset", "one per date"])
def switch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Dagster's switches, both ways."""
    value: str = request.param
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", value)
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500" if value else "0")
    return value


@pytest.fixture
def instance(stored_orchestra: Orchestra) -> dg.DagsterInstance:
    """One on disk, which the page opens by its reference."""
    stored_orchestra.instance.add_dynamic_partitions(firms.name or "", [FIRM])
    return stored_orchestra.instance


def start_run(instance: dg.DagsterInstance, today: date, *, days: int = 3, **tags: str) -> dg.DagsterRun:
    """A run of the last days that is under way."""
    first = today - timedelta(days=days - 1)
    return instance.create_run_for_job(
        defs().resolve_job_def("sync"),
        status=dg.DagsterRunStatus.STARTED,
        tags={**range_tags(FIRM, first, today), **tags},
    )


def test_days_of_the_firm_that_failed_look_failed_and_those_of_the_other_are_green(
    law_firm: LawFirm, stored_orchestra: Orchestra, switch: str
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    add_firm(law_firm, "two", invoices=1)
    law_firm.deployment.firms.pause("two", actor="partner", now=law_firm.time.now())

    result = stored_orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=3)

    assert not result.success
    ours, failed = partitions(FIRM, law_firm.today, 3), partitions("two", law_firm.today, 3)
    assert looks(stored_orchestra.instance) == everywhere(green=ours, failed=failed)
    law_firm.deployment.firms.resume("two", actor="partner", now=law_firm.time.now())
    assert stored_orchestra.sync(law_firm, firm_ids=["two"], days=2).success
    cured = partitions("two", law_firm.today, 2)
    assert looks(stored_orchestra.instance) == everywhere(green=ours | cured, failed=failed - cured)


def test_planned_events_follow_assets_and_not_dates(
    law_firm: LawFirm, orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "true")
    law_firm.activate()

    result = orchestra.sync(law_firm, days=40)

    assert result.success
    assert planned_events(orchestra.instance, result.run_id) == len(STAGES)
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, partitions(FIRM, law_firm.today, 40))


def test_days_of_a_run_whose_process_is_gone_look_failed(
    instance: dg.DagsterInstance, dead: Process, switch: str
) -> None:
    run = start_run(instance, TODAY)
    signature = {"run_id": run.run_id, "processes": [asdict(dead)]}
    instance.add_run_tags(run.run_id, {TAG: json.dumps(signature)})

    assert report_orphans(instance) == [run.run_id]
    assert looks(instance) == everywhere(green=set(), failed=partitions(FIRM, TODAY, 3))


def test_days_of_a_run_that_dagster_itself_ended_look_failed(instance: dg.DagsterInstance, switch: str) -> None:
    """Its monitoring reports a run failed that ran too long, or never started: no code of ours is asked."""
    run = start_run(instance, TODAY)
    instance.report_run_failed(run, "Exceeded maximum runtime of 21600 seconds.")

    assert report_orphans(instance) == []
    assert looks(instance) == everywhere(green=set(), failed=partitions(FIRM, TODAY, 3))


def test_days_beyond_a_gap_look_failed_too(instance: dg.DagsterInstance, switch: str) -> None:
    """Dagster knows one stretch of a run's dates; a tag of ours names the others."""
    far, near = TODAY - timedelta(days=9), TODAY - timedelta(days=1)
    tags = stretch_tags(FIRM, [(far, far), (near, TODAY)])
    run = instance.create_run_for_job(defs().resolve_job_def("sync"), status=dg.DagsterRunStatus.STARTED, tags=tags)
    instance.report_run_failed(run)

    mark_failed(instance, run)

    assert looks(instance) == everywhere(green=set(), failed={f"{day}|{FIRM}" for day in (far, near, TODAY)})


def test_an_error_of_no_firm_leaves_those_before_it_green(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    """What stands in the ledger of the second firm cannot be read: none of the errors that stop one firm."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    add_firm(law_firm, "two", invoices=1)
    law_firm.query_change("update sync.firm set settings = '{\"daily_sync_at\": 7}' where firm_id = 'two'")

    result = stored_orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=2)

    [event] = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.user_failure_data is None
    ours, failed = partitions(FIRM, law_firm.today, 2), partitions("two", law_firm.today, 2)
    assert looks(stored_orchestra.instance) == everywhere(green=ours, failed=failed)


def test_what_a_later_run_has_made_green_stays_green_and_marking_again_marks_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "true")
    run = start_run(instance, TODAY)
    for step in STAGES:
        instance.report_runless_asset_event(dg.AssetMaterialization(step, partition=f"{TODAY}|{FIRM}"))
    instance.report_run_failed(run)

    marked = [mark_failed(instance, run), mark_failed(instance, run)]

    green = {f"{TODAY}|{FIRM}"}
    assert marked == [2 * len(STAGES), 0]
    assert looks(instance) == everywhere(green=green, failed=partitions(FIRM, TODAY, 3) - green)
