"""What a person sees and clicks: the consent page, and an operator's day in the Dagster UI."""

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser

from qb_pipeline.config import ALERT_URLS
from qb_pipeline_tests.browser import open_browser
from qb_pipeline_tests.dagster_screen import Screen
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment, Page
from qb_pipeline_tests.mailbox import Mailbox, open_mailbox

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SEED = """
from qb_pipeline.commands import demo
from qb_pipeline.commands.terminal.console import working
with working() as (_, found, companies):
    demo.load_billing(companies)
    demo.seed_companies(found.emulator_url, companies.clock().date())
"""


@pytest.fixture(scope="module", autouse=True)
def mailbox() -> Iterator[Mailbox]:
    """Where the alerts of this deployment arrive."""
    with open_mailbox() as found, patch.dict(os.environ, {ALERT_URLS: found.address}):
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


def test_a_person_sets_a_firm_up_and_connects_it_on_the_consent_page(browser: Browser) -> None:
    with temporary_home() as home:
        fresh = Deployment(home)
        subprocess.run([sys.executable, "-c", SEED], env=fresh.env, check=True, timeout=120)
        fresh.run("firm", "add", "rivera-law", "--super-user", "rosa")
        fresh.run("firm", "model", "rivera-law", "1", "--as", "rosa", code=1)  # out of order: refused
        fresh.run("firm", "subscribe", "rivera-law", "--as", "rosa")
        fresh.run("firm", "model", "rivera-law", "1", "--as", "rosa")
        connecting = subprocess.Popen(
            [sys.executable, "-m", "qb_pipeline.cli", "connect", "rivera-law", "--no-browser", "--port", "0"],
            env=fresh.env, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert connecting.stdout is not None
        address = next(line.strip() for line in connecting.stdout if line.strip().startswith("http"))
        page = browser.new_page()
        page.goto(address)
        page.select_option("#company", label="Rivera Immigration Law")

        page.click("#allow")

        page.wait_for_url(re.compile(r"http://localhost:\d+/callback.*"))
        seen = page.inner_text("body")
        printed = connecting.stdout.read()
        page.close()
        connecting.stdout.close()
        assert connecting.wait(60) == 0
        assert "close this" in seen
        assert "rivera-law is connected to Rivera Immigration Law (9130357849372001)" in printed
        assert fresh.json("firm", "show", "rivera-law")["state"] == "connected"


def test_the_first_page_shows_the_three_groups_with_no_dialog_in_front_and_asks_no_other_host(
    browser: Browser, page: Page
) -> None:
    asked: list[str] = []
    errors: list[str] = []
    tab = browser.new_page(viewport={"width": 1500, "height": 820})
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    tab.goto(f"{page.url}/asset-groups/")
    for group in ("billing", "sync", "quickbooks"):
        tab.get_by_text(group, exact=True).first.wait_for()

    foreign = [url for url in asked if not url.startswith((page.url, "data:", "blob:"))]
    dialogs = tab.locator("[role=dialog]").count()
    tab.close()
    assert (foreign, dialogs, errors) == ([], 0, [])


def test_an_operator_sends_dates_reads_why_one_is_held_maps_it_by_csv_and_sees_it_green(
    browser: Browser, page: Page, deployment: Deployment, tmp_path: Path
) -> None:
    [invoice] = deployment.query(
        "select invoice_date, invoice_id, payer_id from billing.invoices where firm_id = 'chen-partners'"
        " and invoice_id = 'inv-ambiguous'",
        database="billing",
    )
    day = invoice["invoice_date"]
    tab = browser.new_page(viewport={"width": 1500, "height": 900})
    screen = Screen(tab, page.url)

    screen.materialize(f"[{day - timedelta(days=1)}...{day + timedelta(days=1)}]", "chen-partners")
    held = screen.open_check("sync_plan", "nothing_held").inner_text()
    newest = f"{day + timedelta(days=1)}|chen-partners"  # where what is the run's own stands
    metadata = screen.open_asset("quickbooks_invoices", newest).inner_text()

    assert "AMBIGUOUS_NAME" in held
    assert "Map the payer to one of them" in held
    assert "chen-partners: 1 held" in held
    assert "amount held" in metadata
    assert re.search(r"qb-pipeline log chen-partners --run [0-9a-f-]{36}", metadata)

    # What the remedy says: the payer is mapped to one of the two customers of that name.
    file = tmp_path / "mapping.csv"
    deployment.run("mapping", "export", "chen-partners", str(file))
    customers = deployment.books("chen-partners").all("Customer")
    with file.open(newline="") as source:
        rows = list(csv.DictReader(source))
    [row] = [row for row in rows if (row["kind"], row["billing_id"]) == ("payer", invoice["payer_id"])]
    row["quickbooks_id"] = next(c["Id"] for c in customers if c["DisplayName"].startswith("David Lee"))
    with file.open("w", newline="") as target:
        writer = csv.DictWriter(target, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    deployment.run("mapping", "import", "chen-partners", str(file))
    screen.materialize(str(day), "chen-partners")
    cleared = screen.open_check("sync_plan", "nothing_held").inner_text()
    tab.close()

    assert "chen-partners: 1 held" not in cleared
    [sent] = [row for row in deployment.books("chen-partners").ours("Invoice") if "inv-ambiguous" in row["PrivateNote"]]
    assert sent["CustomerRef"]["value"] == row["quickbooks_id"]


def test_sync_now_sends_one_invoice_from_the_launchpad(browser: Browser, page: Page, deployment: Deployment) -> None:
    [invoice] = deployment.query(
        "select i.invoice_date, i.invoice_id, i.invoice_number, i.total_amount from billing.invoices i"
        " join billing.invoice_lines l using (firm_id, invoice_id)"
        " where firm_id = 'rivera-law' and i.status = 'issued' and invoice_id ~ '^inv-[0-9]+$' and l.kind = 'fee'"
        " order by i.invoice_date desc, invoice_id limit 1",
        database="billing",
    )
    tab = browser.new_page(viewport={"width": 1500, "height": 900})

    Screen(tab, page.url).sync_now(str(invoice["invoice_date"]), "rivera-law", invoice["invoice_id"])

    tab.close()
    assert [row["DocNumber"] for row in deployment.books("rivera-law").ours("Invoice")] == [invoice["invoice_number"]]


def test_a_failed_run_is_told_by_the_daemon_and_the_logs_hold_no_warning(
    page: Page, deployment: Deployment, mailbox: Mailbox
) -> None:
    deployment.run("firm", "pause", "rivera-law")
    day = deployment.query("select current_date as day")[0]["day"]
    key = f"{day}|rivera-law"
    run = page.launch({"dagster/partition": key}, {"chosen": {"config": {}}})
    deployment.run("firm", "resume", "rivera-law")

    assert run["status"] == "FAILURE"
    deadline = time.monotonic() + 180
    while not any(run["runId"][:8] in message["message"] for message in mailbox.messages):
        assert time.monotonic() < deadline, "nobody was told of the failed run"
        time.sleep(0.5)
    [message] = [message for message in mailbox.messages if run["runId"][:8] in message["message"]]
    assert message["title"] == "qb_pipeline: run failed (rivera-law)"
    assert "qb-pipeline firm resume rivera-law" in message["message"]
    logs = "\n".join(path.read_text() for path in (deployment.home / "dagster").glob("*.log"))
    assert "Started Dagster code server" in logs
    assert [line for line in logs.splitlines() if re.search("warning|deprecat|superseded|beta", line, re.I)] == []
