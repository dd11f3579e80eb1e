"""Reconciling asks QuickBooks only for what changed, and says what people did there (D-3, D-4)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import TransientError
from qb_pipeline.sync.verify.reconcile import FirmReconciliation, reconcile
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def look(law_firm: LawFirm) -> FirmReconciliation:
    """Reconcile the firm as the asset does."""
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        return reconcile(session)


def sent(law_firm: LawFirm, *invoice_ids: str, **settings: str) -> dict[str, str]:
    """Invoices of 100.00 that are in QuickBooks; gives their Ids there."""
    law_firm.activate(**settings)
    for invoice_id in invoice_ids:
        law_firm.invoice(invoice_id, "100.00")
    law_firm.sync()
    return ids(law_firm)


def ids(law_firm: LawFirm) -> dict[str, str]:
    rows = law_firm.query("select source_id, quickbooks_id from sync.document where kind in ('invoice', 'payment')")
    return {row["source_id"]: row["quickbooks_id"] for row in rows}


def open_amounts(law_firm: LawFirm) -> dict[str, Decimal]:
    rows = law_firm.query("select quickbooks_id, open from reporting.invoice_reconciliation where quickbooks_id <> ''")
    return {row["quickbooks_id"]: row["open"] for row in rows}


def balances(law_firm: LawFirm) -> dict[str, Decimal]:
    """What the emulator itself says is open on invoices of ours."""
    return {row["Id"]: Decimal(row["Balance"]) for row in law_firm.books.ours("Invoice")}


def named(law_firm: LawFirm) -> set[tuple[str, str, str, str]]:
    rows = law_firm.query("select measure, source_id, class, amount from reporting.differences")
    return {(row["measure"], row["source_id"], row["class"], str(row["amount"])) for row in rows}


def line_of(law_firm: LawFirm, amount: int) -> dict[str, Any]:
    detail = {"ItemRef": {"value": law_firm.item_id}}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


def drift(law_firm: LawFirm) -> list[tuple[Any, ...]]:
    rows = law_firm.query("select source_id, field, owner, ours, theirs, reason from reporting.drift order by 1, 2")
    return [tuple(row.values()) for row in rows]


def test_what_was_sent_and_paid_by_us_agrees_before_anybody_asks(law_firm: LawFirm) -> None:
    """The mirror knows it from the answers to our own requests."""
    sent(law_firm, "1", "2")
    law_firm.payment("p1", applied={"1": "30.00", "2": "100.00"})
    law_firm.sync()

    assert open_amounts(law_firm) == balances(law_firm)
    assert sorted(balances(law_firm).values()) == [0, 70]
    assert named(law_firm) == set()


def test_the_first_look_reads_the_company_in_pages_and_every_later_one_costs_one_read(law_firm: LawFirm) -> None:
    """What moves receivables may be older than the firm's activation: a page each of eight kinds of transaction."""
    sent(law_firm, "1", "2")
    law_firm.payment("p1", applied={"1": "30.00"})
    law_firm.sync()
    law_firm.books.count_anew()

    look(law_firm)
    assert law_firm.books.requests() == {"GET cdc": 1, "POST query": 8}
    law_firm.books.count_anew()
    found = look(law_firm)

    assert law_firm.books.requests() == {"GET cdc": 1}
    assert (found.reads, found.held, found.residual, found.unexplained, found.classes) == (1, 0, 0, 0, [])
    assert open_amounts(law_firm) == balances(law_firm)


