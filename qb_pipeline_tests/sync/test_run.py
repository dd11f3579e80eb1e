"""A firm's sync as a whole."""

from datetime import timedelta

import pytest

from qb_pipeline.billing.errors import ContractBrokenError
from qb_pipeline.core.words import DocumentName, NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.run import PLAN, PUSH_INVOICES, PUSH_PAYMENTS, SCAN, UnfinishedError, sync_firm
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
        law_firm.sync([SCAN, PUSH_INVOICES], invoice_ids=["1"], payment_ids=["p"])

    assert law_firm.sends() == 0


def test_planning_alone_sends_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p1", applied={"1": "1.00"})

    report = law_firm.sync([SCAN, PLAN])

    assert dict(report.planned.documents) == {("invoice", "create"): 1, ("payment", "create"): 1}
    assert law_firm.books.ours("Invoice") == []
    assert report.writes == 0


def test_invoices_and_payments_can_run_alone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p1", applied={"1": "1.00"})

    law_firm.sync([SCAN, PUSH_PAYMENTS])
    payments_alone = law_firm.states()
    law_firm.sync([SCAN, PUSH_INVOICES])
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
    """Each look loses three answers about customers and then sends nothing more: neither the rest nor an invoice."""
    law_firm.activate()
    law_firm.invoice("0", "100.00")
    law_firm.sync()
    payers = [f"P{number}" for number in range(10, 20)]
    for payer_id in payers:
        law_firm.insert("payers", payer_id=payer_id, first_name=payer_id, last_name="Bo")
        law_firm.invoice(payer_id, "100.00", payer_id=payer_id)
    law_firm.books.fault({"what": "commit_then_drop", "match": "customer", "times": None})

    with pytest.raises(UnfinishedError, match="one: 10 invoices of this run were not sent"):
        law_firm.sync()

    [run] = law_firm.query("select outcome, error from sync.run order by started_at desc limit 1")
    assert (run["outcome"], run["error"].split(":")[0]) == ("failed", "UnfinishedError")
    law_firm.books.heal()
    law_firm.sync()
    assert law_firm.states() == dict.fromkeys(["0", *payers], ("synced", ""))
    assert len(law_firm.books.all("Customer")) == 11


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
