"""What the list of runs shows of each: whose it is, why it ran, for whom, what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from qb_pipeline.billing.errors import BillingUnavailableError
from qb_pipeline.defs.build import build_defs
from qb_pipeline.defs.orphans import report_orphans
from qb_pipeline.defs.run_tags import failed_firms, firms_of_run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.errors import AuthorizationLostError, CompanyFaultError, OutcomeUnknownError
from qb_pipeline.sync.failures import in_words
from qb_pipeline_tests.defs.conftest import QUIET, Orchestra, add_firm
from qb_pipeline_tests.law_firm import FIRM, LawFirm

BY_PAGE = {"trigger": "page", "actor": "page"}


def shown(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """The tags that Dagster's list shows, but for its own."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return {name: value for name, value in run.tags.items() if not name.startswith(("dagster/", ".dagster/"))}


def test_a_run_from_the_page_says_its_firm_and_what_came_of_it(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    nothing = orchestra.sync(law_firm)
    law_firm.invoice("1", "10.00", days_ago=1)
    law_firm.invoice("2", total_amount="5.00", days_ago=1)

    planned = orchestra.sync(law_firm, assets=["work_list", "sync_plan"])
    sent = orchestra.sync(law_firm)
    held = orchestra.sync(law_firm)

    assert [shown(orchestra.instance, run.run_id) for run in (nothing, planned, sent, held)] == [
        {"firm": FIRM, **BY_PAGE, "result": result}
        for result in ("nothing to do", "1 to send, 1 to hold", "1 sent, 1 held", "1 held")
    ]


def test_a_run_of_several_firms_says_what_came_of_each(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=1)
    add_firm(law_firm, "two", invoices=2)

    both = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], trigger="test", actor="ana")
    law_firm.deployment.firms.pause("two", actor="ana", now=law_firm.time.now())
    one_failed = orchestra.sync(law_firm, firm_ids=[FIRM, "two"])

    assert shown(orchestra.instance, both.run_id) == {
        "firm": "several", "trigger": "test", "actor": "ana",
        "firm/one": "1 sent", "firm/two": "2 sent", "result": "3 sent",
    }  # fmt: skip
    found = shown(orchestra.instance, one_failed.run_id)
    assert found == {
        "firm": "several", **BY_PAGE, "firm/one": "nothing to do",
        "firm/two": "failed: two is paused", "result": "failed: two is paused (1 of 2 firms)",
    }  # fmt: skip
    assert failed_firms(found) == ["two"]


def test_the_log_and_the_list_name_the_same_trigger_and_actor(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=1)

    run_id = orchestra.sync(law_firm, **{"dagster/backfill": "abcdef"}).run_id

    assert shown(orchestra.instance, run_id) == {
        "firm": FIRM, "trigger": "backfill", "actor": "page", "result": "1 sent",
    }  # fmt: skip
    assert law_firm.query("select trigger, actor from sync.run where run_id = :run_id", run_id=run_id) == [
        {"trigger": "backfill", "actor": "page"}
    ]


