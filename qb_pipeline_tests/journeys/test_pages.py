"""What a person sees on Dagster's page after the demo, and every click path of README and ``docs/``, by clicking.

Ordered: what the demo left is looked at first, then something is launched.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page as Tab

from qb_pipeline.embedded import postgres
from qb_pipeline_tests.browser import open_browser
from qb_pipeline_tests.click_paths import every_path, read_steps, walk
from qb_pipeline_tests.dagster_screen import PATIENCE_MS, VIEW, Screen
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LAUNCHING = ("Launch backfill", "Materialize", "Re-execute all (*)", "From failure", "Execute")
"""The last words of a path that starts a run; it waits until Dagster has taken that up."""

TODAY = datetime.now(UTC).date()
FAILED_DAYS = (str(TODAY - timedelta(days=40)), str(TODAY - timedelta(days=38)))

ONE_MORE_INVOICE = """
insert into billing.invoices
    (firm_id, invoice_id, invoice_number, payer_id, status, invoice_date, currency, total_amount)
select firm_id, 'inv-new', 'NEW-1', payer_id, 'issued', invoice_date, currency, 100
from billing.invoices where firm_id = 'rivera-law' and invoice_id = 'inv-0001';
insert into billing.invoice_lines (firm_id, invoice_id, line_number, kind, fee_item_id, amount)
select firm_id, 'inv-new', 1, 'fee', fee_item_id, 100
from billing.invoice_lines where firm_id = 'rivera-law' and invoice_id = 'inv-0001' and kind = 'fee' limit 1
"""
"""Dated as the invoice whose payer and fee item it takes."""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """What a newcomer has after the demo."""
    with temporary_home() as home:
        found = Deployment(home)
        found.run("demo", "--no-ui")
        yield found


@pytest.fixture(scope="module")
def one_tab() -> Iterator[Tab]:
    with open_browser() as browser:
        tab = browser.new_page(viewport={"width": 1500, "height": 900})
        tab.set_default_timeout(PATIENCE_MS)
        yield tab


@pytest.fixture
def tab(one_tab: Tab, page: Page) -> Tab:
    """The tab of one browser, which has loaded Dagster's page before; what it remembered of other tests is gone."""
    one_tab.goto(page.url)
    one_tab.evaluate("localStorage.clear()")
    return one_tab


def test_the_timeline_shows_the_runs_that_the_demo_made(tab: Tab, page: Page) -> None:
    walk(tab, page.url, "*Overview* → *Timeline*")

    for job in ("sync", "pull_payments", "reconcile"):
        row = tab.locator("[class*=timelineRowContainer]", has=tab.get_by_text(job, exact=True))
        row.locator("[class*=runChunk__][style*=green]").first.wait_for()


@pytest.mark.parametrize("path", ["*Jobs* → `sync` → *Runs*", "*Runs*"])
def test_a_list_of_runs_says_of_each_whose_it_is_why_it_ran_for_whom_and_what_came_of_it(
    tab: Tab, page: Page, path: str
) -> None:
    walk(tab, page.url, path)
    tab.get_by_text("firm: rivera-law").first.wait_for()
    shown = tab.inner_text("body")

    ours = re.findall(r"actor: demo\s+firm: (\S+)\s+result: (.+)\s+trigger: cli", shown)
    said = [("rivera-law", "sent, held"), ("chen-partners", "sent, held")]
    if path == "*Runs*":
        said += [(firm, "differences explained") for firm in ("rivera-law", "chen-partners")]
        said += [("chen-partners", "posted")]
    assert sorted((firm, re.sub(r"\d+ ", "", result)) for firm, result in ours) == sorted(said)
    assert "processes" not in shown


def test_in_the_catalogue_no_asset_that_we_make_is_empty(tab: Tab, page: Page) -> None:
    walk(tab, page.url, "*Catalog*")
    tab.get_by_text("2 partitions", exact=True).wait_for()  # of the reconciliation: a firm each
    deadline = time.monotonic() + 60
    while len(green := re.findall(r"^(\S+)\n\S+\n\S+\n\S+\n[\d,]+ partitions$", tab.inner_text("body"), re.M)) < 8:
        assert time.monotonic() < deadline, f"eight assets have partitions; seen: {green}"
        time.sleep(0.2)

    assert "0" not in green


@pytest.fixture(scope="module")
def failed_run(page: Page, deployment: Deployment) -> str:
    """A run over three days that failed for a reason that is cured since."""
    deployment.run("firm", "pause", "chen-partners")
    first, last = (f"{day}|chen-partners" for day in FAILED_DAYS)
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    run = page.launch(tags, {"chosen": {"config": {}}})
    deployment.run("firm", "resume", "chen-partners")
    assert run["status"] == "FAILURE"
    return str(run["runId"])


def test_days_that_failed_look_failed_until_a_run_makes_them_green(tab: Tab, page: Page, failed_run: str) -> None:
    walk(tab, page.url, "*Catalog* → `quickbooks_invoices` → *Partitions*")
    tab.get_by_text("Failed (3)").wait_for()
    walk(tab, page.url, "*Runs* → *Failed*")
    tab.get_by_text(re.compile("^result: failed: ")).first.wait_for()

    Screen(tab, page.url).materialize(f"[{FAILED_DAYS[0]}...{FAILED_DAYS[1]}]", "chen-partners")

    walk(tab, page.url, "*Catalog* → `quickbooks_invoices` → *Partitions*")
    tab.get_by_text("Failed (0)").wait_for()


