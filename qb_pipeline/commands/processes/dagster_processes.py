"""Dagster's own processes, which run as long as a command: one code server, the webserver, the daemon.

Webserver and daemon share the code server. ``dagster dev`` starts a code server for each of them, which costs twice the
memory and the time. All processes listen on loopback only.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

from qb_pipeline.embedded.processes import dying_with_us

READY_SECONDS = 180.0
STOP_SECONDS = 10.0
"""The seconds in which a run may record its open requests before it is killed. The next run settles the rest."""

LOADED = (
    "{ workspaceOrError { ... on Workspace { locationEntries"
    " { locationOrLoadError { __typename ... on PythonError { message } } } } } }"
)

WORKSPACE = """\
load_from:
  - grpc_server:
      host: 127.0.0.1
      port: {port}
      location_name: qb_pipeline
"""


class DagsterError(Exception):
    """One of Dagster's processes did not start, or ended. The message names the process and its log."""


def run(home: Path, port: int, *, ready: Callable[[], None] = lambda: None) -> None:
    """Run Dagster's processes until this process is told to end.

    ``ready`` is called when the page answers and our code is loaded.

    Raises:
        DagsterError: a process did not start, or ended by itself.
        Told: a signal came; the processes have ended.
    """
    with running(home, port) as processes:
        ready()
        while True:
            for name, process in processes.items():
                if process.poll() is not None:
                    raise DagsterError(f"Dagster's {name} ended; see {home / 'dagster' / (name + '.log')}")
            time.sleep(0.5)


@contextmanager
def running(home: Path, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the three processes around the block, and yield them, keyed by name.

    The block begins when the page answers and our code is loaded. The processes end with the block, and also when this
    process dies, in whatever way.

    Raises:
        DagsterError: the page does not answer in time, or our code does not load.
    """
    code_port = _free_port()
    folder = home / "dagster"
    workspace = folder / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(port=code_port))
    code_server = ["dagster", "api", "grpc", "-m", "qb_pipeline.definitions", "-h", "127.0.0.1", "-p", str(code_port),
                   "--location-name", "qb_pipeline"]  # fmt: skip
    webserver = ["qb_pipeline.web.dagster_ui", "--port", str(port), "--code-port", str(code_port)]
    daemon = ["dagster._daemon", "run", "-w", str(workspace)]
    processes: dict[str, subprocess.Popen[bytes]] = {}
    reader, writer = os.pipe()
    try:
        processes["code-server"] = _start(code_server, folder / "code-server.log", reader)
        # The code server first: without it the webserver shows an error until somebody reloads the code.
        _wait(lambda: _is_open(code_port), processes, folder)
        processes["webserver"] = _start(webserver, folder / "webserver.log", reader)
        processes["daemon"] = _start(daemon, folder / "daemon.log", reader)
        _wait(lambda: _has_loaded(port), processes, folder)
        yield processes
    finally:
        _end(processes.values())
        os.close(reader)
        os.close(writer)  # by this, processes that are left notice our end


def _start(command: list[str], log: Path, pipe: int) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "qb_pipeline.embedded.watched", str(pipe), *command],
            cwd=log.parent,  # not the project: Dagster warns of a second dagster.yaml there
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(pipe,),
            start_new_session=True,  # so that we pass Ctrl-C on, to each process with all that it started
            preexec_fn=dying_with_us(signal.SIGTERM),  # noqa: PLW1509 - it only tells the kernel
        )


def _end(processes: Collection[subprocess.Popen[bytes]]) -> None:
    """End all processes and the runs that they started: signal them all, then kill those that did not end."""
    for process in processes:
        _tell(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0.0))
    for process in processes:
        _tell(process, signal.SIGKILL)  # its group: a run may outlive the code server that started it
        process.wait()


def _tell(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


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


def _has_loaded(port: int) -> bool:
    """Whether the page answers and our code is loaded.

    Raises:
        DagsterError: our code does not load.
    """
    request = Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": LOADED}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            [entry] = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except (OSError, ValueError):  # not there yet: URLError is an OSError
        return False
    found = entry["locationOrLoadError"] or {}
    if "message" in found:
        raise DagsterError(f"Dagster cannot load our code: {found['message'].strip()}")
    return bool(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
