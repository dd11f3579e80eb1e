"""A plan says what the sync after it does: operation and reason, document by document.

In every world of ``test_every_reason``, before each of its syncs, and for both demo firms. What the two may differ in
is written down here, by name, with the reason why no read finds it.
"""

from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.demo import CHEN, RIVERA, revise_demo
from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import OutcomeUnknownError
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.failures import CreditHalfError
from qb_pipeline.sync.stages import STAGES, Stage, sync_firm
from qb_pipeline_tests.journeys.test_every_reason import WORLDS, World
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_journal_entries import recording
from qb_pipeline_tests.sync.test_troubles import CHANGES, EVERYTHING, demo

__all__ = ["demo"]

pytestmark = pytest.mark.slow

Said = dict[str, tuple[str, str]]
"""Operation and reason of each document."""

ONLY_AN_ANSWER_TELLS: dict[str, dict[str, tuple[tuple[str, str], tuple[str, str], str]]] = {
    "answers that never come": {
        "invoice lost": (
            ("create", ""),
            ("wait", "OUTCOME_UNKNOWN"),
            "the connection breaks while the answer is on its way",
        )
    },
    "customers that do not fit": {
        "invoice i-euro": (
            ("create", ""),
            ("hold", "CUSTOMER_CURRENCY"),
            "a customer's currency is read only after a refusal, and where payments go along to another customer",
        ),
        "payment taken": (
            ("create", ""),
            ("hold", "OTHER_CUSTOMER"),
            "the customer of an invoice is read only after a refusal; a bookkeeper moves one seldom",
        ),
    },
    "an account of client credit that is inactive": {
        "payment credit@2026-03-01": (
            ("create", ""),
            ("hold", "CREDIT_HALF"),
            "the accounts of the second half are checked when they are set, and read again only after a refusal",
        ),
    },
    "a firm that creates items and sends tax": {
        "invoice differs": (
            ("create", ""),
            ("hold", "TOTAL_DIFFERS"),
            "QuickBooks takes the invoice and computes its tax by rates that the interface does not show",
        ),
        "invoice coded": (
            ("create", ""),
            ("hold", "REFUSED"),
            "the tax code is there and active; that lines take none but TAX and NON is said by the refusal alone",
        ),
    },
}
"""By world and document: what the plan says, what the sync does, and why no read finds it."""


def plan(deployment: Deployment, firm_id: str, selection: Selection) -> Said:
    """What a dry run says; it sends nothing."""
    with deployment.open(firm_id, Run(f"plan-{uuid4()}", "plan", PARTNER)) as session:
        report = sync_firm(session, selection, {Stage.WORK_LIST, Stage.SYNC_PLAN})
        assert session.quickbooks.requests.writing == 0
    return {name(asdict(row)): (row.operation, str(row.reason)) for row in report.plan}


def sync(deployment: Deployment, firm_id: str, selection: Selection, said: Said) -> Said:
    """What a sync did: of every document that it worked on, of those that wait for a person, and of those of a plan."""
    run = Run(f"run-{uuid4()}", "test", PARTNER)
    with deployment.open(firm_id, run) as session, suppress(OutcomeUnknownError, CreditHalfError):
        sync_firm(session, selection, STAGES)
    with deployment.ledger.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select d.kind, d.source_id, d.part, d.state, d.reason, p.operation from sync.document d"
                " left join sync.plan_item p on p.document_id = d.document_id and p.run_id = :run"
                " where d.firm_id = :firm and d.kind in ('invoice', 'payment', 'refund')"
            ),
            {"run": run.run_id, "firm": firm_id},
        ).mappings()
        return {
            name(row): done(row)
            for row in rows
            if row["operation"] or row["state"] in ("held", "refused") or name(row) in said
        }


def name(row: Any) -> str:
    return f"{row['kind']} {row['source_id']}" + (f"@{row['part']}" if row["part"] else "")


def done(row: Any) -> tuple[str, str]:
    """What became of a document, in the words of a plan."""
    states = {"held": "hold", "refused": "hold", "waiting": "wait", "closed": "close"}
    if row["state"] in ("sending", "unknown"):
        return "wait", "OUTCOME_UNKNOWN"
    if row["state"] in states:
        return states[row["state"]], row["reason"]
    return row["operation"] or "skip", ""


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_plan_says_what_the_sync_after_it_does(law_firm: LawFirm, world: World) -> None:
    law_firm.model = world.model
    law_firm.activate(**world.settings)
    differing: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}

    for step in world.steps:
        step(law_firm)
        said = plan(law_firm.deployment, FIRM, Selection())
        did = sync(law_firm.deployment, FIRM, Selection(), said)
        nothing = ("", "")
        differing |= {
            document: (said.get(document, nothing), did.get(document, nothing))
            for document in said.keys() | did.keys()
            if said.get(document) != did.get(document)
        }
        assert said.keys() == did.keys()

    allowed = ONLY_AN_ANSWER_TELLS.get(world.name, {})
    assert differing == {document: (said, did) for document, (said, did, _) in allowed.items()}


def test_a_refund_that_stays_refused_is_in_the_plan_as_the_sync_leaves_it(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.books.do("close-books", date=law_firm.today.isoformat())
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()

    said = plan(law_firm.deployment, FIRM, Selection())
    did = sync(law_firm.deployment, FIRM, Selection(), said)
    law_firm.books.do("close-books", date=None)
    cured = plan(law_firm.deployment, FIRM, Selection())
    after = sync(law_firm.deployment, FIRM, Selection(), cured)

    assert said == did == {"refund back": ("hold", "PERIOD_CLOSED")}
    assert "refund back" not in {**cured, **after}
    assert law_firm.in_quickbooks("journalEntry") == {"back": 1}


def test_a_plan_of_each_demo_firm_says_what_the_sync_after_it_does(demo: Deployment) -> None:
    operations = set()
    for firm_id in (RIVERA, CHEN):
        first = plan(demo, firm_id, EVERYTHING)
        did = sync(demo, firm_id, EVERYTHING, first)
        assert did == first
        revise_demo(demo.billing, firm_id, today=demo.clock().date())
        revised = plan(demo, firm_id, CHANGES)
        assert sync(demo, firm_id, CHANGES, revised) == revised
        again = plan(demo, firm_id, CHANGES)
        assert sync(demo, firm_id, CHANGES, again) == again
        operations |= {operation for said in (first, revised) for operation, _ in said.values()}

    assert operations == {"create", "update", "void", "skip", "hold", "wait", "close"}
