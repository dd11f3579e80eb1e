"""A run whose process is gone is reported failed, and no other run is."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace

import dagster as dg
import pytest

from qb_pipeline.definitions import defs
from qb_pipeline.defs.orphans import TAG, report_orphans, sign
from qb_pipeline.defs.sensors import orphaned_runs
from qb_pipeline.ledger.processes import Process


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def start_run(
    instance: dg.DagsterInstance,
    *processes: Process,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    **tags: str,
) -> str:
    """A run that is under way, and which processes say that they work on it."""
    if "dagster/asset_partition_range_start" in tags:
        instance.add_dynamic_partitions("firm", ["one"])
    run = instance.create_run_for_job(defs().resolve_job_def("sync"), status=status, tags=tags)
    if processes:
        signature = {"run_id": run.run_id, "processes": [asdict(process) for process in processes]}
        instance.add_run_tags(run.run_id, {TAG: json.dumps(signature)})
    return run.run_id


def result(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.tags["result"]


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def test_a_run_whose_processes_are_all_gone_is_reported_failed_once(
    instance: dg.DagsterInstance, dead: Process
) -> None:
    orphan = start_run(instance, dead)

    assert [report_orphans(instance), report_orphans(instance)] == [[orphan], []]
    assert (status(instance, orphan), result(instance, orphan)) == ("FAILURE", "failed: process died")


@pytest.mark.parametrize("at", ["NOT_STARTED", "STARTING"])
def test_a_command_that_was_killed_before_its_run_began_is_found_as_well(
    instance: dg.DagsterInstance, dead: Process, at: str
) -> None:
    orphan = start_run(instance, dead, status=dg.DagsterRunStatus(at))

    assert report_orphans(instance) == [orphan]
    assert (status(instance, orphan), result(instance, orphan)) == ("FAILURE", "failed: process died")


def test_a_run_that_ended_without_a_word_is_signed_in_its_stead(instance: dg.DagsterInstance) -> None:
    """Dagster itself noticed its death, ended it, or a person canceled it; nobody of ours was left to say so."""
    key = "2026-03-01|one"
    partitions = {"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key}
    died, canceled, too_long = (start_run(instance, **partitions) for _ in range(3))
    never_began = start_run(instance, **partitions, status=dg.DagsterRunStatus.NOT_STARTED)
    for run_id in (died, too_long):
        sign(run_id, instance)
    for run_id, said in ((died, "exited with exit code -9"), (never_began, "Run timed out"),
                         (too_long, "Exceeded maximum runtime of 1 seconds.")):  # fmt: skip
        instance.report_run_failed(instance.get_run_by_id(run_id), said)
    instance.report_run_canceled(instance.get_run_by_id(canceled))

    assert report_orphans(instance) == []

    found = {}
    for run_id in (died, canceled, too_long, never_began):
        run = instance.get_run_by_id(run_id)
        assert run is not None
        found[run_id] = tuple(run.tags[name] for name in ("firm", "trigger", "actor", "result"))
    assert found == {
        died: ("one", "page", "page", "failed: process died"),
        canceled: ("one", "page", "page", "canceled"),
        too_long: ("one", "page", "page", "failed: it took longer than it may"),
        never_began: ("one", "page", "page", "failed: it never began"),
    }


def test_runs_that_somebody_works_on_or_whose_processes_cannot_be_seen_are_left_alone(
    instance: dg.DagsterInstance, dead: Process
) -> None:
    alive = Process.of(os.getpid())
    elsewhere = replace(dead, host="another machine", boot_id="of another machine")
    signed = start_run(instance)
    sign(signed, instance)
    first = instance.get_run_by_id(start_run(instance, dead))
    assert first is not None
    repeated = start_run(instance, **{TAG: first.tags[TAG]})
    runs = [
        start_run(instance, dead, alive), start_run(instance, elsewhere), start_run(instance), signed, repeated,
    ]  # fmt: skip

    assert report_orphans(instance) == [first.run_id]
    assert {status(instance, run_id) for run_id in runs} == {"STARTED"}


def test_the_daemon_looks_for_them(instance: dg.DagsterInstance, dead: Process) -> None:
    orphan = start_run(instance, dead)
    context = dg.build_sensor_context(instance=instance, definitions=defs())

    skipped = orphaned_runs(context)

    assert (skipped.skip_message, status(instance, orphan)) == (f"reported failed: {orphan}", "FAILURE")
