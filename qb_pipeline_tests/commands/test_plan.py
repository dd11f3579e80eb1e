"""``plan`` and ``sync --plan``."""

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.plan.test_approval import mixed
from qb_pipeline_tests.sync.plan.test_invoices import posted, revise


def test_a_plan_is_told_with_its_totals_and_what_would_be_held(law_firm: LawFirm, terminal: Terminal) -> None:
    mixed(law_firm)

    plan = terminal.json("plan", "one", code=3)
    printed = terminal.run("plan", "one", code=3).out

    assert [tuple(total.values()) for total in plan["totals"]] == [
        ("invoice", "create", 1, "10.00", "0.00", "10.00"),
        ("invoice", "update", 1, "150.00", "100.00", "150.00"),
        ("invoice", "void", 1, "100.00", "100.00", "0.00"),
        ("invoice", "hold", 1, "10.00", None, None),
        ("payment", "create", 1, "10.00", "0.00", "10.00"),
        ("payment", "wait", 1, "10.00", None, None),
    ]
    [revised] = [row for row in plan["documents"] if row["document"] == "invoice:revised"]
    assert revised["changes"][-1] == {"field": "TotalAmt", "before": "100.00", "after": "150.00"}
    for words in ("line 1: amount", "Complete the payer's name in billing.", "Nothing was sent. Apply it: qb-pipeline"):
        assert words in printed
    assert len(law_firm.books.ours("Invoice")) == 2


def test_a_plan_names_the_customers_and_items_that_its_documents_need(law_firm: LawFirm, terminal: Terminal) -> None:
    account = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Legal Fees")
    law_firm.activate(unmapped_fee_item="create", income_account=account)
    law_firm.insert("fee_items", fee_item_id="F2", name="Research", code="RES")
    law_firm.invoice("1", "10.00", lines=[{"fee_item_id": "F2", "amount": "80.00"}])

    plan = terminal.json("plan", "one")
    printed = terminal.run("plan", "one").out
    law_firm.sync()

    assert plan["customers_and_items"] == [
        {"kind": "customer", "id in billing": "P1"}, {"kind": "item", "id in billing": "F2"},
    ]  # fmt: skip
    assert "New customers, items" in printed
    assert terminal.json("plan", "one")["customers_and_items"] == []


def test_where_nothing_is_to_be_done_a_plan_says_so(law_firm: LawFirm, terminal: Terminal) -> None:
    posted(law_firm)

    assert terminal.run("plan", "one").out == "one: a sync would find nothing to do.\n"


@pytest.mark.slow
def test_a_plan_is_shown_and_applied(law_firm: LawFirm, terminal: Terminal) -> None:
    posted(law_firm)
    revise(law_firm, "150.00")
    plan = terminal.json("plan", "one")
    law_firm.invoice("later", "10.00")

    outcome = terminal.json("sync", "one", "--plan", plan["plan_id"])
    again = terminal.run("sync", "one", "--plan", plan["plan_id"], code=1)

    assert [str(row["TotalAmt"]) for row in law_firm.books.ours("Invoice")] == ["150.0"]
    assert [(row["kind"], row["documents"], row["living"]) for row in outcome["census"]] == [("invoice", 1, 1)]
    assert f"plan {plan['plan_id']} is stale, nothing was sent: 1 of 1 documents have moved" in again.out
    assert law_firm.states() == {"1": ("synced", "")}


@pytest.mark.parametrize("option", [("--invoice", "1"), ("--from", "2026-01-01")])
def test_a_plan_names_its_documents_itself(law_firm: LawFirm, terminal: Terminal, option: tuple[str, str]) -> None:
    assert "--plan names its documents itself" in terminal.run("sync", "one", "--plan", "x", *option, code=2).err


def test_a_plan_that_is_none_is_refused(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    assert "one has no plan x. Try: qb-pipeline plan one" in terminal.run("sync", "one", "--plan", "x", code=1).err
