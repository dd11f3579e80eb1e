"""The bar that a person sees while a sync runs."""

import io
import time

import pytest

from qb_pipeline.commands.terminal.progress import progress
from qb_pipeline_tests.law_firm import FIRM, LawFirm


class Screen(io.StringIO):
    """A terminal that remembers what was written on it."""

    def isatty(self) -> bool:
        return True


def test_documents_requests_and_time_are_shown_on_a_terminal(
    law_firm: LawFirm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "100.00")
    law_firm.sync(["work_list"])
    screen = Screen()

    with progress(law_firm.deployment, FIRM, stream=screen):
        law_firm.sync()
        end = time.monotonic() + 60
        while "2 of 2 documents · 2 requests" not in screen.getvalue() and time.monotonic() < end:
            time.sleep(0.05)

    assert "0 of 2 documents · 0 requests" in screen.getvalue()
    assert "2 of 2 documents · 2 requests" in screen.getvalue()


def test_elsewhere_nothing_is_shown(law_firm: LawFirm) -> None:
    law_firm.activate()
    stream = io.StringIO()

    with progress(law_firm.deployment, FIRM, stream=stream):
        pass

    assert stream.getvalue() == ""
