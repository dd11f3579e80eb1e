"""Dagster itself: its storage's schema, and the one daemon that schedules and sensors need."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from qb_pipeline.commands.checkup.finding import BROKEN, WARNING, Finding

if TYPE_CHECKING:
    from dagster._daemon.types import DaemonHeartbeat

SILENT = timedelta(minutes=2)
"""A daemon notes that it lives every 30 seconds (``DEFAULT_HEARTBEAT_INTERVAL_SECONDS``, dagster 1.13.27)."""

START = "qb-pipeline dev (a server: restart the service, docs/deploy.md)"


def dagster_instance(now: datetime) -> Iterator[Finding]:
    """Look at the instance that DAGSTER_HOME names."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        has, needs = instance.run_storage.alembic_version() or (None, None)
        if has != needs:
            yield Finding("Dagster schema", BROKEN, f"revision {has}, needs {needs}", "qb-pipeline db upgrade")
            return  # its tables cannot be trusted to be there
        yield Finding("Dagster schema", found=f"revision {has}")
        yield _daemon(instance.get_daemon_heartbeats(), now)


def _daemon(heartbeats: "Mapping[str, DaemonHeartbeat]", now: datetime) -> Finding:
    """A daemon is one process with a thread per kind of work; each thread keeps one row, signed by its process."""
    seen = {kind: datetime.fromtimestamp(beat.timestamp, UTC) for kind, beat in heartbeats.items()}
    living = [kind for kind, at in seen.items() if now - at < SILENT]
    processes = {heartbeats[kind].daemon_id for kind in living}
    if not seen:
        return Finding("Dagster daemon", WARNING, "none has ever run: no schedule, no sensor", START)
    if not living:
        silent = f"silent since {max(seen.values()):%Y-%m-%d %H:%M} UTC: no schedule, no sensor"
        return Finding("Dagster daemon", BROKEN, silent, START)
    if len(processes) > 1:
        found = f"{len(processes)} daemons on one storage: schedules and sensors act twice"
        return Finding("Dagster daemon", BROKEN, found, "Stop all but one (a second dev, an old service).")
    failing = sorted(kind for kind in living if heartbeats[kind].errors)
    if failing:
        found = f"running, with errors in {', '.join(failing)}"
        return Finding("Dagster daemon", WARNING, found, "Dagster UI: Deployment → Daemons shows them.")
    return Finding("Dagster daemon", found="one is running")
