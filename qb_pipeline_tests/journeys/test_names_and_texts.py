"""Names and texts as firms have them, from billing's rows to QuickBooks' company and back."""

import json
from typing import Any

import pytest

from qb_pipeline.core.documents.payloads import fingerprint
from qb_pipeline.core.money import dumps, loads
from qb_pipeline_tests.law_firm import PARTNER, LawFirm

CLEANED = "update sync.document set sent_fingerprint = split_part(sent_fingerprint, ':', 2)"
"""Fingerprints as the former release wrote them: without the rules by which a text was cleaned."""


def invoice(firm: LawFirm, number: str) -> dict[str, Any]:
    [found] = [row for row in firm.books.ours("Invoice") if row["DocNumber"] == number]
    return found


def payment(firm: LawFirm) -> dict[str, Any]:
    [found] = firm.books.ours("Payment")
    return found


def customers(firm: LawFirm) -> set[str]:
    return {row["DisplayName"] for row in firm.books.all("Customer") if row.get("Notes")}


def touch(firm: LawFirm, relation: str, values: str) -> None:
    """Billing changes a document, and says so."""
    firm.change(f"update {relation} set {values}, updated_at = :now", now=firm.time.now())  # noqa: S608


def type_by_hand(firm: LawFirm, entity: str, quickbooks_id: str, changes: dict[str, Any]) -> None:
    firm.books.do("edit", entity=entity, id=quickbooks_id, changes=json.loads(dumps(changes), parse_float=str))


# Names


