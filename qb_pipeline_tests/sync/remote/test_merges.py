"""Customers that a bookkeeper merged: their documents go on under the survivor, on evidence alone."""

import pytest

from qb_pipeline_tests.law_firm import LawFirm


def posted(law_firm: LawFirm, *invoice_ids: str) -> tuple[str, str]:
    """Invoices of P1 stand in QuickBooks; gives its customer, and another one of the bookkeeper's."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    other = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Diaz Family"})
    return str(law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]), str(other["Id"])


def customers_of(law_firm: LawFirm, entity: str) -> set[str]:
    return {row["CustomerRef"]["value"] for row in law_firm.books.ours(entity)}


@pytest.mark.parametrize("inactive_reference", ["610", "2500"])
def test_new_documents_of_a_merged_customer_go_to_the_survivor_in_the_same_run(
    law_firm: LawFirm, inactive_reference: str
) -> None:
    law_firm.books.switch(inactive_reference=inactive_reference)
    loser, survivor = posted(law_firm)
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.invoice("2", "50.00")
    law_firm.payment("p1", applied={"1": "40.00"})

    report = law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", ""), "p1": ("synced", "")}
    assert (customers_of(law_firm, "Invoice"), customers_of(law_firm, "Payment")) == ({survivor}, {survivor})
    assert report.notices == [f"customer {loser} was merged into {survivor}: 2 mappings and documents follow"]


def test_a_merge_is_no_drift_and_a_revision_goes_on(law_firm: LawFirm) -> None:
    loser, survivor = posted(law_firm)
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120")
    law_firm.change("update invoices set total_amount = 120")

    law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    assert (law_firm.states(), str(invoice["TotalAmt"]), invoice["CustomerRef"]["value"]) == (
        {"1": ("synced", "")}, "120.0", survivor,
    )  # fmt: skip


@pytest.mark.slow
def test_a_payment_and_its_invoice_are_voided_under_the_survivor(law_firm: LawFirm) -> None:
    loser, survivor = posted(law_firm)
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.sync()
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.change("update payments set status = 'void'")
    law_firm.change("update invoices set status = 'void'")

    law_firm.sync()

    assert law_firm.states() == {"1": ("voided", ""), "p1": ("voided", "")}


def test_without_evidence_nobody_is_followed(law_firm: LawFirm) -> None:
    """The documents that moved with the customer were deleted since: nothing shows where it went."""
    loser, survivor = posted(law_firm)
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.books.do("delete", entity="Invoice", id=law_firm.books.ours("Invoice")[0]["Id"])
    law_firm.invoice("2", "50.00")

    law_firm.sync()

    assert law_firm.states()["2"] == ("held", "CUSTOMER_GONE")


@pytest.mark.slow
def test_documents_that_went_different_ways_prove_nothing(law_firm: LawFirm) -> None:
    loser, survivor = posted(law_firm)
    third = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Somebody Else"})["Id"]
    law_firm.invoice("2", "50.00")
    law_firm.sync()
    moved = law_firm.books.ours("Invoice")[0]["Id"]
    law_firm.books.do("edit", entity="Invoice", id=moved, changes={"CustomerRef": {"value": third}})
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.invoice("3", "50.00")

    law_firm.sync()

    assert law_firm.states()["3"] == ("held", "CUSTOMER_GONE")


@pytest.mark.slow
def test_two_payers_whose_customers_were_merged_share_the_survivor(law_firm: LawFirm) -> None:
    law_firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    loser, _ = posted(law_firm)
    law_firm.invoice("2", "50.00", payer_id="P2")
    law_firm.sync()
    survivor = next(row["CustomerRef"]["value"] for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-2")
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.invoice("3", "30.00")

    law_firm.sync()

    assert (law_firm.states()["3"], customers_of(law_firm, "Invoice")) == (("synced", ""), {survivor})


@pytest.mark.slow
def test_a_customer_that_a_person_chose_for_the_invoice_is_still_drift(law_firm: LawFirm) -> None:
    _, other = posted(law_firm)
    invoice = law_firm.books.ours("Invoice")[0]["Id"]
    law_firm.books.do("edit", entity="Invoice", id=invoice, changes={"CustomerRef": {"value": other}})
    law_firm.change("update invoices set due_date = invoice_date")
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120")
    law_firm.change("update invoices set total_amount = 120")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "DRIFT")}


def test_a_merge_of_this_moment_is_followed_although_queries_show_what_was_before(law_firm: LawFirm) -> None:
    law_firm.books.switch(query_lag_seconds=10.0)
    loser, survivor = posted(law_firm)
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.time.sleep(11)  # what the test made before is there
    law_firm.sync()
    law_firm.time.sleep(11)
    law_firm.books.do("merge", loser_id=loser, survivor_id=survivor)
    law_firm.change("update payments set status = 'void'")
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120")
    law_firm.change("update invoices set total_amount = 120")

    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "p1": ("voided", "")}


def test_a_customer_that_a_query_does_not_show_yet_is_not_taken_for_merged(law_firm: LawFirm) -> None:
    law_firm.books.switch(query_lag_seconds=10.0)
    law_firm.time.sleep(11)
    customer, other = posted(law_firm)
    invoice = law_firm.books.ours("Invoice")[0]["Id"]
    law_firm.books.do("edit", entity="Invoice", id=invoice, changes={"CustomerRef": {"value": other}})
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120")
    law_firm.change("update invoices set total_amount = 120")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "DRIFT")}
    assert law_firm.query("select quickbooks_id as id from sync.mapping where kind = 'payer'") == [{"id": customer}]
