"""Checks of Dagster: schema of its storage, the one daemon that schedules and sensors need, environment of its
processes."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from qb_pipeline.commands.checkup.finding import BROKEN, WARNING, Finding
from qb_pipeline.config import DAGSTER_SWITCHES, DAGSTER_URL

if TYPE_CHECKING:
    from dagster._daemon.types import DaemonHeartbeat

SILENT = timedelta(minutes=2)
"""The time without a heartbeat after which a daemon counts as silent. A daemon sends one every 30 seconds
(``DEFAULT_HEARTBEAT_INTERVAL_SECONDS``, dagster 1.13.27)."""

PARTS = {
    "dagster._daemon": "daemon",
    "dagster-daemon": "daemon",
    "qb_pipeline.web.dagster_ui": "page",
    "dagster-webserver": "page",
    "dagster_webserver": "page",
    "grpc": "code server",
    "code-server": "code server",
    "dev": "dagster dev",
}
"""The processes of Dagster, keyed by the word of the command line that identifies each."""

SWITCHES = "Dagster switches"

START = "qb-pipeline dev (a server: restart the service, docs/deploy.md)"


def dagster_instance(now: datetime) -> Iterator[Finding]:
    """Check the instance that DAGSTER_HOME names: its schema, its daemon, and the switches of its processes."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        has, needs = instance.run_storage.alembic_version() or (None, None)
        if has != needs:
            yield Finding("Dagster schema", BROKEN, f"revision {has}, needs {needs}", "qb-pipeline db upgrade")
            return  # the tables that the next check reads may be missing
        yield Finding("Dagster schema", found=f"revision {has}")
        yield _daemon(instance.get_daemon_heartbeats(), now)
    yield from switches(os.environ)


def _daemon(heartbeats: "Mapping[str, DaemonHeartbeat]", now: datetime) -> Finding:
    """Return the finding about the daemon, from its heartbeats.

    The daemon is one process with a thread for each kind of work. Each thread keeps one heartbeat, which names the
    process.
    """
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


def switches(ours: Mapping[str, str], proc: Path = Path("/proc")) -> Iterator[Finding]:
    """Check the environment of Dagster's processes on this machine that work on our storage.

    ``ours`` is the environment of our own process.
    """
    if not proc.exists():
        yield Finding(SWITCHES, found="this system does not show the environment of processes")
        return
    fine, lacks, hidden = [], [], []
    for process in sorted((path for path in proc.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name)):
        name = _part_of_dagster(process)
        if not name:
            continue
        try:
            theirs = _environment(process)
        except PermissionError:
            hidden.append(name)
            continue
        if not _is_of_deployment(theirs, ours):
            continue
        lack = _find_lack(name, theirs)
        if lack is None:
            fine.append(name)
        else:
            lacks.append(lack)
    yield from lacks
    said = f"set in {', '.join(fine)}" if fine else "" if lacks else "no process of this deployment runs here"
    others = f"another user's, not looked at: {', '.join(hidden)}" if hidden else ""
    if said or others:
        yield Finding(SWITCHES, found="; ".join(filter(None, (said, others))))


def _is_of_deployment(theirs: Mapping[str, str], ours: Mapping[str, str]) -> bool:
    """Whether a process with the environment ``theirs`` works on our storage. One of the two addresses is enough."""
    return any(ours.get(key) and ours.get(key) == theirs.get(key) for key in ("DAGSTER_HOME", DAGSTER_URL))


def _find_lack(name: str, theirs: Mapping[str, str]) -> Finding | None:
    """Return the finding that names the switches which a process lacks; None when it has all of them."""
    lacking = [key for key in DAGSTER_SWITCHES if theirs.get(key, "").lower() in ("", "0", "false")]
    if not lacking:
        return None
    remedy = f"Start it again with {' '.join(f'{key}={DAGSTER_SWITCHES[key]}' for key in lacking)}"
    said = f"{name} lacks {' and '.join(lacking)}: its runs cost an event per date, written one by one"
    return Finding(SWITCHES, WARNING, said, remedy)


def _part_of_dagster(process: Path) -> str:
    """Return the part of Dagster that a process is, with its pid, such as "daemon 17"; "" for any other process."""
    words = [word.rsplit("/", 1)[-1] for word in _strings(process / "cmdline")]
    if not any(word.startswith(("dagster", "qb_pipeline.web.dagster_ui")) or word == "dg" for word in words):
        return ""
    named = [PARTS[word] for word in words if word in PARTS]
    return f"{named[0]} {process.name}" if named else ""


def _environment(process: Path) -> dict[str, str]:
    """Read the environment with which a process was started.

    Raises:
        PermissionError: the process belongs to another user.
    """
    return dict(entry.split("=", 1) for entry in _strings(process / "environ") if "=" in entry)


def _strings(path: Path) -> list[str]:
    """Read the strings of a file of /proc; an empty list when the process is gone."""
    try:
        return path.read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
