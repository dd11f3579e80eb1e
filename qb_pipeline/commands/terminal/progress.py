"""The progress bar of a sync, for a person at a terminal: documents, requests, time left.

Belongs here: the bar. It is written to standard error, so that a command's output stays clean, and only on a terminal.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from qb_pipeline.sync.deployment import Deployment

EVERY_SECONDS = 0.5


@contextmanager
def progress(
    deployment: "Deployment", firm_id: str, *, stream: TextIO | None = None, **selection: Any
) -> Iterator[None]:
    """Show the progress of the sync that the block runs. ``selection``: arguments of ``ledger.books.progress.look``."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from qb_pipeline.ledger.books.progress import look

    since = deployment.clock()
    total = look(deployment.ledger, firm_id, since=since, **selection).documents_left
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=24),
        TextColumn("{task.completed} of {task.total} documents · {task.fields[requests]} requests"),
        TimeElapsedColumn(), TextColumn("· left"), TimeRemainingColumn(),
    )  # fmt: skip
    stop = threading.Event()
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(firm_id, total=total, requests=0)

        def follow() -> None:
            told = ""
            while not stop.wait(EVERY_SECONDS):
                far = look(deployment.ledger, firm_id, since=since, **selection)
                if far.busy_run and far.busy_run != told:
                    bar.console.print(f"{firm_id} waits for run {far.busy_run}, up to 10 minutes", soft_wrap=True)
                    told = far.busy_run
                done = max(total - far.documents_left, 0)
                bar.update(task, completed=done, requests=far.requests)

        watcher = threading.Thread(target=follow, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()
