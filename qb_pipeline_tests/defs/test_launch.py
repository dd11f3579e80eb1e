"""Running the job from a command: it stands in the run history like any other run."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.monitoring import execute_run_monitoring_iteration
from dagster_graphql.test.utils import execute_dagster_graphql

from qb_pipeline import config, database
from qb_pipeline.defs.launch import add_firm_partition, launch_sync
from qb_pipeline_tests.commands.typed import DAGSTER_YAML, environment_of
from qb_pipeline_tests.law_firm import FIRM, LawFirm

IMPATIENT = """
run_monitoring: {enabled: true, start_timeout_seconds: 1, max_runtime_seconds: 1}
code_servers: {wait_for_local_processes_on_shutdown: true}
"""

WHERE_THE_PAGE_LOOKS = """
query($job: PipelineSelector!, $id: ID!) {
  history: pipelineOrError(params: $job) { ... on Pipeline { runs(limit: 5) { runId status } } }
  timeline: runsOrError(filter: {statuses: [SUCCESS, FAILURE]}) {
    ... on Runs { results { runId pipelineName repositoryOrigin { repositoryName repositoryLocationName } } }
  }
  run: runOrError(runId: $id) { ... on Run { pipeline { ... on PipelineSnapshot { name } } hasReExecutePermission } }
}
"""
"""What the page asks for a job's history and its last run, for the timeline, and for the page of a run."""


@pytest.fixture
def instance(law_firm: LawFirm, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that the environment names, as it is when a command runs."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML + IMPATIENT)
    environment = environment_of(law_firm, tmp_path, tmp_path)
    with patch.dict(os.environ, environment), dg.DagsterInstance.get() as found:
        yield found
    for name in (config.DATABASE_URL, config.BILLING_URL):
        database.engine(environment[name]).dispose()


def test_a_firm_becomes_a_partition_once(instance: dg.DagsterInstance) -> None:
    for firm_id in ("one", "one", "two"):
        add_firm_partition(firm_id)

    assert instance.get_dynamic_partitions("firm") == ["one", "two"]


@pytest.mark.slow
def test_a_run_over_dates_ends_and_stands_in_the_history(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=2)
    law_firm.invoice("2", "10.00", days_ago=1)
    first, last = (law_firm.today - timedelta(days=n) for n in (2, 1))

    launched = launch_sync(FIRM, first, last, actor="ana")

    run = instance.get_run_by_id(launched.run_id)
    assert run is not None
    assert (launched.succeeded, launched.error, run.status) == (True, "", dg.DagsterRunStatus.SUCCESS)
    assert {name: run.tags[name] for name in ("firm", "trigger", "actor")} == {
        "firm": "one", "trigger": "cli", "actor": "ana",
    }  # fmt: skip
    assert len(law_firm.books.ours("Invoice")) == 2


def test_chosen_documents_stand_in_the_runs_config(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "10.00")
    day = law_firm.today - timedelta(days=1)

    launched = launch_sync(FIRM, day, day, actor="ana", invoice_ids=["2"])

    run = instance.get_run_by_id(launched.run_id)
    assert run is not None
    chosen = {"invoice_ids": ["2"], "payment_ids": [], "plan_id": ""}
    assert run.run_config["resources"] == {"chosen": {"config": chosen}}
    assert [row["DocNumber"] for row in law_firm.books.ours("Invoice")] == ["N-2"]


def test_a_run_that_failed_says_why(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    launched = launch_sync(FIRM, law_firm.today, law_firm.today, actor="ana", trigger="test")

    assert (launched.succeeded, launched.error) == (
        False,
        "There is no firm one. Next step: qb-pipeline firm add one --super-user YOUR-NAME",
    )
    assert instance.get_runs_count() == 1


@pytest.mark.slow
def test_the_page_shows_a_commands_run_in_the_jobs_history_the_timeline_and_as_its_last_run(
    law_firm: LawFirm, instance: dg.DagsterInstance
) -> None:
    launched = launch_sync(FIRM, law_firm.today, law_firm.today, actor="ana")
    selector = {"pipelineName": "sync", "repositoryName": "__repository__", "repositoryLocationName": "qb_pipeline"}

    target = WorkspaceFileTarget(paths=[str(config.PROJECT / "workspace.yaml")])
    with WorkspaceProcessContext(instance, target) as workspace:
        found = execute_dagster_graphql(
            workspace.create_request_context(), WHERE_THE_PAGE_LOOKS, {"job": selector, "id": launched.run_id}
        ).data

    assert found == {
        "history": {"runs": [{"runId": launched.run_id, "status": "FAILURE"}]},
        "timeline": {
            "results": [
                {
                    "runId": launched.run_id,
                    "pipelineName": "sync",
                    "repositoryOrigin": {
                        "repositoryName": "__repository__", "repositoryLocationName": "qb_pipeline",
                    },
                }
            ]
        },
        "run": {"pipeline": {"name": "sync"}, "hasReExecutePermission": True},
    }  # fmt: skip


@pytest.mark.slow
def test_run_monitoring_does_not_end_a_commands_run_that_takes_longer_than_its_limit(
    law_firm: LawFirm, instance: dg.DagsterInstance
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=1)
    law_firm.books.switch(batch_item_latency_ms=4_000)
    day = law_firm.today - timedelta(days=1)
    target = WorkspaceFileTarget(paths=[str(config.PROJECT / "workspace.yaml")])

    with WorkspaceProcessContext(instance, target) as workspace, ThreadPoolExecutor() as pool:
        running = pool.submit(launch_sync, FIRM, day, day, actor="ana")
        looked_at: list[str] = []
        while not running.done():
            looked_at += [run.status.value for run in instance.get_runs()]
            for trouble in execute_run_monitoring_iteration(workspace, logging.getLogger("monitoring")):
                assert trouble is None
        launched = running.result()

    run = instance.get_run_by_id(launched.run_id)
    assert run is not None
    assert (launched.succeeded, run.status, "STARTED" in looked_at) == (True, dg.DagsterRunStatus.SUCCESS, True)
    record = instance.get_run_record_by_id(launched.run_id)
    assert record is not None
    assert record.end_time - record.start_time > instance.run_monitoring_max_runtime_seconds
