"""The doctor finds what it says it looks at: each part is broken once."""

import os
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from qb_pipeline import config, database
from qb_pipeline.commands import checkup
from qb_pipeline.commands.checkup import Finding, examine
from qb_pipeline.quickbooks.oauth import Tokens
from qb_pipeline_tests.commands.terminal import Terminal
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import FIRM, LawFirm

NOBODY = "postgresql+psycopg2://nobody:hidden@127.0.0.1:9/nothing"


def look(terminal: Terminal, **changes: str) -> dict[str, Finding]:
    """What is not ok, by part."""
    with patch.dict(os.environ, terminal.env | changes):
        return {finding.part: finding for finding in examine() if finding.verdict != "ok"}


def change(url: str, *statements: str) -> None:
    with database.engine(url).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_where_nothing_is_wrong_everything_is_ok(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    with patch.dict(os.environ, terminal.env):
        found = examine()

    assert {finding.part: finding.verdict for finding in found} == dict.fromkeys(
        [
            "configuration", "services", "pipeline database", "billing database", "Dagster database", "pipeline schema",
            "billing contract", "tokens of one",
        ],
        "ok",
    )  # fmt: skip
    assert all(finding.remedy == "" for finding in found)


@pytest.mark.parametrize(
    ("variable", "part"),
    [
        (config.DATABASE_URL, "pipeline database"),
        (config.BILLING_URL, "billing database"),
        (config.DAGSTER_URL, "Dagster database"),
    ],
)
@pytest.mark.parametrize("url", [NOBODY, "nonsense", "mysql+nodriver://u:hidden@h/d"])
def test_a_database_that_cannot_be_reached(terminal: Terminal, variable: str, part: str, url: str) -> None:
    finding = look(terminal, **{variable: url})[part]

    assert (finding.verdict, finding.remedy) == ("broken", f"Start the server, or correct {variable}.")
    assert "hidden" not in finding.found


@pytest.mark.parametrize("prefix", ["postgresql://", "postgres://", "postgresql+psycopg://"])
def test_a_driver_with_which_dagsters_runs_die(terminal: Terminal, prefix: str) -> None:
    url = terminal.env[config.DAGSTER_URL].replace("postgresql+psycopg2://", prefix)

    found = look(terminal, **{config.DAGSTER_URL: url})

    assert set(found) == {"Dagster's driver"}
    assert "postgresql+psycopg2://" in found["Dagster's driver"].remedy


def test_a_missing_migration(terminal: Terminal) -> None:
    change(terminal.env[config.DATABASE_URL], "update sync.alembic_version set version_num = '0000'")

    assert look(terminal) == {
        "pipeline schema": Finding(
            "pipeline schema", "broken", "revision 0000, needs 0001", "qb-pipeline db upgrade"
        )
    }  # fmt: skip


def test_views_of_another_release(terminal: Terminal) -> None:
    change(terminal.env[config.DATABASE_URL], "comment on schema reporting is 'other'")

    assert look(terminal)["pipeline schema"].found == "views of another release"


def test_a_billing_database_that_breaks_the_contract(terminal: Terminal) -> None:
    change(terminal.env[config.BILLING_URL], "alter table billing.payers drop column mobile")

    finding = look(terminal)["billing contract"]

    assert (finding.verdict, finding.found.split(":")[0]) == ("broken", "1 violations, the first")
    assert "payers.mobile" in finding.found


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read(terminal: Terminal, mode: int) -> None:
    key = Path(terminal.env[config.HOME]) / "secret_key"
    key.write_text("a key")
    key.chmod(mode)

    found = look(terminal, **{config.SECRET_KEY: ""})

    assert found["configuration"].found == f"{key} can be read by others; run: chmod 600 {key}"


def test_a_setting_that_is_none(terminal: Terminal) -> None:
    assert "QB_PIPELINE_FIRST_DATE" in look(terminal, **{config.FIRST_DATE: "soon"})["configuration"].found


@pytest.mark.parametrize(
    ("days", "verdict"), [(100, None), (13, "warning"), (-1, "broken")], ids=["good", "ending", "ended"]
)
def test_a_connection_near_its_end(law_firm: LawFirm, terminal: Terminal, days: int, verdict: str | None) -> None:
    law_firm.activate()
    now = law_firm.time.now()
    tokens = Tokens("a", "r", now + timedelta(hours=1), now + timedelta(days=days))
    law_firm.companies.tokens.save(
        FIRM, realm_id=law_firm.books.realm_id, environment="emulator", tokens=tokens, now=now
    )

    finding = look(terminal).get("tokens of one")

    assert (finding and finding.verdict) == verdict
    assert finding is None or finding.remedy == "qb-pipeline connect one"


def test_tokens_that_no_key_of_ours_opens(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    finding = look(terminal, **{config.SECRET_KEY: "another key"})["tokens of one"]

    assert finding.verdict == "broken"
    assert "another key" not in finding.found


def test_a_firm_that_is_not_set_up_to_its_end(terminal: Terminal) -> None:
    terminal.run("firm", "add", "one", "--super-user", "ana")

    assert look(terminal) == {
        "firm one": Finding(
            "firm one", "warning", "not subscribed: nothing is sent", "qb-pipeline firm subscribe one"
        )
    }  # fmt: skip


def test_services_that_cannot_start(terminal: Terminal) -> None:
    with temporary_home() as home:
        found = look(
            terminal, **{config.DATABASE_URL: "", config.HOME: str(home), "QB_PIPELINE_PG_BIN": str(home)}
        )  # fmt: skip

    assert {part: finding.verdict for part, finding in found.items()} == {"services": "broken"}
    assert "QB_PIPELINE_PG_BIN" in found["services"].found


def test_the_dagster_packages_that_were_tested_together_are_installed() -> None:
    assert list(checkup._versions()) == []
