"""A module under watch runs as itself, and ends with its parent, with all that it started."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PROGRAM = """
import json, os, signal, subprocess, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(json.dumps([__name__, sys.argv[1:], child.pid]), flush=True)
if "ends" in sys.argv:
    child.kill()
    sys.exit(7)
child.wait()
import time; time.sleep(600)
"""


@dataclass
class Watched:
    """A module under watch; ``said``: what it printed first; ``parent``: the end of the pipe that only we hold."""

    process: subprocess.Popen[str]
    said: list[object]
    parent: int

    @property
    def family(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]


@contextmanager
def watched(folder: Path, *arguments: str) -> Iterator[Watched]:
    (folder / "program.py").write_text(PROGRAM)
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "qb_pipeline.embedded.watched", str(reader), "program", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(reader,),
        start_new_session=True,
    )
    os.close(reader)
    assert process.stdout is not None
    found = Watched(process, json.loads(process.stdout.readline()), writer)
    family = found.family
    try:
        yield found
    finally:
        for each in family:
            if each.is_running():
                each.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.slow
def test_the_module_runs_as_itself_with_its_own_arguments_and_exit_code(tmp_path: Path) -> None:
    with watched(tmp_path, "--port", "1", "ends") as found:
        ended = found.process.wait(timeout=10)
        os.close(found.parent)

    assert (found.said[:2], ended) == (["__main__", ["--port", "1", "ends"]], 7)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("stubborn",)], ids=["obedient", "stubborn"])
def test_it_ends_with_its_parent_and_takes_what_it_started_along(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """One that does not listen is killed a few seconds later."""
    with watched(tmp_path, *arguments) as found:
        family = found.family
        os.close(found.parent)
        gone, alive = psutil.wait_procs(family, timeout=15)

    assert (len(gone), alive) == (2, [])


@pytest.mark.slow
def test_while_its_parent_lives_it_goes_on(tmp_path: Path) -> None:
    with watched(tmp_path) as found:
        os.write(found.parent, b"a word")
        gone, alive = psutil.wait_procs(found.family, timeout=1)
        os.close(found.parent)

    assert (gone, len(alive)) == ([], 2)
