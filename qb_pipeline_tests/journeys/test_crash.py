"""A sync is killed in the middle of a batch; the next one finds out what became of it."""

import time

import pytest

from qb_pipeline_tests.journeys.conftest import Deployment

pytestmark = pytest.mark.slow

FIRM = "rivera-law"


def test_a_sync_killed_in_the_middle_of_a_batch_is_finished_by_the_next_without_a_duplicate_or_a_loss(
    deployment: Deployment,
) -> None:
    books = deployment.books(FIRM)
    books.switch(preset="no_limits", batch_item_latency_ms=100)  # a batch of 30 takes three seconds
    process = deployment.start("sync", FIRM)
    deadline = time.monotonic() + 120
    while not books.ours("Invoice"):
        assert process.poll() is None, "the sync ended before it could be killed"
        assert time.monotonic() < deadline, "no batch was sent"
        time.sleep(0.05)
    process.kill()
    process.wait()
    in_flight = deployment.query(
        "select count(*) as documents from sync.document where state in ('sending', 'unknown')"
    )
    books.switch(batch_item_latency_ms=0)

    deployment.run("sync", FIRM, code=3)

    invoices = books.ours("Invoice")
    markers = [row["PrivateNote"].split()[0] for row in invoices + books.ours("Payment")]
    synced = deployment.query(
        "select kind, count(*) as documents, sum(quickbooks_total_cents) as cents from sync.document"
        " where firm_id = 'rivera-law' and kind in ('invoice', 'payment') and quickbooks_id is not null"
        " group by 1 order by 1"
    )
    open_documents = deployment.query(
        "select count(*) as documents from sync.document where state in ('new', 'sending', 'unknown')"
        " and firm_id = 'rivera-law'"
    )
    assert in_flight[0]["documents"] > 0
    runs = deployment.query("select status from runs order by id", database="dagster")
    assert next(row["status"] for row in runs) == "FAILURE"  # its process is gone: it holds no place in the queue
    assert {row["status"] for row in runs} <= {"FAILURE", "SUCCESS"}
    ours = deployment.query("select outcome from sync.run where firm_id = :firm order by started_at", firm=FIRM)
    assert [row["outcome"] for row in ours] == ["failed", "done"]
    assert len(markers) == len(set(markers))
    assert open_documents == [{"documents": 0}]
    assert [(row["kind"], row["documents"], row["cents"]) for row in synced] == [
        (kind, len(rows), sum(int(row["TotalAmt"] * 100) for row in rows))
        for kind, rows in (("invoice", invoices), ("payment", books.ours("Payment")))
    ]
