"""Ending a process by a signal (graceful shutdown): work under way is finished and recorded, nothing new begins.

A command ends by an exception, ``Told``, at whatever line it is. While requests to QuickBooks are under way the signal
is ``deferred``: the code asks ``require`` before each new step, and the signal takes effect after the last one.
Signals that were ignored when the process began (SIGINT of a background job, SIGHUP under nohup) stay ignored; SIGTERM
never does. Belongs here: signals. Does not belong here: which work is safe to interrupt.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GRACE_SECONDS = 15
"""A command has this long to end; then the kernel ends it. The next run settles the requests that were in flight."""

LOOK_SECONDS = 0.1


@dataclass
class _State:
    """The state of this process. No lock guards it: a signal handler may interrupt the holder of a lock."""

    waiting: int = 0
    """The number of the signal that waits until the work under way has ended; 0 without one."""
    is_told: bool = False
    grace: int = 0
    """Seconds that a running command has to end; 0 for no limit."""


_state = _State()
_thread = threading.local()


class Told(BaseException):
    """The process was told to end by this signal; the command ends, and says so."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StoppedError(Exception):
    """The process was told to end, so the next step did not begin. Nothing is lost."""


@contextmanager
def told_by_signals() -> Iterator[None]:
    """Raise ``Told`` in the block at the first signal, once; the block then has ``GRACE_SECONDS`` to leave.

    In the main thread only; elsewhere nothing changes.
    """

    def end(number: int, _frame: object) -> None:
        if not _state.is_told:
            _state.is_told = True
            signal.alarm(GRACE_SECONDS)  # its default action ends the process whatever it does
            raise Told(number)

    with _handling(end) as is_ours:
        if is_ours:
            _state.grace = GRACE_SECONDS
        try:
            yield
        finally:
            if is_ours:
                signal.alarm(0)
                _state.grace, _state.is_told = 0, False


def is_told() -> bool:
    """Whether a signal told this command to end."""
    return _state.is_told


@contextmanager
def deferred() -> Iterator[None]:
    """Hold a signal back until the block has ended; once one has come, ``require`` raises in every thread.

    After the block the signal goes to its former handler. In the main thread only; elsewhere nothing changes.
    """

    def note(number: int, _frame: object) -> None:
        if not _state.waiting and _state.grace:
            signal.alarm(_state.grace)
        _state.waiting = number

    is_ours = False
    try:
        with _handling(note) as is_ours:
            yield
    finally:
        if is_ours:
            _deliver()


def require() -> None:
    """Let something new begin.

    Raises:
        StoppedError: this process was told to end.
    """
    if _state.waiting:
        name = signal.Signals(_state.waiting).name
        raise StoppedError(f"stopped by {name}: what was under way is recorded, nothing new was begun. Run it again")


def begin() -> None:
    """Let a request begin, unless this process was told to end; an ``owed`` request begins all the same.

    Raises:
        StoppedError: this process was told to end.
    """
    if not getattr(_thread, "is_owed", False):
        require()


@contextmanager
def owed() -> Iterator[None]:
    """Mark a block in which this thread records an answer: its requests begin even after a signal told us to end."""
    before = getattr(_thread, "is_owed", False)
    _thread.is_owed = True
    try:
        yield
    finally:
        _thread.is_owed = before


def sleep(seconds: float) -> None:
    """Sleep, unless this process is told to end.

    Raises:
        StoppedError: the process was told to end, before the sleep or during it.
    """
    until = time.monotonic() + seconds
    require()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))
        require()


def _deliver() -> None:
    number, _state.waiting = _state.waiting, 0
    if number:
        signal.raise_signal(number)


@contextmanager
def _handling(handler: Callable[[int, object], None]) -> Iterator[bool]:
    """Handle the signals that end processes; gives False where this is not the main thread, which alone can."""
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in wanted}
    ours = [number for number in wanted if number == signal.SIGTERM or before[number] is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handler)
    try:
        yield True
    finally:
        for number in ours:
            previous = before[number]
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
