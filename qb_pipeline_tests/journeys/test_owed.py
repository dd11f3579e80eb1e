"""What a client owes is one number on each side, and each cent between them has a class and a cause (E-40, E-41)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.people.evidence import gather
from qb_pipeline.sync.people.resolve import resolve
from qb_pipeline.sync.verify.reconcile import FirmReconciliation, reconcile
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def look(law_firm: LawFirm) -> FirmReconciliation:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        return reconcile(session)


def answer(law_firm: LawFirm, source_id: str, said: Answer) -> None:
    """A person answers to a document, as ``resolve`` does."""
    [row] = law_firm.query("select document_id from sync.document where source_id = :id", id=source_id)
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "cli", PARTNER)) as session:
        resolve(session, gather(session, row["document_id"]), said)


def differences(law_firm: LawFirm) -> set[tuple[str, ...]]:
    """Invoice, class, cause, amount."""
    rows = law_firm.query("select invoice_id, class, cause_id, amount from reporting.owed_differences")
    return {(row["invoice_id"], row["class"], row["cause_id"], str(row["amount"])) for row in rows}


def sums(law_firm: LawFirm) -> tuple[str, str]:
    """What is owed by billing and in QuickBooks."""
    [row] = law_firm.query("select ours, theirs from reporting.reconciliation where measure = 'owed'")
    return str(row["ours"]), str(row["theirs"])


def require_sound(law_firm: LawFirm) -> None:
    """The classes add up per invoice, client and firm; QuickBooks' side is its own balances."""
    for view, key in (("invoice_owed", "invoice_id"), ("customer_owed", "customer_id")):
        rows = law_firm.query(
            f"select o.{key}, o.difference, coalesce(sum(d.amount), 0) as named from reporting.{view} o "  # noqa: S608
            f"left join reporting.owed_differences d using (firm_id, {key}) group by 1, 2"
        )
        assert [row for row in rows if row["difference"] != row["named"]] == [], view
    assert law_firm.query("select measure, residual from reporting.reconciliation where residual <> 0") == []
    assert law_firm.query("select * from reporting.owed_differences where class = ''") == []
    balances = {row["Id"]: Decimal(row["Balance"]) for row in law_firm.books.ours("Invoice")}
    rows = law_firm.query(
        "select quickbooks_id, owed_in_quickbooks from reporting.invoice_owed where quickbooks_id <> ''"
    )
    assert {row["quickbooks_id"]: row["owed_in_quickbooks"] for row in rows} | balances == {
        row["quickbooks_id"]: row["owed_in_quickbooks"] for row in rows
    }
    balances = {row["Id"]: Decimal(row["Balance"]) for row in law_firm.books.all("Customer")}
    rows = law_firm.query("select customer_id, owed_in_quickbooks from reporting.customer_owed where customer_id <> ''")
    assert [row for row in rows if balances.get(row["customer_id"]) != row["owed_in_quickbooks"]] == []


def ids(law_firm: LawFirm) -> dict[str, str]:
    rows = law_firm.query("select source_id, quickbooks_id from sync.document where kind in ('invoice', 'payment')")
    return {row["source_id"]: row["quickbooks_id"] for row in rows}


def paid(law_firm: LawFirm, **settings: str) -> dict[str, str]:
    """Two invoices of 100.00, one of them paid with 60.00; gives their Ids in QuickBooks."""
    law_firm.activate(**settings)
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "100.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    law_firm.sync()
    return ids(law_firm)


def account(law_firm: LawFirm, kind: str) -> str:
    return next(row["Id"] for row in law_firm.books.all("Account") if row["AccountType"] == kind)


def apply(law_firm: LawFirm, payment_id: str, **invoices: int) -> None:
    """A bookkeeper applies a payment to other invoices than before."""
    lines: list[dict[str, Any]] = [
        {"Amount": amount, "LinkedTxn": [{"TxnId": invoice_id.removeprefix("q"), "TxnType": "Invoice"}]}
        for invoice_id, amount in invoices.items()
    ]
    law_firm.books.do("edit", entity="Payment", id=payment_id, changes={"Line": lines})


