"""A firm's sync as a whole, and its stages one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.errors import ContractBrokenError
from qb_pipeline.core.words import DocumentName, NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.failures import UnfinishedError
from qb_pipeline.sync.plan.approval import StalePlanError
from qb_pipeline.sync.stages import STAGES, Stage, do_stage, sync_firm
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def test_invoices_and_payments_reach_quickbooks(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "250.00", "100.50")
    law_firm.payment("p1", applied={"1": "50.50"})

    report = law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    [payment] = law_firm.books.ours("Payment")
    assert (invoice["DocNumber"], str(invoice["TotalAmt"]), str(invoice["Balance"])) == ("N-1", "350.5", "300.0")
    assert payment["Line"][0]["LinkedTxn"][0]["TxnId"] == invoice["Id"]
    assert law_firm.states() == {"1": ("synced", ""), "p1": ("synced", "")}
    assert (report.cents("invoice", "created"), report.cents("payment", "created")) == (35050, 5050)
    assert report.totals_agree("invoice")
    assert report.totals_agree("payment")


def test_a_second_sync_sends_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "250.00")
    law_firm.payment("p1", applied={"1": "250.00"})
    law_firm.sync()

    again = law_firm.sync()

    assert (again.activities, again.reads, again.writes) == ([], 0, 0)
    work_list = "select number from reporting.unsynced_invoices union select reference from reporting.unsynced_payments"
    assert law_firm.query(work_list) == []


def test_an_unconnected_firm_is_refused_and_told_the_next_step(law_firm: LawFirm) -> None:
    with pytest.raises(SetUpError, match="Next step: qb-pipeline firm add one"):
        law_firm.sync()


def test_only_the_chosen_dates_are_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "1.00", days_ago=30)
    law_firm.invoice("new", "2.00", days_ago=3)
    day = law_firm.today - timedelta(days=3)

    law_firm.sync(first=day, last=day)

    assert [invoice["DocNumber"] for invoice in law_firm.books.ours("Invoice")] == ["N-new"]


def test_only_the_chosen_invoice_is_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.invoice("2", "2.00")
    law_firm.payment("p2", applied={"2": "2.00"})

    law_firm.sync(invoice_ids=["2"])

    assert [invoice["DocNumber"] for invoice in law_firm.books.ours("Invoice")] == ["N-2"]
    assert law_firm.books.ours("Payment") == []


def test_many_chosen_invoices_and_payments_go_together(law_firm: LawFirm) -> None:
    law_firm.activate()
    for number in range(5):
        law_firm.invoice(str(number), "1.00")
        law_firm.payment(f"p{number}", applied={str(number): "1.00"})

    law_firm.sync(invoice_ids=["1", "2", "3"], payment_ids=["p1", "p2", "p4"])

    assert law_firm.in_quickbooks("invoice") == {"1": 1, "2": 1, "3": 1}
    assert law_firm.in_quickbooks("payment") == {"p1": 1, "p2": 1}
    assert law_firm.states("payment")["p4"] == ("waiting", "INVOICE_NOT_SENT")


def test_a_chosen_document_that_cannot_go_says_why(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("deposit", amount="10.00", kind="credit_deposit", method="credit")
    law_firm.invoice("ahead", "1.00", days_ago=-90)
    law_firm.sync()

    report = law_firm.sync(invoice_ids=["N-1", "ahead"], payment_ids=["deposit"])

    assert report.notices == [
        "invoice:1 needs nothing: it is synced",
        "invoice:ahead waits: it is waiting (DATED_AHEAD)",
        "payment:deposit needs nothing: it is closed (CREDIT_DEPOSIT)",
    ]


def test_chosen_documents_go_whatever_dates_the_run_is_for(law_firm: LawFirm) -> None:
    law_firm.activate()
    for days in (1, 2, 3):
        law_firm.invoice(str(days), "1.00", days_ago=days)

    report = law_firm.sync(first=law_firm.today, last=law_firm.today, invoice_ids=["1", "3"])

    assert law_firm.states() == {"1": ("synced", ""), "3": ("synced", "")}
    assert report.chosen_dates == [law_firm.today - timedelta(days=3), law_firm.today - timedelta(days=1)]
    assert law_firm.sync(first=law_firm.today, last=law_firm.today).chosen_dates is None


def test_a_document_that_billing_lost_since_it_was_named_fails_the_run_before_anything_is_sent(
    law_firm: LawFirm,
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    names = [DocumentName("invoice", "1"), DocumentName("invoice", "lost")]

    with (
        pytest.raises(NotNamedError, match="one: invoice:lost cannot be sent: billing does not have it"),
        law_firm.deployment.open(FIRM, Run("r", "test", PARTNER)) as session,
    ):
        sync_firm(session, Selection(documents=names))

    assert law_firm.sends() == 0
    assert [row["outcome"] for row in law_firm.query("select outcome from sync.run")] == ["failed"]


def test_a_chosen_payment_fails_a_run_that_sends_invoices_alone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p", applied={"1": "1.00"})

    with pytest.raises(NotNamedError, match="one: payment:p cannot be sent by a run of invoices alone"):
        law_firm.sync([Stage.WORK_LIST, Stage.INVOICES], invoice_ids=["1"], payment_ids=["p"])

    assert law_firm.sends() == 0


def test_planning_alone_sends_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p1", applied={"1": "1.00"})

    report = law_firm.sync([Stage.WORK_LIST, Stage.SYNC_PLAN])

    assert dict(report.planned.documents) == {("invoice", "create"): 1, ("payment", "create"): 1}
    assert law_firm.books.ours("Invoice") == []
    assert report.writes == 0


def test_invoices_and_payments_can_run_alone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p1", applied={"1": "1.00"})

    law_firm.sync([Stage.WORK_LIST, Stage.PAYMENTS])
    payments_alone = law_firm.states()
    law_firm.sync([Stage.WORK_LIST, Stage.INVOICES])
    invoices_alone = law_firm.states()

    assert payments_alone == {"1": ("new", ""), "p1": ("waiting", "INVOICE_NOT_SENT")}
    assert invoices_alone == {"1": ("synced", ""), "p1": ("waiting", "INVOICE_NOT_SENT")}


def test_nothing_is_written_back_to_billing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("receive-payment", customer_id=invoice["CustomerRef"]["value"], invoices=[invoice["Id"]])
    with law_firm.billing.connect() as connection:
        before = connection.exec_driver_sql("select xmin, * from billing.invoices").all()

    law_firm.sync()

    with law_firm.billing.connect() as connection:
        assert connection.exec_driver_sql("select xmin, * from billing.invoices").all() == before
        assert connection.exec_driver_sql("select * from billing.payments").all() == []


def test_every_activity_is_a_row_of_the_log_with_its_run(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("bad", "100.00", total_amount="90.00")
    law_firm.invoice("zero", "0.00")
    law_firm.payment("p1", applied={"bad": "10.00"})
    law_firm.sync()

    assert sorted(law_firm.activities()) == [
        ("", "", "preflight", ""),
        ("customer", "P1", "created", ""),
        ("invoice", "1", "created", ""),
        ("invoice", "1", "seen", ""),
        ("invoice", "bad", "held", "TOTAL_MISMATCH"),
        ("invoice", "bad", "seen", ""),
        ("invoice", "zero", "closed", "NOTHING_TO_BILL"),
        ("invoice", "zero", "seen", ""),
        ("payment", "p1", "seen", ""),
        ("payment", "p1", "waiting", "INVOICE_NOT_SENT"),
    ]
    [run] = law_firm.query("select run_id, outcome from sync.run")
    assert law_firm.query("select distinct run_id from sync.log") == [{"run_id": run["run_id"]}]
    assert run["outcome"] == "done"


def test_every_document_is_in_exactly_one_state_and_what_is_held_has_its_reason(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("bad", "100.00", total_amount="90.00")
    law_firm.invoice("void", "100.00", status="void")
    law_firm.payment("p1", applied={"1": "10.00"})
    law_firm.payment("p2", applied={"bad": "10.00"})
    law_firm.payment("p3", amount="10.00", kind="credit_deposit")

    law_firm.sync()

    assert law_firm.states() == {
        "1": ("synced", ""), "bad": ("held", "TOTAL_MISMATCH"), "void": ("closed", "VOID_BEFORE_SENT"),
        "p1": ("synced", ""), "p2": ("waiting", "INVOICE_NOT_SENT"), "p3": ("closed", "CREDIT_DEPOSIT"),
    }  # fmt: skip


def test_a_run_that_fails_says_so_in_its_row(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "html_503", "match": "query", "times": None})
    with pytest.raises(Exception, match="HTTP 503"):
        law_firm.sync()

    [run] = law_firm.query("select outcome, error, reads, writes from sync.run")
    assert (run["outcome"], run["error"].split(":")[0]) == ("failed", "TransientError")
    assert (run["reads"], run["writes"]) == (2 + 4, 0)  # pre-flight, and the question that is not answered
    assert law_firm.deployment.firms.get(FIRM).state == "active"


def test_a_run_that_leaves_what_it_was_to_send_unsent_fails(law_firm: LawFirm) -> None:
    """Each look of each stage loses three answers about customers and then sends nothing more: neither the rest nor an
    invoice."""
    law_firm.activate()
    law_firm.invoice("0", "100.00")
    law_firm.sync()
    payers = [f"P{number}" for number in range(10, 30)]
    for payer_id in payers:
        law_firm.insert("payers", payer_id=payer_id, first_name=payer_id, last_name="Bo")
        law_firm.invoice(payer_id, "100.00", payer_id=payer_id)
    law_firm.books.fault({"what": "commit_then_drop", "match": "customer", "times": None})

    with pytest.raises(UnfinishedError, match="one: 20 invoices of this run were not sent"):
        law_firm.sync()

    [run] = law_firm.query("select outcome, error from sync.run order by started_at desc limit 1")
    assert (run["outcome"], run["error"].split(":")[0]) == ("failed", "UnfinishedError")
    law_firm.books.heal()
    law_firm.sync()
    assert law_firm.states() == dict.fromkeys(["0", *payers], ("synced", ""))
    assert len(law_firm.books.all("Customer")) == 21


def test_what_stays_held_is_counted_by_every_run_over_its_dates(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-01-01"})
    law_firm.change("update invoices set invoice_number = 'N-1b', updated_at = :now", now=law_firm.time.now())
    tomorrow = law_firm.today + timedelta(days=1)

    reports = [law_firm.sync(), law_firm.sync(), law_firm.sync(first=tomorrow, last=tomorrow)]

    assert law_firm.states() == {"1": ("held", "DRIFT")}
    assert [report.held for report in reports] == [1, 1, 0]


def test_billing_that_does_not_look_as_agreed_stops_a_run_before_anything_is_read_or_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("alter table billing.invoice_lines alter column amount type double precision")
    law_firm.books.count_anew()

    with pytest.raises(ContractBrokenError, match=r"invoice_lines\.amount is DOUBLE PRECISION, not numeric\(15,2\)"):
        law_firm.sync()

    assert (law_firm.states(), law_firm.books.requests()) == ({}, {})


# Stage by stage


def run_of(law_firm: LawFirm) -> Run:
    return Run(f"run-{uuid4()}", "test", PARTNER)


def do(law_firm: LawFirm, run: Run, *stages: Stage, chosen: Sequence[Stage] = STAGES) -> None:
    """Do stages of a run of all dates, each in a session of its own, as separate processes would."""
    for stage in stages:
        with law_firm.deployment.open(FIRM, run) as session:
            do_stage(session, stage, Selection(), chosen)


def revised_voided_and_new(law_firm: LawFirm) -> None:
    """Work for every stage: a payment and an invoice to void, one to revise, a new client's invoice and its payment."""
    law_firm.activate()
    for number in ("1", "2", "3"):
        law_firm.invoice(number, "100.00")
    law_firm.payment("p1", applied={"1": "100.00"}, days_ago=1)
    law_firm.sync()
    now = law_firm.time.now()
    law_firm.change("update payments set status = 'void', updated_at = :now where payment_id = 'p1'", now=now)
    law_firm.change("update invoices set status = 'void', updated_at = :now where invoice_id = '1'", now=now)
    law_firm.change("update invoices set invoice_number = 'N-2b', updated_at = :now where invoice_id = '2'", now=now)
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("4", "40.00", payer_id="P2")
    law_firm.payment("p4", applied={"4": "40.00"}, payer_id="P2")
    law_firm.payment("p3", applied={"3": "30.00"})


