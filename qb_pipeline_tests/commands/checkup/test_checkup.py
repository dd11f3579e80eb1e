"""The doctor looks at everything in its order, and leaves out what depends on a broken part."""

import os
from unittest.mock import patch

from qb_pipeline import config
from qb_pipeline.commands.checkup import examine
from qb_pipeline_tests.commands.checkup.looks import look
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import LawFirm


def test_where_nothing_is_wrong_everything_is_ok(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    with patch.dict(os.environ, terminal.env):
        found = {finding.part: finding for finding in examine()}

    assert list(found) == [
        "configuration", "disk", "alerts", "services", "pipeline database", "pipeline schema", "billing database",
        "billing contract", "Dagster database", "Dagster schema", "Dagster daemon", "Dagster switches", "key", "clock",
        "tokens of one", "company of one",
        "fences against duplicates of one",
    ]  # fmt: skip
    del found["Dagster daemon"]  # none runs here; see test_dagster_instance
    assert {(finding.verdict, finding.remedy) for finding in found.values()} == {("ok", "")}


def test_the_command_says_what_is_broken_and_ends_with_1(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.deployment.firms.disconnect("one", actor="partner", now=law_firm.time.now())

    whole = terminal.run("doctor")
    broken = Terminal(terminal.env | {config.FIRST_DATE: "soon"}).json("doctor", code=1)

    assert "qb-pipeline connect one" in whole.out
    assert broken[-1]["part"] == "configuration"
    assert set(broken[-1]) == {"part", "verdict", "found", "remedy"}


def test_a_setting_that_is_none(terminal: Terminal) -> None:
    assert "QB_PIPELINE_FIRST_DATE" in look(terminal, **{config.FIRST_DATE: "soon"})["configuration"].found


def test_an_address_that_is_not_the_environments(terminal: Terminal) -> None:
    found = look(terminal, **{config.ENVIRONMENT: "sandbox", config.CLIENT_ID: "id"})

    assert found["QuickBooks"].verdict == "broken"
    assert "QUICKBOOKS_API_URL" in found["QuickBooks"].found


def test_services_that_cannot_start(terminal: Terminal) -> None:
    with temporary_home() as home:
        found = look(
            terminal, **{config.DATABASE_URL: "", config.HOME: str(home), "QB_PIPELINE_PG_BIN": str(home)}
        )  # fmt: skip

    assert {part: finding.verdict for part, finding in found.items()} == {"services": "broken"}
    assert "QB_PIPELINE_PG_BIN" in found["services"].found
