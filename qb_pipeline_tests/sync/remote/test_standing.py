"""What QuickBooks refused is not sent again before something changed, and a cure is noticed by the next run."""

from collections.abc import Callable
from math import ceil
from typing import Any

import pytest

from qb_pipeline.sync.remote.outcomes import HELD_BY_FAULT
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.plan.test_payments import paid

Cure = Callable[[], Any]


def known(law_firm: LawFirm, **settings: str) -> None:
    """An active firm whose customer and item have been found."""
    law_firm.activate(**settings)
    law_firm.invoice("known", "1.00")
    law_firm.sync()


def enter(law_firm: LawFirm, number: str, entity: str = "Invoice") -> dict[str, Any]:
    """Somebody enters a document of this number in QuickBooks."""
    [ours] = law_firm.books.ours("Invoice")
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": "5",
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }
    changes = {"CustomerRef": {"value": ours["CustomerRef"]["value"]}, "DocNumber": number, "Line": [line]}
    made: dict[str, Any] = law_firm.books.do("edit", entity=entity, changes=changes)
    return made


def a_taken_number(law_firm: LawFirm) -> Cure:
    known(law_firm)
    law_firm.books.switch(duplicate_numbers="refused")
    bearer = enter(law_firm, "N-1", "CreditMemo")  # an invoice would be found before anything is sent
    law_firm.invoice("1", "10.00")
    return lambda: law_firm.books.do("edit", entity="CreditMemo", id=bearer["Id"], changes={"DocNumber": "other"})


def closed_books(law_firm: LawFirm) -> Cure:
    known(law_firm)
    law_firm.books.do("close-books", date="2024-12-31")
    law_firm.invoice("1", "10.00", invoice_date="2024-06-30")
    return lambda: law_firm.books.do("close-books", date=None)


def scripted(code: str, cause: Callable[[LawFirm], Cure]) -> Callable[[LawFirm], Cure]:
    """A code that the emulator gives only when it is told to, for a cause that it has."""

    def make(law_firm: LawFirm) -> Cure:
        mend = cause(law_firm)
        law_firm.books.fault({"what": "refused", "code": code, "match": "batch", "times": None})

        def cure() -> None:
            mend()
            law_firm.books.heal()

        return cure

    return make


def an_inactive_item(law_firm: LawFirm) -> Cure:
    known(law_firm)
    law_firm.books.do("inactivate", entity="Item", id=law_firm.item_id)
    law_firm.invoice("1", "10.00")
    return lambda: law_firm.books.do("activate", entity="Item", id=law_firm.item_id)


def an_inactive_customer(law_firm: LawFirm) -> Cure:
    known(law_firm)
    law_firm.books.switch(inactivate_with_balance="allowed", inactive_reference="2500")
    [ours] = law_firm.books.ours("Invoice")
    customer = ours["CustomerRef"]["value"]
    law_firm.books.do("inactivate", entity="Customer", id=customer)
    law_firm.invoice("1", "10.00")
    return lambda: law_firm.books.do("activate", entity="Customer", id=customer)


def a_deposit(law_firm: LawFirm) -> Cure:
    payment = paid(law_firm)
    deposit = law_firm.books.do("deposit", payments=[payment["Id"]])
    law_firm.change("update payments set reference = '77'")
    return lambda: law_firm.books.do("delete", entity="Deposit", id=deposit["Id"])


CAUSES: dict[str, Callable[[LawFirm], Cure]] = {
    "6140": a_taken_number,
    "6200": scripted("6200", closed_books),
    "6210": closed_books,
    "6540": a_deposit,
    "610": an_inactive_item,
    "2500": an_inactive_customer,
    "6250": scripted("6250", an_inactive_item),
}


def test_each_fault_that_a_person_can_mend_in_quickbooks_has_a_cause_here() -> None:
    assert CAUSES.keys() == HELD_BY_FAULT.keys()


def since(law_firm: LawFirm, reason: str) -> list[dict[str, Any]]:
    return law_firm.query(
        "select state_since, refused_at, refused_at is not null as is_refused from sync.document d "
        "left join sync.refusal using (document_id) where d.reason = :reason",
        reason=reason,
    )


@pytest.mark.parametrize("code", CAUSES)
def test_a_refused_document_stays_as_it_was_and_goes_with_the_run_after_its_cure(law_firm: LawFirm, code: str) -> None:
    cure = CAUSES[code](law_firm)
    document, problem = ("p1" if code == "6540" else "1"), HELD_BY_FAULT[code]
    law_firm.sync()
    first = since(law_firm, problem)
    law_firm.books.count_anew()

    reports = [law_firm.sync() for _ in range(2)]
    unchanged, sent = law_firm.states()[document], law_firm.books.writes()
    last = since(law_firm, problem)
    cure()
    law_firm.sync()

    assert (unchanged, sent, [report.held for report in reports]) == (("held", problem), 0, [1, 1])
    assert last == first
    # what a look shows to be deposited is not even sent
    assert [row["is_refused"] for row in first] == [code != "6540"]
    assert law_firm.states()[document] == ("synced", "")
    assert law_firm.query("select * from sync.refusal") == []


