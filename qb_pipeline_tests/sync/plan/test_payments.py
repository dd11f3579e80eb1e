"""Payments on their way: what they pay and when, what is never sent, what is changed, what is held and why."""

from datetime import date, timedelta
from typing import Any

import pytest

from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.people.test_resolve import answer


def paid(law_firm: LawFirm, amount: str = "40.00") -> dict[str, Any]:
    """Invoice 1 over 100.00 and payment p1 on it stand in QuickBooks."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": amount})
    law_firm.sync()
    [payment] = law_firm.books.ours("Payment")
    return payment


def links(payment: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["LinkedTxn"][0]["TxnId"], str(line["Amount"])) for line in payment["Line"]]


def numbers(law_firm: LawFirm) -> dict[str, str]:
    return {row["DocNumber"]: row["Id"] for row in law_firm.books.ours("Invoice")}


def test_a_payment_over_several_invoices_is_one_payment(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "50.00")
    law_firm.payment("p1", applied={"1": "100.00", "2": "20.00"}, reference="CHASE-QUICKPAY-2026-000000-JPM99A7XYZ")

    law_firm.sync()

    [payment] = law_firm.books.ours("Payment")
    ids = numbers(law_firm)
    assert links(payment) == [(ids["N-1"], "100.0"), (ids["N-2"], "20.0")]
    assert (str(payment["TotalAmt"]), payment["PaymentRefNum"], payment["TxnDate"]) == (
        "120.0", "026-000000-JPM99A7XYZ",
        law_firm.today.isoformat(),
    )  # fmt: skip


def test_credit_carries_the_dates_on_which_it_was_applied_across_a_month_s_end(law_firm: LawFirm) -> None:
    law_firm.activate()
    first = law_firm.today.replace(day=1)
    before = first - timedelta(days=1)
    law_firm.invoice("1", "100.00", days_ago=40)
    law_firm.payment("deposit", amount="500.00", kind="credit_deposit", days_ago=50)
    law_firm.payment("c", amount="80.00", kind="credit_application", method="credit", days_ago=50)
    law_firm.apply("c", "1", "30.00", before)
    law_firm.apply("c", "1", "50.00", first)

    law_firm.sync()

    payments = sorted((row["TxnDate"], str(row["TotalAmt"])) for row in law_firm.books.ours("Payment"))
    assert payments == [(before.isoformat(), "30.0"), (first.isoformat(), "50.0")]
    assert law_firm.states("payment") == {
        f"c@{before}": ("synced", ""), f"c@{first}": ("synced", ""), "deposit": ("closed", "CREDIT_DEPOSIT"),
    }  # fmt: skip
    ids = {row["TxnDate"]: row["Id"] for row in law_firm.books.ours("Payment")}
    by_hand = law_firm.query(
        "select what, payment_id, part, document_date, payer_id, amount, remedy from reporting.enter_by_hand"
    )
    assert sorted(tuple(map(str, row.values())) for row in by_hand) == [
        *(
            ("credit_applied", "c", str(day), str(day), "P1", amount,
             "Enter a journal entry of this date in QuickBooks: debit the liability that holds the client's credit, "
             f"naming the client, and credit the account that payment {ids[str(day)]} went to.")
            for day, amount in ((before, "30.00"), (first, "50.00"))
        ),
        ("credit_deposit", "deposit", "", str(law_firm.today - timedelta(days=50)), "P1", "500.00",
         "Enter it in QuickBooks by hand; what is paid from the credit is sent."),
    ]  # fmt: skip


def test_refunds_and_rejections_are_left_to_a_person_and_their_originals_are_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "60.00")
    law_firm.payment("card", applied={"1": "100.00"}, method="card")
    law_firm.payment("refund", amount="25.00", kind="refund", reverses_payment_id="card")
    law_firm.payment("echeck", applied={"2": "60.00"}, method="echeck", days_ago=3)
    law_firm.payment("bounce", amount="60.00", kind="rejection", reverses_payment_id="echeck")
    law_firm.payment("again", applied={"2": "60.00"}, method="card")
    law_firm.payment("deposit", amount="500.00", kind="credit_deposit")

    law_firm.sync()

    assert law_firm.in_quickbooks("payment") == {"card": 1, "echeck": 1}
    assert law_firm.states("payment") == {
        "card": ("synced", ""), "echeck": ("synced", ""), "refund": ("closed", "REFUND"),
        "bounce": ("closed", "REJECTION"), "again": ("held", "REJECTION_OPEN"), "deposit": ("closed", "CREDIT_DEPOSIT"),
    }  # fmt: skip
    by_hand = law_firm.query("select what, payment_id, amount, holds_back from reporting.enter_by_hand order by what")
    assert [(row["what"], row["payment_id"], str(row["amount"]), row["holds_back"]) for row in by_hand] == [
        ("credit_deposit", "deposit", "500.00", ""),
        ("refund", "refund", "25.00", ""),
        ("rejection", "bounce", "60.00", "again"),
    ]


@pytest.mark.parametrize("entered", ["voided", "unapplied"])
def test_a_second_payment_goes_when_a_person_has_entered_the_rejection(law_firm: LawFirm, entered: str) -> None:
    payment = paid(law_firm, "100.00")
    law_firm.payment("bounce", amount="100.00", kind="rejection", reverses_payment_id="p1")
    law_firm.payment("again", applied={"1": "100.00"}, method="card")
    law_firm.sync()
    before = law_firm.states("payment")["again"]
    if entered == "voided":
        law_firm.books.do("void", entity="Payment", id=payment["Id"])
    else:
        law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"Line": []})

    law_firm.sync()

    assert (before, law_firm.states("payment")["again"]) == (("held", "REJECTION_OPEN"), ("synced", ""))
    assert law_firm.query("select * from reporting.enter_by_hand where holds_back <> ''") == []


def test_what_a_bookkeeper_unapplied_is_open_again_and_what_a_person_paid_there_is_not(law_firm: LawFirm) -> None:
    payment = paid(law_firm, "100.00")
    law_firm.invoice("2", "100.00")
    law_firm.sync()
    invoice = next(row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-2")
    law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"Line": []})
    customer = invoice["CustomerRef"]["value"]
    law_firm.books.do("receive-payment", customer_id=customer, invoices=[{"id": invoice["Id"], "amount": 70}])
    law_firm.payment("p2", applied={"1": "60.00"})
    law_firm.payment("p3", applied={"2": "60.00"})

    law_firm.sync()
    law_firm.sync()

    assert law_firm.states("payment") == {
        "p1": ("held", "DRIFT"), "p2": ("synced", ""), "p3": ("held", "EXCEEDS_BALANCE"),
    }  # fmt: skip


def test_a_payment_waits_for_its_invoice_and_follows_it(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", total_amount="90.00")
    law_firm.invoice("2", "100.00")
    law_firm.payment("p1", applied={"1": "50.00", "2": "50.00"})

    law_firm.sync()
    waiting = law_firm.states("payment")
    law_firm.change("update invoices set total_amount = 100 where invoice_id = '1'")
    law_firm.sync()

    assert (waiting, law_firm.states("payment")) == (
        {"p1": ("waiting", "INVOICE_NOT_SENT")}, {"p1": ("synced", "")},
    )  # fmt: skip


def test_several_payments_that_exceed_an_invoice_go_by_date_and_the_rest_is_held(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.payment("later", applied={"1": "60.00"}, days_ago=1)
    law_firm.payment("earlier", applied={"1": "60.00"}, days_ago=5)

    law_firm.sync()

    assert law_firm.states("payment") == {"earlier": ("synced", ""), "later": ("held", "EXCEEDS_BALANCE")}


def test_an_edited_payment_is_changed_in_place(law_firm: LawFirm) -> None:
    before = paid(law_firm)
    law_firm.change("update payment_applications set amount = 70")
    law_firm.change("update payments set amount = 70")

    law_firm.sync()

    [after] = law_firm.books.ours("Payment")
    assert (after["Id"], str(after["TotalAmt"]), links(after)[0][1]) == (before["Id"], "70.0", "70.0")
    assert [str(row["Balance"]) for row in law_firm.books.ours("Invoice")] == ["30.0"]


def test_voids_of_payments_go_before_voids_of_their_invoices(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.change("update payments set status = 'void'")
    law_firm.change("update invoices set status = 'void'")

    law_firm.sync()

    assert law_firm.states() == {"1": ("voided", ""), "p1": ("voided", "")}


def test_what_a_void_sets_free_can_be_paid_in_the_same_run(law_firm: LawFirm) -> None:
    paid(law_firm, "100.00")
    law_firm.change("update payments set status = 'void'")
    law_firm.payment("p2", applied={"1": "100.00"})

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("voided", ""), "p2": ("synced", "")}


def test_what_a_change_sets_free_can_be_paid_in_the_same_run(law_firm: LawFirm) -> None:
    paid(law_firm, "100.00")
    law_firm.change("update payment_applications set amount = 30")
    law_firm.change("update payments set amount = 30")
    for number in range(7):  # in a batch of any order one of them would come first
        law_firm.payment(f"q{number}", applied={"1": "10.00"})

    law_firm.sync()

    assert set(law_firm.states("payment").values()) == {("synced", "")}


def test_a_payment_void_on_both_sides_is_voided(law_firm: LawFirm) -> None:
    payment = paid(law_firm)
    law_firm.change("update payments set status = 'void'")
    law_firm.books.do("void", entity="Payment", id=payment["Id"])
    law_firm.books.count_anew()

    law_firm.sync()

    assert (law_firm.states("payment"), law_firm.books.writes()) == ({"p1": ("voided", "")}, 0)


@pytest.mark.parametrize(
    "change", ["update payments set status = 'void'", "update payments set method = 'card', reference = '77'"]
)
def test_a_deposited_payment_is_held_and_never_posted_a_second_time(law_firm: LawFirm, change: str) -> None:
    payment = paid(law_firm)
    law_firm.books.do("deposit", payments=[payment["Id"]])
    law_firm.change(change)

    law_firm.sync()
    law_firm.sync()

    assert (law_firm.states("payment"), len(law_firm.books.all("Payment"))) == ({"p1": ("held", "DEPOSITED")}, 1)


def test_a_posted_payment_that_becomes_another_kind_is_held_not_forgotten(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.change("update payments set kind = 'credit_deposit'")

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("held", "SOURCE_GONE")}


def test_credit_whose_applied_date_is_corrected_is_not_in_quickbooks_twice(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.payment("c", amount="40.00", kind="credit_application", method="credit", days_ago=9)
    before, after = law_firm.today - timedelta(days=3), law_firm.today - timedelta(days=1)
    law_firm.apply("c", "1", "40.00", before)
    law_firm.sync()
    law_firm.change("update payment_applications set applied_date = :day", day=after)
    law_firm.change("update payments set updated_at = :now", now=law_firm.time.now())

    law_firm.sync()
    law_firm.sync(first=after, last=after)

    assert law_firm.states("payment") == {
        f"c@{before}": ("held", "SOURCE_GONE"),
        f"c@{after}": ("held", "EXCEEDS_BALANCE"),
    }
    assert [str(row["TotalAmt"]) for row in law_firm.books.ours("Payment")] == ["40.0"]


def test_a_payment_that_billing_takes_up_again_after_its_void_is_held(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.change("update payments set status = 'void'")
    law_firm.sync()
    law_firm.change("update payments set status = 'completed'")

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("held", "REMOTE_VOIDED")}
    assert [str(row["TotalAmt"]) for row in law_firm.books.all("Payment")] == ["0"]


@pytest.mark.slow
def test_methods_and_accounts_go_by_their_mapping(law_firm: LawFirm) -> None:
    law_firm.activate()
    method = law_firm.books.create("PaymentMethod", {"Name": "Paper check"})["Id"]
    bank = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Checking")
    law_firm.map("payment_method", "check", method)
    law_firm.map("deposit_account", "check", bank)
    law_firm.invoice("1", "100.00")
    law_firm.payment("c", applied={"1": "10.00"}, method="check")
    law_firm.payment("w", applied={"1": "20.00"}, method="wire")

    law_firm.sync()

    found = {
        str(row["TotalAmt"]): (row.get("PaymentMethodRef", {}).get("value"), row["DepositToAccountRef"]["name"])
        for row in law_firm.books.ours("Payment")
    }
    assert found == {"10.0": (method, "Checking"), "20.0": (None, "Undeposited Funds")}


@pytest.mark.slow
def test_what_is_paid_too_much_is_kept_where_the_firm_wants_it(law_firm: LawFirm) -> None:
    law_firm.activate(keep_overpayments="on")
    law_firm.invoice("1", "100.00")
    law_firm.payment("over", applied={"1": "100.00"}, amount="130.00")
    law_firm.payment("alone", amount="25.00")

    law_firm.sync()

    found = [(str(row["TotalAmt"]), str(row["UnappliedAmt"])) for row in law_firm.books.ours("Payment")]
    assert (sorted(found), set(law_firm.states("payment").values())) == (
        [("130.0", "30.0"), ("25.0", "25.0")], {("synced", "")},
    )  # fmt: skip


@pytest.mark.slow
def test_a_payment_of_a_forwarded_balance_reaches_the_older_invoices_oldest_first(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "100.00", days_ago=60)
    law_firm.invoice("older", "50.00", days_ago=90)
    forwarded = [
        {"kind": "balance_forward", "fee_item_id": None, "amount": amount, "forwarded_invoice_id": invoice_id}
        for invoice_id, amount in (("old", "100.00"), ("older", "50.00"))
    ]
    law_firm.invoice("new", "30.00", lines=forwarded)
    law_firm.payment("p", applied={"new": "120.00"})

    law_firm.sync()

    [payment] = law_firm.books.ours("Payment")
    ids = numbers(law_firm)
    assert sorted(links(payment)) == sorted([(ids["N-new"], "30.0"), (ids["N-older"], "50.0"), (ids["N-old"], "40.0")])
    assert law_firm.states("payment") == {"p": ("synced", "")}


@pytest.mark.slow
def test_a_payment_that_moves_to_another_invoice_and_day_frees_the_first(law_firm: LawFirm) -> None:
    before = paid(law_firm)
    law_firm.invoice("2", "40.00")
    law_firm.sync()
    day = law_firm.today - timedelta(days=1)
    law_firm.change("update payment_applications set invoice_id = '2'")
    law_firm.change("update payments set received_date = :day", day=day)

    law_firm.sync()

    [after] = law_firm.books.ours("Payment")
    assert (after["Id"], after["TxnDate"], links(after)) == (
        before["Id"], day.isoformat(), [(numbers(law_firm)["N-2"], "40.0")],
    )  # fmt: skip
    assert {row["DocNumber"]: str(row["Balance"]) for row in law_firm.books.ours("Invoice")} == {
        "N-1": "100.0", "N-2": "0",
    }  # fmt: skip


@pytest.mark.slow
def test_payments_on_ineligible_invoices_alone_are_nobody_s_and_mixed_ones_are_held(law_firm: LawFirm) -> None:
    now = law_firm.time.now()
    law_firm.activate(eligible_since=now - timedelta(days=5))
    law_firm.invoice("early", "10.00", created_at=now - timedelta(days=9))
    law_firm.invoice("late", "10.00")
    law_firm.payment("alone", applied={"early": "5.00"})
    law_firm.payment("mixed", applied={"early": "5.00", "late": "5.00"})

    law_firm.sync()

    assert law_firm.states() == {"late": ("synced", ""), "mixed": ("held", "INVOICE_INELIGIBLE")}


def replace_payment(law_firm: LawFirm, removal: str) -> None:
    """Billing takes p1 (30.00) off invoice 1 (100.00) in some way, and enters p2 (30.00) instead."""
    if removal == "void":
        law_firm.change("update payments set status = 'void'")
    elif removal == "gone":
        law_firm.remove("payment_applications")
        law_firm.remove("payments")
    elif removal == "moved":
        law_firm.invoice("2", "100.00")
        law_firm.change("update payment_applications set invoice_id = '2'")
    elif removal == "lowered":
        law_firm.change("update payment_applications set amount = 5")
        law_firm.change("update payments set amount = 5")
    law_firm.payment("p2", applied={"1": "30.00"})


def lately(law_firm: LawFirm) -> dict[str, date]:
    """The dates of a sync that notices what billing no longer has."""
    return {"first": law_firm.today - timedelta(days=5), "last": law_firm.today}


def plan_of(law_firm: LawFirm) -> dict[str, str]:
    """What a dry run would do with each payment."""
    report = law_firm.sync(["work_list", "sync_plan"])
    return {row.source_id: row.operation for row in report.plan if row.kind == "payment"}


REMOVALS = ["void", "gone", "moved", "lowered"]


def paid_on(law_firm: LawFirm, number: str) -> str:
    """What is paid of an invoice in QuickBooks."""
    [invoice] = [row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == number]
    return f"{invoice['TotalAmt'] - invoice['Balance']:.2f}"


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_replacement_waits_for_a_deposited_payment_that_it_replaces(law_firm: LawFirm, removal: str) -> None:
    payment = paid(law_firm, "30.00")
    law_firm.books.do("deposit", payments=[payment["Id"]])
    replace_payment(law_firm, removal)

    for _ in range(3):
        law_firm.sync(**lately(law_firm))

    held = ("held", "SOURCE_GONE" if removal == "gone" else "DEPOSITED")
    assert law_firm.states("payment") == {"p1": held, "p2": ("waiting", "OTHER_STILL_APPLIED")}
    assert paid_on(law_firm, "N-1") == "30.00"
    assert law_firm.query("select distinct detail from sync.log where reason = 'OTHER_STILL_APPLIED'") == [
        {"detail": "p1"}
    ]


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_replacement_goes_with_the_sync_that_takes_the_other_off(law_firm: LawFirm, removal: str) -> None:
    payment = paid(law_firm, "30.00")
    law_firm.books.do("deposit", payments=[payment["Id"]])
    replace_payment(law_firm, removal)
    law_firm.sync()
    [deposit] = law_firm.books.all("Deposit")
    law_firm.books.do("delete", entity="Deposit", id=deposit["Id"])
    if removal == "gone":
        law_firm.sync(**lately(law_firm))
        answer(law_firm, "void", "p1")
    else:
        law_firm.sync()

    gone = ("voided", "") if removal in ("void", "gone") else ("synced", "")
    assert law_firm.states("payment") == {"p1": gone, "p2": ("synced", "")}
    assert paid_on(law_firm, "N-1") == ("35.00" if removal == "lowered" else "30.00")


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_replacement_goes_in_one_sync_where_nothing_holds_the_other(law_firm: LawFirm, removal: str) -> None:
    paid(law_firm, "30.00")
    replace_payment(law_firm, removal)

    planned = plan_of(law_firm)
    law_firm.sync(**lately(law_firm))

    if removal == "gone":  # a person decides about it first
        assert law_firm.states("payment") == {
            "p1": ("held", "SOURCE_GONE"), "p2": ("waiting", "OTHER_STILL_APPLIED"),
        }  # fmt: skip
        assert planned["p2"] == "wait"
    else:
        assert law_firm.states("payment")["p2"] == ("synced", "")
        assert planned["p2"] == "create"


@pytest.mark.parametrize("taken_off", ["void", "delete", "unapply"])
def test_a_replacement_goes_when_a_bookkeeper_took_the_other_off(law_firm: LawFirm, taken_off: str) -> None:
    payment = paid(law_firm, "30.00")
    replace_payment(law_firm, "gone")
    law_firm.sync()
    if taken_off == "unapply":
        law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"Line": []})
    else:
        law_firm.books.do(taken_off, entity="Payment", id=payment["Id"])

    law_firm.sync()

    assert (law_firm.states("payment")["p2"], paid_on(law_firm, "N-1")) == (("synced", ""), "30.00")


def test_a_payment_that_a_person_keeps_does_not_count(law_firm: LawFirm) -> None:
    payment = paid(law_firm, "30.00")
    law_firm.books.do("deposit", payments=[payment["Id"]])
    replace_payment(law_firm, "void")
    law_firm.sync()

    answer(law_firm, "keep", "p1")
    law_firm.sync()

    assert (law_firm.states("payment")["p2"], paid_on(law_firm, "N-1")) == (("synced", ""), "60.00")


def test_of_two_new_payments_one_waits_where_another_cannot_be_taken_off(law_firm: LawFirm) -> None:
    payment = paid(law_firm, "30.00")
    law_firm.books.do("deposit", payments=[payment["Id"]])
    replace_payment(law_firm, "void")
    law_firm.payment("p3", applied={"1": "30.00"})

    law_firm.sync()

    assert law_firm.states("payment") == {
        "p1": ("held", "DEPOSITED"), "p2": ("synced", ""), "p3": ("waiting", "OTHER_STILL_APPLIED"),
    }  # fmt: skip
    assert paid_on(law_firm, "N-1") == "60.00"


def test_a_replacement_of_a_payment_that_fills_its_invoice_waits_too(law_firm: LawFirm) -> None:
    payment = paid(law_firm, "100.00")
    law_firm.books.do("deposit", payments=[payment["Id"]])
    law_firm.change("update payments set status = 'void'")
    law_firm.payment("p2", applied={"1": "100.00"})

    law_firm.sync()

    assert law_firm.states("payment") == {
        "p1": ("held", "DEPOSITED"), "p2": ("waiting", "OTHER_STILL_APPLIED"),
    }  # fmt: skip
