"""Operating-system processes: an identity that no other process ever has, a test whether a process is alive, and its
end.

Belongs here: the facts about another process that the lease (distributed lock) and the search for dead runs need. This
works on Linux only. Elsewhere nothing is known of other processes, and the quarantine (settling time) alone protects.
Does not belong here: the record of a lease's holder (``lease``).
"""

import ctypes
import multiprocessing
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

KILL_SECONDS = 10.0
SET_PARENT_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process. ``boot_id`` names the machine's boot and the container (pid namespace). ``started`` is the process's
    start in clock ticks since that boot."""

    host: str
    boot_id: str
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return the process that has this pid now."""
        state = _state_of(pid)
        return cls(socket.gethostname(), _boot_id(), pid, state[1] if state else 0)

    @property
    def is_here(self) -> bool:
        """Whether the process belongs to this boot of this machine and to our pid namespace, so that it can be looked
        up."""
        return bool(self.boot_id) and self.boot_id == _boot_id()

    @property
    def is_alive(self) -> bool:
        """Whether the process is alive. A zombie is not, because it can send nothing. The value is also False for a
        process that cannot be looked up from here."""
        state = _state_of(self.pid) if self.is_here else None
        return state is not None and state[1] == self.started and state[0] not in "ZX"

    @property
    def is_dead(self) -> bool:
        """Whether the process has certainly ended: it no longer runs here, or its machine has rebooted since."""
        if self.is_here:
            return not self.is_alive
        machine, ours = self.boot_id.partition("/")[0], _boot_id().partition("/")[0]
        # Same boot but another pid namespace: a container that has, or had, our host name. Its processes may be alive.
        return bool(machine) and machine != ours and self.host == socket.gethostname()

    def kill(self) -> bool:
        """Kill exactly this process and wait for its end. A later process with the same pid, and our own process, are
        never killed.

        Returns:
            Whether this call killed the process.

        Raises:
            PermissionError: the process belongs to another user.
            TimeoutError: the process has not ended after ``KILL_SECONDS``.
        """
        if sys.platform != "linux" or self.pid == os.getpid() or not self.is_alive:
            return False
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.is_alive:  # the pid may have passed to another process before we opened the handle
                return False
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            if not ended.poll(KILL_SECONDS * 1000):
                raise TimeoutError(f"process {self.pid} does not end")
        finally:
            os.close(handle)
        return True


def end_with_parent() -> None:
    """Set the kernel to kill this process when its parent dies. A process that multiprocessing did not spawn is not
    affected.

    Dagster's code server spawns the run workers. A worker that outlives the server can no longer be cancelled from the
    UI, and would continue to send after a person has stopped every service. The signal follows the thread that spawned
    us, so it is only a help. The guarantee is the lease (distributed lock).
    """
    parent = multiprocessing.parent_process()
    if sys.platform != "linux" or parent is None:
        return
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))
    if os.getppid() != parent.pid:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def _boot_id() -> str:
    """Return an id of this start of the machine and of the container whose pids we see, or "" where the system tells
    none."""
    boot, pids = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return f"{boot.read_text().strip()}/{pids.stat().st_ino}" if boot.exists() and pids.exists() else ""


def _state_of(pid: int) -> tuple[str, int] | None:
    """Read the state (proc(5): Z is a zombie) and the start in ticks since boot. The result is None when there is no
    such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])
