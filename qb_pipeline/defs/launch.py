"""Runs of jobs that a command launches: in this process, on Dagster's instance, so that the run history lists them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from qb_pipeline import stopping
from qb_pipeline.definitions import defs
from qb_pipeline.defs.orphans import report_orphans, sign
from qb_pipeline.defs.partitions import firm_tags, firms, range_tags

LOCATION = "qb_pipeline"
"""The name of the code location, in ``workspace.yaml`` and in the processes that ``qb-pipeline dev`` starts."""

NOT_MONITORED = {MAX_RUNTIME_SECONDS_TAG: "0"}
"""The tag that removes the time limit of a run. Run monitoring cannot end a process that Dagster did not launch, and
would report a run failed that still sends. ``report_orphans`` notices a command that died."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A run that has ended. ``error`` is the reason of a failure, for a person; "" after a success."""

    run_id: str
    succeeded: bool
    error: str


def add_firm_partition(firm_id: str) -> None:
    """Add the firm as a partition, so that the UI offers it."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(firms.name or "", [firm_id])


def upgrade_storage() -> str:
    """Migrate Dagster's storage to the schema of the installed release. Return the revision of the schema."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()
        revision, _needs = instance.run_storage.alembic_version() or ("", "")
    return revision or ""


def launch_sync(
    firm_id: str,
    first: date,
    last: date,
    *,
    actor: str,
    trigger: str = "cli",
    invoice_ids: Sequence[str] = (),
    payment_ids: Sequence[str] = (),
    plan_id: str = "",
) -> Launched:
    """Run the job ``sync`` over inclusive document dates of one firm, and wait for its end."""
    chosen = {"invoice_ids": list(invoice_ids), "payment_ids": list(payment_ids), "plan_id": plan_id}
    resources = {"chosen": {"config": chosen}}
    return _launch("sync", firm_id, range_tags(firm_id, first, last), actor=actor, trigger=trigger, resources=resources)


def launch_pull(firm_id: str, first: date, last: date, *, actor: str) -> Launched:
    """Run the job ``pull_payments`` over inclusive dates whose payments have been read, and wait for its end."""
    return _launch("pull_payments", firm_id, range_tags(firm_id, first, last), actor=actor, trigger="cli", resources={})


def launch_reconcile(firm_id: str, *, actor: str) -> Launched:
    """Run the job ``reconcile`` for one firm, and wait for its end."""
    return _launch("reconcile", firm_id, firm_tags(firm_id), actor=actor, trigger="cli", resources={})


def origin_of(job: str) -> RemoteJobOrigin:
    """Return the origin of a job's runs: code location and repository, as ``workspace.yaml`` names them.

    Dagster's page looks there for runs: a job's history, the timeline and *last run* ask for runs of exactly this
    repository and location.
    """
    code = LoadableTargetOrigin(module_name="qb_pipeline.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(code, LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, defs().get_repository_def().name), job)


def _launch(
    job: str, firm_id: str, partitions: dict[str, str], *, actor: str, trigger: str, resources: dict[str, Any]
) -> Launched:
    """Run a job in this process, and wait for its end.

    This does the same as Dagster's ``execute_in_process``, which cannot be given an origin (``origin_of``).
    """
    definition = defs().resolve_job_def(job)
    with dg.DagsterInstance.get() as instance:
        report_orphans(instance)
        instance.add_dynamic_partitions(firms.name or "", [firm_id])
        run = instance.create_run_for_job(
            definition,
            tags={**definition.run_tags, **partitions, **NOT_MONITORED, "trigger": trigger, "actor": actor},
            run_config={
                "resources": resources,
                # Each partition is an event. Dagster keeps them; the person at the terminal needs our summary.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            remote_job_origin=origin_of(job),
        )
        sign(run.run_id, instance)  # at once: a run that dies before its start must be found too
        # Not in the main thread, where Dagster would handle our signals and raise at any point of the run.
        with stopping.deferred(), ThreadPoolExecutor(max_workers=1) as pool:
            result = pool.submit(execute_run, InMemoryJob(definition), run, instance).result()
        failures = [
            event.step_failure_data.user_failure_data.description or ""
            if event.step_failure_data.user_failure_data
            else str(event.step_failure_data.error.message if event.step_failure_data.error else "")
            for event in result.all_events
            if event.is_step_failure
        ]
    return Launched(result.run_id, result.success, "; ".join(failures))
