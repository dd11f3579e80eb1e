"""The checks of a run: what they say of all firms, and what of it blocks."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from qb_pipeline.defs import checks
from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.books.standing import Standing
from qb_pipeline.ledger.log import ControlTotals
from qb_pipeline.sync.firm_report import FirmReport, PlanSummary
from qb_pipeline.sync.stages import STAGES, Stage
from qb_pipeline_tests.defs.conftest import (
    QUIET,
    Orchestra,
    add_firm,
    evaluations,
    failed_checks,
    metadata_of_check,
)
from qb_pipeline_tests.law_firm import FIRM, LawFirm
from qb_pipeline_tests.received import pull, receive, set_up

EVERY_CHECK = {spec.key for spec in checks.SYNC_CHECKS}
AT_THE_END = dg.AssetCheckKey(dg.AssetKey("sync_plan"), checks.NOTHING_HELD)
"""The check that is looked at when the run ends."""
TOTALS = ControlTotals(
    kind="invoice", documents=2, differing=0, meant_cents=30000, accepted_cents=30000, in_quickbooks_cents=30000,
    refused_cents=0, unknown_cents=0, not_sent_cents=0,
)  # fmt: skip


def report(firm_id: str = "one", **totals: int) -> FirmReport:
    return FirmReport(
        firm_id=firm_id, scanned={}, planned=PlanSummary(), activities=[], control_totals=[replace(TOTALS, **totals)],
        reads=0, writes=0, notices=[],
    )  # fmt: skip


def evaluated(
    result: dg.ExecuteInProcessResult, orchestra: Orchestra
) -> dict[str, tuple[bool, dg.AssetCheckSeverity, str]]:
    """The verdicts of a run, as the page finds them."""
    return {
        f"{check.asset_key.to_user_string()}: {check.check_name}": (
            check.passed, check.severity, check.description or "",
        )
        for check in evaluations(result, orchestra.instance)
    }  # fmt: skip


def test_a_run_without_trouble_passes_every_check(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    result = orchestra.sync(law_firm)

    error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    once, agree = "each written document stands once, totals equal", "totals agree to the cent"
    assert evaluated(result, orchestra) == {
        "work_list: headers_valid": (True, error, "headers keep billing's contract (1 firm of this run)"),
        "sync_plan: rows_valid": (True, error, "rows keep billing's contract (1 firm of this run)"),
        "sync_plan: mapping_valid": (True, error, "each payer and fee item has one answer (1 firm of this run)"),
        "quickbooks_invoices: control_totals_agree": (True, warn, f"{agree} (1 active firm)"),
        "quickbooks_payments: control_totals_agree": (True, warn, f"{agree} (1 active firm)"),
        "quickbooks_invoices: one_document_each": (True, warn, f"{once} (1 active firm)"),
        "quickbooks_payments: one_document_each": (True, warn, f"{once} (1 active firm)"),
        "quickbooks_invoices: connection_lasts": (True, warn, "every connection is good for 30 days (1 active firm)"),
        "sync_plan: nothing_held": (True, warn, "nothing is held (1 active firm)"),
    }
    counted = metadata_of_check(result, checks.CENSUS, "quickbooks_invoices", instance=orchestra.instance)
    assert {name: counted[f"this run: {name}"] for name in ("documents", "living")} == {"documents": 1, "living": 1}
    assert counted["oldest"].startswith(f"one, {law_firm.today}")
    assert (
        metadata_of_check(result, checks.CENSUS, "quickbooks_payments", instance=orchestra.instance)[
            "not looked at yet"
        ]
        == "one"
    )


def test_a_held_document_warns_and_the_run_is_green(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "100.00", payer_id="P2")

    result = orchestra.sync(law_firm)

    assert result.success
    assert evaluated(result, orchestra)["sync_plan: nothing_held"] == (
        False,
        dg.AssetCheckSeverity.WARN,
        "1 documents need a person; the table says what clears each · one: 1 held",
    )


def test_the_verdict_stays_that_of_all_firms_after_a_run_of_one_invoice_of_another_firm(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "100.00", payer_id="P2")
    law_firm.invoice("2", "50.00", payer_id="P2")
    orchestra.sync(law_firm)
    add_firm(law_firm, "two", invoices=1)

    result = orchestra.sync(law_firm, firm_ids=["two"], invoice_ids=["two-0"])

    assert result.success
    assert evaluated(result, orchestra)["sync_plan: nothing_held"] == (
        False,
        dg.AssetCheckSeverity.WARN,
        "2 documents need a person; the table says what clears each · one: 2 held",
    )
    shown = metadata_of_check(result, checks.NOTHING_HELD, instance=orchestra.instance)
    assert [(row["firm"], row["reason"], row["documents"], row["amount"]) for row in shown["held"]] == [
        ("one", "MISSING_NAME", 2, "150.00")
    ]
    assert (shown["documents held"], shown["this run: documents held"], shown["active firms"]) == (2, 0, 2)
    law_firm.deployment.firms.pause("one", actor="partner", now=law_firm.time.now())
    assert evaluated(orchestra.sync(law_firm, firm_ids=["two"]), orchestra)["sync_plan: nothing_held"][2] == (
        "nothing is held (1 active firm)"
    )


def test_a_healthy_firm_s_run_says_another_firm_s_faults_and_does_not_fail_over_them(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """Another total, a count that found a document missing, a connection that ends: all of a firm that does not run."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "echo_changed", "times": None, "field": "TotalAmt", "value": 99})
    orchestra.sync(law_firm)
    count_unsound(law_firm)
    ends = law_firm.time.now() + timedelta(days=6)
    law_firm.query_change("update sync.token set refresh_hard_expires_at = :ends", ends=ends)
    add_firm(law_firm, "two", invoices=1)

    result = orchestra.sync(law_firm, firm_ids=["two"])

    error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    found = evaluated(result, orchestra)
    assert result.success
    assert {name: verdict for name, verdict in found.items() if not verdict[0]} == {
        "quickbooks_invoices: control_totals_agree": (
            False, error, "one: 1 invoices: 100.00 were meant, 99.00 are in QuickBooks",
        ),
        "quickbooks_invoices: one_document_each": (
            False, warn, "one: 1 of 7 invoices do not stand once, as QuickBooks answered",
        ),
        "quickbooks_invoices: connection_lasts": (
            False, error, f"one: the connection ends on {ends:%Y-%m-%d}; qb-pipeline connect one",
        ),
        "sync_plan: nothing_held": (
            False, warn, "1 documents need a person; the table says what clears each · one: 1 held",
        ),
    }  # fmt: skip
    [row] = metadata_of_check(result, checks.CENSUS, "quickbooks_invoices", instance=orchestra.instance)[
        "firms at fault"
    ]
    assert (row["firm"], row["as of"]) == ("one", f"{law_firm.time.now():%Y-%m-%d} 23:59 UTC")


