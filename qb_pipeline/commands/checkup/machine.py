"""Checks of this machine: installed releases, the key that opens tokens, space on the disk, addresses for alerts."""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from qb_pipeline.commands.checkup.finding import BROKEN, WARNING, Finding
from qb_pipeline.config import ALERT_URLS, SECRET_KEY

DAGSTER_FAMILY = {
    "dagster": "1.13.27",
    "dagster-graphql": "1.13.27",
    "dagster-pipes": "1.13.27",
    "dagster-shared": "1.13.27",
    "dagster-webserver": "1.13.27",
    "dagster-postgres": "0.29.27",
}
"""The tested releases of Dagster's packages. They are released together; an upgrade of one alone breaks the set."""

ENOUGH_BYTES = 1_000_000_000
FULL_BYTES = 100_000_000
"""The free bytes below which the check of the disk warns (``ENOUGH_BYTES``) and fails (``FULL_BYTES``). A run of a
thousand documents writes about 10 MB to the databases; PostgreSQL stops when its disk is full."""


def versions(version_of: Callable[[str], str] = importlib.metadata.version) -> Iterator[Finding]:
    """Yield a finding for each package of Dagster's family whose release is not the tested one."""
    for package, wanted in DAGSTER_FAMILY.items():
        has = version_of(package)
        if has != wanted:
            yield Finding(
                package, BROKEN, f"version {has}, tested with {wanted}", "Install requirements.lock again (make dev)."
            )


def has_key(home: Path, environ: Mapping[str, str]) -> bool:
    """Whether there is a key already, in the environment or in the home."""
    return bool(environ.get(SECRET_KEY)) or (home / "secret_key").exists()


def key(home: Path, environ: Mapping[str, str]) -> Finding:
    """Check the key that encrypts tokens. The first connection creates it; this check never does."""
    path = home / "secret_key"
    if environ.get(SECRET_KEY):
        return Finding("key", found=SECRET_KEY)
    if not has_key(home, environ):
        return Finding("key", found=f"none yet; the first connection makes {path}")
    if path.stat().st_mode & 0o077:
        return Finding("key", BROKEN, f"{path} can be read by others", f"chmod 600 {path}")
    return Finding("key", found=str(path))


def alerts(addresses: str | None) -> Finding:
    """Check whether addresses for alerts are set and usable. No test message is sent: it would help nobody."""
    from qb_pipeline.alerts import split, unknown

    if addresses is None:
        return Finding("alerts", found=f"nobody is told of failed runs: {ALERT_URLS} is not set")
    wrong = unknown(addresses)
    if wrong:
        return Finding("alerts", BROKEN, f"apprise does not know {', '.join(wrong)}", f"Correct {ALERT_URLS}.")
    return Finding("alerts", found=f"{len(split(addresses))} addresses")


def disk(home: Path, *, enough: int = ENOUGH_BYTES, full: int = FULL_BYTES) -> Finding:
    """Check the free space on the disk of the home; ``enough`` and ``full`` are in bytes.

    The administrators of databases on other machines look after their own disks.
    """
    folder = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free // 1_000_000:,} MB free in {folder}"
    remedy = "Free space, or move QB_PIPELINE_HOME; what has grown: docs/deploy.md, Sizes."
    if free < full:
        return Finding("disk", BROKEN, text, remedy)
    return Finding("disk", WARNING, text, remedy) if free < enough else Finding("disk", found=text)
