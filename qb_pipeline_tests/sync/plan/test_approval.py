"""A plan says what a sync would do; applied, it is done exactly so, or not at all."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.plan.approval import StalePlanError
from qb_pipeline.sync.stages import STAGES, Stage, sync_firm
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_invoices import posted, revise


def make_plan(law_firm: LawFirm, **selection: Any) -> FirmReport:
    with law_firm.deployment.open(FIRM, Run(f"plan-{uuid4()}", "plan", PARTNER)) as session:
        return sync_firm(session, Selection(**selection), {Stage.WORK_LIST, Stage.SYNC_PLAN})


def apply(law_firm: LawFirm, plan: FirmReport) -> FirmReport:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        return sync_firm(session, Selection(plan_id=plan.run_id), STAGES)


def said(plan: FirmReport) -> dict[str, tuple[str, str, int | None, int | None]]:
    return {row.source_id: (row.operation, row.reason, row.before_cents, row.after_cents) for row in plan.plan}


def mixed(law_firm: LawFirm) -> None:
    """To create, to update, to void, to hold, to wait; customer and item are not known yet."""
    for name in ("revised", "void"):
        law_firm.invoice(name, "100.00")
    law_firm.activate()
    law_firm.sync()
    law_firm.change("update invoice_lines set amount = 150, unit_price = 150 where invoice_id = 'revised'")
    law_firm.change("update invoices set total_amount = 150 where invoice_id = 'revised'")
    law_firm.change("update invoices set status = 'void' where invoice_id = 'void'")
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.insert("payers", payer_id="P3", first_name="", last_name="Nguyen")
    law_firm.invoice("new", "10.00", payer_id="P2")
    law_firm.invoice("bad", "10.00", payer_id="P3")
    law_firm.payment("paid", applied={"new": "10.00"}, payer_id="P2")
    law_firm.payment("waits", applied={"bad": "10.00"}, payer_id="P3")


def test_a_plan_says_each_operation_with_its_sums_and_sends_nothing(law_firm: LawFirm) -> None:
    mixed(law_firm)
    law_firm.books.count_anew()

    plan = make_plan(law_firm)

    assert said(plan) == {
        "revised": ("update", "", 10000, 15000),
        "void": ("void", "", 10000, 0),
        "new": ("create", "", 0, 1000),
        "paid": ("create", "", 0, 1000),
        "bad": ("hold", "MISSING_NAME", None, None),
        "waits": ("wait", "INVOICE_NOT_SENT", None, None),
    }
    assert {row.source_id: row.changes for row in plan.plan if row.changes} == {
        "revised": [
            {"field": "Line[1].Amount", "before": "100.0", "after": "150.00"},
            {"field": "Line[1].SalesItemLineDetail.UnitPrice", "before": "100", "after": "150"},
            {"field": "TotalAmt", "before": "100.00", "after": "150.00"},
        ],
        "void": [{"field": "TotalAmt", "before": "100.00", "after": "0.00"}],
    }
    assert law_firm.books.writes() == 0
    # Customer, Vendor, Employee for the new one; Item; the invoice to be voided; the one to be changed.
    assert law_firm.books.requests() == {"GET preferences": 1, "GET companyinfo": 1, "GET cdc": 1, "POST query": 6}


@pytest.mark.slow
def test_a_plan_that_nothing_has_overtaken_is_done_exactly(law_firm: LawFirm) -> None:
    mixed(law_firm)
    plan = make_plan(law_firm)
    law_firm.invoice("later", "10.00")

    report = apply(law_firm, plan)

    assert law_firm.states() == {
        "revised": ("synced", ""), "void": ("voided", ""), "new": ("synced", ""), "paid": ("synced", ""),
        "bad": ("held", "MISSING_NAME"), "waits": ("waiting", "INVOICE_NOT_SENT"),
    }  # fmt: skip
    assert sorted(str(row["TotalAmt"]) for row in law_firm.books.ours("Invoice")) == ["10.0", "150.0"]
    assert (report.documents("invoice", "created"), report.documents("payment", "created")) == (1, 1)


def touch_billing(law_firm: LawFirm) -> None:
    revise(law_firm, "170.00")


def touch_quickbooks(law_firm: LawFirm) -> None:
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"CustomerMemo": {"value": "by hand"}})


def touch_by_a_person(law_firm: LawFirm) -> None:
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-02-02"})


def touch_mapping(law_firm: LawFirm) -> None:
    """A person maps the payer to another customer."""
    other = law_firm.books.create("Customer", {"DisplayName": "Another"})
    with law_firm.ledger.begin() as connection:
        connection.execute(
            sa.text("update sync.mapping set quickbooks_id = :id where kind = 'payer'"), {"id": other["Id"]}
        )


def lose_it(law_firm: LawFirm) -> None:
    law_firm.remove("invoice_lines")
    law_firm.remove("invoices")


@pytest.mark.parametrize(
    ("touch", "why"),
    [
        (touch_billing, "billing changed it"),
        (touch_quickbooks, "it changed in QuickBooks"),
        pytest.param(touch_by_a_person, r"a sync would now hold \(DRIFT\)", marks=pytest.mark.slow),
        pytest.param(touch_mapping, "its mapping or the firm's settings changed", marks=pytest.mark.slow),
        pytest.param(lose_it, r"it is held \(SOURCE_GONE\) by now", marks=pytest.mark.slow),
    ],
)
def test_a_plan_that_either_side_has_overtaken_is_refused_and_names_what_moved(
    law_firm: LawFirm, touch: Callable[[LawFirm], None], why: str
) -> None:
    posted(law_firm)
    revise(law_firm, "150.00")
    plan = make_plan(law_firm)
    touch(law_firm)
    law_firm.books.count_anew()

    with pytest.raises(StalePlanError, match=rf"nothing was sent: 1 of 1 documents have moved \(invoice:1: {why}\)"):
        apply(law_firm, plan)

    assert law_firm.books.writes() == 0


@pytest.mark.slow
def test_a_plan_is_applied_once(law_firm: LawFirm) -> None:
    posted(law_firm)
    revise(law_firm, "150.00")
    plan = make_plan(law_firm)
    apply(law_firm, plan)

    with pytest.raises(StalePlanError, match="invoice:1: it is synced by now"):
        apply(law_firm, plan)


def test_what_is_no_plan_is_not_applied(law_firm: LawFirm) -> None:
    posted(law_firm)
    [run] = law_firm.query("select run_id from sync.run")

    for plan_id in ("nothing", run["run_id"]):
        with (
            law_firm.deployment.open(FIRM, Run("run-2", "test", PARTNER)) as session,
            pytest.raises(StalePlanError, match=f"one has no plan {plan_id}"),
        ):
            sync_firm(session, Selection(plan_id=plan_id), STAGES)


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        ("update invoices set status = 'void', updated_at = now()", "void"),
        ("update invoices set total_amount = 80, updated_at = now()", "update"),
        ("update invoices set payer_id = 'P2', updated_at = now()", "update"),
    ],
)
def test_a_plan_counts_on_the_money_that_its_own_voids_set_free(law_firm: LawFirm, change: str, operation: str) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "100.00"})
    law_firm.sync()
    law_firm.change("update payments set status = 'void', updated_at = now()")
    if "80" in change:
        law_firm.change("update invoice_lines set amount = 80, unit_price = 80")
    law_firm.change(change)

    planned = law_firm.sync(["work_list", "sync_plan"])
    law_firm.sync()

    assert {row.source_id: (row.operation, row.reason) for row in planned.plan} == {
        "1": (operation, ""), "p1": ("void", ""),
    }  # fmt: skip
    assert law_firm.states() == {"1": ("voided" if operation == "void" else "synced", ""), "p1": ("voided", "")}