def count_unsound(law_firm: LawFirm) -> None:
    """A census of firm one, the newest there is, that found one of seven invoices missing."""
    law_firm.query_change(
        "insert into sync.census values ('one', 'counted', cast(:day as date) + time '23:59' at time zone 'UTC',"
        " 'invoice', false, 7, 6, 0, 0, 1, 0, 0, 0, 0, 1)",
        day=law_firm.today,
    )


def test_a_count_blocks_the_run_that_took_it_and_no_other(law_firm: LawFirm) -> None:
    law_firm.activate()
    count_unsound(law_firm)
    missing = Counts(
        kind="invoice", is_whole=False, documents=7, living=6, duplicates=0, copies=0, missing=1, differing=0,
        foreigners=0, strays=0, changed=0, reads=1,
    )  # fmt: skip
    census = dg.AssetCheckKey(dg.AssetKey("quickbooks_invoices"), checks.CENSUS)

    [of_this_run], [of_another] = (
        list(checks.of_stage(law_firm.deployment, Stage.INVOICES, [each], {}, {checks.CENSUS}))
        for each in (replace(report(), census=[missing]), report())
    )

    assert [spec.blocking for spec in checks.SYNC_CHECKS if spec.key == census] == [True]
    assert [(each.passed, each.severity) for each in (of_this_run, of_another)] == [
        (False, dg.AssetCheckSeverity.ERROR), (False, dg.AssetCheckSeverity.WARN),
    ]  # fmt: skip
    assert [checks.is_blocking(each) for each in (of_this_run, of_another)] == [True, False]


def test_a_run_of_which_a_firm_fails_says_the_verdicts_all_the_same(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "100.00", payer_id="P2")

    result = orchestra.sync(law_firm, firm_ids=["a-newcomer", "one"])

    assert not result.success
    assert set(evaluated(result, orchestra)) == {f"{key.asset_key.to_user_string()}: {key.name}" for key in EVERY_CHECK}
    assert not evaluated(result, orchestra)["sync_plan: nothing_held"][0]


