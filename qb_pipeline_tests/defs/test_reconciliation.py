"""The job ``reconcile`` in Dagster: one partition per firm, tables on its page, checks that an operator can trust."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from qb_pipeline.defs.partitions import firm_tags, firms
from qb_pipeline.defs.reconciliation import CHECKS, daily_reconcile, job, reconcile_firms
from qb_pipeline_tests.defs.conftest import QUIET, Orchestra, add_firm, failure, metadata_of
from qb_pipeline_tests.law_firm import FIRM, LawFirm


def run(orchestra: Orchestra, law_firm: LawFirm, *firm_ids: str) -> dg.ExecuteInProcessResult:
    """Run the job over firms, from the first to the last."""
    orchestra.instance.add_dynamic_partitions(firms.name or "", list(firm_ids))
    tags = firm_tags(firm_ids[0]) | {"dagster/asset_partition_range_end": firm_ids[-1]}
    found = dg.Definitions(assets=[reconcile_firms], jobs=[job], resources={"companies": law_firm.companies})
    return found.resolve_job_def("reconcile").execute_in_process(
        instance=orchestra.instance, tags=tags, run_config=QUIET, raise_on_error=False
    )


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[str, str]]:
    """Severity and words of each check that did not pass."""
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert set(found) == set(CHECKS)
    return {
        name: (each.severity.value, each.description or "") for name, each in sorted(found.items()) if not each.passed
    }


def test_a_firm_that_agrees_is_green(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.sync()
    law_firm.books.count_anew()

    result = run(orchestra, law_firm, FIRM)

    assert result.success
    assert failed_checks(result) == {}
    assert law_firm.books.requests() == {"GET cdc": 1}
    rows = metadata_of(result, "reconciliation")["measures"]
    assert [tuple(row.values()) for row in rows] == [
        (FIRM, "billed", "100.00", "100.00", "0.00", "0.00"),
        (FIRM, "open", "60.00", "60.00", "0.00", "0.00"),
        (FIRM, "received", "40.00", "40.00", "0.00", "0.00"),
    ]
    [logged] = law_firm.query(
        "select trigger, reads, writes, outcome from sync.run where run_id = :id", id=result.run_id
    )
    assert logged == {"trigger": "ui", "reads": 1, "writes": 0, "outcome": "done"}


def test_what_is_held_for_long_warns_and_what_nothing_explains_is_an_error(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate(held_days_limit="10")
    law_firm.invoice("held", "7.00", days_ago=2, invoice_number="")
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.sync()
    law_firm.query_change(
        "update sync.document set state_since = state_since - interval '11 days' where state = 'held'"
    )
    law_firm.query_change("update sync.document set amount_cents = 9000 where source_id = '1'")

    found = failed_checks(run(orchestra, law_firm, FIRM))

    assert {name: severity for name, (severity, _) in found.items()} == {
        "differences_explained": "ERROR", "newest_day_synced": "WARN", "nothing_held_for_long": "WARN",
    }  # fmt: skip
    assert found["differences_explained"][1] == f"{FIRM}: 1 differences, residual 10.00"
    assert "billed up to" in found["newest_day_synced"][1]


def test_reads_that_run_out_warn_for_all_firms_together(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.query_change(
        "insert into sync.run (run_id, firm_id, trigger, actor, started_at, reads) "
        "values ('x', 'one', 't', 'a', :at, 400000)",
        at=law_firm.time.now(),
    )

    found = failed_checks(run(orchestra, law_firm, FIRM))

    assert found == {"reads_within_budget": ("WARN", "all firms: 400,001 of 500,000 reads this month")}


def test_a_firm_that_fails_is_named_and_the_other_is_done(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    add_firm(law_firm, "two", invoices=0)
    law_firm.companies.firms.pause("two", actor="partner", now=law_firm.time.now())

    result = run(orchestra, law_firm, FIRM, "two")

    assert not result.success
    assert "two" in failure(result)
    assert orchestra.materialized(result) == {"reconciliation": {FIRM}}


def requests(law_firm: LawFirm, orchestra: Orchestra) -> Sequence[dg.RunRequest]:
    moment = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    with dg.build_schedule_context(
        instance=orchestra.instance,
        scheduled_execution_time=moment,
        resources={"companies": law_firm.companies},
    ) as context:
        answer = daily_reconcile(context)
    return [] if isinstance(answer, dg.SkipReason) else list(answer)


def test_each_active_firm_is_reconciled_once_a_day(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    assert requests(law_firm, stored_orchestra) == []
    law_firm.activate()

    [request] = requests(law_firm, stored_orchestra)

    assert (request.run_key, request.partition_key, request.tags["firm"]) == (
        f"reconcile:{FIRM}:2026-03-02",
        FIRM,
        FIRM,
    )
