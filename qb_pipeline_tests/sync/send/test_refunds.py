"""Journal entries of refunds are sent one by one, each once, and what became of them is told."""

from collections.abc import Iterator

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.plan.journal_entries import RefundPlan, plan_refunds
from qb_pipeline.sync.send.refunds import record_refunds
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_journal_entries import entries, recording

AGAIN = Learned(try_again=True)
"""Payments let go of invoices: they are to be planned again."""


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    """Refund r1 of payment p1, 25.00 of 100.00, is on the work list and not recorded yet."""
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync(["work_list"])
    law_firm.books.count_anew()
    with law_firm.deployment.open(FIRM, Run("run-1", "test", PARTNER)) as opened:
        yield opened


def record(session: FirmSession, plan: RefundPlan) -> Learned:
    with session.sending() as sender:
        return record_refunds(session, sender, plan, NOTHING)


def planned(session: FirmSession) -> RefundPlan:
    plan = plan_refunds(session, Selection())
    assert [refund.source_id for refund, _ in plan.entries] == ["r1"]
    return plan


def test_an_empty_plan_records_nothing_and_says_what_planning_has_learned(
    law_firm: LawFirm, session: FirmSession
) -> None:
    told = Learned(notices=("refund r9 is left to be entered by hand",))

    assert [record(session, plan) for plan in (RefundPlan(), RefundPlan(learned=told))] == [NOTHING, told]
    assert (law_firm.books.requests(), law_firm.states("payment")["p1"]) == ({}, ("synced", ""))


def test_what_is_recorded_makes_its_payment_be_planned_again_once(law_firm: LawFirm, session: FirmSession) -> None:
    first = record(session, planned(session))
    state = law_firm.states("payment")["p1"]
    again = plan_refunds(session, Selection())

    assert (first, state, again, law_firm.books.writes()) == (AGAIN, ("revised", ""), RefundPlan(), 1)
    assert record(session, again) == NOTHING
    assert entries(law_firm) == [
        [("Debit", "Accounts Receivable (A/R)", "25.0"), ("Credit", "Checking", "25.0")]
    ]  # fmt: skip


def test_a_refused_entry_leaves_its_payment_and_names_the_fault(law_firm: LawFirm, session: FirmSession) -> None:
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "journalentry", "times": None})

    learned = record(session, planned(session))

    text = (
        "refund r1 was refused by QuickBooks (fault 6000): correct the cause, or enter it by hand and set "
        "record_refunds=off"
    )
    assert (learned, law_firm.states("payment")["p1"], entries(law_firm)) == (
        Learned(notices=(text,)), ("synced", ""), [],
    )  # fmt: skip


def test_after_a_lost_answer_the_payment_is_left_until_the_outcome_is_known(
    law_firm: LawFirm, session: FirmSession
) -> None:
    law_firm.books.fault({"what": "commit_then_drop", "match": "journalentry"})

    learned = record(session, planned(session))
    before = law_firm.states("payment")["p1"]
    law_firm.sync()

    assert (learned, before, law_firm.states("payment")["p1"]) == (NOTHING, ("synced", ""), ("synced", ""))
    assert len(entries(law_firm)) == 1