def test_of_many_firms_the_first_are_shown_and_the_rest_is_counted(law_firm: LawFirm) -> None:
    firm_ids = [f"firm-{number:02}" for number in range(30)]
    standing = Standing(law_firm.ledger, firm_ids)

    found = checks.verdict(
        "sync_plan", "nothing_held", standing, dict.fromkeys(firm_ids, "1 held"), good="", errors=(), at={}, own={}
    )

    assert found.description == " · ".join([*(f"{firm_id}: 1 held" for firm_id in firm_ids[:25]), "and 5 more"])
    assert found.metadata["not looked at yet"].value == " · ".join([*firm_ids[:25], "and 5 more"])
    assert len(found.metadata["firms at fault"].records) == 25
    assert found.metadata["firms at fault: rows shown"].value == "25 of 30"


def test_a_total_that_quickbooks_changes_fails_the_control_totals(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "echo_changed", "times": None, "field": "TotalAmt", "value": 99})

    result = orchestra.sync(law_firm)

    assert evaluated(result, orchestra)["quickbooks_invoices: control_totals_agree"] == (
        False,
        dg.AssetCheckSeverity.ERROR,
        "one: 1 invoices: 100.00 were meant, 99.00 are in QuickBooks",
    )
    shown = metadata_of_check(result, checks.CONTROL_TOTALS, "quickbooks_invoices", instance=orchestra.instance)
    assert (shown["this run: meant"], shown["this run: in QuickBooks"]) == ("100.00", "99.00")


@pytest.mark.parametrize(
    ("totals", "passes"),
    [
        ({}, True),
        ({"accepted_cents": 20000, "in_quickbooks_cents": 20000, "refused_cents": 10000}, True),
        ({"accepted_cents": 20000, "in_quickbooks_cents": 20000, "unknown_cents": 10000}, True),
        ({"accepted_cents": 20000, "in_quickbooks_cents": 20000, "not_sent_cents": 10000}, True),
        ({"accepted_cents": 29999, "in_quickbooks_cents": 29999}, False),
        ({"in_quickbooks_cents": 30001}, False),
        ({"in_quickbooks_cents": 0}, False),
        ({"differing": 2}, False),  # one too high by what another is too low
    ],
)
def test_what_was_meant_is_accounted_for_to_the_cent(totals: dict[str, int], passes: bool) -> None:
    assert report(**totals).totals_agree("invoice") is passes


def test_only_the_selected_checks_are_answered(law_firm: LawFirm) -> None:
    deployment = law_firm.deployment

    assert [list(checks.of_stage(deployment, stage, [report()], {}, set())) for stage in STAGES] == [[]] * len(STAGES)
    assert {
        dg.AssetCheckKey(result.asset_key, result.check_name)
        for stage in STAGES
        for result in checks.of_stage(deployment, stage, [report()], {}, None)
        if result.asset_key and result.check_name
    } == EVERY_CHECK - {AT_THE_END}


