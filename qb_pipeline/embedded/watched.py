"""A module that runs as a child and ends with its parent: ``python -m qb_pipeline.embedded.watched FD MODULE …``.

FD is the reading end of a pipe whose other end only the parent holds. When that end is closed, the parent has ended,
even if it was killed. Then this process and all processes that it started are told to end, and are killed if they do
not. The kernel's own way (``processes.dying_with_us``) exists on Linux alone, and does not reach grandchildren. Belongs
here: the thread that watches the pipe.
"""

import os
import runpy
import signal
import sys
import threading
import time

KILL_SECONDS = 5.0


def main() -> None:
    """Start the thread that watches the pipe, and run the module in this process."""
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_watch, args=(descriptor,), name="watch", daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.killpg(0, signal.SIGTERM)  # this process leads a session, so the signal reaches it and its children
    time.sleep(KILL_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
