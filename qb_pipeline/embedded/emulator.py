"""The emulator's process: a local QuickBooks on 127.0.0.1 that keeps its companies in one file.

The files are below ``home/emulator``: ``state.jsonl``, ``port``, ``url``, ``log``. Belongs here: starting and stopping
the process. Does not belong here: its answers (``qb_pipeline.emulator``, which we never import).
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from qb_pipeline.config import PROJECT
from qb_pipeline.embedded import processes

MODULE = "qb_pipeline.emulator"
COMMAND = re.compile(rf"-m {re.escape(MODULE)}\b")


class Emulator:
    """The emulator as a child process of the process that calls ``start``. A home has one caller at a time."""

    def __init__(self, home: Path) -> None:
        self.directory = home.resolve() / "emulator"
        self.log = self.directory / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the emulator's folder."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(self) -> None:
        """End an earlier emulator and start ours, without waiting until it is ready.

        Two emulators would write to one state file.
        """
        self.prepare()
        processes.end_processes(self.directory, COMMAND, signal_number=signal.SIGTERM, patience=3.0)
        self._port = processes.remembered_port(self.directory / "port")
        (self.directory / "url").write_text(f"http://127.0.0.1:{self._port}\n")
        state = self.directory / "state.jsonl"
        search_path = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
        log = processes.open_log(self.log)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULE, "--port", str(self._port), "--state", state],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=os.environ | {"PYTHONPATH": search_path},
                start_new_session=True,
                preexec_fn=processes.dying_with_us(signal.SIGTERM),  # noqa: PLW1509 - no threads here
            )
        finally:
            os.close(log)

    def is_ready(self) -> bool:
        """Return whether our child answers."""
        return self.process is not None and self.process.poll() is None and processes.answers(self._port)

    def stop(self) -> None:
        """Stop the emulator. Nothing has to be saved, because it writes its state to the file after every change."""
        if self.process is not None:
            processes.stop_child(self.process, signal.SIGTERM, patience=5.0)
            self.process = None


def url(home: Path) -> str:
    """Read the emulator's address, which has no slash at the end."""
    return (home / "emulator" / "url").read_text().strip()
