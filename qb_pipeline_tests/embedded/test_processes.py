"""Children, orphans, ports."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from qb_pipeline.embedded import processes
from qb_pipeline_tests.embedded.conftest import wait_for

SLEEP = re.compile(r"^/bin/sleep 5")


def test_a_remembered_port_stays_while_it_is_free(tmp_path: Path) -> None:
    first = processes.remembered_port(tmp_path / "port")

    assert processes.remembered_port(tmp_path / "port") == first
    assert first in processes.PORTS


@pytest.mark.parametrize("written", ["", "garbage\n"])
def test_a_port_file_that_a_power_cut_spoilt_is_written_anew(tmp_path: Path, written: str) -> None:
    (tmp_path / "port").write_text(written)

    port = processes.remembered_port(tmp_path / "port")

    assert (tmp_path / "port").read_text() == f"{port}\n"


@pytest.mark.slow
def test_a_remembered_port_that_somebody_else_took_is_given_up(tmp_path: Path) -> None:
    first = processes.remembered_port(tmp_path / "port")
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()

        second = processes.remembered_port(tmp_path / "port")

        assert second != first
        assert (tmp_path / "port").read_text() == f"{second}\n"
        assert processes.answers(first)
        assert not processes.answers(second)


def test_only_processes_with_that_command_in_that_folder_are_found_and_ended(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    ours = subprocess.Popen(["/bin/sleep", "5"], cwd=tmp_path / "inside")
    elsewhere = subprocess.Popen(["/bin/sleep", "5"], cwd=tmp_path)
    other = subprocess.Popen(["/bin/sleep", "6"], cwd=tmp_path / "inside")
    try:
        wait_for(lambda: processes.find_processes(tmp_path / "inside", SLEEP) == [ours.pid])

        processes.end_processes(tmp_path / "inside", SLEEP, signal_number=signal.SIGTERM, patience=3.0)

        assert [child.poll() for child in (elsewhere, other)] == [None, None]
        assert ours.wait() == -signal.SIGTERM  # until then a zombie, which does not count as alive
    finally:
        for child in (ours, elsewhere, other):
            child.kill()
            child.wait()


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; touch deaf; while true; do sleep 0.1; done"
    deaf = subprocess.Popen(["/bin/sh", "-c", script], cwd=tmp_path)
    try:
        wait_for((tmp_path / "deaf").exists)
        assert processes.find_processes(tmp_path, re.compile("^/bin/sh ")) == [deaf.pid]

        processes.end_processes(tmp_path, re.compile("^/bin/sh "), signal_number=signal.SIGTERM, patience=0.3)

        assert deaf.wait() == -signal.SIGKILL
    finally:
        deaf.kill()
        deaf.wait()


def test_a_child_is_killed_when_it_does_not_listen() -> None:
    deaf = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while true; do sleep 0.1; done"], stdout=subprocess.PIPE
    )
    with deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()

        processes.stop_child(deaf, signal.SIGTERM, patience=0.3)

        assert deaf.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_child_dies_with_us_even_when_we_are_killed() -> None:
    program = (
        "import signal, subprocess, time\n"
        "from qb_pipeline.embedded.processes import dying_with_us\n"
        "child = subprocess.Popen(['sleep', '30'], preexec_fn=dying_with_us(signal.SIGTERM))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(30)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)

    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(processes.LOG_BYTES + 1)

    os.close(processes.open_log(log))

    assert (log.stat().st_size, log.stat().st_mode & 0o777) == (0, 0o600)
    assert (tmp_path / "log.1").stat().st_size == processes.LOG_BYTES + 1
