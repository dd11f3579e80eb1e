"""Launching the job from a command: which dates go, and the outcome as one value."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest

from qb_pipeline.commands.processes.launching import LISTED, apply_plan, id_of, shown, sync_now
from qb_pipeline.core.states import Kind, State
from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.books.listing import ListedDocument
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.plan.approval import StalePlanError
from qb_pipeline_tests.commands.typed import Terminal, console
from qb_pipeline_tests.law_firm import PARTNER, LawFirm

NOTHING = {
    "firm": "one", "runs": [], "failed": [], "activities": [], "held": [], "notices": [], "control_totals": [],
    "census": [], "reads": 0, "writes": 0,
}  # fmt: skip


@pytest.fixture
def deployment(law_firm: LawFirm, terminal: Terminal) -> Iterator[Deployment]:
    """An active firm, and the deployment as a command has it."""
    law_firm.activate()
    with patch.dict(os.environ, terminal.env), console.working() as (_, _, found):
        yield found


@pytest.mark.parametrize(("part", "said"), [("", "7"), ("2026-01-31", "7@2026-01-31")])
def test_a_document_is_shown_in_the_columns_of_the_list_with_its_id_and_its_dollars(part: str, said: str) -> None:
    document = ListedDocument(
        kind=Kind.PAYMENT, source_id="7", part=part, number="N-7", document_date=date(2026, 1, 31), amount_cents=12_345,
        state=State.NEW, reason="", action="sync_now", sentence=None, remedy=None, recent_payment=None, refused_at=None,
    )  # fmt: skip

    assert shown(document) == {
        "kind": "payment", "id": said, "number": "N-7", "document_date": date(2026, 1, 31),
        "amount": Decimal("123.45"), "state": "new", "action": "sync_now", "recent_payment": None, "reason": "",
        "remedy": None, "refused_at": None,
    }  # fmt: skip
    assert list(shown(document)) == list(LISTED)
    assert id_of(document) == said


def test_where_nothing_waits_nothing_is_launched(deployment: Deployment) -> None:
    assert sync_now(deployment, "one", actor=PARTNER) == NOTHING


def test_a_word_that_names_nothing_launches_nothing(law_firm: LawFirm, deployment: Deployment) -> None:
    with pytest.raises(NotNamedError):
        sync_now(deployment, "one", invoices=["nobody"], actor=PARTNER)

    assert law_firm.query("select 1 from sync.run where trigger = 'cli'") == []


def test_what_is_dated_outside_the_partitions_is_held_without_a_run(law_firm: LawFirm, deployment: Deployment) -> None:
    law_firm.invoice("old", "10.00", invoice_date=date(2022, 12, 31))

    outcome = sync_now(deployment, "one", actor=PARTNER)

    [held] = outcome.pop("held")
    assert outcome == {name: value for name, value in NOTHING.items() if name != "held"}
    assert (held["id"], held["amount"], held["reason"]) == ("old", Decimal("10.00"), "DATE_OUT_OF_RANGE")


@pytest.mark.slow
def test_a_run_covers_the_dates_that_have_work_within_those_asked_for(
    law_firm: LawFirm, deployment: Deployment
) -> None:
    for name, days in (("far", 40), ("1", 2), ("2", 1)):
        law_firm.invoice(name, "10.00", days_ago=days)

    outcome = sync_now(deployment, "one", first=law_firm.today - timedelta(days=9), actor=PARTNER)

    [run] = law_firm.query("select run_id, trigger, actor, outcome, reads, writes from sync.run")
    created = {"kind": "invoice", "activity": "created", "reason": "", "documents": 2, "cents": 2000}
    [totals], [census] = outcome["control_totals"], outcome["census"]
    assert (run["trigger"], run["actor"], run["outcome"]) == ("cli", PARTNER, "done")
    assert {name: outcome[name] for name in ("runs", "failed", "held", "notices", "reads", "writes")} == {
        "runs": [run["run_id"]], "failed": [], "held": [], "notices": [], "reads": run["reads"],
        "writes": run["writes"],
    }  # fmt: skip
    assert created | {"amount": Decimal("20.00")} in outcome["activities"]
    assert (totals["kind"], totals["documents"], totals["meant_cents"], totals["in_quickbooks_cents"]) == (
        "invoice", 2, 2000, 2000,
    )  # fmt: skip
    assert (census["kind"], census["documents"], census["living"]) == ("invoice", 2, 2)
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", "")}


@pytest.mark.slow
def test_dates_without_work_between_two_stretches_make_two_runs_of_one_outcome(
    law_firm: LawFirm, deployment: Deployment
) -> None:
    for name, days in (("1", 200), ("2", 1)):
        law_firm.invoice(name, "10.00", days_ago=days)

    outcome = sync_now(deployment, "one", actor=PARTNER)

    assert len(outcome["runs"]) == 2
    assert [totals["documents"] for totals in outcome["control_totals"]] == [1, 1]
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", "")}


def test_a_plan_that_is_none_launches_nothing(deployment: Deployment) -> None:
    with pytest.raises(StalePlanError):
        apply_plan(deployment, "one", "nope", actor=PARTNER)


def test_a_plan_that_sends_nothing_says_so(deployment: Deployment, terminal: Terminal) -> None:
    plan_id = terminal.json("plan", "one")["plan_id"]

    assert apply_plan(deployment, "one", plan_id, actor=PARTNER) == NOTHING | {
        "notices": [f"plan {plan_id} sends nothing"]
    }
