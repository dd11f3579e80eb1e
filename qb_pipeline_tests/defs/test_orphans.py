"""A run whose process is gone is reported failed, and no other run is."""

import json
import os
import subprocess
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


def start_run(instance: dg.DagsterInstance, *processes: Process, **tags: str) -> str:
    """A run that is under way, and which processes say that they work on it."""
    run = instance.create_run_for_job(defs().resolve_job_def("sync"), status=dg.DagsterRunStatus.STARTED, tags=tags)
    if processes:
        signature = {"run_id": run.run_id, "processes": [asdict(process) for process in processes]}
        instance.add_run_tags(run.run_id, {TAG: json.dumps(signature)})
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


@pytest.fixture
def dead() -> Process:
    """A process that was killed."""
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607
        named = Process.of(child.pid)
        child.kill()
    return named


def test_a_run_whose_processes_are_all_gone_is_reported_failed_once(
    instance: dg.DagsterInstance, dead: Process
) -> None:
    orphan = start_run(instance, dead)

    assert [report_orphans(instance), report_orphans(instance)] == [[orphan], []]
    assert status(instance, orphan) == "FAILURE"


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
