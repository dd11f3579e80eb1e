"""Dagster's own scheduler loop on a real instance and workspace: in this process, or in one that a test kills.

The module is the workspace's code location: the definitions as they are, with the firms of the test instead of those
that the environment names.
"""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs

from qb_pipeline import crash_points
from qb_pipeline.definitions import defs
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline_tests.law_firm import LawFirm, Time

IN_THIS_PROCESS = {
    "telemetry": {"enabled": False},
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
}
"""Runs wait in Dagster's queue, as they do in production, until ``Daemon.work`` takes them out."""

DAGSTERS_PLACES = ("TICK_CREATED", "TICK_HELD", "RUN_CREATED", "RUN_LAUNCHED", "RUN_ADDED", "TICK_SUCCESS")
"""Where Dagster's own tests kill its daemon, in order."""

present: list[Deployment] = []
"""The firms of the test that runs."""


@dg.resource
def deployment(_context: dg.InitResourceContext) -> Deployment:
    """The firms of the test."""
    return present[-1]


@dg.definitions
def location() -> dg.Definitions:
    """The pipeline's own definitions; sensors are other tests' matter."""
    found = defs()
    return dg.Definitions(
        assets=found.assets,
        jobs=found.jobs,
        schedules=found.schedules,
        resources={**(found.resources or {}), "deployment": deployment},
        executor=found.executor,
    )


@dataclass
class Daemon:
    """A daemon that has just started: it remembers nothing of the ticks before it."""

    workspace: WorkspaceProcessContext
    times: dict[str, ScheduleIterationTimes] = field(default_factory=dict)

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.workspace.instance

    def look(self, now: datetime, **crash_flags: Any) -> None:
        """One turn of the scheduler's loop, at an instant."""
        with freeze_time(now):
            for error in launch_scheduled_runs(
                self.workspace,
                logging.getLogger("test"),
                now,
                iteration_times=self.times,
                debug_crash_flags={"daily_sync": crash_flags},
            ):
                assert error is None or isinstance(error, ScheduleIterationTimes), error

    def work(self, now: datetime, job: str | None = None) -> None:
        """Run what waits in the queue, the oldest first; of one job, or of all."""
        with freeze_time(now):
            queued = self.instance.get_runs(dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.QUEUED]))
            for run in reversed(queued):
                self.instance.launch_run(run.run_id, self.workspace.create_request_context())

    def runs(self, prefix: str = "daily:") -> dict[str, list[str]]:
        """What became of the runs of each key, the oldest first."""
        found: dict[str, list[str]] = {}
        for run in reversed(self.instance.get_runs()):
            key = run.tags.get(RUN_KEY_TAG, "")
            if key.startswith(prefix):
                found.setdefault(key, []).append(run.status.value)
        return found

    def ticks(self) -> Counter[str]:
        """How the ticks of ``daily_sync`` ended."""
        [state] = [each for each in self.instance.all_instigator_state() if each.instigator_name == "daily_sync"]
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return Counter(tick.status.value for tick in ticks)


@contextmanager
def start_daemon(instance: dg.DagsterInstance, firms: Deployment) -> Iterator[Daemon]:
    """A daemon with a workspace of its own."""
    present.append(firms)
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="qb_pipeline_tests.defs.scheduler", attribute="location"), location_name="test"
    )
    try:
        with WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(origin)) as workspace:
            yield Daemon(workspace)
    finally:
        present.pop()


@dataclass(frozen=True)
class World:
    """What a process of its own needs to know of the test's."""

    instance: InstanceRef
    ledger: str
    billing: str
    api_url: str
    home: Path
    keys: Sequence[str]
    first_date: date
    skipped: timedelta

    @classmethod
    def of(cls, law_firm: LawFirm, instance: dg.DagsterInstance) -> "World":
        urls = [each.url.render_as_string(hide_password=False) for each in (law_firm.ledger, law_firm.billing)]
        firms = law_firm.deployment
        return cls(
            instance.get_ref(),
            *urls,
            law_firm.books.url,
            firms.home,
            firms.keys,
            firms.first_date,
            law_firm.time.skipped,
        )


def die(world: World, place: str, started: datetime | None) -> None:
    """Be a daemon that is killed at a place: of a tick (``started``: it had seen that instant before), or of a run."""
    time = Time(world.api_url, world.skipped)
    firms = Deployment(
        ledger=sa.create_engine(world.ledger),
        billing=sa.create_engine(world.billing),
        environment=environment("emulator", api_url=world.api_url),
        client_id="emulator-client",
        client_secret="emulator-secret",
        keys=world.keys,
        first_date=world.first_date,
        home=world.home,
        clock=time.now,
        sleep=time.sleep,
    )
    crash_points.on_reach = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == place else None
    with dg.DagsterInstance.from_ref(world.instance) as instance, start_daemon(instance, firms) as daemon:
        flags = {place: signal.SIGKILL} if place in DAGSTERS_PLACES else {}
        if started is not None:
            daemon.look(started)
            daemon.look(time.now().astimezone(UTC), **flags)
        else:
            daemon.work(time.now().astimezone(UTC), "sync")
