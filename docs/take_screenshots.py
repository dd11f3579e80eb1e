"""The program that takes the pictures of README and docs from the real pages: ``python docs/take_screenshots.py``.

It makes a demo deployment of its own, walks through an operator's day as the browser's tests do, and removes the
deployment again. It needs a Chromium: QB_PIPELINE_CHROMIUM, else the one on the PATH.
"""

import socket
import time
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from qb_pipeline_tests.browser import open_browser
from qb_pipeline_tests.dagster_screen import Screen
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment, wait_for_dagster

IMAGES = Path(__file__).parent / "images"
USUAL, WIDE = ViewportSize(width=1440, height=860), ViewportSize(width=2200, height=1150)
NAMES = {"choose": "choose-dates", "launchpad": "sync-now", "asset": "invoices"}


def main() -> None:
    """Start a demo deployment and a browser, take the pictures, and end both."""
    with temporary_home() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        deployment = Deployment(home)
        deployment.prepare()
        dagster = deployment.start("dev", "--port", str(port))
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for_dagster(url, dagster)
            with open_browser() as browser:
                tab = browser.new_page(viewport=USUAL)
                walk(deployment, Screen(tab, url, lambda name: take(tab, name)))
        finally:
            dagster.terminate()
            dagster.wait(60)


def walk(deployment: Deployment, screen: Screen) -> None:
    """Take the pictures of the pages that README and docs show, in the order in which a person opens these pages."""
    days = deployment.query(
        "select min(invoice_date) as first, max(invoice_date) as last from billing.invoices"
        " where firm_id = 'rivera-law' and invoice_date > current_date - 45 and invoice_date <= current_date",
        database="billing",
    )[0]
    screen.materialize(f"[{days['first']}...{days['last']}]", "rivera-law")
    screen.open_check("sync_plan", "nothing_held")
    screen.open_asset("quickbooks_invoices", f"{days['last']}|rivera-law")
    screen.tab.set_viewport_size(WIDE)
    screen.open_graph()
    screen.tab.mouse.click(1900, 1050)  # away from the boxes: no selection, no side panel
    for _ in range(3):
        screen.tab.mouse.click(2172, 1001)  # smaller: the groups were opened since the page chose its scale
    screen.tab.mouse.move(1300, 1000)
    screen.tab.mouse.wheel(-300, -100)  # and to the middle
    take(screen.tab, "asset-graph")
    screen.tab.set_viewport_size(USUAL)
    screen.sync_now(str(days["last"]), "rivera-law", "inv-ambiguous")


def take(tab: Page, name: str) -> None:
    """Save one picture when the page has come to rest; no picture for the name ``done``."""
    if name == "done":
        return  # the page shows only that the run succeeded
    tab.wait_for_load_state("networkidle")
    time.sleep(3)  # graphs and tables are laid out after their data are there
    tab.screenshot(path=IMAGES / f"{NAMES.get(name, name)}.png")


if __name__ == "__main__":
    main()