def test_a_reconciliation_speaks_in_its_own_words(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    orchestra.instance.add_dynamic_partitions("firm", [FIRM])
    job = orchestra.job(law_firm, "reconcile")
    runs = []
    for number in ("1", "2"):
        runs.append(
            job.execute_in_process(
                instance=orchestra.instance, partition_key=FIRM, run_config=QUIET, raise_on_error=False
            )
        )
        law_firm.invoice(number, total_amount="5.00", days_ago=1)

    assert [shown(orchestra.instance, run.run_id)["result"] for run in runs] == [
        "no differences", "2 differences explained",
    ]  # fmt: skip


def test_an_error_that_is_not_a_firms_is_named_by_its_class(law_firm: LawFirm, orchestra: Orchestra) -> None:
    """A library's sentence may quote a client's data."""

    @contextmanager
    def breaking(*_: object, **__: object) -> Iterator[None]:
        raise RuntimeError("Ana Diaz owes 250.00")
        yield

    law_firm.activate()
    law_firm.deployment.open = breaking  # type: ignore[method-assign]

    run = orchestra.sync(law_firm)

    assert not run.success
    assert shown(orchestra.instance, run.run_id) == {"firm": FIRM, **BY_PAGE, "result": "failed: RuntimeError"}


def test_a_run_whose_configuration_is_wrong_says_so(instance_that_cannot_open: dg.DagsterInstance) -> None:
    """It was asked for where the configuration could be read."""
    instance = instance_that_cannot_open
    job = build_defs(first_date=date(2023, 1, 1), pull_seconds=300).resolve_job_def("sync")
    key = f"2026-03-01|{FIRM}"
    partitions = {"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key}
    run = instance.create_run_for_job(job, tags=partitions, run_config=QUIET)

    execute_run(InMemoryJob(job), run, instance)
    report_orphans(instance)

    assert shown(instance, run.run_id) == {"firm": FIRM, **BY_PAGE, "result": "failed: ConfigurationError"}


@pytest.fixture
def instance_that_cannot_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("QUICKBOOKS_ENVIRONMENT", "nowhere")
    with dg.DagsterInstance.ephemeral() as found:
        found.add_dynamic_partitions("firm", [FIRM])
        yield found


def test_a_repeated_run_signs_anew(law_firm: LawFirm, orchestra: Orchestra) -> None:
    """It has all tags of the first, as Dagster gives them to it: a person repeated it on the page."""
    first = orchestra.sync(law_firm, days=1, trigger="schedule", actor="daily_sync")
    tags = dict(orchestra.instance.get_run_by_id(first.run_id).tags)  # type: ignore[union-attr]
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=0)
    definition = orchestra.job(law_firm, "sync")
    again = orchestra.instance.create_run_for_job(
        definition, tags=tags, run_config=QUIET, parent_run_id=first.run_id, root_run_id=first.run_id
    )

    execute_run(InMemoryJob(definition), again, orchestra.instance)

    assert shown(orchestra.instance, first.run_id) == {
        "firm": FIRM, "trigger": "schedule", "actor": "daily_sync", "result": "failed: There is no firm one",
    }  # fmt: skip
    assert shown(orchestra.instance, again.run_id) == {"firm": FIRM, **BY_PAGE, "result": "1 sent"}


def test_the_firms_of_a_run_are_those_of_its_partitions(orchestra: Orchestra) -> None:
    instance = orchestra.instance
    instance.add_dynamic_partitions("firm", ["c", "a", "b"])
    asked = {
        ("2026-03-01|a", "2026-03-05|b"): ["a", "b"],
        ("2026-03-01|c", "2026-03-05|b"): ["c", "a", "b"],
        ("a", "a"): ["a"],
        ("2026-03-01|gone", "2026-03-05|b"): ["b", "gone"],
    }
    for (first, last), expected in asked.items():
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        assert firms_of_run(dg.DagsterRun("sync", tags=tags), instance) == expected
    assert firms_of_run(dg.DagsterRun("sync", tags={"dagster/partition": "2026-03-01|a"}), instance) == ["a"]
    assert firms_of_run(dg.DagsterRun("sync"), instance) == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthorizationLostError("QuickBooks no longer lets us in"), "connection lost"),
        (OutcomeUnknownError("the answer to 1 request was lost"), "an answer was lost"),
        (CompanyFaultError("6190"), "QuickBooks takes no data for this company"),
        (BillingUnavailableError("no route to billing"), "billing cannot be used"),
        (SetUpError("There is no firm one. Next step: qb-pipeline firm add one"), "There is no firm one"),
        (ValueError("Ana Diaz"), "ValueError"),
    ],
)
def test_what_stopped_a_run_is_said_in_a_few_words(error: Exception, expected: str) -> None:
    assert in_words(error) == expected
