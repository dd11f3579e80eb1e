"""Functions of the operating system that both services share: children that end with us, orphans, ports.

Belongs here: functions on processes, ports and logs. Does not belong here: any knowledge of PostgreSQL or the emulator.
"""

import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from qb_pipeline.embedded import EmbeddedError

KILL_SECONDS = 10.0
CLOSING_SECONDS = 2.0
LOG_BYTES = 5_000_000
PORTS = range(20_000, 32_000)
"""The ports that a service may be given.

They are below the range from which Linux takes the local ports of outgoing connections (32768 to 60999), so that no
connection uses a port that we remember while the server is down.
"""


def dying_with_us(signal_number: int) -> Callable[[], None]:
    """Return a ``preexec_fn`` with which the child starts with default signal handlers, and ends when we end.

    Without the defaults a child would inherit each ignored signal, such as SIGINT in every background job of a script.
    On Linux the kernel sends the child this signal when we end, even when we are killed. On other systems the next
    start ends the orphans that it finds (or ``watched`` ends them).
    """
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    parent = os.getpid()
    set_parent_death_signal = 1

    def ask_kernel() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        if prctl is None:
            return
        prctl(set_parent_death_signal, int(signal_number))
        if os.getppid() != parent:  # we died before the kernel was asked
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_kernel


def find_processes(directory: Path, command: re.Pattern[str]) -> list[int]:
    """Return the process ids of the living processes that run this command in this directory, without zombies.

    Both conditions are necessary: a person's shell may be in the directory, and the command may run elsewhere too.
    """
    if sys.platform == "linux":
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in pids if _works_in(pid, directory) and command.search(_command_of(pid))]
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    lines = [line.strip().partition(" ") for line in listing.splitlines()]
    return [int(pid) for pid, _, text in lines if str(directory) in text and command.search(text)]


def end_processes(
    directory: Path, command: re.Pattern[str], *, signal_number: int, patience: float, only: int | None = None
) -> None:
    """Tell the processes of this command in this directory to end, and wait until all of them have ended.

    With ``only``, only the process with that id is told to end. Processes that are left after ``patience`` seconds are
    killed.

    Raises:
        EmbeddedError: a process cannot even be killed, say because its disk doesn't answer.
    """
    for pid in find_processes(directory, command):
        if only in (None, pid):
            _signal(pid, signal_number)
    deadline = time.monotonic() + patience
    while pids := find_processes(directory, command):
        late = time.monotonic() - deadline
        if late > KILL_SECONDS:
            raise EmbeddedError(f"processes {pids} work in {directory} and cannot be killed: restart the machine")
        if late > 0:
            for pid in pids:
                _signal(pid, signal.SIGKILL)
        time.sleep(0.02)


def stop_child(child: subprocess.Popen[bytes], *signals: int, patience: float) -> None:
    """Send a child of ours one signal after the other until it has ended; SIGKILL is the last one.

    After each signal the function waits at most ``patience`` seconds.
    """
    for number in (*signals, signal.SIGKILL):
        if child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def remembered_port(path: Path) -> int:
    """Return the port in this file once it is free; if it stays taken, write another port to the file and return that.

    A process that has just ended cannot be found any more for an instant before the kernel closes its sockets, so the
    function waits up to ``CLOSING_SECONDS`` for the port.
    """
    written = path.read_text().strip() if path.exists() else ""
    if written.isdigit():
        deadline = time.monotonic() + CLOSING_SECONDS
        while not (free := is_free(int(written))) and time.monotonic() < deadline:
            time.sleep(0.02)
        if free:
            return int(written)
    port = next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
    path.write_text(f"{port}\n")
    return port


def open_log(path: Path) -> int:
    """Open a log for a child, and return its file descriptor, which the caller closes.

    A log that is longer than ``LOG_BYTES`` is first renamed, so that a new one begins.
    """
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def is_free(port: int) -> bool:
    """Return whether a server can listen on this port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Return whether a process listens on this port of 127.0.0.1."""
    with socket.socket() as caller:
        caller.settimeout(1.0)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(directory)
    except OSError:  # the process is gone, a zombie, or another user's
        return False


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
