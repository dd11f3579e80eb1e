"""Invoices on their way: what is sent, what is changed in place, what is held and why."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.send.test_settle import as_json


def posted(law_firm: LawFirm, *, paid: str = "") -> dict[str, Any]:
    """Invoice 1 over 100.00 stands in QuickBooks; with ``paid``, payment p1 is on it."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    if paid:
        law_firm.payment("p1", applied={"1": paid})
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    return invoice


def revise(law_firm: LawFirm, amount: str, **values: object) -> None:
    """Billing gives invoice 1 another amount."""
    law_firm.change("update invoice_lines set amount = :a, unit_price = :a where invoice_id = '1'", a=amount)
    law_firm.change("update invoices set total_amount = :a where invoice_id = '1'", a=amount)


def test_quickbooks_holds_exactly_what_was_meant(law_firm: LawFirm) -> None:
    """Read back from the emulator's books, field by field, against the bytes that were frozen before they left."""
    law_firm.activate()
    law_firm.invoice(
        "1",
        lines=[
            {"quantity": "1.5", "unit_price": "250", "amount": "375.00", "service_date": date(2026, 1, 5)},
            {"kind": "discount", "fee_item_id": None, "amount": "-25.00"},
            {"kind": "note", "fee_item_id": None, "amount": "0", "description": "Thank you"},
        ],
        due_date=date(2026, 2, 5),
        customer_message="For you",
        internal_note="For us",
    )

    law_firm.sync()

    [attempt] = law_firm.query("select body from sync.attempt where endpoint = 'batch'")
    [item] = json.loads(bytes(attempt["body"]))["BatchItemRequest"]
    [invoice] = law_firm.books.ours("Invoice")
    lines = [line for line in invoice["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    assert (str(invoice["TotalAmt"]), invoice["CustomerMemo"]["value"], invoice["DueDate"]) == (
        "350.0", "For you", "2026-02-05",
    )  # fmt: skip
    assert differences(item["Invoice"] | {"Line": []}, invoice | {"Line": []}) == []
    assert [differences(sent, there) for sent, there in zip(item["Invoice"]["Line"], lines, strict=True)] == [
        [],
        [],
        [],
    ]


def differences(sent: Any, there: Any) -> list[tuple[Any, Any]]:
    """What was sent and is there otherwise; a test's own comparison, that knows nothing of ours."""
    if isinstance(sent, dict):
        return [pair for name, value in sent.items() for pair in differences(value, (there or {}).get(name))]
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        return [] if float(sent) == float(there) else [(sent, there)]
    return [] if sent == there or sent is False else [(sent, there)]


def test_an_invoice_with_a_forwarded_balance_sends_only_its_new_items(law_firm: LawFirm) -> None:
    law_firm.activate()
    forward = {"kind": "balance_forward", "fee_item_id": None, "amount": "300.00"}
    law_firm.invoice("1", "100.00", lines=[forward])

    law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    [row] = law_firm.query(
        "select amount_cents, forwarded_cents, quickbooks_total_cents from sync.document where kind = 'invoice'"
    )
    assert (str(invoice["TotalAmt"]), row) == (
        "100.0", {"amount_cents": 40000, "forwarded_cents": 30000, "quickbooks_total_cents": 10000},
    )  # fmt: skip


def test_a_revision_changes_the_invoice_in_place(law_firm: LawFirm) -> None:
    before = posted(law_firm, paid="40.00")
    law_firm.books.do("edit", entity="Invoice", id=before["Id"], changes={"CustomerMemo": {"value": "by hand"}})
    revise(law_firm, "150.00")

    report = law_firm.sync()

    [after] = law_firm.books.ours("Invoice")
    assert (after["Id"], after["DocNumber"], str(after["TotalAmt"]), str(after["Balance"])) == (
        before["Id"], "N-1", "150.0", "110.0",
    )  # fmt: skip
    assert after["CustomerMemo"]["value"] == "by hand"
    assert report.documents("invoice", "updated") == 1


def test_new_and_revised_invoices_of_one_run_are_kept_apart(law_firm: LawFirm) -> None:
    posted(law_firm)
    revise(law_firm, "150.00")
    law_firm.invoice("2", "20.00")

    report = law_firm.sync()

    assert (report.documents("invoice", "updated"), report.documents("invoice", "created")) == (1, 1)
    assert [str(row["TotalAmt"]) for row in law_firm.books.ours("Invoice")] == ["150.0", "20.0"]


def test_a_touch_that_changes_nothing_sends_nothing(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.change("update invoices set matter = 'another'")

    report = law_firm.sync()

    assert ([row.activity for row in report.activities], report.writes) == (["revised", "skipped"], 0)
    assert law_firm.states() == {"1": ("synced", "")}


def test_an_invoice_that_billing_voids_is_void_in_quickbooks(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.change("update invoices set status = 'void'")

    law_firm.sync()

    [invoice] = law_firm.books.all("Invoice")
    assert (invoice["TotalAmt"], law_firm.states()) == (0, {"1": ("voided", "")})


def test_what_both_sides_have_voided_is_voided(law_firm: LawFirm) -> None:
    invoice = posted(law_firm)
    law_firm.change("update invoices set status = 'void'")
    law_firm.books.do("void", entity="Invoice", id=invoice["Id"])
    law_firm.books.count_anew()

    law_firm.sync()

    assert (law_firm.states(), law_firm.books.writes()) == ({"1": ("voided", "")}, 0)


def test_an_invoice_revised_to_nothing_is_voided(law_firm: LawFirm) -> None:
    posted(law_firm)
    revise(law_firm, "0.00")

    law_firm.sync()

    [invoice] = law_firm.books.all("Invoice")
    assert (invoice["TotalAmt"], law_firm.states()) == (0, {"1": ("voided", "")})


@pytest.mark.parametrize(("change", "reason"), [("60.00", "PAID_BELOW"), ("0.00", "PAID_BELOW")])
def test_a_paid_invoice_is_not_revised_below_what_is_paid(law_firm: LawFirm, change: str, reason: str) -> None:
    posted(law_firm, paid="80.00")
    revise(law_firm, change)

    law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    assert (str(invoice["TotalAmt"]), law_firm.states("invoice")) == ("100.0", {"1": ("held", reason)})


def test_a_paid_invoice_is_not_voided(law_firm: LawFirm) -> None:
    posted(law_firm, paid="80.00")
    law_firm.change("update invoices set status = 'void'")

    law_firm.sync()

    assert law_firm.states("invoice") == {"1": ("held", "PAYMENTS_APPLIED")}


def test_a_change_of_payer_follows_while_nothing_is_applied(law_firm: LawFirm) -> None:
    """With payments on it: ``test_payer_changes``."""
    posted(law_firm)
    law_firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    law_firm.change("update invoices set payer_id = 'P2'")

    law_firm.sync()

    [after] = law_firm.books.ours("Invoice")
    assert law_firm.states("invoice") == {"1": ("synced", "")}
    assert after["CustomerRef"]["name"] == "Ben Okafor"


def test_a_person_s_change_of_what_billing_owns_is_drift(law_firm: LawFirm) -> None:
    invoice = posted(law_firm)
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-01-01"})
    revise(law_firm, "150.00")

    law_firm.sync()

    [after] = law_firm.books.ours("Invoice")
    assert (str(after["TotalAmt"]), law_firm.states()) == ("100.0", {"1": ("held", "DRIFT")})


@pytest.mark.parametrize(("verb", "reason"), [("delete", "REMOTE_DELETED"), ("void", "REMOTE_VOIDED")])
def test_what_a_person_took_out_of_quickbooks_is_not_made_again(law_firm: LawFirm, verb: str, reason: str) -> None:
    invoice = posted(law_firm)
    law_firm.books.do(verb, entity="Invoice", id=invoice["Id"])
    revise(law_firm, "150.00")

    law_firm.sync()
    law_firm.sync()

    assert law_firm.states() == {"1": ("held", reason)}
    assert sum(int(row["TotalAmt"]) for row in law_firm.books.all("Invoice")) == 0


def test_a_voided_invoice_s_number_is_free_in_the_same_run(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.change("update invoices set status = 'void'")
    law_firm.invoice("2", "90.00", invoice_number="N-1")

    law_firm.sync()

    assert law_firm.states() == {"1": ("voided", ""), "2": ("synced", "")}


def test_what_is_held_has_one_reason_and_one_remedy(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("mismatch", "100.00", total_amount="90.00")
    law_firm.invoice("long", "100.00", invoice_number="N" * 22)
    law_firm.invoice("fine", "100.00")

    law_firm.sync()

    held = law_firm.query("select source_id, reason, detail, remedy from reporting.held_documents order by source_id")
    assert [(row["source_id"], row["reason"], row["detail"]) for row in held] == [
        ("long", "NUMBER_TOO_LONG", ""), ("mismatch", "TOTAL_MISMATCH", "lines 100.00, total 90.00"),
    ]  # fmt: skip
    assert all(row["remedy"] for row in held)
    assert law_firm.states()["fine"] == ("synced", "")


def test_a_cut_or_cleaned_text_is_a_row_of_the_log(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", customer_message="For A098765432. " + "x" * 1000)

    law_firm.sync()

    details = [
        row["detail"] for row in law_firm.query("select detail from sync.log where activity = 'notice' order by 1")
    ]
    assert details == ["CustomerMemo: 1 identity numbers removed", "CustomerMemo: cut from 1015 to 1000 characters"]


def test_an_invoice_that_billing_takes_up_again_after_its_void_is_held(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.change("update invoices set status = 'void'")
    law_firm.sync()
    law_firm.change("update invoices set status = 'issued'")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_VOIDED")}
    assert [str(row["TotalAmt"]) for row in law_firm.books.all("Invoice")] == ["0"]


def test_an_invoice_revised_to_nothing_and_back_is_held(law_firm: LawFirm) -> None:
    posted(law_firm)
    revise(law_firm, "0.00")
    law_firm.sync()
    revise(law_firm, "100.00")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_VOIDED")}
    assert [str(row["TotalAmt"]) for row in law_firm.books.all("Invoice")] == ["0"]


def test_a_deleted_invoice_stays_held_when_billing_has_its_old_content_again(law_firm: LawFirm) -> None:
    invoice = posted(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=invoice["Id"])
    revise(law_firm, "150.00")
    law_firm.sync()
    law_firm.change("update invoices set total_amount = 151")
    law_firm.sync()
    assert law_firm.states() == {"1": ("held", "TOTAL_MISMATCH")}
    revise(law_firm, "100.00")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED")}
    assert law_firm.books.all("Invoice") == []


def test_a_deleted_invoice_stays_held_when_billing_has_it_again_after_it_was_gone(law_firm: LawFirm) -> None:
    invoice = posted(law_firm)
    day = law_firm.today - timedelta(days=1)
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("create table kept_lines as select * from billing.invoice_lines")
        connection.exec_driver_sql("create table kept as select * from billing.invoices")
    law_firm.books.do("delete", entity="Invoice", id=invoice["Id"])
    revise(law_firm, "150.00")
    law_firm.sync()
    law_firm.remove("invoice_lines")
    law_firm.remove("invoices")
    law_firm.sync(first=day, last=day)
    assert law_firm.states() == {"1": ("held", "SOURCE_GONE")}
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("insert into billing.invoices select * from kept")
        connection.exec_driver_sql("insert into billing.invoice_lines select * from kept_lines")

    law_firm.sync(first=day, last=day)

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED")}
    assert law_firm.books.all("Invoice") == []


def with_class(law_firm: LawFirm) -> str:
    """A bookkeeper gives line 1 of the posted invoice a class; the company tracks them on lines."""
    law_firm.books.do("preferences", AccountingInfoPrefs={"ClassTrackingPerTxnLine": True})
    class_id = str(law_firm.books.create("Class", {"Name": "Boston"})["Id"])
    invoice = posted(law_firm)
    line = dict(invoice["Line"][0])
    line["SalesItemLineDetail"] = dict(line["SalesItemLineDetail"]) | {"ClassRef": {"value": class_id}}
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes=as_json({"Line": [line]}))
    return class_id


def classes(law_firm: LawFirm) -> list[tuple[str, str]]:
    """Amount and class of each line of the one invoice."""
    [invoice] = law_firm.books.ours("Invoice")
    details = [(str(line["Amount"]), line.get("SalesItemLineDetail")) for line in invoice["Line"]]
    return [
        (amount, detail.get("ClassRef", {}).get("value", ""))
        for amount, detail in details
        if detail and "ItemRef" in detail
    ]


def test_a_revision_keeps_the_class_that_a_bookkeeper_gave_a_line(law_firm: LawFirm) -> None:
    class_id = with_class(law_firm)

    law_firm.change("update invoices set due_date = :day", day=law_firm.today)
    law_firm.sync()
    untouched = (law_firm.states(), classes(law_firm))
    revise(law_firm, "150.00")
    law_firm.sync()

    assert untouched == ({"1": ("synced", "")}, [("100.0", class_id)])
    assert (law_firm.states(), classes(law_firm)) == ({"1": ("synced", "")}, [("150.0", class_id)])


def test_a_revision_that_would_lose_a_class_is_held(law_firm: LawFirm) -> None:
    class_id = with_class(law_firm)

    law_firm.change(
        "update invoice_lines set kind = 'note', fee_item_id = null, amount = 0, unit_price = null, quantity = null"
    )
    law_firm.insert("invoice_lines", invoice_id="1", line_number=9, amount="120.00", quantity=1, unit_price="120.00")
    law_firm.change("update invoices set total_amount = 120")
    law_firm.sync()

    assert (law_firm.states(), classes(law_firm)) == ({"1": ("held", "DRIFT")}, [("100.0", class_id)])


@pytest.mark.slow
def test_an_invoice_with_another_date_number_and_text_is_changed_in_place(law_firm: LawFirm) -> None:
    before = posted(law_firm, paid="40.00")
    day = law_firm.today - timedelta(days=20)
    law_firm.change("update invoices set invoice_date = :day, due_date = :day, invoice_number = 'N-1a'", day=day)
    law_firm.change("update invoice_lines set description = 'Advice of May'")

    law_firm.sync()

    [after] = law_firm.books.ours("Invoice")
    assert (after["Id"], after["DocNumber"], after["TxnDate"], after["DueDate"]) == (
        before["Id"], "N-1a", day.isoformat(), day.isoformat(),
    )  # fmt: skip
    assert (after["Line"][0]["Description"], str(after["Balance"])) == ("Advice of May", "60.0")
    assert law_firm.states()["1"] == ("synced", "")


@pytest.mark.slow
def test_a_former_number_may_be_used_by_the_next_invoice(law_firm: LawFirm) -> None:
    law_firm.books.switch(duplicate_numbers="refused")
    posted(law_firm)
    law_firm.change("update invoices set invoice_number = 'N-9'")
    law_firm.invoice("2", "50.00", invoice_number="N-1")

    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", "")}
    assert sorted(row["DocNumber"] for row in law_firm.books.ours("Invoice")) == ["N-1", "N-9"]


@pytest.mark.slow
def test_in_closed_books_nothing_is_made_changed_or_voided_until_they_are_open_again(law_firm: LawFirm) -> None:
    law_firm.activate()
    for name in ("revised", "void"):
        law_firm.invoice(name, "100.00", days_ago=40)
    law_firm.payment("paid", applied={"revised": "10.00"}, days_ago=40)
    law_firm.sync()
    law_firm.books.do("close-books", date=(law_firm.today - timedelta(days=30)).isoformat())
    law_firm.invoice("new", "100.00", days_ago=40)
    law_firm.change("update invoice_lines set amount = 90, unit_price = 90 where invoice_id = 'revised'")
    law_firm.change("update invoices set total_amount = 90 where invoice_id = 'revised'")
    law_firm.change("update invoices set status = 'void' where invoice_id = 'void'")
    law_firm.change("update payments set reference = 'other'")

    law_firm.sync()
    closed = law_firm.states()
    totals = sorted(str(row["TotalAmt"]) for row in law_firm.books.ours("Invoice"))
    law_firm.books.do("close-books", date=None)
    law_firm.sync()

    assert set(closed.values()) == {("held", "PERIOD_CLOSED")}
    assert totals == ["100.0", "100.0"]
    assert law_firm.states() == {
        "new": ("synced", ""), "paid": ("synced", ""), "revised": ("synced", ""), "void": ("voided", ""),
    }  # fmt: skip


@pytest.mark.slow
def test_terms_and_due_dates_are_billing_s_own(law_firm: LawFirm) -> None:
    law_firm.activate()
    term = law_firm.books.create("Term", {"Name": "Net 30 days", "DueDays": 30})["Id"]
    law_firm.map("terms", "Net 30", term)
    law_firm.invoice("mapped", "10.00", terms="Net 30", due_date=date(2026, 12, 31))
    law_firm.invoice("unmapped", "10.00", terms="Net 60", due_date=date(2026, 11, 30))

    law_firm.sync()

    found = {row["DocNumber"]: (row["DueDate"], "SalesTermRef" in row) for row in law_firm.books.ours("Invoice")}
    assert found == {"N-mapped": ("2026-12-31", True), "N-unmapped": ("2026-11-30", False)}


@pytest.mark.slow
def test_a_very_long_invoice_goes_whole(law_firm: LawFirm) -> None:
    """More than 750 lines are too many only with tax."""
    law_firm.activate()
    law_firm.invoice("1", *["0.01"] * 800)

    law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    assert (len(invoice["Line"]), str(invoice["TotalAmt"])) == (801, "8.0")
