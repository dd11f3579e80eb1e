"""The checks of a run: control totals, and whether a person is needed."""

from datetime import timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from qb_pipeline.defs import checks
from qb_pipeline.sync.plan import PlanSummary
from qb_pipeline.sync.run import FirmReport
from qb_pipeline_tests.defs.conftest import Orchestra
from qb_pipeline_tests.law_firm import LawFirm

EVERY_CHECK = {spec.key for spec in checks.SPECS}
TOTALS = {
    "kind": "invoice", "documents": 2, "differing": 0,
            "meant_cents": 30000, "accepted_cents": 30000, "in_quickbooks_cents": 30000,
    "refused_cents": 0, "unknown_cents": 0, "not_sent_cents": 0,
}  # fmt: skip


def report(firm_id: str = "one", **totals: int) -> FirmReport:
    return FirmReport(
        firm_id=firm_id, scanned={}, planned=PlanSummary(), activities=[], control_totals=[TOTALS | totals], reads=0,
        writes=0, notices=[],
    )  # fmt: skip


def evaluated(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, dg.AssetCheckSeverity, str]]:
    return {
        f"{check.asset_key.to_user_string()}: {check.check_name}": (
            check.passed, check.severity, check.description or "",
        )
        for check in result.get_asset_check_evaluations()
    }  # fmt: skip


def test_a_run_without_trouble_passes_every_check(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    found = evaluated(orchestra.sync(law_firm))

    error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    assert found == {
        "quickbooks_invoices: control_totals_agree": (True, error, "totals agree to the cent"),
        "quickbooks_payments: control_totals_agree": (True, error, "totals agree to the cent"),
        "quickbooks_invoices: one_document_each": (True, warn, "1 of 1 written documents stand once, totals equal"),
        "quickbooks_payments: one_document_each": (True, warn, "0 of 0 written documents stand once, totals equal"),
        "quickbooks_invoices: connection_lasts": (True, warn, "every connection is good for 30 days"),
        "sync_plan: nothing_held": (True, warn, "nothing is held"),
    }


def test_a_held_document_warns_and_the_run_is_green(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "100.00", payer_id="P2")

    result = orchestra.sync(law_firm)

    assert result.success
    assert evaluated(result)["sync_plan: nothing_held"] == (
        False,
        dg.AssetCheckSeverity.WARN,
        "1 documents need a person; the table says what clears each",
    )


def test_a_total_that_quickbooks_changes_fails_the_control_totals(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "echo_changed", "times": None, "field": "TotalAmt", "value": 99})

    found = evaluated(orchestra.sync(law_firm))

    assert found["quickbooks_invoices: control_totals_agree"] == (
        False,
        dg.AssetCheckSeverity.ERROR,
        "totals differ for one",
    )


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
    [found] = checks.results([report(**totals)], {checks.SPECS[0].key})

    assert found.passed is passes


def test_the_firm_whose_totals_differ_is_named_and_sums_are_of_all_firms() -> None:
    [found] = checks.results([report("one"), report("two", in_quickbooks_cents=1)], {checks.SPECS[0].key})

    assert (found.passed, found.description) == (False, "totals differ for two")
    assert {name: value.value for name, value in found.metadata.items()} == {
        "meant": "600.00",
        "in QuickBooks": "300.01",
    }


def test_only_the_selected_checks_are_answered() -> None:
    assert list(checks.results([report()], set())) == []
    assert {
        dg.AssetCheckKey(result.asset_key, result.check_name)
        for result in checks.results([report()], EVERY_CHECK)
        if result.asset_key and result.check_name
    } == EVERY_CHECK


@pytest.mark.parametrize(("days", "severity"), [(29, dg.AssetCheckSeverity.WARN), (6, dg.AssetCheckSeverity.ERROR)])
def test_a_connection_near_its_end_names_what_to_do(
    law_firm: LawFirm, orchestra: Orchestra, days: int, severity: dg.AssetCheckSeverity
) -> None:
    law_firm.activate()
    ends = law_firm.time.now() + timedelta(days=days)
    with law_firm.ledger.begin() as connection:
        connection.execute(sa.text("update sync.token set refresh_hard_expires_at = :ends"), {"ends": ends})

    found = evaluated(orchestra.sync(law_firm))["quickbooks_invoices: connection_lasts"]

    assert found == (False, severity, f"one: the connection ends on {ends:%Y-%m-%d}; qb-pipeline connect one")
