"""Model 2: what a bookkeeper receives in QuickBooks on our invoices stands in billing, exactly once."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline_tests.billing.test_received import make_sqlite
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import (
    billed_rows,
    in_billing,
    in_quickbooks,
    link,
    post,
    pull,
    receive,
    send,
    set_up,
    state_of,
)


def agree(law_firm: LawFirm) -> None:
    assert in_billing(law_firm) == in_quickbooks(law_firm)


def test_a_payment_received_in_quickbooks_stands_in_billing_with_all_that_it_says(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    day = law_firm.today - timedelta(days=2)
    check = next(row["Id"] for row in law_firm.books.all("PaymentMethod") if row["Name"] == "Check")
    payment = receive(
        law_firm, {"id": invoice, "amount": "60.00"}, date=str(day), reference="No 17", note="thanks", method_id=check
    )

    report = pull(law_firm)

    [row] = billed_rows(law_firm)
    external_id = f"qbo:{law_firm.books.realm_id}:{payment}:{invoice}:r1"
    assert {name: value for name, value in row.items() if not name.endswith("ed_at")} == {
        "firm_id": "one", "payment_id": external_id.replace(":", "-"), "payer_id": "P1", "kind": "payment",
        "method": "check", "reference": "No 17", "received_date": day, "amount": Decimal("60.00"), "currency": "USD",
        "memo": "thanks", "reverses_payment_id": None, "status": "completed", "origin": "quickbooks",
        "external_id": external_id, "invoice_id": "1", "applied": Decimal("60.00"), "applied_date": day,
    }  # fmt: skip
    assert (report.posted, report.posted_cents, report.agrees) == ({"payment": 1}, {"payment": 6_000}, True)
    assert law_firm.activities("received", "reversed") == [("invoice", "1", "received", "")]


@pytest.mark.slow
def test_a_second_pull_does_nothing(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice)
    pull(law_firm)
    before = billed_rows(law_firm)

    report = pull(law_firm)

    assert (report.posted, report.changed, billed_rows(law_firm)) == ({}, 0, before)


def test_one_payment_over_several_invoices_is_a_row_for_each(law_firm: LawFirm) -> None:
    invoices = set_up(law_firm, *["10.00"] * 7)
    payment = receive(law_firm, *invoices)

    pull(law_firm)

    assert in_billing(law_firm) == {(payment, invoice): Decimal("10.00") for invoice in invoices}
    agree(law_firm)


def test_an_amended_payment_is_taken_back_and_posted_anew(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, {"id": invoice, "amount": "60.00"})
    pull(law_firm)
    link(law_firm, payment, "45.00", **{f"_{invoice}": "45.00"})

    pull(law_firm)

    assert [(row["external_id"][-2:], row["kind"], str(row["amount"])) for row in billed_rows(law_firm)] == [
        ("r1", "payment", "60.00"), ("r2", "reversal", "60.00"), ("r3", "payment", "45.00"),
    ]  # fmt: skip
    assert billed_rows(law_firm)[1]["reverses_payment_id"] == billed_rows(law_firm)[0]["payment_id"]
    agree(law_firm)


@pytest.mark.parametrize(
    "changes", [{"TxnDate": "2026-01-05"}, pytest.param({"PaymentRefNum": "other"}, marks=pytest.mark.slow)]
)
def test_a_changed_date_or_reference_is_corrected_too(law_firm: LawFirm, changes: dict[str, str]) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, invoice, reference="No 1")
    pull(law_firm)
    law_firm.books.do("edit", entity="Payment", id=payment, changes=changes)

    pull(law_firm)

    last = billed_rows(law_firm)[-1]
    assert [row["kind"] for row in billed_rows(law_firm)] == ["payment", "reversal", "payment"]
    assert {"TxnDate": str(last["received_date"]), "PaymentRefNum": last["reference"]}.items() >= changes.items()


@pytest.mark.slow
def test_a_note_alone_moves_no_money(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, invoice)
    pull(law_firm)
    law_firm.books.do("edit", entity="Payment", id=payment, changes={"PrivateNote": "remember"})

    assert pull(law_firm).posted == {}


@pytest.mark.slow
def test_a_payment_moved_to_another_invoice_moves_in_billing(law_firm: LawFirm) -> None:
    one, two = set_up(law_firm, "100.00", "100.00")
    payment = receive(law_firm, one)
    pull(law_firm)
    link(law_firm, payment, "100.00", **{f"_{two}": "100.00"})

    pull(law_firm)

    assert in_billing(law_firm) == {(payment, two): Decimal("100.00")}
    agree(law_firm)


@pytest.mark.parametrize("note", ["replaced", pytest.param("prepended", marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", ["void", "delete", "unlink"])
def test_a_payment_that_is_taken_back_in_quickbooks_is_taken_back_in_billing(
    law_firm: LawFirm, what: str, note: str
) -> None:
    law_firm.books.switch(void_note=note)
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, invoice, note="as agreed")
    pull(law_firm)
    if what == "unlink":
        link(law_firm, payment, "100.00")
    else:
        law_firm.books.do(what, entity="Payment", id=payment)

    report = pull(law_firm)

    assert [row["kind"] for row in billed_rows(law_firm)] == ["payment", "reversal"]
    assert (report.posted, in_billing(law_firm)) == ({"reversal": 1}, {})
    agree(law_firm)
    assert pull(law_firm).posted == {}


@pytest.mark.slow
def test_a_payment_that_came_and_went_between_two_pulls_leaves_nothing(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)
    law_firm.books.do("void", entity="Payment", id=receive(law_firm, invoice))
    law_firm.books.do("delete", entity="Payment", id=receive(law_firm, invoice))

    assert (pull(law_firm).posted, billed_rows(law_firm)) == ({}, [])


@pytest.mark.slow
def test_a_deletion_that_is_none_reverses_nothing(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice)
    pull(law_firm)
    law_firm.books.fault({"what": "cdc_false_delete", "match": "cdc"})

    assert pull(law_firm).posted == {}
    agree(law_firm)


@pytest.mark.slow
def test_what_is_unapplied_stays_in_quickbooks_until_a_person_applies_it(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    over = receive(law_firm, {"id": invoice, "amount": "40.00"}, amount="70.00")
    loose = receive(law_firm, amount="30.00")

    report = pull(law_firm)

    assert in_billing(law_firm) == {(over, invoice): Decimal("40.00")}
    assert {state: count.unapplied_cents for state, count in report.states.items()} == {
        "done": 3_000, "unapplied": 3_000,
    }  # fmt: skip
    link(law_firm, loose, "30.00", **{f"_{invoice}": "30.00"})
    pull(law_firm)
    agree(law_firm)


def test_a_credit_memo_is_credit_and_no_cash(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    customer = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    law_firm.books.do("credit-memo", customer_id=customer, amount="25.00", invoice_id=invoice)
    law_firm.books.do("journal-credit", customer_id=customer, amount="15.00", invoice_id=invoice)
    receive(law_firm, invoice)

    report = pull(law_firm)

    assert sorted((row["kind"], row["method"], str(row["amount"])) for row in billed_rows(law_firm)) == [
        ("credit_application", "credit", "15.00"), ("credit_application", "credit", "25.00"),
        ("payment", "other", "60.00"),
    ]  # fmt: skip
    assert report.posted_cents == {"payment": 6_000, "credit_application": 4_000}
    agree(law_firm)


@pytest.mark.slow
def test_cash_and_credit_of_one_payment_are_two_rows(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    customer = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    memo = law_firm.books.do("credit-memo", customer_id=customer, amount="30.00")["Id"]
    lines = [
        {"Amount": "100.00", "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]},
        {"Amount": "30.00", "LinkedTxn": [{"TxnId": memo, "TxnType": "CreditMemo"}]},
    ]
    changes = {"CustomerRef": {"value": customer}, "TotalAmt": "70.00", "Line": lines}
    law_firm.books.do("edit", entity="Payment", changes=changes)

    pull(law_firm)

    assert [(row["kind"], str(row["amount"])) for row in billed_rows(law_firm)] == [
        ("payment", "70.00"), ("credit_application", "30.00"),
    ]  # fmt: skip
    agree(law_firm)


def test_foreign_invoices_are_ignored_and_counted(law_firm: LawFirm) -> None:
    [ours] = set_up(law_firm, "100.00")
    customer = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    line = {
        "DetailType": "SalesItemLineDetail", "Amount": "50.00",
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }  # fmt: skip
    foreign = law_firm.books.create("Invoice", {"CustomerRef": {"value": customer}, "Line": [line]})["Id"]
    both = receive(law_firm, ours, foreign)
    law_firm.books.do("edit", entity="Payment", id=both, changes={"PrivateNote": "both"})
    alone = receive(law_firm, amount="5.00")
    law_firm.books.do("delete", entity="Payment", id=alone)

    report = pull(law_firm)

    assert in_billing(law_firm) == {(both, ours): Decimal("100.00")}
    assert {state: count.payments for state, count in report.states.items()} == {"done": 1}
    link(law_firm, both, "50.00", **{f"_{foreign}": "50.00"})
    assert {state: count.payments for state, count in pull(law_firm).states.items()} == {"not_ours": 1}
    agree(law_firm)


def test_a_payment_on_an_invoice_whose_answer_was_lost_waits_and_is_posted_when_it_is_found(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    law_firm.invoice("9", "80.00")
    law_firm.books.fault(
        {"what": "commit_then_drop", "match": "batch"}, {"what": "html_503", "match": "query", "times": None}
    )
    with pytest.raises(Exception, match=r"lost|503"):
        law_firm.sync()
    law_firm.books.heal()
    [lost] = [str(row["Id"]) for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-9"]
    payment = receive(law_firm, lost)

    pull(law_firm)
    waiting = (state_of(law_firm, payment), in_billing(law_firm))
    law_firm.sync()
    pull(law_firm)

    assert waiting == ("waiting", {})
    assert in_billing(law_firm) == {(payment, lost): Decimal("80.00")}
    assert state_of(law_firm, payment) == "done"


@pytest.mark.slow
def test_what_waited_for_an_invoice_that_was_none_of_ours_is_let_go(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    customer = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    line = {
        "DetailType": "SalesItemLineDetail", "Amount": "50.00",
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }  # fmt: skip
    foreign = law_firm.books.create("Invoice", {"CustomerRef": {"value": customer}, "Line": [line]})["Id"]
    law_firm.invoice("9", "80.00")
    law_firm.books.fault(
        {"what": "drop_before", "match": "batch"}, {"what": "html_503", "match": "query", "times": None}
    )
    with pytest.raises(Exception, match=r"lost|503"):
        law_firm.sync()
    law_firm.books.heal()
    payment = receive(law_firm, foreign)
    pull(law_firm)
    waiting = state_of(law_firm, payment)

    law_firm.sync()
    pull(law_firm)

    assert (waiting, state_of(law_firm, payment)) == ("waiting", "not_ours")


def test_a_payment_that_a_pipeline_sent_never_comes_back(law_firm: LawFirm) -> None:
    """A firm that was on Model 1 has its own payments in QuickBooks; one of them lost its mark."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "30.00"})
    law_firm.payment("p2", applied={"1": "20.00"})
    law_firm.sync()
    _, second = sorted(law_firm.books.ours("Payment"), key=lambda row: int(row["Id"]))
    law_firm.books.do("edit", entity="Payment", id=second["Id"], changes={"PrivateNote": "tidied"})
    law_firm.query_change("update sync.firm set model = 2")

    report = pull(law_firm)

    assert (billed_rows(law_firm), {state: count.payments for state, count in report.states.items()}) == (
        [], {"echo": 2},
    )  # fmt: skip


