"""A real browser for what a person sees: Debian's Chromium, headless, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

REQUIRED = "QB_PIPELINE_REQUIRE_BROWSER"
"""Set in CI: a missing browser is a failure there, not a skip."""

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium; without one the test is skipped, or fails where a browser is required."""
    program = os.environ.get("QB_PIPELINE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        message = "no Chromium on the PATH; install Debian's chromium or set QB_PIPELINE_CHROMIUM"
        if os.environ.get(REQUIRED):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
