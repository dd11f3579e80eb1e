"""Refusals that say too little: what a look at QuickBooks makes of them."""

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