LATER = "update sync.firm set cut_over_at = :now"


@pytest.mark.slow
def test_what_quickbooks_received_before_the_firm_came_to_model_2_is_billings_own_affair(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    old = receive(law_firm, {"id": invoice, "amount": "10.00"})
    law_firm.query_change(LATER, now=law_firm.time.now() + timedelta(days=2000))

    pull(law_firm)

    assert (state_of(law_firm, old), billed_rows(law_firm)) == ("older", [])


@pytest.mark.slow
def test_an_old_payment_that_is_applied_to_a_new_invoice_is_posted(law_firm: LawFirm) -> None:
    """A retainer of years ago, say."""
    set_up(law_firm, "100.00")
    old = receive(law_firm, amount="500.00")
    law_firm.time.sleep(60)
    law_firm.query_change(LATER, now=law_firm.time.now())
    [invoice] = send(law_firm, "70.00", start=2)
    link(law_firm, old, "500.00", **{f"_{invoice}": "70.00"})

    pull(law_firm)

    assert in_billing(law_firm) == {(old, invoice): Decimal("70.00")}


@pytest.mark.slow
def test_what_was_posted_before_a_switch_is_kept_up_after_it(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, {"id": invoice, "amount": "10.00"})
    pull(law_firm)
    law_firm.query_change(LATER, now=law_firm.time.now() + timedelta(days=2000))
    link(law_firm, payment, "12.00", **{f"_{invoice}": "12.00"})

    pull(law_firm)

    agree(law_firm)


def test_another_currency_is_refused_and_a_person_sees_it(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, invoice)
    law_firm.query_change("update sync.firm set currency = 'CAD'")

    report = pull(law_firm)

    assert billed_rows(law_firm) == []
    assert [(row.payment_id, row.state, row.error) for row in report.troubles] == [
        (payment, "refused", "it is in USD, and the firm's currency is CAD")
    ]


def test_what_billing_refuses_stays_open_holds_nobody_up_and_is_tried_again(law_firm: LawFirm) -> None:
    one, two = set_up(law_firm, "100.00", "50.00")
    refuse_invoice(law_firm, "1")
    first, second = receive(law_firm, one), receive(law_firm, two)

    report = pull(law_firm)

    assert in_billing(law_firm) == {(second, two): Decimal("50.00")}
    assert [(row.payment_id, row.state) for row in report.troubles] == [(first, "failed")]
    assert (report.agrees, "March is closed" in report.troubles[0].error) == (False, True)
    assert law_firm.activities("failed") == [("invoice", "1", "failed", "")]
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("drop trigger closed on billing.payment_applications")
    again = post(law_firm)
    assert (again.troubles, again.agrees) == ([], True)
    agree(law_firm)


def refuse_invoice(law_firm: LawFirm, invoice_id: str) -> None:
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql(
            "create function billing.closed() returns trigger language plpgsql as "
            f"$$begin if new.invoice_id = '{invoice_id}' then raise exception 'March is closed'; end if; "
            "return new; end$$;"
            "create trigger closed before insert on billing.payment_applications"
            " for each row execute function billing.closed()"
        )


def test_a_row_that_somebody_deleted_in_billing_is_seen_and_not_written_again(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today))
    pull(law_firm)
    law_firm.remove("payment_applications")
    law_firm.remove("payments")

    report = post(law_firm, first=law_firm.today, last=law_firm.today, by_date=True)

    assert (report.agrees, len(report.differing), billed_rows(law_firm)) == (False, 1, [])


