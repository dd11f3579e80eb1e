"""Take the pictures of README and docs from the real pages: ``python docs/take_screenshots.py``.

Needs the demo's data (``make demo``) and a Chromium: QB_PIPELINE_CHROMIUM, else the one on the PATH.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Start the Dagster UI, look at it, take pictures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dagster = subprocess.Popen([sys.executable, "-m", "qb_pipeline.cli", "dev", "--port", str(port)])
    try:
        wait_for(f"http://127.0.0.1:{port}/server_info")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("QB_PIPELINE_CHROMIUM") or shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
            )
            page = browser.new_page(viewport={"width": 1500, "height": 820})
            take(page, f"http://127.0.0.1:{port}/assets/sync_plan", "plan")
            take(
                page, f"http://127.0.0.1:{port}/asset-groups/", "asset-graph", expand=("billing", "sync", "quickbooks")
            )
            browser.close()
    finally:
        dagster.terminate()
        dagster.wait(60)


def take(page: Page, url: str, name: str, *, expand: Sequence[str] = ()) -> None:
    """One picture, when the page has come to rest; of a graph, with these groups opened."""
    page.goto(url)
    page.wait_for_load_state("networkidle")
    time.sleep(4)  # the graph is laid out after its data are there
    for group in expand:
        page.locator("foreignObject").get_by_text(group, exact=True).first.dblclick()
        time.sleep(2)
    if expand:
        page.mouse.click(1000, 160)  # away from the boxes: no selection, no side panel
        time.sleep(2)
    page.screenshot(path=IMAGES / f"{name}.png")


def wait_for(url: str, seconds: float = 180) -> None:
    """Wait until a page answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            requests.get(url, timeout=2)
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


if __name__ == "__main__":
    main()
