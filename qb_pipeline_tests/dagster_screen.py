"""The Dagster UI as a person uses it: what to click, and what to wait for.

Used by the browser's journeys and by ``docs/take_screenshots.py``, so that the pictures show what was tested.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from playwright.sync_api import Locator, Page

PATIENCE_MS = 180_000
"""A machine that runs other things too is slow, not broken."""


class Screen:
    """One tab. ``look`` is called with a name wherever there is something to see."""

    def __init__(self, tab: Page, url: str, look: Callable[[str], None] = lambda _name: None) -> None:
        self.tab = tab
        self.url = url
        self.look = look
        tab.set_default_timeout(PATIENCE_MS)

    def open_graph(self, groups: Sequence[str] = ("billing", "sync", "quickbooks")) -> None:
        """The whole asset graph, with its groups opened."""
        self.tab.goto(f"{self.url}/asset-groups/")
        for group in groups:
            self.tab.locator("foreignObject").get_by_text(group, exact=True).first.wait_for()
        for group in groups:
            box = self.tab.locator("foreignObject").get_by_text(group, exact=True)
            with suppress(Exception):  # opening the group before may have moved this one
                box.first.dblclick(timeout=10_000)
            self.tab.wait_for_load_state("networkidle")
        self.tab.locator("foreignObject").get_by_text("sync_plan").first.wait_for()

    def materialize(self, dates: str, firm_id: str) -> None:
        """Job ``sync``, *Materialize all…*: choose dates and a firm, launch, and wait until it is done."""
        self.tab.goto(f"{self.url}/locations/qb_pipeline/jobs/sync")
        self.tab.get_by_role("button", name="Materialize all").click()
        self.tab.get_by_placeholder("ex: 2023").fill(dates)
        self.tab.keyboard.press("Tab")
        self.tab.get_by_text("Select a partition or create one").click()
        self.tab.get_by_text(firm_id, exact=True).first.click()
        self.tab.get_by_text("Partition selection").click()  # closes the list of firms
        self.tab.get_by_text("Partition selection").click()
        self.look("choose")
        launch = self.tab.get_by_role("button", name=re.compile("^Launch (backfill|1 run)$"))
        launch.click()
        self._follow()
        self.look("done")

    def sync_now(self, day: str, firm_id: str, invoice_id: str) -> None:
        """The launchpad: one partition, one invoice by its id."""
        self.tab.goto(f"{self.url}/locations/qb_pipeline/jobs/sync/playground")
        partition = self.tab.get_by_placeholder("Partition")
        partition.click()
        partition.fill(f"{day}|{firm_id}")
        self.tab.get_by_text(f"{day}|{firm_id}", exact=True).first.wait_for()
        partition.press("Enter")
        self.tab.get_by_text(f"partition: {day}|{firm_id}").wait_for()
        self.tab.evaluate(
            "text => document.querySelector('.CodeMirror').CodeMirror.setValue(text)",
            f'resources:\n  chosen:\n    config:\n      invoice_ids: ["{invoice_id}"]\n',
        )
        launch = self.tab.locator("button:enabled", has_text="Launch Run")
        launch.wait_for()
        self.look("launchpad")
        launch.click()
        self._follow()

    def open_check(self, asset: str, check: str) -> Locator:
        """The latest result of an asset check."""
        self.tab.goto(f"{self.url}/assets/{asset}?view=checks")
        self.tab.get_by_text("Evaluation result").wait_for()
        self.tab.get_by_text(check, exact=True).first.wait_for()
        self.look("check")
        return self.tab.locator("body")

    def open_asset(self, asset: str) -> Locator:
        """The page of a QuickBooks asset, with the metadata of its latest materialization."""
        self.tab.goto(f"{self.url}/assets/{asset}?view=overview")  # else it opens as the last one was left
        self.tab.get_by_text("what became of them", exact=True).first.wait_for()
        self.look("asset")
        return self.tab.locator("body")

    def _follow(self) -> None:
        """Open the page of what was just launched, unless it opens by itself, and wait until it has succeeded."""
        link = self.tab.locator("a[href*='/runs/']", has_text="View")
        ended = self.tab.get_by_text(re.compile("^(Success|100% completed)$")).first
        link.or_(ended).first.wait_for()
        if link.count():
            self.tab.goto(f"{self.url}{link.first.get_attribute('href')}")
        ended.wait_for()
