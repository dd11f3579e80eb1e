"""A firm's sync as a whole."""

from datetime import timedelta

import pytest

from qb_pipeline.ledger.firms import SetUpError
from qb_pipeline_tests.law_firm import LawFirm


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


def test_planning_alone_sends_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.payment("p1", applied={"1": "1.00"})

    report = law_firm.sync(["work_list", "sync_plan"])

    assert dict(report.planned.documents) == {("invoice", "create"): 1, ("payment", "create"): 1}
    assert law_firm.books.ours("Invoice") == []
    assert report.writes == 0
