"""Running the job from a command: it stands in the run history like any other run."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from qb_pipeline import config, database
from qb_pipeline.defs.launch import add_firm_partition, launch_sync
from qb_pipeline_tests.commands.terminal import DAGSTER_YAML, environment_of
from qb_pipeline_tests.law_firm import FIRM, LawFirm


@pytest.fixture
def instance(law_firm: LawFirm, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that the environment names, as it is when a command runs."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    environment = environment_of(law_firm, tmp_path, tmp_path)
    with patch.dict(os.environ, environment), dg.DagsterInstance.get() as found:
        yield found
    for name in (config.DATABASE_URL, config.BILLING_URL):
        database.engine(environment[name]).dispose()


def test_a_firm_becomes_a_partition_once(instance: dg.DagsterInstance) -> None:
    for firm_id in ("one", "one", "two"):
        add_firm_partition(firm_id)

    assert instance.get_dynamic_partitions("firm") == ["one", "two"]


@pytest.mark.slow
def test_a_run_over_dates_ends_and_stands_in_the_history(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=2)
    law_firm.invoice("2", "10.00", days_ago=1)
    first, last = (law_firm.today - timedelta(days=n) for n in (2, 1))

    launched = launch_sync(FIRM, first, last, actor="ana")

    run = instance.get_run_by_id(launched.run_id)
    assert run is not None
    assert (launched.succeeded, launched.error, run.status) == (True, "", dg.DagsterRunStatus.SUCCESS)
    assert {name: run.tags[name] for name in ("firm", "trigger", "actor")} == {
        "firm": "one", "trigger": "cli", "actor": "ana",
    }  # fmt: skip
    assert len(law_firm.books.ours("Invoice")) == 2


def test_chosen_documents_stand_in_the_runs_config(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "10.00")
    day = law_firm.today - timedelta(days=1)

    launched = launch_sync(FIRM, day, day, actor="ana", invoice_ids=["2"])

    run = instance.get_run_by_id(launched.run_id)
    assert run is not None
    chosen = {"invoice_ids": ["2"], "payment_ids": [], "plan_id": ""}
    assert run.run_config["resources"] == {"chosen": {"config": chosen}}
    assert [row["DocNumber"] for row in law_firm.books.ours("Invoice")] == ["N-2"]


def test_a_run_that_failed_says_why(law_firm: LawFirm, instance: dg.DagsterInstance) -> None:
    launched = launch_sync(FIRM, law_firm.today, law_firm.today, actor="ana", trigger="test")

    assert (launched.succeeded, launched.error) == (
        False,
        "There is no firm one. Next step: qb-pipeline firm add one --super-user YOUR-NAME",
    )
    assert instance.get_runs_count() == 1
