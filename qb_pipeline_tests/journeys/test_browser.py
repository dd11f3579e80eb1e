"""What a person sees and clicks: the consent page, and Dagster's first page."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from qb_pipeline_tests.browser import open_browser
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SEED = """
from qb_pipeline.commands import demo
from qb_pipeline.commands.console import working
with working() as (_, found, companies):
    demo.load_billing(companies)
    demo.seed_companies(found.emulator_url, companies.clock().date())
"""


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
