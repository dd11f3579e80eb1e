"""Customers whose payer changed in billing: what follows into QuickBooks, and what stays the bookkeeper's."""

from typing import Any

import pytest

from qb_pipeline_tests.law_firm import LawFirm


def customer(law_firm: LawFirm) -> dict[str, Any]:
    """The one customer, after the next document of its payer was sent."""
    law_firm.invoice(f"i{law_firm.sends()}", "10.00")
    law_firm.sync()
    [found] = law_firm.books.all("Customer")
    return found


def test_a_payer_s_new_name_and_address_follow_with_its_next_invoice(law_firm: LawFirm) -> None:
    law_firm.activate()
    before = customer(law_firm)
    law_firm.change("update payers set last_name = 'Diaz-Lee', email = 'ana@example.org', city = 'Albany'")

    after = customer(law_firm)

    assert (after["Id"], after["DisplayName"], after["FamilyName"]) == (before["Id"], "Ana Diaz-Lee", "Diaz-Lee")
    assert (after["PrimaryEmailAddr"], after["BillAddr"]["City"]) == ({"Address": "ana@example.org"}, "Albany")
    assert set(law_firm.states().values()) == {("synced", "")}


def test_without_a_change_nothing_is_asked_or_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer(law_firm)
    law_firm.change("update payers set updated_at = now()")
    law_firm.books.count_anew()

    customer(law_firm)

    assert law_firm.books.requests() == {"GET cdc": 1, "POST batch": 1, "POST query": 1}  # the query is the census


def test_a_customer_that_was_there_before_us_follows_but_keeps_its_name(law_firm: LawFirm) -> None:
    """At first nothing of it is changed: what the bookkeeper wrote stands until billing says something new."""
    law_firm.activate()
    changes = {
        "DisplayName": "Diaz, Ana",
        "GivenName": "Ana",
        "FamilyName": "Diaz",
        "PrimaryPhone": {"FreeFormNumber": "1"},
    }
    law_firm.books.do("edit", entity="Customer", changes=changes)
    law_firm.change("update payers set phone = '2'")
    linked = customer(law_firm)
    law_firm.change("update payers set phone = '3', last_name = 'Lee'")

    after = customer(law_firm)

    assert linked["PrimaryPhone"] == {"FreeFormNumber": "1"}
    assert (after["DisplayName"], after["FamilyName"], after["PrimaryPhone"]) == (
        "Diaz, Ana", "Lee", {"FreeFormNumber": "3"},
    )  # fmt: skip


@pytest.mark.slow
def test_a_change_is_not_forgotten_over_an_invoice_that_is_held(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer(law_firm)
    law_firm.change("update payers set last_name = 'Lee'")
    law_firm.invoice("held", "10.00", total_amount="11.00")
    law_firm.sync()

    assert customer(law_firm)["DisplayName"] == "Ana Lee"


@pytest.mark.slow
def test_a_customer_that_a_person_renamed_is_not_renamed_back(law_firm: LawFirm) -> None:
    law_firm.activate()
    before = customer(law_firm)
    law_firm.books.do("rename", id=before["Id"], name="Diaz Estate")
    law_firm.change("update payers set last_name = 'Lee'")

    after = customer(law_firm)

    assert (after["DisplayName"], after["FamilyName"]) == ("Diaz Estate", "Lee")


@pytest.mark.slow
def test_a_new_name_that_somebody_has_leaves_the_old_one(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer(law_firm)
    law_firm.books.do("edit", entity="Vendor", changes={"DisplayName": "Ana Lee"})
    law_firm.change("update payers set last_name = 'Lee', mobile = '5'")

    after = customer(law_firm)

    assert (after["DisplayName"], after["FamilyName"], after["Mobile"]) == ("Ana Diaz", "Lee", {"FreeFormNumber": "5"})
    assert set(law_firm.states().values()) == {("synced", "")}


@pytest.mark.slow
def test_a_name_that_quickbooks_refuses_changes_nothing_and_is_told(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer(law_firm)
    law_firm.change("update payers set last_name = 'Lee: of Albany'")

    after = customer(law_firm)

    notices = law_firm.query("select kind, detail from sync.log where activity = 'notice'")
    assert (after["FamilyName"], notices) == (
        "Diaz",
        [{"kind": "customer", "detail": "a name that QuickBooks refuses: customer left as it is"}],
    )


@pytest.mark.slow
def test_a_lost_answer_to_a_change_is_found_out(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer(law_firm)
    law_firm.change("update payers set last_name = 'Lee'")
    law_firm.books.fault({"what": "commit_then_drop", "match": "customer"})

    after = customer(law_firm)

    assert (after["FamilyName"], after["SyncToken"], set(law_firm.states().values())) == ("Lee", "1", {("synced", "")})
    assert law_firm.query("select distinct state from sync.document where kind = 'customer'") == [{"state": "synced"}]