@pytest.mark.slow
def test_a_ledger_that_was_restored_learns_from_billing_what_it_has_forgotten(law_firm: LawFirm) -> None:
    """All of Model 2 is lost: then payments are amended, deleted, moved, and one is as it was."""
    one, two = set_up(law_firm, "500.00", "500.00")
    same, amended, deleted, moved = (receive(law_firm, {"id": one, "amount": "10.00"}) for _ in range(4))
    pull(law_firm)
    link(law_firm, amended, "12.00", **{f"_{one}": "12.00"})
    pull(law_firm)
    law_firm.query_change(
        "alter table sync.posting disable trigger keep_posting; delete from sync.posting;"
        "alter table sync.posting enable trigger keep_posting; delete from sync.received_payment;"
        "delete from sync.cursor where name = 'received_payments'"
    )
    law_firm.books.do("delete", entity="Payment", id=deleted)
    link(law_firm, moved, "10.00", **{f"_{two}": "10.00"})

    post(law_firm)
    pull(law_firm)

    assert in_billing(law_firm) == in_quickbooks(law_firm)
    assert set(in_billing(law_firm)) == {(same, one), (amended, one), (moved, two)}
    assert law_firm.query("select detail from sync.log where activity = 'recalled'") == [
        {"detail": "6 postings that billing holds"}
    ]


