"""The payer of a paid invoice changes: invoice and payments go to the other customer in one sync, or nothing does."""

import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from qb_pipeline import crash_points
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.stages import STAGES, sync_firm
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.test_pull_kills import fork, kill_at

STEP = re.compile("reserve|leaving|record|POST batch")
"""Places around the requests that change QuickBooks: the matrix kills at each time that a run comes there."""

Money = dict[str, tuple[str, str, list[tuple[str, str]]]]


def paid(law_firm: LawFirm, *, total: str = "95.00", days_ago: int = 1, **settings: str) -> None:
    """Invoice 1 over 95.00 and a payment of 10.00 on it stand in QuickBooks; P2 is a client there too."""
    law_firm.activate(**settings)
    law_firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    law_firm.invoice("1", total, days_ago=days_ago)
    law_firm.invoice("known", "1.00", payer_id="P2")
    law_firm.payment("p1", applied={"1": "10.00"}, days_ago=days_ago)
    law_firm.sync()


def bill_the_other(law_firm: LawFirm, *invoices: str, with_payments: bool = True) -> None:
    """Billing changes the payer of invoices, and of all payments."""
    law_firm.change("update invoices set payer_id = 'P2' where invoice_id = any(:ids)", ids=list(invoices or ("1",)))
    if with_payments:
        law_firm.change("update payments set payer_id = 'P2'")


def money(amount: Any) -> str:
    return f"{amount:.2f}"


def books(law_firm: LawFirm) -> Money:
    """By marker's id: the name of the customer, what is open or unapplied, and what a payment pays of which invoice."""
    invoices = {row["Id"]: row["DocNumber"] for row in law_firm.books.all("Invoice")}
    found: Money = {}
    for row in law_firm.books.ours("Invoice"):
        found[row["DocNumber"]] = (row["CustomerRef"]["name"], money(row["Balance"]), [])
    for row in law_firm.books.ours("Payment"):
        pays = [
            (invoices[link["TxnId"]] if link["TxnType"] == "Invoice" else link["TxnType"], money(line["Amount"]))
            for line in row["Line"]
            for link in line["LinkedTxn"]
        ]
        name = row["PrivateNote"].split(":")[4].split(" ")[0]
        found[name] = (row["CustomerRef"]["name"], money(row["UnappliedAmt"]), pays)
    return found


def held(law_firm: LawFirm) -> dict[str, tuple[str, str]]:
    """Reason and particulars of what is held."""
    rows = law_firm.query("select source_id, reason, detail from reporting.held_documents order by source_id")
    return {row["source_id"]: (row["reason"], row["detail"]) for row in rows}


MOVED = ("Ben Okafor", "85.00", []), ("Ben Okafor", "0.00", [("N-1", "10.00")])
STAYED = ("Ana Diaz", "85.00", []), ("Ana Diaz", "0.00", [("N-1", "10.00")])


@pytest.mark.parametrize("with_payments", [True, False], ids=["of both", "of the invoice"])
def test_invoice_and_payment_go_to_the_other_customer_in_one_sync(law_firm: LawFirm, with_payments: bool) -> None:
    paid(law_firm)
    bill_the_other(law_firm, with_payments=with_payments)

    law_firm.sync()

    after = books(law_firm)
    assert law_firm.states() == {"1": ("synced", ""), "known": ("synced", ""), "p1": ("synced", "")}
    assert (after["N-1"], after["p1"]) == MOVED

    assert law_firm.activities("released") == [("payment", "p1", "released", "PAYER_CHANGED")]
    law_firm.books.count_anew()
    law_firm.sync()
    assert law_firm.books.writes() == 0


def test_a_change_of_payer_costs_two_writes_for_a_payment_and_one_for_the_invoice(law_firm: LawFirm) -> None:
    paid(law_firm)
    bill_the_other(law_firm)
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.books.requests() == {
        "GET companyinfo": 1, "GET preferences": 1, "GET invoice": 1, "POST batch": 3, "POST query": 8,
    }  # fmt: skip


