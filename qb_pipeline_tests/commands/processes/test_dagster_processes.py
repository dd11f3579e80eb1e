"""Dagster's own processes: they come up together, and nothing is left when they go."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
import requests

from qb_pipeline.commands.checkup.dagster_instance import switches
from qb_pipeline.commands.checkup.finding import Finding
from qb_pipeline.commands.processes import dagster_processes
from qb_pipeline.commands.processes.dagster_processes import DagsterError
from qb_pipeline_tests.commands.typed import DAGSTER_YAML

pytestmark = [pytest.mark.slow, pytest.mark.signals]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose Dagster keeps its storage in files."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(DAGSTER_YAML)
    with patch.dict(os.environ, {"DAGSTER_HOME": str(folder)}):
        yield tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_three_processes_serve_the_page_on_this_machine_only_and_end_with_the_command(home: Path) -> None:
    port = free_port()
    with dagster_processes.running(home, port) as processes:
        assert set(processes) == {"code-server", "webserver", "daemon"}
        query = "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }"
        answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=30).json()
        listening = {
            connection.laddr.ip.removeprefix("::ffff:")
            for process in processes.values()
            for connection in psutil.Process(process.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        looked_at = list(switches(os.environ))
        family = [psutil.Process(process.pid) for process in processes.values()]
        family += [child for parent in family for child in parent.children(recursive=True)]

    assert answer["data"]["workspaceOrError"]["locationEntries"] == [{"name": "qb_pipeline"}]
    assert listening == {"127.0.0.1"}
    names = {"code-server": "code server", "webserver": "page", "daemon": "daemon"}
    pids = ", ".join(f"{names[name]} {process.pid}" for name, process in processes.items())
    assert looked_at == [Finding("Dagster switches", found=f"set in {pids}")]
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert (len(gone) >= 3, alive) == (True, [])


def test_a_process_that_does_not_start_is_named_with_its_log(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with (
            pytest.raises(DagsterError, match=r"Dagster's webserver did not start; see .*webserver\.log"),
            dagster_processes.running(home, port),
        ):
            pytest.fail("nothing listens there")


def test_a_run_that_is_told_to_end_ends_everything_quietly(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from qb_pipeline import stopping\n"
        "from qb_pipeline.commands.processes import dagster_processes\n"
        "try:\n"
        "    with stopping.told_by_signals():\n"
        "        dagster_processes.run(Path(sys.argv[1]), int(sys.argv[2]), ready=lambda: print('ready', flush=True))\n"
        "except stopping.Told:\n"
        "    pass\n"
    )
    port = free_port()
    with psutil.Popen([sys.executable, "-c", program, str(home), str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        children = process.children(recursive=True)

        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
    assert psutil.wait_procs(children, timeout=10)[1] == []
