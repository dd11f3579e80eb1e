"""Refusals that say too little: what a look at QuickBooks makes of them."""

from collections.abc import Callable
from typing import Any

import pytest

from qb_pipeline_tests.law_firm import LawFirm


def known(law_firm: LawFirm) -> None:
    """An active firm whose customer and item have been found."""
    law_firm.activate()
    law_firm.invoice("known", "1.00")
    law_firm.sync()


def test_a_foreign_invoice_of_our_number_keeps_it(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.switch(duplicate_numbers="refused")
    [ours] = law_firm.books.ours("Invoice")
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": "5",
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }
    changes = {"CustomerRef": {"value": ours["CustomerRef"]["value"]}, "DocNumber": "N-1", "Line": [line]}
    law_firm.books.do("edit", entity="Invoice", changes=changes)
    law_firm.invoice("1", "10.00")

    law_firm.sync()

    assert law_firm.states()["1"] == ("held", "MAYBE_THERE")  # its customer is ours too
    assert law_firm.in_quickbooks("invoice") == {"known": 1}


def test_a_number_that_our_own_lost_document_has_is_good_news(law_firm: LawFirm) -> None:
    """A query showed nothing of it for longer than anything may take; then its number says that it is there."""
    known(law_firm)
    law_firm.books.switch(duplicate_numbers="refused", query_lag_seconds=2000.0)
    law_firm.invoice("1", "10.00")
    law_firm.books.fault({"what": "commit_then_drop", "match": "batch"})
    law_firm.sync()
    held = law_firm.states()["1"]
    law_firm.time.sleep(2000)

    law_firm.sync()

    assert (held, law_firm.states()["1"]) == (("held", "NUMBER_TAKEN"), ("synced", ""))
    assert law_firm.in_quickbooks("invoice") == {"known": 1, "1": 1}
    assert law_firm.activities("adopted") == [("invoice", "1", "adopted", "")]


def test_a_payment_on_an_invoice_that_a_person_deleted_waits_and_the_invoice_is_told(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.books.do("delete", entity="Invoice", id=law_firm.books.ours("Invoice")[0]["Id"])
    law_firm.payment("p1", applied={"1": "40.00"})

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED"), "p1": ("waiting", "INVOICE_NOT_SENT")}


def test_a_payment_above_what_is_open_in_quickbooks_is_held(law_firm: LawFirm) -> None:
    """The customer has paid the bookkeeper meanwhile; our ledger does not know."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("receive-payment", customer_id=invoice["CustomerRef"]["value"], invoices=[invoice["Id"]])
    law_firm.payment("p1", applied={"1": "99.00"})  # not theirs: that is of 100.00

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("held", "EXCEEDS_BALANCE")}


def test_a_look_that_fails_leaves_the_refusal_as_it_is(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=law_firm.books.ours("Invoice")[0]["Id"])
    law_firm.payment("p1", applied={"known": "1.00"})
    law_firm.books.fault({"what": "html_503", "match": "invoice", "times": None})

    law_firm.sync()
    without_a_look = law_firm.states()
    law_firm.books.heal()
    law_firm.sync()

    assert without_a_look == {"known": ("synced", ""), "p1": ("held", "MAPPING_INACTIVE")}
    assert law_firm.states() == {"known": ("held", "REMOTE_DELETED"), "p1": ("waiting", "INVOICE_NOT_SENT")}


def details(law_firm: LawFirm) -> dict[str, str]:
    """What the list of held documents says of each."""
    return {
        row["source_id"]: row["detail"]
        for row in law_firm.query("select source_id, detail from reporting.held_documents")
    }


def moved_by_hand(law_firm: LawFirm) -> tuple[dict[str, Any], str, str]:
    """Invoice 1 under P1; a bookkeeper moves it to P2's customer before its payment comes."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "50.00", payer_id="P2")
    law_firm.sync()
    invoices = {row["DocNumber"]: row for row in law_firm.books.ours("Invoice")}
    ours, theirs = (str(invoices[name]["CustomerRef"]["value"]) for name in ("N-1", "N-2"))
    law_firm.books.do("edit", entity="Invoice", id=invoices["N-1"]["Id"], changes={"CustomerRef": {"value": theirs}})
    law_firm.payment("p1", applied={"1": "40.00"})
    return invoices["N-1"], ours, theirs


def move_it_back(law_firm: LawFirm, invoice: dict[str, Any], ours: str, _theirs: str) -> None:
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"CustomerRef": {"value": ours}})


def map_the_payer(law_firm: LawFirm, _invoice: dict[str, Any], _ours: str, theirs: str) -> None:
    law_firm.map("payer", "P1", theirs)


def bill_that_client(law_firm: LawFirm, _invoice: dict[str, Any], _ours: str, _theirs: str) -> None:
    law_firm.change("update invoices set payer_id = 'P2' where invoice_id = '1'")


@pytest.mark.parametrize("remedy", [move_it_back, map_the_payer, bill_that_client], ids=lambda each: each.__name__)
def test_a_payment_on_an_invoice_that_a_person_moved_names_both_customers_and_is_not_sent_again(
    law_firm: LawFirm, remedy: Callable[[LawFirm, dict[str, Any], str, str], None]
) -> None:
    invoice, ours, theirs = moved_by_hand(law_firm)
    law_firm.sync()
    first = details(law_firm)["p1"]
    law_firm.books.count_anew()
    law_firm.sync()
    law_firm.books.do("edit", entity="Customer", id=ours, changes={"Notes": "called twice"})
    law_firm.sync()
    again = law_firm.books.writes()
    said = f"Invoice {invoice['Id']} is under customer {theirs}, the payment under customer {ours}"

    assert (first, again, law_firm.states()["p1"]) == (f"fault 620: {said}", 0, ("held", "OTHER_CUSTOMER"))
    assert said in details(law_firm)["p1"]
    remedy(law_firm, invoice, ours, theirs)
    law_firm.sync()
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", ""), "p1": ("synced", "")}


def of_another_currency(law_firm: LawFirm) -> str:
    """The company uses several currencies; the customer that P1 is mapped to has euros."""
    law_firm.books.do("preferences", CurrencyPrefs={"MultiCurrencyEnabled": True})
    law_firm.activate()
    euros = {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz", "CurrencyRef": {"value": "EUR"}}
    customer = str(law_firm.books.do("edit", entity="Customer", changes=euros)["Id"])
    law_firm.map("payer", "P1", customer)
    return customer


def test_a_customer_of_another_currency_is_named_and_its_invoice_is_not_sent_again(law_firm: LawFirm) -> None:
    customer = of_another_currency(law_firm)
    law_firm.invoice("1", "10.00")

    law_firm.sync()
    first = details(law_firm)["1"]
    law_firm.books.count_anew()
    law_firm.sync()
    law_firm.books.do("edit", entity="Customer", id=customer, changes={"Notes": "called twice"})
    law_firm.sync()

    said = f"customer {customer} has EUR, the document USD"
    assert (first, law_firm.books.writes()) == (f"fault 6000: {said}", 0)
    assert (law_firm.states()["1"], said in details(law_firm)["1"]) == (("held", "CUSTOMER_CURRENCY"), True)
    dollars = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Ana Diaz USD"})
    law_firm.map("payer", "P1", str(dollars["Id"]))
    law_firm.sync()
    assert law_firm.states() == {"1": ("synced", "")}
