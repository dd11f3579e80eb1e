"""Dagster's storage and daemon: each is broken once."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from qb_pipeline.commands.checkup.dagster_instance import dagster_instance, switches
from qb_pipeline.commands.checkup.finding import Finding
from qb_pipeline.config import DAGSTER_SWITCHES

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance in which no daemon has ever run."""
    with patch.dict(os.environ, {"DAGSTER_HOME": str(dagster_home)}), dg.DagsterInstance.get() as found:
        found.wipe_daemon_heartbeats()
        yield found
        found.wipe_daemon_heartbeats()


def beat(instance: dg.DagsterInstance, kind: str, process: str, *, ago: float, error: str = "") -> None:
    """What a daemon writes every 30 seconds."""
    errors = [SerializableErrorInfo(error, [], None)] if error else []
    instance.add_daemon_heartbeat(
        DaemonHeartbeat((NOW - timedelta(seconds=ago)).timestamp(), kind, process, errors=errors)
    )


def daemon() -> tuple[str, str]:
    [found] = [finding for finding in dagster_instance(NOW) if finding.part == "Dagster daemon"]
    assert bool(found.remedy) == (found.verdict != "ok")
    return found.verdict, found.found


def test_no_daemon(instance: dg.DagsterInstance) -> None:
    assert daemon() == ("warning", "none has ever run: no schedule, no sensor")


def test_one_daemon(instance: dg.DagsterInstance) -> None:
    beat(instance, "SENSOR", "a", ago=25)
    beat(instance, "SCHEDULER", "a", ago=55)

    assert daemon() == ("ok", "one is running")


def test_a_daemon_that_ended(instance: dg.DagsterInstance) -> None:
    beat(instance, "SENSOR", "a", ago=3600)

    assert daemon() == ("broken", "silent since 2026-03-02 11:00 UTC: no schedule, no sensor")


def test_two_daemons(instance: dg.DagsterInstance) -> None:
    beat(instance, "SENSOR", "a", ago=20)
    beat(instance, "SCHEDULER", "b", ago=10)

    assert daemon() == ("broken", "2 daemons on one storage: schedules and sensors act twice")


def test_a_daemon_that_was_restarted_is_one(instance: dg.DagsterInstance) -> None:
    beat(instance, "ASSET", "before the restart", ago=1000)
    beat(instance, "SENSOR", "after it", ago=5)

    assert daemon() == ("ok", "one is running")


def test_a_daemon_with_errors_is_named_without_their_text(instance: dg.DagsterInstance) -> None:
    beat(instance, "SENSOR", "a", ago=5, error="Ana Diaz owes 250.00")

    assert daemon() == ("warning", "running, with errors in SENSOR")


def test_a_missing_migration_of_dagsters_and_the_command_that_brings_it(instance: dg.DagsterInstance) -> None:
    storage = instance.run_storage
    needs = storage.alembic_version()[1]
    with storage.connect() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '7e2f3204cf8e'"))

    found = list(dagster_instance(NOW))

    with storage.connect() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :needs"), {"needs": needs})
    assert found == [
        Finding("Dagster schema", "broken", f"revision 7e2f3204cf8e, needs {needs}", "qb-pipeline db upgrade")
    ]


@contextmanager
def running(words: str, environ: Mapping[str, str]) -> Iterator[int]:
    """A process that looks like one of Dagster's; gives its pid."""
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", *words.split()], env=dict(environ),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_process_that_lacks_dagsters_switches_is_named(tmp_path: Path) -> None:
    ours = {"DAGSTER_HOME": str(tmp_path)}
    emit, batch = DAGSTER_SWITCHES
    with (
        running("dagster._daemon run", ours | DAGSTER_SWITCHES) as daemon_id,
        running("qb_pipeline.web.dagster_ui --port 1", ours | {emit: "false", batch: "500"}) as page_id,
        running("dagster api grpc -m x", ours) as code_id,
        running("dagster._daemon run", {"DAGSTER_HOME": "another"}),
        running("dagsters api", ours),
    ):
        found = list(switches(ours))
    told = "its runs cost an event per date, written one by one"

    assert sorted(found, key=lambda finding: finding.found) == sorted(
        [
            Finding(
                "Dagster switches", "warning", f"page {page_id} lacks {emit}: {told}",
                f"Start it again with {emit}=true",
            ),
            Finding(
                "Dagster switches", "warning", f"code server {code_id} lacks {emit} and {batch}: {told}",
                f"Start it again with {emit}=true {batch}=500",
            ),
            Finding("Dagster switches", found=f"set in daemon {daemon_id}"),
        ],
        key=lambda finding: finding.found,
    )  # fmt: skip


def test_a_deployment_of_which_nothing_runs_says_so(tmp_path: Path) -> None:
    assert list(switches({"DAGSTER_HOME": str(tmp_path)})) == [
        Finding("Dagster switches", found="no process of this deployment runs here")
    ]