def test_twenty_invoices_with_two_payments_each_go_with_few_requests(law_firm: LawFirm) -> None:
    paid(law_firm)
    ids = [f"n{number:02}" for number in range(20)]
    for each in ids:
        law_firm.invoice(each, "50.00")
        law_firm.payment(f"a{each}", applied={each: "20.00"})
        law_firm.payment(f"b{each}", applied={each: "30.00"})
    law_firm.sync()
    bill_the_other(law_firm, *ids)
    law_firm.books.count_anew()

    law_firm.sync()

    there = books(law_firm)
    assert {there[f"N-{each}"][:2] for each in ids} == {("Ben Okafor", "0.00")}
    assert set(law_firm.states().values()) == {("synced", "")}
    assert law_firm.books.requests() == {
        "GET companyinfo": 1, "GET preferences": 1, "GET invoice": 20, "POST batch": 5, "POST query": 8,
    }  # fmt: skip


def test_a_new_total_and_other_amounts_go_with_the_change(law_firm: LawFirm) -> None:
    """The invoice grows from 95.00 to 120.00, the payments swap what they pay."""
    paid(law_firm)
    law_firm.payment("p2", applied={"1": "85.00"})
    law_firm.sync()
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120 where invoice_id = '1'")
    law_firm.change("update invoices set total_amount = 120 where invoice_id = '1'")
    for payment, amount in (("p1", 75), ("p2", 45)):
        law_firm.change("update payment_applications set amount = :a where payment_id = :p", a=amount, p=payment)
        law_firm.change("update payments set amount = :a where payment_id = :p", a=amount, p=payment)
    bill_the_other(law_firm)

    law_firm.sync()

    assert books(law_firm) | {"N-known": None} == {
        "N-1": ("Ben Okafor", "0.00", []), "N-known": None,
        "p1": ("Ben Okafor", "0.00", [("N-1", "75.00")]), "p2": ("Ben Okafor", "0.00", [("N-1", "45.00")]),
    }  # fmt: skip
    assert set(law_firm.states().values()) == {("synced", "")}


def test_a_payment_of_two_invoices_goes_with_both(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.invoice("2", "40.00")
    law_firm.payment("both", applied={"1": "5.00", "2": "40.00"})
    law_firm.sync()
    bill_the_other(law_firm, "1", "2")

    law_firm.sync()

    after = books(law_firm)
    assert (after["N-1"], after["N-2"]) == (("Ben Okafor", "80.00", []), ("Ben Okafor", "0.00", []))
    assert after["both"] == ("Ben Okafor", "0.00", [("N-1", "5.00"), ("N-2", "40.00")])
    assert set(law_firm.states().values()) == {("synced", "")}


def in_a_deposit(law_firm: LawFirm) -> None:
    [payment] = law_firm.books.ours("Payment")
    law_firm.books.do("deposit", payments=[payment["Id"]])


def take_it_out(law_firm: LawFirm) -> None:
    [deposit] = law_firm.books.all("Deposit")
    law_firm.books.do("delete", entity="Deposit", id=deposit["Id"])


def in_closed_books(law_firm: LawFirm) -> None:
    law_firm.change("update payments set received_date = received_date - 30")
    law_firm.change("update payment_applications set applied_date = applied_date - 30")
    law_firm.sync()
    law_firm.books.do("close-books", date=f"{law_firm.today - timedelta(days=10)}")


def open_the_books(law_firm: LawFirm) -> None:
    law_firm.books.do("close-books", date=None)


def with_money_of_others(law_firm: LawFirm) -> None:
    [invoice] = [row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-1"]
    customer = invoice["CustomerRef"]["value"]
    law_firm.books.do("receive-payment", customer_id=customer, invoices=[{"id": invoice["Id"], "amount": 5}])


def take_theirs_off(law_firm: LawFirm) -> None:
    [theirs] = [row for row in law_firm.books.all("Payment") if "qbp1:" not in row.get("PrivateNote", "")]
    law_firm.books.do("unapply", payment=theirs["Id"], invoice=theirs["Line"][0]["LinkedTxn"][0]["TxnId"])


def changed_by_hand(law_firm: LawFirm) -> None:
    [payment] = law_firm.books.ours("Payment")
    law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"TxnDate": "2026-01-02"})


def change_it_back(law_firm: LawFirm) -> None:
    [payment] = law_firm.books.ours("Payment")
    day = str(law_firm.query("select document_date from sync.document where source_id = 'p1'")[0]["document_date"])
    law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"TxnDate": day})