@pytest.mark.slow
def test_a_hundred_changes_cost_at_most_three_reads(law_firm: LawFirm) -> None:
    """However many of them are deletions: fifty payments, half of them taken back, thirty invoices deleted."""
    made = sent(law_firm, *(f"{number:03}" for number in range(80)))
    look(law_firm)
    customer = law_firm.books.read("Invoice", made["000"])["CustomerRef"]["value"]
    received = [
        law_firm.books.do(
            "receive-payment", customer_id=customer, invoices=[{"id": made[f"{number:03}"], "amount": 1}]
        )["Id"]
        for number in range(50)
    ]
    look(law_firm)
    for payment_id in received[:25]:
        law_firm.books.do("delete", entity="Payment", id=payment_id)
    for number in range(50, 80):
        law_firm.books.do("delete", entity="Invoice", id=made[f"{number:03}"])
    for payment_id in received[25:]:
        law_firm.books.do("edit", entity="Payment", id=payment_id, changes={"PaymentRefNum": "late"})
    law_firm.books.count_anew()

    found = look(law_firm)

    assert sum(law_firm.books.requests().values()) == found.reads <= 3
    assert found.changed >= 100
    assert open_amounts(law_firm) | balances(law_firm) == open_amounts(law_firm)
    assert {row.name: (row.documents, row.amount) for row in found.classes} == {
        "received_in_quickbooks": (25, 25), "remote_deleted": (30, 3000),
    }  # fmt: skip
    assert found.residual == 0


def test_what_people_do_in_quickbooks_has_its_class_and_open_amounts_are_the_companys_own(
    law_firm: LawFirm,
) -> None:
    made = sent(law_firm, "edit", "void", "delete", "credit", "journal", "pay", "same")
    customer = law_firm.books.read("Invoice", made["pay"])["CustomerRef"]["value"]
    books = law_firm.books
    books.do("edit", entity="Invoice", id=made["edit"], changes={"Line": [line_of(law_firm, 120)]})
    books.do("void", entity="Invoice", id=made["void"])
    books.do("delete", entity="Invoice", id=made["delete"])
    books.do("credit-memo", customer_id=customer, amount=25, invoice_id=made["credit"], item_id=law_firm.item_id)
    books.do("journal-credit", customer_id=customer, amount=35, invoice_id=made["journal"])
    books.do("receive-payment", customer_id=customer, invoices=[{"id": made["pay"], "amount": 45}])

    found = look(law_firm)

    assert named(law_firm) == {
        ("billed", "edit", "drift", "-20.00"),
        ("billed", "void", "remote_voided", "100.00"),
        ("billed", "delete", "remote_deleted", "100.00"),
        ("open", "credit", "credit_memo", "25.00"),
        ("open", "journal", "journal", "35.00"),
        ("open", "pay", "received_in_quickbooks", "45.00"),
    }
    assert found.residual == 0
    assert open_amounts(law_firm) == balances(law_firm) | {made["void"]: 0, made["delete"]: 0}


