"""``plan`` and ``sync --plan``."""

from typing import Any

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.people.test_payer_questions import like_customer, name_payer
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
    for words in ("line 1: amount", "Complete the payer's name in billing,", "Nothing was sent. Apply it: qb-pipeline"):
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


def test_a_plan_says_how_many_payers_will_be_asked_about_and_shows_whom_they_look_like(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    name_payer(law_firm)
    law_firm.activate()
    customer_id = like_customer(law_firm)
    law_firm.invoice("1", "10.00")
    law_firm.books.count_anew()

    plan = terminal.json("plan", "one", code=3)
    requests = sum(law_firm.books.requests().values())
    printed = terminal.run("plan", "one", code=3).out

    [asked] = plan["look_alikes"]
    assert [(row["payer_id"], row["payer_name"], row["more"]) for row in plan["look_alikes"]] == [
        ("P1", "Elizabeth Doe", 0)
    ]
    assert [(row["quickbooks_id"], row["name"]) for row in asked["candidates"]] == [(customer_id, "Elisabeth Doe")]
    assert [(row["operation"], row["reason"]) for row in plan["documents"]] == [("hold", "LIKE_CUSTOMER")]
    assert plan["customers_and_items"] == []
    assert requests == plan["reads"]  # the names that are shown are not read a second time
    assert "Payers that a person will be asked about: 1. One by one: qb-pipeline resolve one customer:PAYER" in printed
    assert "Elisabeth Doe" in printed


def test_a_plan_shows_all_customers_of_an_ambiguous_name_and_the_ledger_keeps_none_of_it(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    ids = []
    for number in range(4):
        body: dict[str, Any] = {"DisplayName": f"Ana Diaz {number}", "GivenName": "Ana", "FamilyName": "Diaz"}
        body["PrimaryEmailAddr"] = {"Address": f"ana{number}@example.com"}
        ids.append(law_firm.books.create("Customer", body)["Id"])

    plan = terminal.json("plan", "one", code=3)
    printed = terminal.run("plan", "one", code=3).out
    law_firm.sync()

    assert [row["reason"] for row in plan["documents"]] == ["AMBIGUOUS_NAME"]
    assert [(row["billing_id"], row["quickbooks_id"], row["email"]) for row in plan["namesakes"]] == [
        ("P1", customer_id, f"ana{number}@example.com") for number, customer_id in enumerate(ids)
    ]
    assert all(f"ana{number}@example.com" in printed for number in range(4))
    assert "@example.com" not in law_firm.whole_ledger()
