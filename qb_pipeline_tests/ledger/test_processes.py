"""Another process is named exactly, and ended only when it is exactly that one."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from qb_pipeline.ledger.processes import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of other processes")

NOBODY = 65534


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing for a minute."""
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607
        yield child
        child.kill()


def test_a_process_is_killed_even_while_it_is_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    named = Process.of(sleeper.pid)
    sleeper.send_signal(signal.SIGSTOP)

    assert (named.is_alive, named.kill()) == (True, True)
    assert (named.is_alive, named.is_dead) == (False, True)  # a zombie, which its parent has not collected yet
    assert named.kill() is False


@pytest.mark.parametrize("other", [{"started": 1}, {"boot_id": "another start of this machine"}, {"boot_id": ""}])
def test_whoever_has_the_pid_by_now_is_left_alone(sleeper: subprocess.Popen[bytes], other: dict[str, object]) -> None:
    named = replace(Process.of(sleeper.pid), **other)

    assert (named.is_alive, named.kill()) == (False, False)
    assert Process.of(sleeper.pid).is_alive


def test_we_never_kill_ourselves() -> None:
    assert Process.of(os.getpid()).kill() is False


def test_another_user_s_process_cannot_be_killed() -> None:
    other = Process.of(os.getpid() if os.getuid() == 0 else 1)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(kill_as_nobody, [other]) == "PermissionError"


def kill_as_nobody(other: Process) -> str:
    if os.getuid() == 0:
        os.setuid(NOBODY)
    try:
        return str(other.kill())
    except PermissionError as error:
        return type(error).__name__


def test_death_is_certain_only_where_we_can_look() -> None:
    ours = Process.of(os.getpid())
    before_the_restart = replace(ours, boot_id="an earlier start")
    on_another_machine = replace(before_the_restart, host="elsewhere")
    in_another_container = replace(ours, boot_id=f"{ours.boot_id}0")  # which shares the name of this one

    assert [p.is_dead for p in (ours, before_the_restart, on_another_machine, in_another_container)] == [
        False, True, False, False,
    ]  # fmt: skip


CHILD = """
import multiprocessing, os, sys, time
from qb_pipeline.ledger.processes import end_with_parent

def work(pipe):
    if {asks}:
        end_with_parent()
    pipe.send(os.getpid())
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    context.Process(target=work, args=[there]).start()
    print(here.recv(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("asks", [True, False])
def test_a_child_that_asked_for_it_dies_with_its_parent_and_no_other(asks: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD.format(asks=asks)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = Process.of(int(parent.stdout.readline()))
        parent.kill()
    try:
        if asks:
            deadline = time.monotonic() + 30
            while child.is_alive:
                assert time.monotonic() < deadline, "it lives on"
                time.sleep(0.01)
        else:
            assert child.is_alive
    finally:
        child.kill()