def test_a_client_with_one_name_is_held_until_the_firm_takes_such_names(law_firm: LawFirm) -> None:
    """The remedy of MISSING_NAME: set single_names=accept, sync once."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="one", first_name=None, last_name="Suharto")
    law_firm.insert("payers", payer_id="fnu", first_name="FNU", last_name="Sukarno")
    law_firm.insert("payers", payer_id="none", first_name="FNU", last_name="LNU")
    for payer_id in ("one", "fnu", "none"):
        law_firm.invoice(f"i-{payer_id}", "10.00", payer_id=payer_id)
    held = ("held", "MISSING_NAME")

    law_firm.sync()

    assert law_firm.states() == {"i-one": held, "i-fnu": held, "i-none": held}

    settings = {"single_names": "accept"}
    law_firm.deployment.firms.change_settings("one", settings, actor=PARTNER, now=law_firm.time.now())
    law_firm.sync()

    assert law_firm.states() == {"i-one": ("synced", ""), "i-fnu": ("synced", ""), "i-none": held}
    assert customers(law_firm) == {"Suharto", "Sukarno"}

    law_firm.change("update payers set first_name = 'Nona', last_name = 'Ng' where payer_id = 'none'")
    law_firm.sync()

    assert law_firm.states()["i-none"] == ("synced", "")


def test_a_customer_that_was_named_with_its_placeholder_keeps_that_name(law_firm: LawFirm) -> None:
    """A former release created it; a new telephone is no reason to rename anybody."""
    law_firm.activate(single_names="accept")
    law_firm.insert("payers", payer_id="fnu", first_name="FNU", last_name="Sukarno")
    law_firm.invoice("i1", "10.00", payer_id="fnu")
    law_firm.sync()
    [made] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    type_by_hand(law_firm, "Customer", made["Id"], {"DisplayName": "FNU Sukarno", "GivenName": "FNU"})
    law_firm.query_change("update sync.mapping set quickbooks_name = 'FNU Sukarno' where kind = 'payer'")
    law_firm.change("update payers set phone = '555 1234' where payer_id = 'fnu'")
    law_firm.invoice("i2", "10.00", payer_id="fnu")

    law_firm.sync()

    [now] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    assert (now["DisplayName"], now["GivenName"]) == ("FNU Sukarno", "FNU")
    assert now["PrimaryPhone"]["FreeFormNumber"] == "555 1234"


def test_white_space_at_the_edges_of_a_name_stops_nothing_and_inside_it_still_does(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="edges", first_name="\tJane\r\n", last_name="\u00a0Doe\n")
    law_firm.insert("payers", payer_id="inside", first_name="Ja\nne", last_name="Roe")
    law_firm.invoice("i-edges", "10.00", payer_id="edges")
    law_firm.invoice("i-inside", "10.00", payer_id="inside")

    law_firm.sync()

    assert law_firm.states() == {"i-edges": ("synced", ""), "i-inside": ("held", "BAD_NAME")}
    assert customers(law_firm) == {"Jane Doe"}


def test_of_several_addresses_the_first_is_sent_and_the_log_counts_the_rest(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.change("update payers set email = 'none; ana@example.org, b@example.org'")
    law_firm.invoice("i1", "10.00")

    law_firm.sync()

    assert invoice(law_firm, "N-i1")["BillEmail"] == {"Address": "ana@example.org"}
    [customer] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    assert customer["PrimaryEmailAddr"] == {"Address": "ana@example.org"}
    details = {row["detail"] for row in law_firm.query("select detail from sync.log where activity = 'notice'")}
    assert details == {
        "PrimaryEmailAddr: one of 3 addresses sent, 2 left out", "BillEmail: one of 3 addresses sent, 2 left out",
    }  # fmt: skip
    assert not law_firm.query("select from sync.log where strpos(detail, 'example.org') > 0")


# Line breaks


def test_line_breaks_arrive_and_quickbooks_own_way_to_write_them_is_no_drift(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00", customer_message="Dear Ana\r\nThanks", internal_note="a\rb")
    law_firm.change("update invoice_lines set description = :text", text="Hearing\r\nat nine")
    law_firm.sync()
    there = invoice(law_firm, "N-i1")

    assert there["CustomerMemo"]["value"] == "Dear Ana\nThanks"
    assert there["PrivateNote"].endswith(":g1 a\nb")
    assert there["Line"][0]["Description"] == "Hearing\nat nine"

    line = there["Line"][0] | {"Description": "Hearing\r\nat nine"}
    type_by_hand(law_firm, "Invoice", there["Id"], {"Line": [line]})
    touch(law_firm, "invoices", "internal_note = 'c'")
    sent = law_firm.sends()
    law_firm.sync()

    assert (law_firm.states(), law_firm.sends()) == ({"i1": ("synced", "")}, sent)

    touch(law_firm, "invoices", "due_date = date '2027-01-31'")
    law_firm.sync()

    assert law_firm.states() == {"i1": ("synced", "")}
    assert invoice(law_firm, "N-i1")["DueDate"] == "2027-01-31"


# An upgrade


def age_payment(firm: LawFirm, reference: str) -> None:
    """Make a payment what the former release sent: its reference whole, in QuickBooks, in the request and as a
    fingerprint."""
    [row] = firm.query(
        "select attempt_id, body, document_id, i.b_id from sync.attempt join sync.attempt_item i using (attempt_id) "
        "join sync.document d using (document_id) where d.kind = 'payment' and i.outcome = 'accepted'"
    )
    request = loads(bytes(row["body"]))
    [item] = [item for item in request["BatchItemRequest"] if item["bId"] == row["b_id"]]
    item["Payment"]["PaymentRefNum"] = reference
    with firm.ledger.begin() as connection:
        connection.exec_driver_sql("alter table sync.attempt disable trigger user")
    firm.query_change(
        "update sync.attempt set body = :body where attempt_id = :attempt_id",
        body=dumps(request),
        attempt_id=row["attempt_id"],
    )
    firm.query_change(
        "update sync.document set sent_fingerprint = :fingerprint where document_id = :document_id",
        fingerprint=fingerprint(item["Payment"]),
        document_id=row["document_id"],
    )
    type_by_hand(firm, "Payment", payment(firm)["Id"], {"PaymentRefNum": reference})


def live_in_the_former_release(firm: LawFirm) -> None:
    """An invoice, a payment and a customer, sent and remembered as the former release did: on one line, and with every
    number that it did not look for."""
    firm.change("update payers set address_line1 = 'c/o 1', phone = '555', email = null")
    firm.invoice("i1", "10.00")
    firm.change("update invoice_lines set description = 'Hearing at nine'")
    firm.payment("p1", applied={"i1": "10.00"}, reference="retainer")
    firm.sync()
    firm.query_change(CLEANED)
    # What billing said all along, and the former release wrote on one line, or left out.
    firm.change("update invoice_lines set description = :text", text="Hearing\r\nat nine")
    firm.change("update payers set email = 'a@example.org; b@example.org'")
    firm.change("update payments set reference = 'retainer 123-45-6789'")
    age_payment(firm, "retainer 123-45-6789")


def test_an_upgrade_sends_nothing_again_by_itself(law_firm: LawFirm) -> None:
    law_firm.activate()
    live_in_the_former_release(law_firm)
    synced = {"i1": ("synced", ""), "p1": ("synced", "")}
    sent = law_firm.sends()

    law_firm.sync()
    law_firm.sync(first=law_firm.today.replace(day=1), last=law_firm.today)

    assert (law_firm.states(), law_firm.sends()) == (synced, sent)

    # Billing writes the rows anew, with nothing new in them.
    touch(law_firm, "invoices", "internal_note = internal_note")
    touch(law_firm, "payments", "reference = reference")
    law_firm.sync()

    assert (law_firm.states(), law_firm.sends()) == (synced, sent)
    assert invoice(law_firm, "N-i1")["Line"][0]["Description"] == "Hearing at nine"


def test_what_billing_revises_goes_in_the_new_form(law_firm: LawFirm) -> None:
    law_firm.activate()
    live_in_the_former_release(law_firm)

    touch(law_firm, "invoices", "due_date = date '2027-01-31'")
    touch(law_firm, "payments", "method = 'cash', reference = 'retainer, 123-45-6789'")
    law_firm.sync()

    assert law_firm.states() == {"i1": ("synced", ""), "p1": ("synced", "")}
    assert invoice(law_firm, "N-i1")["Line"][0]["Description"] == "Hearing\nat nine"
    assert payment(law_firm)["PaymentRefNum"] == "retainer, [removed]"
    written = law_firm.sends()
    touch(law_firm, "invoices", "internal_note = 'x'")
    law_firm.sync()
    assert law_firm.sends() == written


def test_a_customer_of_the_former_release_follows_its_payer_only_when_that_changes(law_firm: LawFirm) -> None:
    law_firm.activate()
    live_in_the_former_release(law_firm)
    law_firm.invoice("i2", "10.00")

    law_firm.sync()

    [customer] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    assert (customer["SyncToken"], customer.get("PrimaryEmailAddr")) == ("0", None)

    law_firm.change("update payers set email = 'c@example.org; b@example.org'")
    law_firm.invoice("i3", "10.00")
    law_firm.sync()

    [customer] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    assert customer["PrimaryEmailAddr"] == {"Address": "c@example.org"}


def test_a_payer_who_gets_a_second_address_at_last_is_a_change(law_firm: LawFirm) -> None:
    """The former release sent no address for it either: what it would have done counts only for what it sent."""
    law_firm.activate()
    law_firm.invoice("i1", "10.00")
    law_firm.sync()
    law_firm.change("update payers set email = 'a@example.org; b@example.org'")
    law_firm.invoice("i2", "10.00")

    law_firm.sync()

    [customer] = [row for row in law_firm.books.all("Customer") if row.get("Notes")]
    assert customer["PrimaryEmailAddr"] == {"Address": "a@example.org"}


# Identity numbers


@pytest.mark.parametrize(
    ("relation", "column", "cure"),
    [
        ("payers", "last_name", "Diaz"),
        ("payers", "middle_name", "Q"),
        ("payers", "email", "ana@example.org"),
        ("fee_items", "name", "Filing"),
        ("fee_items", "code", "FIL"),
    ],
)
def test_what_identifies_and_carries_a_number_is_held_until_billing_takes_it_out(
    law_firm: LawFirm, relation: str, column: str, cure: str
) -> None:
    """The remedy of IDENTITY_NUMBER: take the number out in billing, sync once."""
    income = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Legal Fees")
    law_firm.activate(unmapped_fee_item="create", income_account=income)
    law_firm.change("update fee_items set name = 'Advice', code = 'ADV'")
    change = f"update {relation} set {column} = :text"  # noqa: S608
    law_firm.change(change, text="A123456789@x.org" if column == "email" else "A123456789")
    law_firm.invoice("i1", "10.00")

    law_firm.sync()

    assert law_firm.states() == {"i1": ("held", "IDENTITY_NUMBER")}
    assert "123456789" not in str([law_firm.books.all(entity) for entity in ("Customer", "Item", "Invoice")])

    law_firm.change(change, text=cure)
    law_firm.sync()

    assert law_firm.states() == {"i1": ("synced", "")}


def test_an_address_with_a_number_holds_an_invoice_of_a_known_client_too(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00")
    law_firm.sync()
    law_firm.change("update payers set email = 'a123456789@example.org'")
    law_firm.invoice("i2", "10.00")
    touch(law_firm, "invoices", "due_date = date '2027-01-31'")

    law_firm.sync()

    # A change carries no address, so that nothing holds it; the customer stays as it is.
    assert law_firm.states() == {"i1": ("synced", ""), "i2": ("held", "IDENTITY_NUMBER")}
    assert "123456789" not in str(law_firm.books.all("Customer"))
    assert "PrimaryEmailAddr carries an identity number: customer left as it is" in {
        row["detail"] for row in law_firm.query("select detail from sync.log")
    }


def test_an_invoice_number_goes_as_it_is_and_so_does_a_reference_that_cites_one(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00", invoice_number="123-45-6789")
    law_firm.invoice("i2", "10.00", invoice_number="No 123-45-6780")
    law_firm.payment("p1", applied={"i1": "4.00"}, reference="for 123-45-6789")
    law_firm.payment("p2", applied={"i2": "5.00"}, reference="No 123-45-6780")
    law_firm.payment("p3", applied={"i1": "6.00"}, reference="SSN 123-45-6781")

    law_firm.sync()

    assert {row["DocNumber"] for row in law_firm.books.ours("Invoice")} == {"123-45-6789", "No 123-45-6780"}
    notes = {str(row["TotalAmt"]): row for row in law_firm.books.ours("Payment")}
    assert {amount: row["PaymentRefNum"] for amount, row in notes.items()} == {
        "4.0": "for 123-45-6789", "5.0": "No 123-45-6780", "6.0": "SSN [removed]",
    }  # fmt: skip
    assert [notes[amount]["PrivateNote"].split(" ", 1)[1] for amount in sorted(notes)] == [
        "for 123-45-6789", "No 123-45-6780", "SSN [removed]",
    ]  # fmt: skip


# Payments of nothing


def test_a_payment_of_nothing_is_closed_and_one_that_became_nothing_is_voided(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00")
    law_firm.payment("p0", amount="0.00")
    law_firm.payment("p1", applied={"i1": "10.00"})
    law_firm.sync()

    assert law_firm.states("payment") == {"p0": ("closed", "NOTHING_TO_PAY"), "p1": ("synced", "")}

    law_firm.remove("payment_applications")
    touch(law_firm, "payments", "amount = 0")
    law_firm.payment("p2", applied={"i1": "10.00"})
    law_firm.sync()
    law_firm.sync()

    assert law_firm.states("payment") == {
        "p0": ("closed", "NOTHING_TO_PAY"), "p1": ("voided", ""), "p2": ("synced", ""),
    }  # fmt: skip
    assert [str(row["TotalAmt"]) for row in law_firm.books.ours("Payment")] == ["10.0"]
    sent = law_firm.sends()
    law_firm.sync()
    assert law_firm.sends() == sent
