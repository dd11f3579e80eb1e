"""The search for runs whose process is gone. Dagster's default launcher misses them when its code server is gone too.

Such a run stays *started* for ever and holds one of the places of the queue. Therefore each run records the processes
that work on it, and a run whose processes are all dead is reported failed. The next run settles, from the ledger, the
requests that were in flight.
"""

import json
import multiprocessing
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import dagster as dg

from qb_pipeline.defs import marks, run_tags
from qb_pipeline.ledger.processes import Process, end_with_parent

TAG = ".dagster/qb_pipeline/processes"
"""The tag with the run's own process and the process that spawned it. As long as the spawning process is alive, it
reports the death itself. Dagster hides tags with this beginning in the list of runs."""

LOOK_BACK = timedelta(days=1)
"""The greatest age of an ended run for which a missing result is still written."""


UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]  # fmt: skip


def sign(run_id: str, instance: dg.DagsterInstance) -> None:
    """Record that this process works on the run, and have the process end with the code server that spawned it."""
    end_with_parent()
    parent = multiprocessing.parent_process()
    pids = [os.getpid()] + ([parent.pid] if parent is not None and parent.pid else [])
    signature = {"run_id": run_id, "processes": [asdict(Process.of(pid)) for pid in pids]}
    instance.add_run_tags(run_id, {TAG: json.dumps(signature)})


def report_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Report runs failed whose processes are all dead, and make their partitions look failed. Return the runs' ids.

    A run whose processes cannot be seen from here (on another machine) is left to ``max_runtime_seconds``. A run that a
    command on another machine launched has no such limit; it is left to a person.
    """
    running = dg.RunsFilter(statuses=UNFINISHED)
    orphans = [run for run in instance.get_runs(running) if _is_orphan(run)]
    for run in orphans:
        instance.report_run_failed(
            run, "The process of this run is gone. What it had in flight is settled by the next run of its firm."
        )
    _sign_ended(instance)
    return [run.run_id for run in orphans]


def _sign_ended(instance: dg.DagsterInstance) -> None:
    """Write the result of each run that failed or was canceled and whose own process could not write it.

    The partitions of such a failed run are made to look failed.
    """
    ended = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED],
        updated_after=datetime.now(UTC) - LOOK_BACK,
    )
    for run in instance.get_runs(ended):
        if not run_tags.says_its_end(run):
            if run.status is dg.DagsterRunStatus.FAILURE:
                marks.mark_failed(instance, run)
            run_tags.conclude(run, instance, _how_it_ended(instance, run))


def _how_it_ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    if run.status is dg.DagsterRunStatus.CANCELED:
        return run_tags.CANCELED
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run.run_id, of_type=kinds):
        event = entry.get_dagster_event()
        error = getattr(event.event_specific_data, "error", None)
        if error is not None:  # only the class: a library's message may quote a client's data
            return f"{run_tags.FAILED}{(error.cause or error).cls_name}"
        if "maximum runtime" in (event.message or ""):
            return f"{run_tags.FAILED}it took longer than it may"
    return run_tags.FAILED + ("process died" if TAG in run.tags else "it never began")


def _is_orphan(run: dg.DagsterRun) -> bool:
    if TAG not in run.tags:
        return False
    signature = json.loads(run.tags[TAG])
    if signature["run_id"] != run.run_id:  # a repeated run inherits the tags of the first, until it signs itself
        return False
    return all(Process(**values).is_dead for values in signature["processes"])
