"""An operator backfills a range of dates over two firms in the Dagster UI, then syncs one invoice."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from qb_pipeline.billing.demo import TROUBLES
from qb_pipeline.sync.stages import STAGES
from qb_pipeline_tests.journeys.conftest import Deployment, Page

pytestmark = pytest.mark.slow

COUNTS = r"\d+ (sent|held|refused|voided)(, \d+ (held|refused|voided))*"
FIRMS = ("rivera-law", "chen-partners")

EXPECTED = """
select i.invoice_number, i.invoice_date::text as txn_date, i.due_date::text as due_date,
       coalesce(nullif(p.corporation_name, ''), concat_ws(' ', p.first_name, p.last_name)) as payer,
       i.total_amount,
       (select array_agg(l.amount order by l.line_number)
        from billing.invoice_lines l
        where l.firm_id = i.firm_id and l.invoice_id = i.invoice_id
          and l.kind in ('fee', 'expense', 'interest')) as lines
from billing.invoices i
join billing.payers p on p.firm_id = i.firm_id and p.payer_id = i.payer_id
where i.firm_id = :firm_id and i.status = 'issued' and i.invoice_date between :first and :last
  and i.invoice_id <> all(:troubles)
order by 1
"""
"""What must be in QuickBooks, from billing alone. Invoices with a trouble have tests of their own."""


def days() -> tuple[date, date]:
    """A week of everyday documents: no trouble is dated there but those that are left out by name."""
    last = datetime.now(UTC).date() - timedelta(days=40)
    return last - timedelta(days=6), last


@pytest.fixture(scope="module")
def runs(deployment: Deployment, page: Page) -> list[dict[str, Any]]:
    first, last = days()
    dates = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    return page.backfill([f"{day}|{firm}" for day in dates for firm in FIRMS], list(STAGES))


def test_a_week_of_two_firms_is_one_run_for_each_firm_and_both_succeed(runs: list[dict[str, Any]]) -> None:
    ranges = {
        tag["value"] for run in runs for tag in run["tags"] if tag["key"] == "dagster/asset_partition_range_start"
    }

    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"]
    assert ranges == {f"{days()[0]}|{firm}" for firm in FIRMS}


@pytest.mark.parametrize("firm_id", FIRMS)
def test_quickbooks_then_holds_exactly_the_invoices_of_those_days(
    deployment: Deployment, runs: list[dict[str, Any]], firm_id: str
) -> None:
    first, last = days()
    troubles = sorted({trouble.source_id for group in TROUBLES.values() for trouble in group})
    expected = deployment.query(
        EXPECTED, database="billing", firm_id=firm_id, first=first, last=last, troubles=troubles
    )
    exempt = deployment.query(
        "select invoice_number from billing.invoices where firm_id = :firm_id and invoice_id = any(:troubles)",
        database="billing", firm_id=firm_id, troubles=troubles,
    )  # fmt: skip
    left_out = {row["invoice_number"] for row in exempt}
    books = deployment.books(firm_id)
    customers = {row["Id"]: row["DisplayName"] for row in books.all("Customer")}

    found = [
        {
            "invoice_number": row["DocNumber"],
            "txn_date": row["TxnDate"],
            "due_date": row["DueDate"],
            "payer": customers[row["CustomerRef"]["value"]],
            "total_amount": Decimal(row["TotalAmt"]),
            "lines": [Decimal(line["Amount"]) for line in row["Line"] if line["DetailType"] == "SalesItemLineDetail"],
        }
        for row in sorted(books.ours("Invoice"), key=lambda row: row["DocNumber"])
        if row["DocNumber"] not in left_out
    ]

    assert len(expected) > 5
    assert found == expected


def test_the_log_carries_the_ids_of_the_dagster_runs(deployment: Deployment, runs: list[dict[str, Any]]) -> None:
    rows = deployment.query("select distinct run_id from reporting.sync_log where activity = 'created'")

    assert {row["run_id"] for row in rows} == {run["runId"] for run in runs}


def test_one_chosen_invoice_is_sent_alone(deployment: Deployment, page: Page, runs: list[dict[str, Any]]) -> None:
    [chosen] = deployment.query(
        "select invoice_id, invoice_number, invoice_date from billing.invoices where firm_id = 'rivera-law'"
        " and status = 'issued' and invoice_date < :first and invoice_id <> all(:troubles) order by 1 limit 1",
        database="billing", first=days()[0],
        troubles=sorted({trouble.source_id for group in TROUBLES.values() for trouble in group}),
    )  # fmt: skip
    before = {row["DocNumber"] for row in deployment.books("rivera-law").ours("Invoice")}
    key = f"{chosen['invoice_date']}|rivera-law"
    tags = {"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key}

    run = page.launch(tags, {"chosen": {"config": {"invoice_ids": [chosen["invoice_id"]], "payment_ids": []}}})

    after = {row["DocNumber"] for row in deployment.books("rivera-law").ours("Invoice")}
    assert run["status"] == "SUCCESS"
    assert after - before == {chosen["invoice_number"]}


def test_a_code_location_that_is_reloaded_in_the_middle_of_a_run_does_not_end_it(
    deployment: Deployment, page: Page
) -> None:
    """The run asked the kernel to die with the code server, and that signal follows the thread that spawned it."""
    books = deployment.books("rivera-law")
    books.switch(batch_item_latency_ms=100)
    first, last = (day - timedelta(days=7) for day in days())
    tags = {
        "dagster/asset_partition_range_start": f"{first}|rivera-law",
        "dagster/asset_partition_range_end": f"{last}|rivera-law",
    }
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(page.launch, tags, {})
        deadline = time.monotonic() + 120
        while not deployment.query("select from sync.attempt where state = 'sending' and endpoint = 'batch'"):
            assert not running.done(), "the run sent nothing"
            assert time.monotonic() < deadline, "the run sends nothing"
            time.sleep(0.05)
        page.ask('mutation { reloadRepositoryLocation(repositoryLocationName: "qb_pipeline") { __typename } }')
        run = running.result()
    books.switch(batch_item_latency_ms=0)

    assert run["status"] == "SUCCESS"


def test_a_firm_that_is_not_set_up_fails_with_its_next_step_and_sends_nothing(page: Page) -> None:
    page.ask(
        """mutation { addDynamicPartition(partitionsDefName: "firm", partitionKey: "nobody", repositorySelector:
             {repositoryLocationName: "qb_pipeline", repositoryName: "__repository__"}) { __typename } }"""
    )
    key = f"{days()[0]}|nobody"

    run = page.launch({"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key}, {})

    [failure] = [
        event for event in run["eventConnection"]["events"] if event["__typename"] == "ExecutionStepFailureEvent"
    ]
    assert run["status"] == "FAILURE"
    told = failure["failureMetadata"]["description"]
    assert told.startswith("There is no firm nobody.")
    assert told.endswith("Next step: qb-pipeline firm add nobody --super-user YOUR-NAME")


def test_a_foreign_page_cannot_launch_anything(page: Page) -> None:
    mutation = 'mutation { addDynamicPartition(partitionsDefName: "firm", partitionKey: "evil") { __typename } }'

    answers = [
        requests.get(f"{page.url}/graphql", params={"query": mutation}, timeout=10),
        requests.post(f"{page.url}/graphql", data=mutation, headers={"content-type": "text/plain"}, timeout=10),
        requests.post(
            f"{page.url}/graphql", json={"query": mutation}, headers={"origin": "https://evil.example"}, timeout=10
        ),
        requests.post(f"{page.url}/graphql", json={"query": mutation}, headers={"host": "evil.example"}, timeout=10),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]


def test_the_list_says_of_each_run_whose_it_is_why_it_ran_for_whom_and_what_came_of_it(
    deployment: Deployment, page: Page, runs: list[dict[str, Any]]
) -> None:
    """From a backfill, the launchpad, *Re-execute*, and a command that fails."""
    key = f"{days()[1]}|nobody"
    ends = {"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key}
    launched = page.launch(ends, {})["runId"]
    again = page.ask(
        """mutation($p: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $p) {
             __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
        p={"parentRunId": runs[0]["runId"], "strategy": "ALL_STEPS"},
    )["launchRunReexecution"]["run"]["runId"]
    deployment.run("sync", "chen-partners", "--as", "ana", code=None)

    def listed() -> dict[str, dict[str, str]]:
        found = page.ask("{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }")
        return {
            run["runId"]: {"status": run["status"], **{tag["key"]: tag["value"] for tag in run["tags"]}}
            for run in found["runsOrError"]["results"]
        }

    deadline = time.monotonic() + 120
    while listed()[again]["status"] not in ("SUCCESS", "FAILURE"):
        assert time.monotonic() < deadline, listed()[again]
        time.sleep(0.5)
    found = listed()
    said = {run_id: tuple(tags[name] for name in ("firm", "trigger", "actor")) for run_id, tags in found.items()}
    results = {run_id: tags["result"] for run_id, tags in found.items()}
    [command] = [run_id for run_id, tags in found.items() if tags["actor"] == "ana"]

    assert {said[run["runId"]] for run in runs} == {(firm_id, "backfill", "page") for firm_id in FIRMS}
    assert all(re.fullmatch(COUNTS, results[run["runId"]]) for run in runs), results
    assert said[launched] == ("nobody", "page", "page")
    assert results[launched] == "failed: There is no firm nobody"
    assert said[again] == (said[runs[0]["runId"]][0], "page", "page")
    assert re.fullmatch(f"nothing to do|{COUNTS}", results[again]), results[again]
    assert results[again] != results[runs[0]["runId"]], "the first run's result"
    assert said[command] == ("chen-partners", "cli", "ana")
    assert re.fullmatch(COUNTS, results[command]), results[command]
    assert not [name for tags in found.values() for name in tags if "processes" in name]