DONE = {
    "1": ("voided", ""), "2": ("synced", ""), "3": ("synced", ""), "4": ("synced", ""),
    "p1": ("voided", ""), "p3": ("synced", ""), "p4": ("synced", ""),
}  # fmt: skip


def test_each_stage_does_its_own_part_and_says_so_in_its_row(law_firm: LawFirm) -> None:
    revised_voided_and_new(law_firm)
    run = run_of(law_firm)
    found: dict[str, set[str]] = {}
    for stage in STAGES:
        before = law_firm.states()
        do(law_firm, run, stage)
        found[stage] = {name for name, state in law_firm.states().items() if state != before.get(name)}

    assert found == {
        "work_list": {"1", "2", "4", "p1", "p3", "p4"},
        "sync_plan": set(),
        "quickbooks_releases": {"1", "p1"},
        "quickbooks_customers_and_items": set(),
        "quickbooks_invoices": {"2", "4"},
        "quickbooks_payments": {"p3", "p4"},
    }
    assert law_firm.states() == DONE
    rows = law_firm.deployment.log(FIRM).stages(run.run_id)
    assert [(row.stage, row.outcome, row.writes) for row in rows] == [
        ("work_list", "done", 0), ("sync_plan", "done", 0), ("quickbooks_releases", "done", 2),
        ("quickbooks_customers_and_items", "done", 1), ("quickbooks_invoices", "done", 2),
        ("quickbooks_payments", "done", 1),
    ]  # fmt: skip
    [ended] = law_firm.query("select outcome, reads, writes from sync.run where run_id = :id", id=run.run_id)
    assert ended == {"outcome": "done", "reads": sum(row.reads for row in rows), "writes": 6}