def test_chosen_dates_are_read_anew_whatever_the_cursor_says(law_firm: LawFirm) -> None:
    one, two = set_up(law_firm, "100.00", "50.00")
    early, late = law_firm.today - timedelta(days=9), law_firm.today - timedelta(days=1)
    first, second = receive(law_firm, one, date=str(early)), receive(law_firm, two, date=str(late))

    report = post(law_firm, first=early, last=early + timedelta(days=1), by_date=True)

    assert in_billing(law_firm) == {(first, one): Decimal("100.00")}
    assert (report.changed, report.reads) == (1, 1)
    law_firm.books.do("delete", entity="Payment", id=first)
    post(law_firm, first=early, last=early, by_date=True)
    assert in_billing(law_firm) == {}
    pull(law_firm)
    assert in_billing(law_firm) == {(second, two): Decimal("50.00")}


@pytest.mark.slow
def test_a_payment_that_moved_out_of_the_chosen_dates_is_found_where_it_went(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    day = law_firm.today - timedelta(days=5)
    payment = receive(law_firm, invoice, date=str(day))
    pull(law_firm)
    law_firm.books.do("edit", entity="Payment", id=payment, changes={"TxnDate": str(law_firm.today)})

    post(law_firm, first=day, last=day, by_date=True)
    post(law_firm)

    assert [(row["kind"], row["received_date"]) for row in billed_rows(law_firm)] == [
        ("payment", day), ("reversal", day), ("payment", law_firm.today),
    ]  # fmt: skip


def test_an_idle_firm_costs_one_read(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice)
    pull(law_firm)
    law_firm.books.count_anew()

    report = pull(law_firm)

    assert (law_firm.books.requests(), report.reads) == ({"GET cdc": 1}, 0)


def test_a_firm_of_model_1_is_not_pulled(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.count_anew()

    with pytest.raises(SetUpError, match="uses model 1: its payments go to QuickBooks"):
        pull(law_firm)

    assert law_firm.books.requests() == {}


def test_a_stray_payment_of_billing_is_flagged_and_never_sent(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    law_firm.payment("p1", applied={"1": "30.00"})
    law_firm.payment("p2", applied={"1": "30.00"}, kind="credit_application")
    law_firm.payment("p3", amount="30.00", kind="credit_deposit")

    law_firm.sync()
    pull(law_firm)

    states = {source_id.partition("@")[0]: state for source_id, state in law_firm.states("payment").items()}
    assert states["p1"] == states["p2"] == ("held", "MODEL_2_PAYMENT")
    assert states["p3"][0] in ("held", "closed")
    assert (law_firm.books.all("Payment"), billed_rows(law_firm)) == ([], [])


@pytest.mark.slow
def test_a_payment_deposited_at_the_bank_stays_as_it_is(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, invoice)
    pull(law_firm)
    law_firm.books.do("deposit", payments=[payment])

    assert pull(law_firm).posted == {}
    agree(law_firm)


@pytest.mark.slow
def test_billing_may_be_another_engine(ledger_engine: sa.Engine, books: Bookkeeper, tmp_path: Path) -> None:
    """Here a SQLite file: no schemas, no numeric, times without a zone."""
    file = make_sqlite(tmp_path / "book.db")
    own = LawFirm(file, ledger_engine, books)
    one, two = set_up(own, "100.00", "19.99")
    first, second = receive(own, one, {"id": two, "amount": "0.29"}), receive(own, {"id": two, "amount": "7.05"})
    pull(own)
    own.books.do("void", entity="Payment", id=second)
    link(own, first, "33.33", **{f"_{one}": "33.33"})

    report = pull(own)

    assert (in_billing(own), report.agrees) == ({(first, one): Decimal("33.33")}, True)
    assert in_billing(own) == in_quickbooks(own)
    assert pull(own).posted == {}
    file.dispose()


@pytest.mark.slow
def test_invoices_sent_later_are_pulled_as_well(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    pull(law_firm)
    [later] = send(law_firm, "70.00", start=2)
    payment: Any = receive(law_firm, later)

    pull(law_firm)

    assert in_billing(law_firm) == {(payment, later): Decimal("70.00")}