def refuse_all(law_firm: LawFirm, code: str, count: int) -> None:
    law_firm.books.fault({"what": "refused", "code": code, "match": "batch", "times": None})
    for number in range(count):
        law_firm.invoice(f"{number:03}", "10.00")


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("6000", {"GET preferences": 1, "GET companyinfo": 1, "POST query": 3}),  # customer, item, its account
        ("610", {"POST query": 5}),  # and customer and item once more: the run names the mapping that is inactive
    ],
)
@pytest.mark.slow
def test_five_hundred_refused_documents_cost_no_write_and_few_reads(
    law_firm: LawFirm, code: str, reads: dict[str, int]
) -> None:
    known(law_firm)
    if code == "610":
        law_firm.books.do("inactivate", entity="Item", id=law_firm.item_id)
    refuse_all(law_firm, code, 500)
    law_firm.sync()
    before = law_firm.states()
    law_firm.sync()  # reads the settings anew: something was refused since they were read
    law_firm.books.count_anew()

    report = law_firm.sync()

    assert law_firm.books.requests() == reads
    assert (report.writes, report.held, law_firm.states()) == (0, 500, before)


@pytest.mark.slow
def test_five_hundred_taken_numbers_are_asked_for_together(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.switch(duplicate_numbers="refused")
    for number in range(500):
        enter(law_firm, f"N-{number:03}")
        law_firm.invoice(f"{number:03}", "10.00")
    law_firm.sync()
    law_firm.books.count_anew()

    report = law_firm.sync()

    assert law_firm.books.writes() == 0
    assert law_firm.books.requests()["POST query"] <= ceil(500 / 30)
    assert set(law_firm.states().values()) == {("synced", ""), ("held", "MAYBE_THERE")}  # of our customer too
    assert report.held == 500


def refused(law_firm: LawFirm, code: str = "6000") -> None:
    """One refused invoice, and a QuickBooks that would take it now, without anything to see of that."""
    known(law_firm)
    refuse_all(law_firm, code, 1)
    law_firm.sync()
    law_firm.books.heal()
    law_firm.sync()
    assert law_firm.states()["000"] == ("refused", "REFUSED")


def test_a_refused_document_that_billing_changes_is_sent_again(law_firm: LawFirm) -> None:
    refused(law_firm)
    law_firm.change("update invoices set customer_message = 'Thank you', updated_at = now() where invoice_id = '000'")

    law_firm.sync()

    assert law_firm.states()["000"] == ("synced", "")


def test_a_new_time_alone_is_no_change(law_firm: LawFirm) -> None:
    refused(law_firm)
    law_firm.change("update invoices set updated_at = now() where invoice_id = '000'")
    law_firm.books.count_anew()

    law_firm.sync()

    assert (law_firm.states()["000"], law_firm.books.writes()) == (("refused", "REFUSED"), 0)


def test_a_mapping_that_changes_sends_a_refused_document_again(law_firm: LawFirm) -> None:
    refused(law_firm)
    income = next(account["Id"] for account in law_firm.books.all("Account") if account["Name"] == "Legal Fees")
    item = law_firm.books.create("Item", {"Name": "Other", "Type": "Service", "IncomeAccountRef": {"value": income}})
    law_firm.map("fee_item", "F1", item["Id"])

    law_firm.sync(invoice_ids=[])

    assert law_firm.states()["000"] == ("synced", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda firm: firm.books.do("preferences", SalesFormsPrefs={"AllowDiscount": False}),
        lambda firm: firm.books.do("edit", entity="Item", id=firm.item_id, changes={"Description": "anew"}),
    ],
)
def test_what_a_fault_without_a_name_may_be_about_is_looked_at(law_firm: LawFirm, change: Callable[..., Any]) -> None:
    """The company's settings, and the objects that the document names."""
    refused(law_firm)
    change(law_firm)

    law_firm.sync()

    assert law_firm.states()["000"] == ("synced", "")


def test_a_person_who_names_a_refused_document_sends_it_again(law_firm: LawFirm) -> None:
    refused(law_firm)

    law_firm.sync(invoice_ids=["000"])

    assert law_firm.states()["000"] == ("synced", "")


def test_a_cause_that_nobody_saw_gets_one_more_try(law_firm: LawFirm) -> None:
    """The number was free again before we looked who has it: no later look would show a change."""
    known(law_firm)
    refuse_all(law_firm, "6140", 1)

    law_firm.sync()
    law_firm.books.count_anew()
    writes = []
    for _ in range(3):
        law_firm.sync()
        writes.append(law_firm.books.writes())

    assert writes == [1, 1, 1]


