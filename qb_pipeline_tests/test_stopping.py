"""A process that is told to end."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qb_pipeline import stopping
from qb_pipeline.stopping import StoppedError, Told

pytestmark = pytest.mark.signals


def test_a_command_ends_where_it_stands_at_the_first_signal_and_only_once() -> None:
    with stopping.told_by_signals():
        with pytest.raises(Told) as told:
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # while it cleans up
        was_told = stopping.is_told()

    assert (told.value.number, str(told.value), was_told) == (signal.SIGTERM, "SIGTERM", True)
    assert not stopping.is_told()
    assert signal.alarm(0) == 0


def test_what_is_under_way_goes_on_nothing_new_begins_and_then_the_signal_counts() -> None:
    done = []

    def work() -> None:
        with stopping.deferred():
            stopping.require()
            signal.raise_signal(signal.SIGTERM)
            done.append("recorded")
            for begin in (stopping.require, lambda: stopping.sleep(0.0)):
                with pytest.raises(StoppedError, match="stopped by SIGTERM"):
                    begin()
            with ThreadPoolExecutor(1) as pool, pytest.raises(StoppedError):
                pool.submit(stopping.require).result()

    with stopping.told_by_signals(), pytest.raises(Told):
        work()

    assert done == ["recorded"]
    stopping.require()


def test_the_signal_counts_also_where_the_block_ends_with_an_error() -> None:
    def work() -> None:
        with stopping.deferred(), stopping.deferred():
            signal.raise_signal(signal.SIGTERM)
            stopping.require()

    with stopping.told_by_signals(), pytest.raises(Told):
        work()


def test_a_sleep_ends_with_the_signal() -> None:
    began = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with stopping.told_by_signals(), pytest.raises(Told), stopping.deferred():
        stopping.sleep(60)

    assert time.monotonic() - began < 30


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with stopping.told_by_signals(), stopping.deferred():
        pass

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_another_thread_has_no_signals_to_handle() -> None:
    def work() -> str:
        with stopping.told_by_signals(), stopping.deferred():
            return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == "done"


@pytest.mark.parametrize("ignored", ["INT", "HUP"])
def test_what_was_ignored_from_the_beginning_stays_ignored_and_sigterm_never_is(ignored: str) -> None:
    """As in ``command &`` of a script, or under nohup."""
    program = (
        "import signal\n"
        "from qb_pipeline import stopping\n"
        "with stopping.told_by_signals():\n"
        f"    signal.raise_signal(signal.SIG{ignored})\n"
        "    print('lives')\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    except stopping.Told as told:\n"
        "        print(told)\n"
    )

    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' {ignored} TERM; exec \"$0\" -c \"$1\"", sys.executable, program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["lives", "SIGTERM"]


def test_a_command_that_does_not_leave_is_ended_by_the_kernel() -> None:
    program = (
        "import signal, time\n"
        "from qb_pipeline import stopping\n"
        "stopping.GRACE_SECONDS = 1\n"
        "with stopping.told_by_signals(), stopping.deferred():\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGALRM
