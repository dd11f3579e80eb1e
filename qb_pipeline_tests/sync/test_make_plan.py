"""A plan decides about each document that needs it, once, in an order in which what is set free can be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from qb_pipeline.core.states import DOCUMENTS, Kind, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.make_plan import (
    PASSES,
    Planned,
    explain_not_worked_on,
    find_work,
    make_plan,
    plan_applied_anew,
)
from qb_pipeline.sync.plan.approval import StalePlanError, names_of, read_plan
from qb_pipeline.sync.plan.journal_entries import RefundPlan
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

EVERYTHING = Selection()
CHOSEN = [DocumentName(Kind.INVOICE, "5"), DocumentName(Kind.INVOICE, "4"), DocumentName(Kind.PAYMENT, "p4")]


@contextmanager
def opened(law_firm: LawFirm, run_id: str = "run-1") -> Iterator[FirmSession]:
    """A session of a run that has begun."""
    with law_firm.deployment.open(FIRM, Run(run_id, "test", PARTNER)) as session:
        session.log.begin(session.run, now=session.clock())
        yield session


@pytest.fixture
def listed(law_firm: LawFirm) -> LawFirm:
    """Work for every pass is on the list: p1 and 5 to void, 2 to revise, 4, p3 and p4 to create; 3 needs nothing."""
    law_firm.activate()
    for number in ("1", "2", "3", "5"):
        law_firm.invoice(number, "100.00")
    law_firm.payment("p1", applied={"1": "100.00"}, days_ago=1)
    law_firm.sync()
    now = law_firm.time.now()
    law_firm.change("update payments set status = 'void', updated_at = :now where payment_id = 'p1'", now=now)
    law_firm.change("update invoices set status = 'void', updated_at = :now where invoice_id = '5'", now=now)
    law_firm.change("update invoices set invoice_number = 'N-2b', updated_at = :now where invoice_id = '2'", now=now)
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("4", "40.00", payer_id="P2")
    law_firm.payment("p4", applied={"4": "40.00"}, payer_id="P2")
    law_firm.payment("p3", applied={"3": "30.00"})
    law_firm.sync(["work_list"])
    law_firm.books.count_anew()
    return law_firm


def plan(session: FirmSession, selection: Selection = EVERYTHING, *, is_dry: bool = False) -> Planned:
    return make_plan(session, selection, is_sent=lambda _voids, _kind: not is_dry, applied=None)


def found(
    session: FirmSession,
    selection: Selection = EVERYTHING,
    *,
    applied: dict[int, object] | None = None,
    again: bool = False,
) -> list[list[str]]:
    """What each pass of a sync is about, in the order of the passes."""
    return [
        [
            name
            for work in find_work(session, selection, kind, voids=voids, applied=applied, again=again)
            for name in work["source_id"]
        ]
        for voids, kind in PASSES
    ]  # fmt: skip


def decided(law_firm: LawFirm, run_id: str = "run-1") -> dict[str, tuple[str, str]]:
    statement = (
        "select d.source_id, p.operation, p.reason from sync.plan_item p join sync.document d using (document_id)"
        " where p.run_id = :run_id"
    )
    rows = law_firm.query(statement, run_id=run_id)
    return {row["source_id"]: (row["operation"], row["reason"]) for row in rows}


ALL = {
    "p1": ("void", ""), "5": ("void", ""), "2": ("update", ""), "4": ("create", ""), "p3": ("create", ""),
    "p4": ("create", ""),
}  # fmt: skip


def test_each_document_with_work_is_met_in_one_pass_voids_of_payments_first(listed: LawFirm) -> None:
    with opened(listed) as session:
        whole = found(session)
        of_dates = found(session, Selection(last=listed.today - timedelta(days=9)))
        chosen = found(session, Selection(documents=CHOSEN))
        one_kind = found(session, Selection(documents=CHOSEN[2:]))
        document_id = session.documents.expected()["invoice", "2", ""]
        of_a_plan, of_an_empty_plan = found(session, applied={document_id: None}), found(session, applied={})

    assert whole == [["p1"], ["5"], ["2", "4"], ["p3", "p4"]]
    assert (chosen, one_kind) == ([[], ["5"], ["4"], ["p4"]], [[], [], [], ["p4"]])
    assert (of_a_plan, of_an_empty_plan, of_dates) == ([[], [], ["2"], []], [[]] * 4, [[]] * 4)


def test_a_second_look_leaves_out_what_needs_a_person_but_for_voids_that_may_hang_on_another(listed: LawFirm) -> None:
    for name, state in (("4", State.HELD), ("5", State.HELD), ("p4", State.REFUSED), ("p1", State.REFUSED)):
        statement = "update sync.document set state = :state, reason = 'REFUSED' where source_id = :name"
        listed.query_change("set local session_replication_role = replica; " + statement, state=state, name=name)

    with opened(listed) as session:
        first, second = found(session), found(session, again=True)

    assert (first, second) == ([["p1"], ["5"], ["2", "4"], ["p3", "p4"]], [[], ["5"], ["2"], ["p3"]])


def test_a_plan_decides_about_everything_once_or_twice_and_neither_sends_nor_moves_what_is_to_be_sent(
    listed: LawFirm,
) -> None:
    before = listed.states()
    with opened(listed) as session:
        planned = plan(session)
        kept = listed.query("select document_id, operation, ready from sync.planned_document order by 1")
        plan(session)
        again = listed.query("select document_id, operation, ready from sync.planned_document order by 1")
        basis = session.planned.basis(session.run)

    assert (decided(listed), listed.states(), listed.books.writes()) == (ALL, before, 0)
    assert (kept, len(kept) > 0) == (again, True)
    assert basis is not None
    assert (sorted(basis.payer_ids), basis.fee_item_ids) == (["P1", "P2"], ["F1"])
    assert planned.refunds == RefundPlan()


def test_a_dry_run_decides_the_same_and_keeps_nothing_for_a_stage(listed: LawFirm) -> None:
    with opened(listed) as session:
        planned = plan(session, is_dry=True)
        basis = session.planned.basis(session.run)

    assert (decided(listed), basis, listed.books.writes()) == (ALL, None, 0)
    assert planned.learned.would_create == {(Kind.CUSTOMER, "P2")}


def test_without_work_there_is_nothing_to_plan_and_nothing_is_asked_for_documents(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.count_anew()
    with opened(law_firm) as session:
        planned = plan(session)

    assert (decided(law_firm), planned) == ({}, Planned(NOTHING, RefundPlan()))
    assert law_firm.books.requests() == {"GET preferences": 1, "GET companyinfo": 1}


def test_while_another_run_may_write_to_the_company_nothing_is_kept(listed: LawFirm) -> None:
    """What it writes may overtake each decision: the stages plan anew."""
    before = listed.states()
    with opened(listed) as session, opened(listed, "run-2") as other, other.sending():
        plan(session)
        basis = session.planned.basis(session.run)

    assert (basis, decided(listed), listed.states()) == (None, ALL, before)
    assert listed.query("select * from sync.planned_document") == []


def test_a_company_into_which_documents_would_go_wrong_is_refused_before_anything_is_decided(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": False})
    law_firm.activate(tax_policy="total")
    law_firm.invoice("1", "100.00")
    law_firm.sync(["work_list"])

    with opened(law_firm) as session, pytest.raises(SetUpError, match=r"one: nothing is sent\. The firm sends tax"):
        plan(session)

    assert (decided(law_firm), law_firm.states()) == ({}, {"1": ("new", "")})


def test_chosen_documents_of_which_nothing_is_decided_are_told_with_their_state(listed: LawFirm) -> None:
    names = [DocumentName(Kind.INVOICE, name) for name in ("2", "3")]
    with opened(listed) as session:
        learned = plan(session, Selection(documents=names), is_dry=True).learned
        alone = explain_not_worked_on(session, names)
        nobody = explain_not_worked_on(session, ())

    told = "invoice:3 needs nothing: it is synced"
    assert (learned.notices, alone, nobody) == ((told,), Learned(notices=(told,)), NOTHING)
    assert listed.query("select detail from sync.log where activity = 'skipped'") == [{"detail": told}] * 2


def test_a_plan_that_is_applied_is_compared_with_how_things_stand(listed: LawFirm) -> None:
    plan_id = listed.sync(["work_list", "sync_plan"]).run_id
    with opened(listed) as session:
        applied = read_plan(session, plan_id)
        selection = Selection(documents=names_of(applied), plan_id=plan_id)
        plan_applied_anew(session, selection, NOTHING, applied)
    listed.change("update invoice_lines set description = 'Other advice' where invoice_id = '2'")
    with opened(listed, "run-2") as session, pytest.raises(StalePlanError, match="1 of 6 documents have moved"):
        plan_applied_anew(session, selection, NOTHING, applied)

    assert (len(applied), listed.books.writes()) == (6, 0)


def test_the_order_of_a_sync_meets_each_kind_voids_first() -> None:
    assert sorted(PASSES) == sorted((voids, kind) for voids in (True, False) for kind in DOCUMENTS)
    assert [voids for voids, _ in PASSES] == [True, True, False, False]