def test_what_is_gone_there_is_held_at_once_and_never_made_again(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1", "2", "3")
    law_firm.books.do("delete", entity="Invoice", id=made["1"])
    law_firm.books.do("void", entity="Invoice", id=made["2"])

    assert look(law_firm).held == 2
    assert look(law_firm).held == 0
    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED"), "2": ("held", "REMOTE_VOIDED"), "3": ("synced", "")}
    assert sorted(row["DocNumber"] for row in law_firm.books.all("Invoice")) == ["N-2", "N-3"]


def test_what_lives_is_not_held_although_change_data_capture_calls_it_deleted(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1", "2", "3")
    look(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=made["3"])
    for invoice_id in ("1", "2"):
        law_firm.books.do("edit", entity="Invoice", id=made[invoice_id], changes={"CustomerMemo": {"value": "Hello"}})
    law_firm.books.fault({"what": "cdc_false_delete", "match": "cdc"})

    look(law_firm)

    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", ""), "3": ("held", "REMOTE_DELETED")}


@pytest.mark.slow
def test_drift_is_told_field_by_field_with_its_owner(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1", "2", "3")
    changes = {"TxnDate": "2026-01-02", "CustomerMemo": {"value": "Paid, thanks"}}
    law_firm.books.do("edit", entity="Invoice", id=made["1"], changes=changes)
    law_firm.books.do("delete", entity="Invoice", id=made["2"])
    billed = law_firm.query("select document_date from sync.document where source_id = '1'")[0]["document_date"]

    look(law_firm)

    found = drift(law_firm)
    assert ("1", "TxnDate", "billing", billed.isoformat(), "2026-01-02", "") in found
    assert ("2", "", "billing", "", "deleted", "REMOTE_DELETED") in found
    assert {row[0] for row in found} == {"1", "2"}
    assert all(row[2] == "quickbooks" for row in found if row[1].startswith("CustomerMemo"))


def test_drift_ends_when_a_person_takes_it_back_or_billing_is_sent_again(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1")
    [former] = law_firm.books.ours("Invoice")
    law_firm.books.do("edit", entity="Invoice", id=made["1"], changes={"TxnDate": "2026-01-02"})
    look(law_firm)
    assert [row[1] for row in drift(law_firm)] == ["TxnDate"]

    law_firm.books.do("edit", entity="Invoice", id=made["1"], changes={"TxnDate": former["TxnDate"]})
    look(law_firm)

    assert drift(law_firm) == []


def test_documents_of_others_are_kept_in_amounts_only_and_are_no_difference_of_ours(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1")
    customer = law_firm.books.read("Invoice", made["1"])["CustomerRef"]["value"]
    body = {"CustomerRef": {"value": customer}, "DocNumber": "F-7", "Line": [line_of(law_firm, 70)]}
    foreign = law_firm.books.create("Invoice", body)
    paid = law_firm.books.do("receive-payment", customer_id=customer, invoices=[foreign["Id"]], reference="cheque 1")

    look(law_firm)

    rows = law_firm.query(
        "select kind, quickbooks_id, number, total_cents from sync.mirror order by length(number) desc, 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("invoice", made["1"], "N-1", 10_000),
        ("invoice", foreign["Id"], "", 7_000),
        ("payment", paid["Id"], "", 7_000),
    ]
    assert named(law_firm) == set()


def test_a_reading_that_fails_concludes_nothing_and_is_repeated(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1")
    look(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=made["1"])
    law_firm.books.fault({"what": "html_503", "match": "cdc", "times": None})

    with pytest.raises(TransientError):
        look(law_firm)

    assert law_firm.states() == {"1": ("synced", "")}
    [row] = law_firm.query("select outcome, reads > 0 as asked from sync.run order by started_at desc limit 1")
    assert row == {"outcome": "failed", "asked": True}
    law_firm.books.heal()
    assert look(law_firm).held == 1


def test_what_an_earlier_integration_made_is_looked_at_once_it_is_linked(law_firm: LawFirm) -> None:
    """An old document does not change: change data capture never shows it. Linked, it is read by its Id."""
    made = sent(law_firm, "1", "2")
    look(law_firm)
    law_firm.query_change("delete from sync.mirror where kind = 'invoice'")
    law_firm.query_change("update sync.document set quickbooks_total_cents = null where source_id = '1'")
    law_firm.query_change("update sync.cursor set value = value + interval '1 hour' where name = 'mirror'")
    law_firm.books.count_anew()

    look(law_firm)

    assert law_firm.books.requests() == {"GET cdc": 1, "POST query": 1}
    rows = law_firm.query("select source_id, in_quickbooks from reporting.documents order by 1")
    assert [tuple(row.values()) for row in rows] == [("1", 100), ("2", 100)]
    assert set(open_amounts(law_firm)) == set(made.values())


def test_a_version_that_a_person_decided_to_keep_is_no_drift_any_more(law_firm: LawFirm) -> None:
    made = sent(law_firm, "1")
    line = line_of(law_firm, 120)
    edited = law_firm.books.do("edit", entity="Invoice", id=made["1"], changes={"Line": [line]})
    with law_firm.ledger.begin() as connection:  # what `resolve --keep` records
        connection.exec_driver_sql(
            "update sync.document set is_kept = true, quickbooks_total_cents = 12000, sync_token = %s",
            (edited["SyncToken"],),
        )

    look(law_firm)

    assert drift(law_firm) == []
    assert named(law_firm) == {("billed", "1", "kept", "-20.00")}