def with_an_invoice_that_stays(law_firm: LawFirm) -> None:
    law_firm.invoice("2", "40.00")
    law_firm.apply("p1", "2", "5.00", law_firm.today)
    law_firm.change("update payments set amount = 15 where payment_id = 'p1'")
    law_firm.sync()


def let_it_go(law_firm: LawFirm) -> None:
    law_firm.remove("payment_applications", payment_id="p1", invoice_id="2")
    law_firm.change("update payments set amount = 10 where payment_id = 'p1'")


def taken_from_billing(law_firm: LawFirm) -> None:
    with law_firm.billing.begin() as connection:
        for table in ("payments", "payment_applications"):
            connection.exec_driver_sql(f"create table kept_{table} as select * from billing.{table}")  # noqa: S608
    law_firm.remove("payment_applications")
    law_firm.remove("payments")
    law_firm.sync(first=law_firm.deployment.first_date)


def give_it_back(law_firm: LawFirm) -> None:
    with law_firm.billing.begin() as connection:
        for table in ("payments", "payment_applications"):
            connection.exec_driver_sql(f"insert into billing.{table} select * from kept_{table}")  # noqa: S608
    law_firm.change("update payments set updated_at = :now", now=law_firm.time.now())


Step = Callable[[LawFirm], None]
OBSTACLES: dict[str, tuple[Step, Step, str]] = {
    "in a deposit": (
        in_a_deposit, take_it_out, "payment:p1 (Payment {payment}): DEPOSITED, it is part of Deposit {id}",
    ),
    "in closed books": (
        in_closed_books, open_the_books,
        "payment:p1 (Payment {payment}): PERIOD_CLOSED, the books are closed through {day}",
    ),
    "of others": (with_money_of_others, take_theirs_off, "invoice:1: Payment {id} of {dated} pays 5.00"),
    "changed by hand": (changed_by_hand, change_it_back, "payment:p1 (Payment {payment}): DRIFT"),
    "on another invoice too": (
        with_an_invoice_that_stays, let_it_go, "payment:p1 (Payment {payment}): TWO_CUSTOMERS",
    ),
    "gone from billing": (taken_from_billing, give_it_back, "payment:p1 (Payment {payment}): SOURCE_GONE"),
}  # fmt: skip


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
def test_what_cannot_be_completed_is_held_whole_and_goes_with_the_sync_after_its_remedy(
    law_firm: LawFirm, obstacle: tuple[Step, Step, str]
) -> None:
    happens, remedy, words = obstacle
    paid(law_firm)
    happens(law_firm)
    before = books(law_firm)
    newest = max(int(row["Id"]) for kind in ("Invoice", "Payment", "Deposit") for row in law_firm.books.all(kind))
    [payment] = law_firm.books.ours("Payment")
    bill_the_other(law_firm)
    law_firm.books.count_anew()

    law_firm.sync(first=law_firm.deployment.first_date)
    law_firm.sync(first=law_firm.deployment.first_date)

    assert (law_firm.books.writes(), books(law_firm)) == (0, before)
    dated = {row["Id"]: row["TxnDate"] for row in law_firm.books.all("Payment")}.get(
        str(newest)
    )  # QuickBooks' own clock
    said = words.format(payment=payment["Id"], id=newest, day=law_firm.today - timedelta(days=10), dated=dated)
    assert held(law_firm)["1"] == ("PAYER_CHANGED", said)
    remedy(law_firm)
    law_firm.sync(first=law_firm.deployment.first_date)
    after = books(law_firm)
    assert (after["N-1"], after["p1"], set(law_firm.states().values())) == (*MOVED, {("synced", "")})