def test_a_check_that_is_executed_alone_asks_the_ledger_and_syncs_nothing(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """*Execute* beside the check: a run without date and firm."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    chosen = {dg.AssetCheckKey(dg.AssetKey("sync_plan"), checks.NOTHING_HELD)}
    job = orchestra.job(law_firm, "sync").get_subset(asset_selection=set(), asset_check_selection=chosen)

    result = job.execute_in_process(instance=orchestra.instance, run_config=QUIET)

    assert evaluated(result, orchestra) == {
        "sync_plan: nothing_held": (True, dg.AssetCheckSeverity.WARN, "nothing is held (1 active firm)")
    }
    assert law_firm.states() == {}
    run = orchestra.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert (run.tags["firm"], run.tags["result"]) == ("one", "checked")


def test_without_an_active_firm_a_verdict_says_so(law_firm: LawFirm) -> None:
    of_firms = [key.name for key in EVERY_CHECK if key.name not in (checks.HEADERS, checks.ROWS, checks.MAPPING)]
    found = [
        each
        for stage in STAGES
        for each in checks.of_stage(law_firm.deployment, stage, [], {}, set(of_firms), is_alone=True)
    ]

    assert len(found) == len(of_firms)
    assert {(each.passed, each.description) for each in found} == {(True, "no firm is active")}


@pytest.mark.parametrize(("days", "severity"), [(29, dg.AssetCheckSeverity.WARN), (6, dg.AssetCheckSeverity.ERROR)])
def test_a_connection_near_its_end_names_what_to_do(
    law_firm: LawFirm, orchestra: Orchestra, days: int, severity: dg.AssetCheckSeverity
) -> None:
    law_firm.activate()
    ends = law_firm.time.now() + timedelta(days=days)
    with law_firm.ledger.begin() as connection:
        connection.execute(sa.text("update sync.token set refresh_hard_expires_at = :ends"), {"ends": ends})

    found = evaluated(orchestra.sync(law_firm), orchestra)["quickbooks_invoices: connection_lasts"]

    assert found == (False, severity, f"one: the connection ends on {ends:%Y-%m-%d}; qb-pipeline connect one")


# What QuickBooks received


def test_the_check_fails_when_billing_no_longer_holds_what_was_posted(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today))
    pull(law_firm)
    law_firm.change("update payments set amount = 1")

    result = orchestra.pull(law_firm)

    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == (checks.RECEIVED, False, dg.AssetCheckSeverity.ERROR)
    assert "no longer holds 1 postings" in (check.description or "")


def test_the_check_remembers_what_billing_does_not_hold_until_it_holds_it_again(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """Another day, and another firm, are pulled in between: a verdict is over all firms and all that was posted."""
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today - timedelta(days=5)))
    orchestra.pull(law_firm, days=6)
    law_firm.change("update payments set amount = 1")
    orchestra.pull(law_firm, days=6)
    add_firm(law_firm, "two", invoices=0)
    law_firm.query_change("update sync.firm set model = 2 where firm_id = 'two'")

    of_another_day, of_another_firm = orchestra.pull(law_firm), orchestra.pull(law_firm, firm_ids=("two",))
    law_firm.change("update payments set amount = 100")
    mended = orchestra.pull(law_firm, days=6)

    assert (of_another_day.success, of_another_firm.success) == (True, True)
    assert [verdict(result) for result in (of_another_day, of_another_firm, mended)] == [
        (False, "one: billing no longer holds 1 postings as they were made: see reporting.received_payments"),
        (False, "one: billing no longer holds 1 postings as they were made: see reporting.received_payments"),
        (True, "billing holds what was received (2 active firms)"),
    ]
    assert metadata_of_check(of_another_firm, checks.RECEIVED, instance=orchestra.instance)["this run: differing"] == 0


def verdict(result: dg.ExecuteInProcessResult) -> tuple[bool, str]:
    [check] = result.get_asset_check_evaluations()
    return check.passed, check.description or ""


# The reconciliation


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

    found = failed_checks(orchestra.reconcile(law_firm, FIRM))

    assert {name: severity for name, (severity, _) in found.items()} == {
        "differences_explained": "ERROR", "newest_day_synced": "WARN", "nothing_held_for_long": "WARN",
    }  # fmt: skip
    assert found["differences_explained"][1] == f"{FIRM}: 2 differences, residual 20.00"
    assert "billed up to" in found["newest_day_synced"][1]


def test_reads_that_run_out_warn_for_all_firms_together(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.query_change(
        "insert into sync.run (run_id, firm_id, trigger, actor, started_at, reads) "
        "values ('x', 'one', 't', 'a', :at, 400000)",
        at=law_firm.time.now(),
    )

    found = failed_checks(orchestra.reconcile(law_firm, FIRM))

    assert found == {"reads_within_budget": ("WARN", "all firms: 400,009 of 500,000 reads this month")}


def test_the_verdicts_are_over_all_active_firms_and_no_run_fails_over_another_firm(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("held", "7.00", days_ago=20, invoice_number="")
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.sync()
    law_firm.query_change(
        "update sync.document set state_since = state_since - interval '30 days' where state = 'held'"
    )
    law_firm.query_change("update sync.document set amount_cents = 9000 where source_id = '1'")
    first = orchestra.reconcile(law_firm, FIRM)
    add_firm(law_firm, "two", invoices=0)

    result = orchestra.reconcile(law_firm, "two")

    assert result.success
    assert failed_checks(result) == failed_checks(first)
    assert set(failed_checks(result)) == {"differences_explained", "nothing_held_for_long"}
    shown = metadata_of_check(result, "differences_explained", instance=orchestra.instance)
    assert (shown["active firms"], shown["this run: differences not explained"]) == (2, 0)
    assert shown["firms at fault"][0]["as of"].startswith(str(law_firm.today))
    assert "not looked at yet" not in shown
