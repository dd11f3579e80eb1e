"""A plan that is stored moves what it decided and nothing else, and never voids."""

from collections.abc import Iterator

import pytest

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import WorkItem, work_items
from qb_pipeline.ledger.books.plans import PlannedCount
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.plan.decisions import hold_invoices, store
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("run-1", "plan", PARTNER)


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    """Invoice ``there`` stands in QuickBooks, ``new`` and ``bad`` are to be sent."""
    law_firm.activate()
    law_firm.invoice("there", "100.00")
    law_firm.sync()
    for name in ("new", "bad"):
        law_firm.invoice(name, "100.00")
    law_firm.sync(["work_list"])
    with law_firm.deployment.open(FIRM, RUN) as opened:
        yield opened


def rows(session: FirmSession) -> dict[str, WorkItem]:
    """The work list's invoices, by billing's id."""
    ids = [document_id for key, document_id in session.documents.expected().items() if key[0] == Kind.INVOICE]
    return {row.source_id: row for row in work_items(session.documents.read(ids))}


def decisions(session: FirmSession) -> Plan:
    """``new`` is to be created, ``bad`` to be held."""
    plan, known = Plan(), rows(session)
    plan.decide(known["new"], Operation.CREATE)
    plan.decide(known["bad"], Operation.HOLD, Problem.NO_LINES)
    return plan


def logged(law_firm: LawFirm) -> list[tuple[str, str, str]]:
    """What the log says that this run did with documents: id, activity, reason."""
    found = law_firm.query("select source_id, activity, reason from sync.log where run_id = 'run-1' order by log_id")
    return [(row["source_id"], row["activity"], row["reason"]) for row in found]


BEFORE = {"there": ("synced", ""), "new": ("new", ""), "bad": ("new", "")}


def test_what_is_held_moves_and_what_is_to_be_sent_stays(law_firm: LawFirm, session: FirmSession) -> None:
    store(session, decisions(session), is_logged=True)

    assert law_firm.states() == BEFORE | {"bad": ("held", "NO_LINES")}
    assert logged(law_firm) == [("bad", "held", "NO_LINES")]
    assert session.plans.decided(RUN.run_id) == {DocumentName(Kind.INVOICE, name) for name in ("new", "bad")}


def test_a_dry_run_moves_the_same_and_leaves_no_row_in_the_log(law_firm: LawFirm, session: FirmSession) -> None:
    store(session, decisions(session), is_logged=False)

    assert (law_firm.states(), logged(law_firm)) == (BEFORE | {"bad": ("held", "NO_LINES")}, [])


def test_what_a_later_stage_decides_for_good_stays_where_it_is_and_counts_in_the_plan(
    law_firm: LawFirm, session: FirmSession
) -> None:
    plan = decisions(session)

    store(session, plan, is_logged=True, undecided=[decision.document_id for decision in plan.decisions])

    assert (law_firm.states(), logged(law_firm)) == (BEFORE, [])
    assert session.plans.counted(RUN.run_id) == [
        PlannedCount("invoice", "create", documents=1, cents=10_000),
        PlannedCount("invoice", "hold", documents=1, cents=10_000),
    ]


def test_what_vanished_from_billing_is_held_where_quickbooks_has_it_and_closed_where_not(
    law_firm: LawFirm, session: FirmSession
) -> None:
    known = rows(session)
    law_firm.books.count_anew()

    store(session, Plan(gone=[known["there"].document_id, known["new"].document_id]), is_logged=False)

    assert law_firm.states() == BEFORE | {"there": ("held", "SOURCE_GONE"), "new": ("closed", "VOID_BEFORE_SENT")}
    assert (law_firm.books.requests(), sorted(row[:2] for row in logged(law_firm))) == (
        {}, [("new", "closed"), ("there", "held")],
    )  # fmt: skip


def test_invoices_that_a_person_took_out_of_the_books_are_held_and_no_others(
    law_firm: LawFirm, session: FirmSession
) -> None:
    store(session, Plan(lost_invoices={"there": Problem.REMOTE_VOIDED}), is_logged=False)
    hold_invoices(session, {})

    assert law_firm.states() == BEFORE | {"there": ("held", "REMOTE_VOIDED")}
    assert logged(law_firm) == [("there", "held", "REMOTE_VOIDED")]


def test_a_decision_about_content_that_billing_has_replaced_moves_nothing(
    law_firm: LawFirm, session: FirmSession
) -> None:
    plan = decisions(session)
    law_firm.change("update invoices set total_amount = 90, updated_at = :now", now=law_firm.time.now())
    law_firm.sync(["work_list"])

    store(session, plan, is_logged=True)

    assert (law_firm.states()["bad"], logged(law_firm)) == (("new", ""), [])


def test_an_empty_plan_changes_nothing(law_firm: LawFirm, session: FirmSession) -> None:
    store(session, Plan(), is_logged=True)

    assert (law_firm.states(), logged(law_firm), session.plans.counted(RUN.run_id)) == (BEFORE, [], [])