def test_one_payment_that_cannot_go_keeps_all_that_hangs_together_and_no_other(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.invoice("2", "40.00")
    law_firm.invoice("3", "30.00")
    law_firm.payment("both", applied={"1": "5.00", "2": "40.00"})
    law_firm.payment("p3", applied={"3": "30.00"})
    law_firm.sync()
    payments = {row["PrivateNote"].split(":")[4].split(" ")[0]: row["Id"] for row in law_firm.books.ours("Payment")}
    law_firm.books.do("deposit", payments=[payments["p1"]])
    bill_the_other(law_firm, "1", "2", "3")

    law_firm.sync()

    assert {name: state for name, state in law_firm.states("invoice").items() if name != "known"} == {
        "1": ("held", "PAYER_CHANGED"), "2": ("held", "PAYER_CHANGED"), "3": ("synced", ""),
    }  # fmt: skip
    assert {name: row[0] for name, row in books(law_firm).items()} == {
        "N-1": "Ana Diaz", "N-2": "Ana Diaz", "N-3": "Ben Okafor", "N-known": "Ben Okafor", "both": "Ana Diaz",
        "p1": "Ana Diaz", "p3": "Ben Okafor",
    }  # fmt: skip


@pytest.mark.slow
def test_a_payment_of_which_money_went_back_stays_with_the_entry_that_says_so(law_firm: LawFirm) -> None:
    paid(law_firm, record_refunds="on")
    checking = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Checking")
    law_firm.map("deposit_account", "check", checking)
    law_firm.payment("back", amount="4.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    law_firm.sync()
    before = books(law_firm)
    [payment] = law_firm.books.ours("Payment")
    bill_the_other(law_firm)

    law_firm.sync()

    assert books(law_firm) == before
    said = f"payment:p1 (Payment {payment['Id']}): 4.00 of it went back under this customer"
    assert held(law_firm)["1"] == ("PAYER_CHANGED", said)


@pytest.mark.parametrize("with_payments", [True, False], ids=["of both", "of the invoice"])
@pytest.mark.parametrize("reconciled", [True, False], ids=["reconciled", "at once"])
def test_where_a_person_unapplied_by_hand_the_end_is_the_same(
    law_firm: LawFirm, with_payments: bool, reconciled: bool
) -> None:
    paid(law_firm)
    [payment] = law_firm.books.ours("Payment")
    invoice = payment["Line"][0]["LinkedTxn"][0]["TxnId"]
    law_firm.books.do("unapply", payment=payment["Id"], invoice=invoice)
    if reconciled:
        law_firm.query_change("update sync.document set state = 'held', reason = 'DRIFT' where source_id = 'p1'")
    bill_the_other(law_firm, with_payments=with_payments)
    law_firm.books.count_anew()

    law_firm.sync()

    after = books(law_firm)
    assert (after["N-1"], after["p1"], set(law_firm.states().values())) == (*MOVED, {("synced", "")})
    assert law_firm.books.writes() == 2


def test_a_new_client_is_created_before_anything_is_taken_off(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.insert("payers", payer_id="P3", first_name="Cleo", last_name="Park")
    law_firm.change("update invoices set payer_id = 'P3' where invoice_id = '1'")

    law_firm.sync()

    after = books(law_firm)
    assert (after["N-1"][0], after["p1"]) == ("Cleo Park", ("Cleo Park", "0.00", [("N-1", "10.00")]))
    assert set(law_firm.states().values()) == {("synced", "")}


def test_a_client_that_cannot_be_created_takes_nothing_off(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.insert("payers", payer_id="P3", first_name="Co:lon", last_name="Park")
    law_firm.change("update invoices set payer_id = 'P3' where invoice_id = '1'")
    law_firm.books.count_anew()

    law_firm.sync()

    after = books(law_firm)
    assert (law_firm.books.writes(), after["N-1"], after["p1"]) == (0, *STAYED)
    assert law_firm.states()["1"] == ("held", "BAD_NAME")


def test_an_invoice_that_is_refused_is_paid_again_as_before_and_not_sent_again(law_firm: LawFirm) -> None:
    paid(law_firm)
    bill_the_other(law_firm)
    law_firm.books.fault({"what": "refused", "code": "6000", "detail": "no", "match": "batch/2"})

    law_firm.sync()
    after = books(law_firm)
    assert (after["N-1"], after["p1"]) == STAYED
    assert law_firm.states("") == {"1": ("refused", "REFUSED"), "known": ("synced", ""), "p1": ("synced", "")}
    law_firm.books.count_anew()
    law_firm.sync()
    law_firm.sync()

    assert law_firm.books.writes() == 0
    law_firm.change("update invoices set due_date = :day where invoice_id = '1'", day=law_firm.today)
    law_firm.sync()
    after = books(law_firm)
    assert (after["N-1"], after["p1"], set(law_firm.states().values())) == (*MOVED, {("synced", "")})


def test_queries_that_lag_behind_change_nothing(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.books.switch(query_lag_seconds=30.0)
    bill_the_other(law_firm)

    law_firm.sync()

    after = books(law_firm)
    assert (after["N-1"], after["p1"], set(law_firm.states().values())) == (*MOVED, {("synced", "")})


@pytest.mark.parametrize("how", ["the invoice alone", "its date alone", "invoices alone"])
def test_whatever_a_run_is_about_what_it_takes_off_it_applies_again(law_firm: LawFirm, how: str) -> None:
    paid(law_firm)
    law_firm.change("update payments set received_date = received_date - 9")
    law_firm.change("update payment_applications set applied_date = applied_date - 9")
    law_firm.sync()
    bill_the_other(law_firm)
    day = law_firm.today - timedelta(days=1)

    if how == "the invoice alone":
        law_firm.sync(invoice_ids=["1"])
    elif how == "its date alone":
        law_firm.sync(first=day, last=day)
    else:
        law_firm.sync(["work_list", "quickbooks_invoices"])

    after = books(law_firm)
    assert (after["N-1"], after["p1"], set(law_firm.states().values())) == (*MOVED, {("synced", "")})


def test_a_plan_says_what_the_sync_does_and_can_be_applied(law_firm: LawFirm) -> None:
    paid(law_firm)
    bill_the_other(law_firm, with_payments=False)

    law_firm.sync(["work_list", "sync_plan"])
    planned = law_firm.query(
        "select d.source_id, p.operation from sync.plan_item p join sync.document d using (document_id)"
        " where p.body_sha256 <> '' order by 1"
    )
    [run] = law_firm.query("select distinct run_id from sync.plan_item where body_sha256 <> ''")
    written = law_firm.sends()
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        sync_firm(session, Selection(plan_id=run["run_id"]), STAGES)

    after = books(law_firm)
    assert planned == [{"source_id": "1", "operation": "update"}, {"source_id": "p1", "operation": "update"}]
    assert (after["N-1"], after["p1"], law_firm.sends() - written) == (*MOVED, 3)


def bill(law_firm: LawFirm, payer_id: str) -> None:
    law_firm.change("update invoices set payer_id = :payer where invoice_id = '1'", payer=payer_id)
    law_firm.change("update payments set payer_id = :payer", payer=payer_id)


@pytest.mark.slow
def test_a_run_killed_at_any_step_of_a_change_of_payer_ends_applied_with_one_more_sync(law_firm: LawFirm) -> None:
    """Before and after each request and each commit of the ledger; the payer goes to and fro."""
    paid(law_firm)
    law_firm.payment("p2", applied={"1": "20.00"})
    law_firm.sync()
    heard: list[str] = []
    crash_points.on_reach = heard.append
    bill(law_firm, "P2")
    try:
        law_firm.sync()
    finally:
        crash_points.on_reach = None
    places = Counter(heard)
    assert {"reserve: committed", "POST batch: answered", "record: committed"} <= places.keys()

    kills, payer = 0, "P2"
    for place, times in sorted(places.items()):
        for nth in range(1, times + 1) if STEP.match(place) else [times]:
            payer = "P1" if payer == "P2" else "P2"
            bill(law_firm, payer)
            pid = fork(law_firm, law_firm.sync, kill_at(place, nth))
            _, status = os.waitpid(pid, 0)
            kills += os.WIFSIGNALED(status)
            law_firm.time.sleep(400)

            law_firm.sync()

            name = {"P1": "Ana Diaz", "P2": "Ben Okafor"}[payer]
            after = books(law_firm)
            del after["N-known"]
            assert after == {
                "N-1": (name, "65.00", []), "p1": (name, "0.00", [("N-1", "10.00")]),
                "p2": (name, "0.00", [("N-1", "20.00")]),
            }, (place, nth)  # fmt: skip
            assert set(law_firm.states().values()) == {("synced", "")}, (place, nth)
            assert law_firm.query("select count(*) as n from sync.attempt where state in ('sending', 'unknown')") == [
                {"n": 0}
            ]
    assert kills >= len(places)
    print(f"\n{kills} kills at {len(places)} places")