def test_nothing_held_speaks_of_all_firms_after_a_run_of_one_invoice_of_the_other(
    tab: Tab, page: Page, deployment: Deployment
) -> None:
    held = {
        row["firm_id"]: row["documents"]
        for row in deployment.query(
            "select firm_id, count(*) as documents from sync.document where state in ('held', 'refused') group by 1"
        )
    }
    screen = Screen(tab, page.url)

    screen.sync_now(str(TODAY), "chen-partners", "C-9001")

    said = screen.open_check("sync_plan", "nothing_held").inner_text()
    assert held.keys() == {"rivera-law", "chen-partners"}
    assert f"{sum(held.values())} documents need a person" in said
    assert f"rivera-law: {held['rivera-law']} held" in said
    assert "Passed" not in said


def test_sync_now_sends_one_invoice_whatever_date_is_chosen(tab: Tab, page: Page, deployment: Deployment) -> None:
    billing = sa.create_engine(postgres.urls(deployment.home).billing)
    with billing.begin() as connection:
        connection.exec_driver_sql(ONE_MORE_INVOICE)
    billing.dispose()

    Screen(tab, page.url).sync_now(str(TODAY), "rivera-law", "NEW-1")

    [sent] = [row for row in deployment.books("rivera-law").ours("Invoice") if row["DocNumber"] == "NEW-1"]
    assert sent["TxnDate"] != str(TODAY)
    walk(tab, page.url, "*Runs*")
    tab.get_by_text("result: 1 sent").first.wait_for()


@pytest.mark.parametrize("path", every_path())
def test_a_click_path_of_the_docs_can_be_followed(tab: Tab, page: Page, failed_run: str, path: str) -> None:
    walk(tab, page.url, path)

    if read_steps(path)[-1].words in LAUNCHING:
        taken_up = tab.locator("a[href*='/runs/']", has_text=VIEW).or_(tab.get_by_text("RUN_ENQUEUED"))
        taken_up.or_(tab.get_by_text("Running", exact=True)).first.wait_for()


def test_what_the_click_paths_launched_went_through(page: Page, failed_run: str) -> None:
    deadline = time.monotonic() + 300
    while True:
        runs = page.ask("{ runsOrError { ... on Runs { results { runId status } } } }")["runsOrError"]["results"]
        backfills = page.ask(
            "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"
        )["partitionBackfillsOrError"]["results"]  # fmt: skip
        if {run["status"] for run in runs} <= {"SUCCESS", "FAILURE"} and all(
            backfill["status"] not in ("REQUESTED", "CANCELING") for backfill in backfills
        ):
            break
        assert time.monotonic() < deadline, f"still under way: {runs}"
        time.sleep(1)

    assert [run["runId"] for run in runs if run["status"] == "FAILURE"] == [failed_run]
    assert {backfill["status"] for backfill in backfills} == {"COMPLETED_SUCCESS"}


def test_from_failure_goes_on_with_the_stage_that_failed(tab: Tab, page: Page, deployment: Deployment) -> None:
    billing = sa.create_engine(postgres.urls(deployment.home).billing)
    with billing.begin() as connection:
        connection.exec_driver_sql(ONE_MORE_INVOICE.replace("inv-new", "inv-late").replace("NEW-1", "LATE-1"))
        day = connection.exec_driver_sql(
            "select invoice_date from billing.invoices where firm_id = 'rivera-law' and invoice_id = 'inv-late'"
        ).scalar_one()
    billing.dispose()
    books = deployment.books("rivera-law")
    books.fault({"what": "drop_before", "match": "batch", "times": None})
    ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    failed = page.launch(dict.fromkeys(ends, f"{day}|rivera-law"), {"chosen": {"config": {}}})
    books.heal()

    walk(tab, page.url, "*Runs* → *Failed* → *View* → caret beside `Re-execute all (*)` → *From failure*")

    again = wait_for_child(page, failed["runId"])
    stages = ["work_list", "sync_plan", "quickbooks_releases", "quickbooks_customers_and_items"]
    assert steps_of(page, failed["runId"]) == {
        **dict.fromkeys(stages, "SUCCESS"), "quickbooks_invoices": "FAILURE",
    }  # fmt: skip
    assert steps_of(page, again) == {"quickbooks_invoices": "SUCCESS", "quickbooks_payments": "SUCCESS"}
    assert [row["DocNumber"] for row in books.ours("Invoice")].count("LATE-1") == 1


def wait_for_child(page: Page, run_id: str) -> str:
    """The run that repeats another, once it has ended well."""
    query = """query($t: [ExecutionTag!]!) {
        runsOrError(filter: {tags: $t}) { ... on Runs { results { runId status } } } }"""
    deadline = time.monotonic() + 180
    while True:
        asked = page.ask(query, t=[{"key": "dagster/parent_run_id", "value": run_id}])["runsOrError"]["results"]
        if asked and asked[0]["status"] == "SUCCESS":
            return str(asked[0]["runId"])
        assert time.monotonic() < deadline, f"the repetition did not end well: {asked}"
        time.sleep(0.5)


def steps_of(page: Page, run_id: str) -> dict[str, str]:
    """What became of each step that a run began."""
    query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { stepStats { stepKey status } } } }"
    stats = page.ask(query, r=run_id)["runOrError"]["stepStats"]
    return {row["stepKey"]: row["status"] for row in stats if row["status"] != "SKIPPED"}