@pytest.mark.parametrize("after", STAGES[:-1])
def test_another_run_between_two_stages_leaves_each_document_once(law_firm: LawFirm, after: Stage) -> None:
    """The other run does everything, from the same billing; this run finds nothing left, and sends nothing twice."""
    revised_voided_and_new(law_firm)
    run, until = run_of(law_firm), STAGES.index(after) + 1
    do(law_firm, run, *STAGES[:until])

    law_firm.sync()
    sends = law_firm.sends()
    do(law_firm, run, *STAGES[until:])

    assert law_firm.states() == DONE
    assert law_firm.sends() == sends
    assert law_firm.in_quickbooks("invoice") == dict.fromkeys(("2", "3", "4"), 1)
    assert law_firm.in_quickbooks("customer") == {"P1": 1, "P2": 1}


@pytest.mark.parametrize("after", STAGES[1:4])
def test_what_billing_changes_after_the_plan_goes_as_it_is_now(law_firm: LawFirm, after: Stage) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.invoice("2", "20.00")
    run, until = run_of(law_firm), STAGES.index(after) + 1
    do(law_firm, run, *STAGES[:until])
    now = law_firm.time.now()
    law_firm.change("update invoice_lines set amount = 25, unit_price = 25 where invoice_id = '2'")
    law_firm.change("update invoices set total_amount = 25, updated_at = :now where invoice_id = '2'", now=now)

    do(law_firm, run, *STAGES[until:])

    assert sorted(str(row["TotalAmt"]) for row in law_firm.books.ours("Invoice")) == ["100.0", "25.0"]


