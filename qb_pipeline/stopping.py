"""Graceful shutdown: after a signal, work in progress is finished and recorded, and no new work begins.

A command ends by the exception ``Told``, at the line that it has reached. While requests to QuickBooks are in progress
the signal is ``deferred``: the code calls ``require`` before each new step, and the signal takes effect after the last
step. A signal that was ignored when the process began (SIGINT of a background job, SIGHUP under nohup) stays ignored,
except SIGTERM. Belongs here: signals. Does not belong here: the choice of the work that may be interrupted.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GRACE_SECONDS = 15
"""The time that a command has to end; after this time the kernel ends the process.

The next run settles the requests that were in flight.
"""

LOOK_SECONDS = 0.1


@dataclass
class _State:
    """The state of this process. No lock guards it: a signal handler may interrupt the holder of a lock."""

    waiting: int = 0
    """The number of the signal that waits until the work in progress has ended; 0 without such a signal."""
    is_told: bool = False
    grace: int = 0
    """The number of seconds that a running command has to end; 0 for no limit."""


_state = _State()
_thread = threading.local()


class Told(BaseException):
    """The exception by which a command ends after a signal; its text is the signal's name."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StoppedError(Exception):
    """The process was told to end, so the next step did not begin. Nothing is lost."""


@contextmanager
def told_by_signals() -> Iterator[None]:
    """Raise ``Told`` in the block at the first signal, and ignore later signals.

    The block then has ``GRACE_SECONDS`` to end. Outside the main thread this does nothing.
    """

    def end(number: int, _frame: object) -> None:
        if not _state.is_told:
            _state.is_told = True
            signal.alarm(GRACE_SECONDS)  # its default action ends the process in any case
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
    """Return whether a signal told this command to end."""
    return _state.is_told


@contextmanager
def deferred() -> Iterator[None]:
    """Defer signals until the block has ended; from the first signal on ``require`` raises in every thread.

    After the block the signal goes to its former handler. Outside the main thread this does nothing.
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
    """Check that new work may begin.

    Raises:
        StoppedError: this process was told to end.
    """
    if _state.waiting:
        name = signal.Signals(_state.waiting).name
        raise StoppedError(f"stopped by {name}: the work in progress is recorded, no new work was begun. Run it again")


def begin() -> None:
    """Check that a request may begin: always in an ``owed`` block, elsewhere only if this process was not told to end.

    Raises:
        StoppedError: this process was told to end.
    """
    if not getattr(_thread, "is_owed", False):
        require()


@contextmanager
def owed() -> Iterator[None]:
    """Let this thread begin requests in a block that records an answer, even after a signal told the process to end."""
    before = getattr(_thread, "is_owed", False)
    _thread.is_owed = True
    try:
        yield
    finally:
        _thread.is_owed = before


def sleep(seconds: float) -> None:
    """Sleep for a number of seconds, unless this process is told to end.

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
    """Handle the signals that end processes, until the block has ended.

    Yields whether the handler is set: False outside the main thread, because only the main thread can set handlers.
    """
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
