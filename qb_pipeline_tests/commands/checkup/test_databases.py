"""Databases: each is broken once."""

import pytest

from qb_pipeline import config
from qb_pipeline.commands.checkup.finding import Finding
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.commands.checkup.looks import change, look
from qb_pipeline_tests.commands.typed import Terminal

NOBODY = "postgresql+psycopg2://nobody:hidden@127.0.0.1:9/nothing"


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


def test_a_missing_migration_of_ours(terminal: Terminal) -> None:
    change(terminal.env[config.DATABASE_URL], "update sync.alembic_version set version_num = '0000'")

    needs = schema.newest_revision()
    assert look(terminal) == {
        "pipeline schema": Finding(
            "pipeline schema", "broken", f"revision 0000, needs {needs}", "qb-pipeline db upgrade"
        )
    }  # fmt: skip


def test_views_of_another_release(terminal: Terminal) -> None:
    change(terminal.env[config.DATABASE_URL], "comment on schema reporting is 'other'")

    assert look(terminal)["pipeline schema"].found == "views of another release"


def test_a_billing_database_that_breaks_the_contract(terminal: Terminal) -> None:
    change(terminal.env[config.BILLING_URL], "alter table billing.payers drop column mobile")

    finding = look(terminal)["billing contract"]

    assert (finding.verdict, finding.found) == ("broken", "payers.mobile is missing")

    change(terminal.env[config.BILLING_URL], "alter table billing.payers drop column phone")
    assert look(terminal)["billing contract"].found == "2 violations, the first: payers.phone is missing"
