"""Runs whose process is gone: Dagster's default launcher does not notice it once its code server is gone too.

Such a run stays *started* for ever and holds one of the places of the queue. So each run writes down which processes
work on it, and a run of which all are dead is reported failed. What it had in flight is the ledger's business: the
next run settles it.
"""

import json
import multiprocessing
import os
from dataclasses import asdict

import dagster as dg

from qb_pipeline.ledger.processes import Process, end_with_parent

TAG = "qb_pipeline/processes"
"""The run's own process, and the one that spawned it: while that lives, it reports the death itself."""


def sign(run_id: str, instance: dg.DagsterInstance) -> None:
    """Write down that this process works on the run, and end with the code server that spawned it."""
    end_with_parent()
    parent = multiprocessing.parent_process()
    pids = [os.getpid()] + ([parent.pid] if parent is not None and parent.pid else [])
    signature = {"run_id": run_id, "processes": [asdict(Process.of(pid)) for pid in pids]}
    instance.add_run_tags(run_id, {TAG: json.dumps(signature)})


def report_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Report the runs failed that nobody works on any more; gives their ids.

    One whose processes cannot be seen from here (another machine's) is left to ``max_runtime_seconds``.
    """
    running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    orphans = [run for run in instance.get_runs(running) if _is_orphan(run)]
    for run in orphans:
        instance.report_run_failed(
            run, "The process of this run is gone. What it had in flight is settled by the next run of its firm."
        )
    return [run.run_id for run in orphans]


def _is_orphan(run: dg.DagsterRun) -> bool:
    if TAG not in run.tags:
        return False
    signature = json.loads(run.tags[TAG])
    if signature["run_id"] != run.run_id:  # a repeated run inherits the tags of the first, until it signs itself
        return False
    return all(Process(**values).is_dead for values in signature["processes"])
