"""The emulator's process, with the real emulator."""

from pathlib import Path

import psutil
import pytest

from qb_pipeline.embedded import processes
from qb_pipeline.embedded.emulator import COMMAND, Emulator, url
from qb_pipeline_tests.embedded.conftest import wait_for


@pytest.mark.slow
def test_it_answers_at_its_url_and_stops_when_told(home: Path) -> None:
    emulator = Emulator(home)
    emulator.start()
    try:
        wait_for(emulator.is_ready)
        port = int((home / "emulator" / "port").read_text())
        assert url(home) == f"http://127.0.0.1:{port}"
    finally:
        emulator.stop()

    assert not processes.answers(port)
    assert not emulator.is_ready()
    assert oct((home / "emulator").stat().st_mode) == "0o40700"


@pytest.mark.slow
def test_one_that_an_earlier_supervisor_left_behind_is_ended_first(home: Path) -> None:
    """Two would write one state file."""
    left_behind, emulator = Emulator(home), Emulator(home)
    left_behind.start()
    wait_for(left_behind.is_ready)
    before = url(home)

    emulator.start()
    try:
        wait_for(emulator.is_ready)
        assert emulator.process is not None
        assert processes.find_processes(home / "emulator", COMMAND) == [emulator.process.pid]
        assert psutil.Process(emulator.process.pid).is_running()
        assert url(home) == before
    finally:
        emulator.stop()
        left_behind.stop()