def test_both_sides_agree_while_nobody_does_anything(law_firm: LawFirm) -> None:
    paid(law_firm)
    look(law_firm)

    assert differences(law_firm) == set()
    assert sums(law_firm) == ("140.00", "140.00")
    require_sound(law_firm)


def test_a_payment_that_a_bookkeeper_takes_off_is_named(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    apply(law_firm, made["p1"])

    found = look(law_firm)

    assert differences(law_firm) == {
        ("1", "unapplied_there", "p1", "-60.00"),
        ("", "unapplied_payment", "p1", "60.00"),
    }
    assert next(row.measure for row in found.measures) == "owed"
    require_sound(law_firm)


def test_a_payment_that_pays_another_invoice_there_is_named_on_both(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    apply(law_firm, made["p1"], **{f"q{made['1']}": 15, f"q{made['2']}": 25})

    look(law_firm)

    assert differences(law_firm) == {
        ("1", "unapplied_there", "p1", "-20.00"),
        ("1", "applied_elsewhere", "p1", "-25.00"),
        ("2", "applied_elsewhere", "p1", "25.00"),
        ("", "unapplied_payment", "p1", "20.00"),
    }
    require_sound(law_firm)


def test_what_others_enter_for_our_clients_is_named(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    books = law_firm.books
    customer = books.read("Invoice", made["1"])["CustomerRef"]["value"]
    expense, income = account(law_firm, "Expense"), account(law_firm, "Income")
    books.do("next-number", customer_id=customer, amount=40, item_id=law_firm.item_id)
    books.do("receive-payment", customer_id=customer, amount=13, invoices=[{"id": made["2"], "amount": 10}])
    written_off = books.do("journal-credit", customer_id=customer, amount=5, invoice_id=made["2"], account_id=expense)
    books.do("journal-credit", customer_id=customer, amount=6, account_id=expense)
    books.do("journal-credit", customer_id=customer, amount=7, account_id=income)
    books.do("credit-memo", customer_id=customer, amount=8, invoice_id=made["2"], item_id=law_firm.item_id)

    look(law_firm)

    assert differences(law_firm) == {
        ("2", "received_in_quickbooks", "", "10.00"),
        ("2", "write_off", "", "5.00"),
        ("2", "credit_memo", "", "8.00"),
        ("", "foreign_document", "", "-40.00"),
        ("", "foreign_document", "", "7.00"),
        ("", "unapplied_payment", "", "3.00"),
        ("", "write_off", "", "6.00"),
    }
    [row] = law_firm.query("select cause_quickbooks_id from reporting.owed_differences where amount = 5")
    assert row["cause_quickbooks_id"] == written_off["Id"]
    require_sound(law_firm)


def test_what_billing_has_and_quickbooks_not_yet_has_its_documents_state(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.invoice("3", "30.00")
    law_firm.payment("p3", applied={"3": "10.00"})
    law_firm.payment("p2", applied={"2": "20.00"}, amount="25.00")

    look(law_firm)

    assert differences(law_firm) == {
        ("3", "new", "3", "30.00"),
        ("3", "new", "p3", "-10.00"),
        ("2", "new", "p2", "-20.00"),
        ("", "new", "p2", "-5.00"),
    }
    require_sound(law_firm)
    law_firm.sync()
    look(law_firm)
    assert differences(law_firm) == {("2", "held", "p2", "-20.00"), ("", "held", "p2", "-5.00")}
    require_sound(law_firm)


def test_a_refund_opens_the_invoice_again_on_our_side(law_firm: LawFirm) -> None:
    paid(law_firm)
    law_firm.payment("r1", kind="refund", reverses_payment_id="p1", amount="15.00")
    law_firm.sync()
    look(law_firm)

    assert differences(law_firm) == {("1", "hand_entry", "r1", "15.00")}
    assert sums(law_firm) == ("155.00", "140.00")
    require_sound(law_firm)


def test_a_recorded_refund_leaves_no_difference_because_its_payment_pays_the_entry(law_firm: LawFirm) -> None:
    """Before the entry is read by anybody, too."""
    law_firm.activate(record_refunds="on")
    law_firm.map("deposit_account", "check", account(law_firm, "Bank"))
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    law_firm.payment("r1", kind="refund", reverses_payment_id="p1", amount="15.00")
    law_firm.sync()
    law_firm.sync()
    assert [row for row in differences(law_firm) if row[0]] == []
    require_sound(law_firm)

    look(law_firm)

    assert differences(law_firm) == set()
    assert sums(law_firm) == ("55.00", "55.00")
    require_sound(law_firm)


def test_an_invoice_that_is_gone_there_and_one_that_is_void_in_billing(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=made["1"])
    law_firm.change(
        "update invoices set status = 'void', updated_at = :now where invoice_id = '2'", now=law_firm.time.now()
    )

    look(law_firm)

    assert differences(law_firm) == {
        ("1", "remote_deleted", "1", "100.00"),
        ("1", "remote_deleted", "p1", "-60.00"),
        ("", "unapplied_payment", "p1", "60.00"),
        ("2", "void_pending", "2", "-100.00"),
    }
    require_sound(law_firm)


def test_an_invoice_under_another_customer_is_named_for_both(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    other = law_firm.books.create("Customer", {"DisplayName": "Other"})["Id"]
    law_firm.books.do("edit", entity="Invoice", id=made["2"], changes={"CustomerRef": {"value": other}})

    look(law_firm)

    rows = law_firm.query(
        "select customer_id = :other as is_other, class, amount from reporting.owed_differences order by 3", other=other
    )
    assert [tuple(row.values()) for row in rows] == [(True, "drift", -100), (False, "drift", 100)]
    require_sound(law_firm)


def test_money_is_divided_over_forwarded_balances_on_both_sides(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "50.00", days_ago=9)
    forward = {"kind": "balance_forward", "amount": "50.00", "forwarded_invoice_id": "old", "fee_item_id": None}
    law_firm.invoice("new", "100.00", lines=[forward])
    law_firm.payment("p1", applied={"new": "120.00"})
    law_firm.sync()

    look(law_firm)

    rows = law_firm.query("select invoice_id, owed, owed_in_quickbooks from reporting.invoice_owed order by 1")
    assert [tuple(row.values()) for row in rows] == [("new", 0, 0), ("old", 30, 30)]
    assert differences(law_firm) == set()
    require_sound(law_firm)


def test_money_is_divided_on_our_side_as_it_was_sent(law_firm: LawFirm) -> None:
    """A person kept a payment on the newer invoice, which leaves 40.00 of it: the rest of 80.00 pays the older one."""
    law_firm.activate()
    law_firm.invoice("other", "100.00")
    law_firm.invoice("old", "50.00", days_ago=9)
    forward = {"kind": "balance_forward", "amount": "50.00", "forwarded_invoice_id": "old", "fee_item_id": None}
    law_firm.invoice("new", "100.00", lines=[forward])
    law_firm.payment("p1", applied={"other": "60.00"})
    law_firm.sync()
    made = ids(law_firm)
    apply(law_firm, made["p1"], **{f"q{made['new']}": 60})
    look(law_firm)
    answer(law_firm, "p1", Answer.KEEP)
    law_firm.payment("p2", applied={"new": "80.00"})
    law_firm.sync()

    look(law_firm)

    assert law_firm.states()["p2"] == ("synced", "")
    assert differences(law_firm) == {("new", "kept", "p1", "60.00"), ("other", "kept", "p1", "-60.00")}
    require_sound(law_firm)


def test_a_payment_that_was_taken_off_is_held_with_both_amounts_and_applied_as_billing_says(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    apply(law_firm, made["p1"], **{f"q{made['2']}": 25})

    assert look(law_firm).held == 1
    law_firm.sync()  # which does nothing: a person decides

    assert law_firm.states()["p1"] == ("held", "DRIFT")
    [row] = law_firm.query("select detail from reporting.held_documents")
    assert set(row["detail"].split("; ")) == {
        f"N-1 (Id {made['1']}): 60.00 was sent, QuickBooks has 0.00",
        f"N-2 (Id {made['2']}): 0.00 was sent, QuickBooks has 25.00",
    }
    answer(law_firm, "p1", Answer.RETRY)
    law_firm.sync()
    look(law_firm)

    assert law_firm.states()["p1"] == ("synced", "")
    assert {row["Id"]: row["Balance"] for row in law_firm.books.ours("Invoice")} == {made["1"]: 40, made["2"]: 100}
    assert differences(law_firm) == set()
    require_sound(law_firm)


def test_what_a_person_keeps_stays_and_is_not_held_again(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    apply(law_firm, made["p1"], **{f"q{made['2']}": 25})
    look(law_firm)

    answer(law_firm, "p1", Answer.KEEP)
    law_firm.sync()
    law_firm.books.do("edit", entity="Payment", id=made["p1"], changes={"PrivateNote": "thanks"})
    look(law_firm)

    assert law_firm.states()["p1"] == ("synced", "")
    assert differences(law_firm) == {
        ("1", "kept", "p1", "-60.00"),
        ("2", "kept", "p1", "25.00"),
        ("", "kept", "p1", "35.00"),
    }
    require_sound(law_firm)


def test_a_payment_that_is_put_back_by_hand_is_released(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    apply(law_firm, made["p1"])
    look(law_firm)
    apply(law_firm, made["p1"], **{f"q{made['1']}": 60})

    look(law_firm)

    assert law_firm.states()["p1"] == ("synced", "")
    assert differences(law_firm) == set()


def test_a_payment_whose_invoice_we_moved_to_another_customer_is_applied_again(law_firm: LawFirm) -> None:
    """A run of ours moved the invoice, and died before it put the payment back."""
    made = paid(law_firm)
    apply(law_firm, made["p1"])
    other = law_firm.books.create("Customer", {"DisplayName": "Other"})["Id"]
    law_firm.books.do("edit", entity="Invoice", id=made["1"], changes={"CustomerRef": {"value": other}})
    law_firm.query_change("update sync.document set customer_id = :id where source_id = '1'", id=other)

    assert look(law_firm).held == 0
    assert law_firm.states()["p1"] == ("revised", "")
    law_firm.sync()

    [payment] = law_firm.books.ours("Payment")
    assert (payment["CustomerRef"]["value"], payment["UnappliedAmt"]) == (other, 0)
    assert law_firm.states()["p1"] == ("synced", "")


def test_a_payment_of_an_invoice_that_is_gone_is_not_held_beside_it(law_firm: LawFirm) -> None:
    made = paid(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=made["1"])

    look(law_firm)

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED"), "2": ("synced", ""), "p1": ("synced", "")}


def test_a_payment_that_was_taken_off_an_invoice_which_billing_then_voids_is_held(law_firm: LawFirm) -> None:
    """Nothing pays the invoice any more, so it is voided; without that its money would stand unapplied, unsaid."""
    made = paid(law_firm)
    apply(law_firm, made["p1"])
    law_firm.change("update invoices set status = 'void' where invoice_id = '1'")
    law_firm.sync()

    look(law_firm)

    assert law_firm.states() == {"1": ("voided", ""), "2": ("synced", ""), "p1": ("held", "DRIFT")}
    assert differences(law_firm) == {("", "unapplied_payment", "p1", "60.00")}
    require_sound(law_firm)


def test_the_count_after_a_run_holds_a_payment_that_it_sees_moved(law_firm: LawFirm) -> None:
    """Nobody reconciles: the sync reads what changed since it sent the first document."""
    made = paid(law_firm)
    apply(law_firm, made["p1"])
    law_firm.payment("p2", applied={"2": "10.00"})

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("held", "DRIFT"), "p2": ("synced", "")}