def test_a_mapping_that_a_person_changes_after_the_plan_is_gone_by(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.invoice("2", "20.00")
    other = law_firm.books.create("Customer", {"DisplayName": "Diaz & Sons"})["Id"]
    run = run_of(law_firm)
    do(law_firm, run, Stage.WORK_LIST, Stage.SYNC_PLAN)

    law_firm.map("payer", "P1", other)
    do(law_firm, run, *STAGES[2:])

    [second] = [row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-2"]
    assert second["CustomerRef"]["value"] == other


def test_a_document_that_a_person_changed_in_quickbooks_after_the_plan_is_not_written_over(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.change("update invoices set invoice_number = 'N-1b', updated_at = :now", now=law_firm.time.now())
    run = run_of(law_firm)
    do(law_firm, run, Stage.WORK_LIST, Stage.SYNC_PLAN)

    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-01-01"})
    do(law_firm, run, *STAGES[2:])

    assert law_firm.states() == {"1": ("held", "DRIFT")}
    assert law_firm.books.ours("Invoice")[0]["TxnDate"] == "2026-01-01"


def test_the_plan_of_a_run_is_used_once_and_forgotten_when_the_run_ends(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    for number in ("2", "3"):
        law_firm.invoice(number, "20.00")
    run = run_of(law_firm)
    do(law_firm, run, *STAGES[:4])
    kept = law_firm.query("select operation, ready <> '' as is_ready from sync.planned_document")

    with invoices_asked_for(law_firm) as planned:
        do(law_firm, run, *STAGES[4:])

    assert kept == [{"operation": "create", "is_ready": True}] * 2
    assert planned == []
    tables = ("planned_document", "plan_basis")
    assert [law_firm.query(f"select count(*) as n from sync.{table}")[0]["n"] for table in tables] == [0, 0]  # noqa: S608


@contextmanager
def invoices_asked_for(law_firm: LawFirm) -> Iterator[list[str]]:
    """The invoices that billing is asked for in full, as its database sees the statements."""
    asked: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "invoice_lines" in statement:
            asked.append(statement)

    sa.event.listen(law_firm.billing, "before_cursor_execute", heard)
    try:
        yield asked
    finally:
        sa.event.remove(law_firm.billing, "before_cursor_execute", heard)


@pytest.mark.parametrize("failing", STAGES[1:])
def test_a_stage_that_fails_ends_the_run_and_a_run_of_the_rest_finishes_it(law_firm: LawFirm, failing: Stage) -> None:
    revised_voided_and_new(law_firm)
    run, index = run_of(law_firm), STAGES.index(failing)
    do(law_firm, run, *STAGES[:index])
    law_firm.books.switch(user_access="lost")

    with pytest.raises(QuickBooksError):
        do(law_firm, run, failing)

    rows = law_firm.deployment.log(FIRM).stages(run.run_id)
    assert [(row.stage, row.outcome) for row in rows] == [
        *((stage, "done") for stage in STAGES[:index]), (failing, "failed"),
    ]  # fmt: skip
    assert law_firm.query("select outcome from sync.run where run_id = :id", id=run.run_id) == [{"outcome": "failed"}]
    law_firm.books.switch(user_access="granted")
    rest = STAGES[index:]
    do(law_firm, run_of(law_firm), *rest, chosen=rest)
    assert law_firm.states() == DONE
    assert law_firm.in_quickbooks("invoice") == dict.fromkeys(("2", "3", "4"), 1)


def test_a_plan_that_is_applied_and_moved_writes_nothing_not_even_a_customer(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "20.00")
    plan = law_firm.sync([Stage.WORK_LIST, Stage.SYNC_PLAN])
    run, selection = run_of(law_firm), Selection(plan_id=plan.run_id)
    for stage in STAGES[:2]:
        with law_firm.deployment.open(FIRM, run) as session:
            do_stage(session, stage, selection, STAGES)
    law_firm.change("update invoice_lines set description = 'Other advice' where invoice_id = '2'")
    law_firm.change("update invoices set updated_at = :now where invoice_id = '2'", now=law_firm.time.now())
    law_firm.sync([Stage.WORK_LIST])

    with (
        pytest.raises(StalePlanError, match="1 of 2 documents have moved"),
        law_firm.deployment.open(FIRM, run) as session,
    ):
        do_stage(session, Stage.RELEASES, selection, STAGES)

    assert law_firm.sends() == 0


def test_a_stage_alone_does_what_it_needs_of_earlier_ones_for_its_own_kind(law_firm: LawFirm) -> None:
    revised_voided_and_new(law_firm)

    do(law_firm, run_of(law_firm), Stage.INVOICES, chosen=[Stage.INVOICES])
    invoices_alone = law_firm.states()
    do(law_firm, run_of(law_firm), Stage.RELEASES, chosen=[Stage.RELEASES])
    releases_alone = law_firm.states()
    do(law_firm, run_of(law_firm), Stage.PAYMENTS, chosen=[Stage.PAYMENTS])

    assert invoices_alone == {
        "1": ("held", "PAYMENTS_APPLIED"), "2": ("synced", ""), "3": ("synced", ""), "4": ("synced", ""),
        "p1": ("void_pending", ""), "p3": ("new", ""), "p4": ("new", ""),
    }  # fmt: skip
    assert releases_alone == invoices_alone | {"1": ("voided", ""), "p1": ("voided", "")}
    assert law_firm.states() == DONE


def test_what_another_run_has_paid_meanwhile_is_not_paid_again(law_firm: LawFirm) -> None:
    """The payment itself has not moved; what is open on its invoice has."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.payment("p", applied={"1": "100.00"})
    run = run_of(law_firm)
    do(law_firm, run, *STAGES[:-1])
    law_firm.payment("q", applied={"1": "60.00"})
    law_firm.sync(payment_ids=["payment:q"])
    sends = law_firm.sends()

    do(law_firm, run, Stage.PAYMENTS)

    assert law_firm.states("payment") == {"p": ("held", "EXCEEDS_BALANCE"), "q": ("synced", "")}
    assert law_firm.sends() == sends
