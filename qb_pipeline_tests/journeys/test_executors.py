"""Steps in one process or a process each: both leave the same books and the same colours."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qb_pipeline.core.markers import find_marker
from qb_pipeline.sync.stages import STAGES, Stage
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment

pytestmark = pytest.mark.slow

FIRM = "rivera-law"

CHOICES = (
    (Stage.WORK_LIST, Stage.SYNC_PLAN),
    (Stage.WORK_LIST, Stage.CUSTOMERS_AND_ITEMS),
    (Stage.SYNC_PLAN, Stage.INVOICES),
    (Stage.PAYMENTS,),
    STAGES,
)
"""One after the other; none of those before the last does everything."""


def sync(deployment: Deployment, executor: str, chosen: tuple[Stage, ...]) -> Any:
    """Run a choice of stages; gives what stands then on both sides, and which partitions are green."""
    last = datetime.now(UTC).date() - timedelta(days=20)
    done = subprocess.run(
        [
            sys.executable, "-m", "qb_pipeline_tests.journeys.executors", executor,
            str(last - timedelta(days=29)), str(last), FIRM, *chosen,
        ],
        env=deployment.env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    books = deployment.books(FIRM)
    marked = deployment.query(
        "select distinct asset_key, partition from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION'"
        " order by 1, 2",
        database="dagster",
    )
    return {
        "customers": sorted(row["DisplayName"] for row in books.all("Customer")),
        "invoices": sorted((row["DocNumber"], row["TotalAmt"], row["Balance"]) for row in books.ours("Invoice")),
        "payments": sorted(
            (mark.source_id, mark.part, row["TotalAmt"])
            for row in books.ours("Payment")
            if (mark := find_marker(row["PrivateNote"]))
        ),
        "states": deployment.query(
            "select kind, source_id, state, reason from sync.document where firm_id = :firm order by 1, 2, part",
            firm=FIRM,
        ),
        "marked": [(row["asset_key"], row["partition"]) for row in marked],
    }


def test_each_choice_of_stages_leaves_the_same_books_states_and_colours_with_both_executors() -> None:
    with_executor = {}
    for executor in ("in_process", "multiprocess"):
        with temporary_home() as home:
            deployment = Deployment(home)
            deployment.prepare()
            with_executor[executor] = [sync(deployment, executor, chosen) for chosen in CHOICES]

    in_process, multiprocess = with_executor["in_process"], with_executor["multiprocess"]
    sent = [(len(after["invoices"]), len(after["payments"])) for after in in_process]
    assert in_process == multiprocess
    assert sent[0] == sent[1] == (0, 0)
    assert sent[2][0] > 5
    assert sent[2][1] == 0
    assert sent[3][1] > 0
    assert {name for name, _ in in_process[-1]["marked"]} == {f'["{stage}"]' for stage in STAGES}
