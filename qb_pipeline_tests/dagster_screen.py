"""The Dagster UI as a person uses it: what to click, and what to wait for.

Used by the browser's journeys and by ``docs/take_screenshots.py``, so that the pictures show what was tested.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from playwright.sync_api import Locator, Page

from qb_pipeline_tests.click_paths import go_on, walk

PATIENCE_MS = 180_000
"""A machine that runs other things too is slow, not broken."""

VIEW = re.compile(r"^\s*View\s*$")
"""The link to a run that was just launched; the run's own page has one called *View stdout / stderr*."""


class Screen:
    """One tab. ``look`` is called with a name wherever there is something to see."""

    def __init__(self, tab: Page, url: str, look: Callable[[str], None] = lambda _name: None) -> None:
        self.tab = tab
        self.url = url
        self.look = look
        tab.set_default_timeout(PATIENCE_MS)

    def open_graph(self, groups: Sequence[str] = ("billing", "sync", "quickbooks")) -> None:
        """The whole asset graph, with its groups opened."""
        self.walk("*Lineage*")
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
        self.walk(f"*Jobs* → `sync` → *Materialize all…* → *date* `{dates}` → *firm* `{firm_id}`")
        self.look("choose")
        self.tab.get_by_role("button", name=re.compile("^Launch (backfill|1 run)$")).click()
        self._follow()
        self.look("done")

    def sync_now(self, day: str, firm_id: str, invoice: str) -> None:
        """The launchpad: one partition of the firm, one invoice as ``docs/operations.md`` lets a person name it."""
        self.walk(
            "*Jobs* → `sync` → caret beside *Materialize all…* → *Open launchpad*"
            f" → *Partition* `{day}|{firm_id}` → *invoice_ids* `{invoice}`"
        )
        self.tab.get_by_text("No errors").wait_for()
        self.look("launchpad")
        go_on(self.tab, "*Materialize*")
        self._follow()

    def open_check(self, asset: str, check: str) -> Locator:
        """The latest result of an asset check; while a run is at work that evaluates it, the page shows *Running*."""
        self.walk(f"*Catalog* → `{asset}` → *Checks* → `{check}`")
        self.tab.get_by_text("Evaluation result").wait_for()
        self.tab.get_by_text("Running", exact=True).first.wait_for(state="hidden")
        self.look("check")
        return self.tab.locator("body")

    def open_asset(self, asset: str, partition: str) -> Locator:
        """One partition of a QuickBooks asset, with the metadata of its latest materialization."""
        day, firm_id = partition.split("|")
        self.walk(f"*Catalog* → `{asset}` → *Partitions* → *Filter by date…* `{day}` → `{day}` → `{firm_id}`")
        self.tab.get_by_text("documents sent", exact=True).first.wait_for()
        self.look("asset")
        return self.tab.locator("body")

    def walk(self, path: str) -> None:
        """Follow a click path from the start page, as the docs write them."""
        walk(self.tab, self.url, path)

    def _follow(self) -> None:
        """Open the page of what was just launched, unless it opens by itself, and wait until it has succeeded."""
        link = self.tab.locator("a[href*='/runs/']", has_text=VIEW)
        ended = self.tab.get_by_text(re.compile("^(Success|100% completed)$")).first
        link.or_(ended).first.wait_for()
        if link.count():
            link.first.click()
        ended.wait_for()
        self._require_success()

    def _require_success(self) -> None:
        """Wait until the run of this page has ended well: a step that succeeded says so too, while others follow."""
        found = re.search(r"/runs/([0-9a-f-]{36})", self.tab.url)
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while found:
            query = {"query": f'{{ runOrError(runId: "{found[1]}") {{ ... on Run {{ status }} }} }}'}
            answer = self.tab.request.post(f"{self.url}/graphql", data=query).json()
            status = answer["data"]["runOrError"]["status"]
            if status == "SUCCESS":
                return
            assert status not in ("FAILURE", "CANCELED"), f"the run ended as {status}"
            assert time.monotonic() < deadline, f"the run did not end: {status}"
            time.sleep(0.5)
