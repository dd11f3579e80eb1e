"""Dagster is killed while one of its runs sends: page, daemon, code server and the run's own process, all at once."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from qb_pipeline_tests.journeys.conftest import Deployment, Page, wait_for_dagster

pytestmark = pytest.mark.slow

FIRM = "rivera-law"
DAYS = 60


@contextmanager
def dagster(deployment: Deployment) -> Iterator[tuple[Page, subprocess.Popen[bytes]]]:
    """``qb-pipeline dev`` until the block ends, however the process has ended by then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = deployment.start("dev", "--port", str(port))
    try:
        wait_for_dagster(f"http://127.0.0.1:{port}", process)
        yield Page(f"http://127.0.0.1:{port}"), process
    finally:
        process.terminate()
        process.wait(60)


def kill(process: subprocess.Popen[bytes]) -> list[str]:
    """SIGKILL a process and all that it started, at once; gives their commands."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    commands = [" ".join(each.cmdline()) for each in family]
    for each in family:  # all stop first: none of them may see another one die and act on it
        os.kill(each.pid, signal.SIGSTOP)
    for each in family:
        os.kill(each.pid, signal.SIGKILL)
    process.wait(30)
    psutil.wait_procs(family, timeout=30)
    return commands


def test_a_run_that_died_with_all_of_dagster_is_reported_and_finished_by_the_next_without_a_duplicate_or_a_loss(
    deployment: Deployment,
) -> None:
    books = deployment.books(FIRM)
    today = datetime.now(UTC).date()
    tags = {
        "dagster/asset_partition_range_start": f"{today - timedelta(days=DAYS)}|{FIRM}",
        "dagster/asset_partition_range_end": f"{today}|{FIRM}",
        "firm": FIRM,
    }
    books.switch(preset="no_limits", batch_item_latency_ms=100)  # a batch of 30 takes three seconds
    with dagster(deployment) as (page, process):
        died = page.start(tags, {})
        deadline = time.monotonic() + 180
        while not books.ours("Invoice"):
            assert time.monotonic() < deadline, "no batch was sent"
            time.sleep(0.05)
        commands = kill(process)
    in_flight = deployment.query(
        "select count(*) as documents from sync.document where state in ('sending', 'unknown')"
    )
    books.switch(batch_item_latency_ms=0)

    with dagster(deployment) as (page, _):
        deadline = time.monotonic() + 240
        status = "select status from runs where run_id = :run_id"
        while deployment.query(status, database="dagster", run_id=died) != [{"status": "FAILURE"}]:
            assert time.monotonic() < deadline, "the run whose process is gone was not reported"
            time.sleep(1)
        again = page.launch(tags, {})
        synced = deployment.query(
            "select kind, count(*) as documents, sum(quickbooks_total_cents) as cents from sync.document"
            " where firm_id = 'rivera-law' and kind in ('invoice', 'payment') and quickbooks_id is not null"
            " group by 1 order by 1"
        )
        open_documents = deployment.query(
            "select count(*) as documents from sync.document where state in ('sending', 'unknown')"
        )
        held_by_quickbooks = {"invoice": books.ours("Invoice"), "payment": books.ours("Payment")}
    markers = [row["PrivateNote"].split()[0] for rows in held_by_quickbooks.values() for row in rows]
    assert len(commands) >= 5, commands  # the command, the page, the daemon, the code server, the run
    assert (in_flight[0]["documents"] > 0, again["status"], open_documents) == (True, "SUCCESS", [{"documents": 0}])
    assert len(markers) == len(set(markers))
    assert [(row["kind"], row["documents"], row["cents"]) for row in synced] == [
        (kind, len(rows), sum(int(row["TotalAmt"] * 100) for row in rows)) for kind, rows in held_by_quickbooks.items()
    ]
