"""Dagster's own processes, for as long as a command runs: one code server, the webserver, the daemon.

One code server for both: ``dagster dev`` starts one for each, which costs twice the memory and the time. Everything
listens on loopback only.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from qb_pipeline.embedded.processes import dying_with_us

READY_SECONDS = 180.0
STOP_SECONDS = 20.0

WORKSPACE = """\
load_from:
  - grpc_server:
      host: 127.0.0.1
      port: {port}
      location_name: qb_pipeline
"""


class DagsterError(Exception):
    """One of Dagster's processes did not start, or ended; the message names it and its log."""


def run(home: Path, port: int) -> None:
    """Run until Ctrl-C or SIGTERM.

    Raises:
        DagsterError: a process ended by itself.
    """
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        with running(home, port) as processes:
            while True:
                for name, process in processes.items():
                    if process.poll() is not None:
                        raise DagsterError(f"Dagster's {name} ended; see {home / 'dagster' / (name + '.log')}")
                time.sleep(0.5)
    except KeyboardInterrupt:
        return


@contextmanager
def running(home: Path, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start the three processes, wait until the page answers, and end them with the block.

    Raises:
        DagsterError: the page does not answer in time.
    """
    code_port = _free_port()
    folder = home / "dagster"
    workspace = folder / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(port=code_port))
    code_server = ["dagster", "api", "grpc", "-m", "qb_pipeline.definitions", "-h", "127.0.0.1", "-p", str(code_port),
                   "--location-name", "qb_pipeline"]  # fmt: skip
    webserver = ["qb_pipeline.web.dagster_ui", "--port", str(port), "--code-port", str(code_port)]
    daemon = ["dagster._daemon", "run", "-w", str(workspace)]
    with ExitStack() as stack:
        processes: dict[str, subprocess.Popen[bytes]] = {}

        def start(name: str, command: list[str]) -> None:
            processes[name] = stack.enter_context(_process(command, folder / f"{name}.log"))

        start("code-server", code_server)
        # The code first: a webserver that finds no code shows an error until somebody reloads it.
        _wait(lambda: _is_open(code_port), processes, folder)
        start("webserver", webserver)
        start("daemon", daemon)
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/server_info"), processes, folder)
        yield processes


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=log.parent,  # not the project: Dagster warns of a second dagster.yaml there
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
            preexec_fn=dying_with_us(signal.SIGINT),  # noqa: PLW1509 - it only tells the kernel
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(is_ready: Callable[[], bool], processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        for name, process in processes.items():
            if process.poll() is not None:
                raise DagsterError(f"Dagster's {name} did not start; see {folder / (name + '.log')}")
        if time.monotonic() > deadline:
            raise DagsterError(f"Dagster was not ready within {READY_SECONDS:.0f} s; see the logs in {folder}")
        time.sleep(0.2)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - our own loopback address
            return True
    except (URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