def test_a_number_that_another_kind_of_document_has_is_found_by_what_the_fault_says(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.switch(duplicate_numbers="refused")
    memo = enter(law_firm, "N-1", "CreditMemo")
    law_firm.invoice("1", "10.00")
    detail = {"what": "refused", "code": "6140", "match": "batch", "times": None}
    law_firm.books.fault({**detail, "detail": f"assigned to TxnType=Credit Memo with TxnId={memo['Id']}"})
    law_firm.sync()
    law_firm.books.heal()
    law_firm.books.count_anew()

    law_firm.sync()
    unchanged = law_firm.states()["1"], law_firm.books.writes()
    law_firm.books.do("edit", entity="CreditMemo", id=memo["Id"], changes={"DocNumber": "other"})
    law_firm.sync()

    assert (unchanged, law_firm.states()["1"]) == ((("held", "NUMBER_TAKEN"), 0), ("synced", ""))


def test_what_payments_pay_is_looked_at(law_firm: LawFirm) -> None:
    """A payment above what is open: it goes when the bookkeeper takes the other payment off the invoice."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    customer = invoice["CustomerRef"]["value"]
    theirs = law_firm.books.do("receive-payment", customer_id=customer, invoices=[invoice["Id"]])
    law_firm.payment("p1", applied={"1": "99.00"})  # not theirs: that is of 100.00
    law_firm.sync()
    law_firm.books.count_anew()

    law_firm.sync()
    unchanged = law_firm.states("payment"), law_firm.books.writes()
    law_firm.books.do("void", entity="Payment", id=theirs["Id"])
    law_firm.sync()

    assert unchanged == ({"p1": ("held", "EXCEEDS_BALANCE")}, 0)
    assert law_firm.states("payment") == {"p1": ("synced", "")}


def test_a_refused_customer_is_not_offered_again_before_its_name_is_free(law_firm: LawFirm) -> None:
    law_firm.activate()
    taken = [
        law_firm.books.do("edit", entity="Vendor", changes={"DisplayName": name})["Id"]
        for name in ("Ana Diaz", "Ana Diaz (P1)")
    ]
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.books.count_anew()

    law_firm.sync()
    unchanged = law_firm.states()["1"], law_firm.books.writes()
    law_firm.books.do("edit", entity="Vendor", id=taken[1], changes={"DisplayName": "Other"})
    law_firm.sync()

    assert unchanged == (("held", "NAME_TAKEN"), 0)
    assert law_firm.states()["1"] == ("synced", "")
    assert [row["DisplayName"] for row in law_firm.books.all("Customer")] == ["Ana Diaz (P1)"]


def test_a_refused_item_is_not_offered_again_before_something_that_it_names_changed(law_firm: LawFirm) -> None:
    income = next(account["Id"] for account in law_firm.books.all("Account") if account["Name"] == "Legal Fees")
    known(law_firm, unmapped_fee_item="create", income_account=income)
    law_firm.insert("fee_items", fee_item_id="F2", name="Filing", code="FIL")
    line = {"fee_item_id": "F2", "quantity": 1, "unit_price": "10.00", "amount": "10.00"}
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "item", "times": None})
    law_firm.invoice("1", lines=[line])
    law_firm.sync()
    law_firm.books.heal()
    law_firm.books.count_anew()

    law_firm.sync()
    unchanged = law_firm.states()["1"], law_firm.books.writes()
    law_firm.books.do("edit", entity="Account", id=income, changes={"Description": "anew"})
    law_firm.sync()

    assert unchanged == (("held", "REFUSED"), 0)
    assert law_firm.states()["1"] == ("synced", "")


def test_a_customer_that_may_not_be_changed_is_not_offered_again(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.change("update payers set email = 'ana@example.com', updated_at = now()")
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "customer", "times": None})
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.books.count_anew()
    law_firm.invoice("2", "10.00")
    law_firm.sync()
    unchanged = law_firm.books.requests().get("POST customer", 0)
    law_firm.books.heal()
    law_firm.change("update payers set email = 'diaz@example.com', updated_at = now()")
    law_firm.invoice("3", "10.00")
    law_firm.sync()

    assert (unchanged, law_firm.books.requests()["POST customer"]) == (0, 1)
    [customer] = law_firm.books.all("Customer")
    assert customer["PrimaryEmailAddr"] == {"Address": "diaz@example.com"}


def test_a_refused_correction_leaves_the_document_held_for_its_total(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": True})
    known(law_firm, tax_policy="total")
    tax = {"kind": "tax", "fee_item_id": None, "amount": "8.88"}
    law_firm.invoice("1", lines=[{"amount": "100.00", "is_taxable": True}, tax])
    law_firm.books.switch(tax="recomputed", tax_percent=0.0)
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "invoice", "times": None})

    law_firm.sync()
    law_firm.sync()

    assert law_firm.states()["1"] == ("held", "TOTAL_DIFFERS")


def test_a_plan_says_what_stands_and_that_a_named_document_would_go(law_firm: LawFirm) -> None:
    refused(law_firm)
    dry = ("work_list", "sync_plan")

    everything, named = law_firm.sync(dry), law_firm.sync(dry, invoice_ids=["000"])

    assert everything.planned.documents == {("invoice", "hold"): 1}
    assert named.planned.documents == {("invoice", "create"): 1}
