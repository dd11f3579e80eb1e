"""Documents that an earlier integration put into QuickBooks are linked, not sent again (D-10)."""

from datetime import date, timedelta
from typing import Any

import pytest

from qb_pipeline.core.markers import find_marker
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.verify.adoption import Proposal, approve, propose
from qb_pipeline.sync.verify.census import take_census
from qb_pipeline.sync.verify.recovery import reconcile_first
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

YESTERDAY = timedelta(days=1)


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    """Active for all documents; QuickBooks knows Ana Diaz."""
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    return law_firm


def customer(firm: LawFirm) -> str:
    return str(firm.books.all("Customer")[0]["Id"])


def enter_invoice(firm: LawFirm, number: str, amount: str, day: date, **changes: Any) -> str:
    """What another program of the firm once sent: its own item, its own note, no mark of ours."""
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": float(amount),
        "SalesItemLineDetail": {"ItemRef": {"value": firm.item_id}, "Qty": 1, "UnitPrice": float(amount)},
    }
    body = {
        "DocNumber": number,
        "TxnDate": str(day),
        "CustomerRef": {"value": customer(firm)},
        "PrivateNote": "sent by the old bridge",
        "Line": [line],
    }
    return str(firm.books.create("Invoice", body | changes)["Id"])


def enter_payment(firm: LawFirm, amount: str, invoice_id: str, day: date, reference: str = "") -> str:
    link = {"Amount": float(amount), "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}]}
    body = {"TxnDate": str(day), "CustomerRef": {"value": customer(firm)}, "TotalAmt": float(amount), "Line": [link]}
    return str(firm.books.create("Payment", body | ({"PaymentRefNum": reference} if reference else {}))["Id"])


def look(firm: LawFirm, *, approved: bool = False, actor: str = PARTNER) -> list[Proposal]:
    with firm.deployment.open(FIRM, Run("adopt", "cli", actor), setting_up=True) as session:
        proposals = propose(session)
        if approved:
            approve(session, proposals)
        return proposals


def shown(proposals: list[Proposal]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {row.document.source_id: (row.verdict, row.quickbooks_ids) for row in proposals}


def test_invoices_and_payments_are_shown_first_and_linked_on_approval(firm: LawFirm) -> None:
    day = firm.today - YESTERDAY
    firm.invoice("1", "100.00")
    firm.payment("p1", applied={"1": "40.00"}, reference="4711")
    there = enter_invoice(firm, "N-1", "100.00", day)
    paid = enter_payment(firm, "40.00", there, firm.today, "4711")

    proposed = shown(look(firm))
    before = firm.states()
    look(firm, approved=True)
    firm.books.count_anew()
    report = firm.sync()

    assert proposed == {"1": ("match", (there,)), "p1": ("match", (paid,))}
    assert before == {"1": ("new", ""), "p1": ("new", "")}
    assert firm.states() == {"1": ("synced", ""), "p1": ("synced", "")}
    assert (firm.books.writes(), report.documents("invoice", "created"), len(firm.books.all("Invoice"))) == (0, 0, 1)
    assert firm.activities("adopted") == [("invoice", "1", "adopted", ""), ("payment", "p1", "adopted", "")]
    assert firm.query("select actor, event, detail from sync.firm_event where event = 'adopted' order by 1, 3") == [
        {"actor": PARTNER, "event": "adopted", "detail": {"invoices": "1", "payments": "1", "told_apart": "0"}},
    ]


@pytest.mark.slow
def test_adoption_before_activation_leaves_nothing_to_double(law_firm: LawFirm) -> None:
    law_firm.activate()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("update sync.firm set activated_at = null, eligible_since = null")
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.invoice("1", "100.00")
    enter_invoice(law_firm, "N-1", "100.00", law_firm.today - YESTERDAY)

    look(law_firm, approved=True)
    law_firm.deployment.firms.activate(FIRM, eligible_since=None, actor=PARTNER, now=law_firm.time.now())
    law_firm.invoice("2", "50.00")
    law_firm.payment("p1", applied={"1": "30.00"})
    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", ""), "p1": ("synced", "")}
    assert sorted(row["DocNumber"] for row in law_firm.books.all("Invoice")) == ["N-1", "N-2"]
    [payment] = law_firm.books.ours("Payment")
    assert payment["CustomerRef"]["value"] == customer(law_firm)


def test_what_differs_is_shown_and_never_linked(firm: LawFirm) -> None:
    day, before = firm.today - YESTERDAY, firm.today - timedelta(days=20)
    for number, amount in (("1", "100.00"), ("2", "200.00"), ("3", "300.00")):
        firm.invoice(number, amount)
    total = enter_invoice(firm, "N-1", "90.00", day)
    number = enter_invoice(firm, "N-2a", "200.00", day)
    dated = enter_invoice(firm, "N-3", "300.00", before)

    found = look(firm, approved=True)

    assert [(row.verdict, row.quickbooks_ids, row.differs) for row in found] == [
        ("near", (total,), ("total: billing 100.00, QuickBooks 90.00",)),
        ("near", (number,), ("number: billing N-2, QuickBooks N-2a",)),
        ("near", (dated,), (f"date: billing {day}, QuickBooks {before}",)),
    ]
    assert set(firm.states().values()) == {("new", "")}


def test_two_equal_ones_are_ambiguous_and_never_linked(firm: LawFirm) -> None:
    firm.invoice("1", "100.00")
    twice = [enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY) for _ in range(2)]

    [proposal] = look(firm, approved=True)

    assert (proposal.verdict, proposal.quickbooks_ids) == ("ambiguous", tuple(twice))
    assert firm.states() == {"1": ("new", "")}


def test_a_payment_must_pay_the_same_invoices_with_the_same_reference(firm: LawFirm) -> None:
    day = firm.today - YESTERDAY
    for number in ("1", "2"):
        firm.invoice(number, "100.00")
    first, second = (enter_invoice(firm, f"N-{number}", "100.00", day) for number in ("1", "2"))
    firm.payment("p1", applied={"1": "40.00"}, reference="4711")
    firm.payment("p2", applied={"2": "20.00"}, reference="4712")
    other = enter_payment(firm, "40.00", second, firm.today, "4711")
    unnamed = enter_payment(firm, "20.00", second, firm.today)

    found = {row.document.source_id: row for row in look(firm) if row.document.kind == "payment"}

    assert {key: (row.verdict, row.quickbooks_ids, row.differs) for key, row in found.items()} == {
        "p1": ("near", (other,), (f"invoices: billing {first}: 40.00, QuickBooks {second}: 40.00",)),
        "p2": ("near", (unnamed,), ("reference: billing 4712, QuickBooks none",)),
    }


def test_only_a_super_user_approves(firm: LawFirm) -> None:
    firm.invoice("1", "100.00")
    enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY)

    with pytest.raises(SetUpError, match="clerk is no super user of one"):
        look(firm, approved=True, actor="clerk")

    assert firm.states() == {"1": ("new", "")}


def test_an_invoice_that_quickbooks_refused_for_its_number_can_be_adopted(firm: LawFirm) -> None:
    firm.books.switch(duplicate_numbers="refused")
    firm.invoice("1", "100.00")
    there = enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY)
    firm.sync()
    refused = firm.states()

    look(firm, approved=True)

    assert (refused, firm.states()) == ({"1": ("held", "MAYBE_THERE")}, {"1": ("synced", "")})
    assert firm.query("select quickbooks_id from sync.document where kind = 'invoice'") == [{"quickbooks_id": there}]


def adopted(firm: LawFirm) -> str:
    firm.invoice("1", "100.00")
    there = enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY)
    look(firm, approved=True)
    return there


def revise(firm: LawFirm, amount: str) -> None:
    values = {"amount": amount, "now": firm.time.now()}
    firm.change("update invoice_lines set amount = :amount, unit_price = :amount", amount=amount)
    firm.change("update invoices set total_amount = :amount, updated_at = :now", **values)


def test_an_adopted_invoice_is_revised_in_place_and_gets_its_mark_before_the_old_note(firm: LawFirm) -> None:
    there = adopted(firm)
    revise(firm, "120.00")

    firm.sync()

    [invoice] = firm.books.all("Invoice")
    mark = find_marker(invoice["PrivateNote"])
    assert (invoice["Id"], str(invoice["TotalAmt"]), firm.states()) == (there, "120.0", {"1": ("synced", "")})
    assert mark is not None
    assert (mark.source_id, invoice["PrivateNote"].split(" ", 1)[1]) == ("1", "sent by the old bridge")


def test_billing_s_touch_without_a_change_leaves_an_adopted_invoice_alone(firm: LawFirm) -> None:
    adopted(firm)
    firm.sync()
    firm.change("update invoices set updated_at = :now", now=firm.time.now())
    firm.books.count_anew()

    firm.sync()

    assert (firm.states(), firm.books.writes()) == ({"1": ("synced", "")}, 0)


def test_a_person_s_change_of_an_adopted_invoice_is_drift(firm: LawFirm) -> None:
    there = adopted(firm)
    firm.books.do("edit", entity="Invoice", id=there, changes={"TxnDate": str(firm.today - timedelta(days=9))})
    revise(firm, "120.00")

    firm.sync()

    assert firm.states() == {"1": ("held", "DRIFT")}


@pytest.mark.slow
def test_an_adopted_invoice_that_billing_voids_is_voided(firm: LawFirm) -> None:
    there = adopted(firm)
    firm.change("update invoices set status = 'void', updated_at = :now", now=firm.time.now())

    firm.sync()

    assert firm.states() == {"1": ("voided", "")}
    assert str(firm.books.read("Invoice", there)["TotalAmt"]) == "0"


@pytest.mark.slow
def test_a_revision_whose_answer_was_lost_is_found_by_its_id(firm: LawFirm) -> None:
    there = adopted(firm)
    revise(firm, "120.00")
    firm.books.fault({"match": "batch", "what": "commit_then_drop"})

    firm.sync()

    [invoice] = firm.books.all("Invoice")
    assert (invoice["Id"], str(invoice["TotalAmt"]), firm.states()) == (there, "120.0", {"1": ("synced", "")})


@pytest.mark.slow
def test_a_whole_census_counts_adopted_documents_as_one_each(firm: LawFirm) -> None:
    adopted(firm)
    firm.invoice("2", "50.00")
    firm.sync()

    with firm.deployment.open(FIRM, Run("census", "cli", PARTNER)) as session:
        counts = {row.kind: row for row in take_census(session, whole=True)}

    assert (counts["invoice"].documents, counts["invoice"].living, counts["invoice"].is_sound) == (2, 2, True)


@pytest.mark.slow
def test_a_restored_ledger_that_forgot_an_adoption_sends_nothing_before_it_is_made_again(firm: LawFirm) -> None:
    there = adopted(firm)
    with firm.ledger.begin() as connection:
        connection.exec_driver_sql("delete from sync.adoption")
        connection.exec_driver_sql("update sync.document set quickbooks_id = null, state = 'new', synced_at = null")

    with firm.deployment.open(FIRM, Run("recovery", "cli", PARTNER), setting_up=True) as session:
        with pytest.raises(BindingError, match="qb-pipeline adopt one --approve, then repeat"):
            reconcile_first(session)
        approve(session, propose(session))
        reconcile_first(session)
    firm.sync()

    assert [row["Id"] for row in firm.books.all("Invoice")] == [there]
    assert firm.states() == {"1": ("synced", "")}


@pytest.mark.slow
def test_an_adopted_payment_is_corrected_in_place(firm: LawFirm) -> None:
    there = enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY)
    paid = enter_payment(firm, "40.00", there, firm.today, "4711")
    firm.invoice("1", "100.00")
    firm.payment("p1", applied={"1": "40.00"}, reference="4711")
    look(firm, approved=True)
    firm.change("update payment_applications set amount = 60")
    firm.change("update payments set amount = 60, updated_at = :now", now=firm.time.now())

    firm.sync()

    [payment] = firm.books.all("Payment")
    assert (payment["Id"], str(payment["TotalAmt"]), firm.states()["p1"]) == (paid, "60.0", ("synced", ""))
    assert find_marker(payment["PrivateNote"]) is not None


def test_what_carries_a_mark_is_left_to_its_owner(firm: LawFirm) -> None:
    firm.invoice("1", "100.00")
    note = {"PrivateNote": "qbp1:abc123:other:invoice:1:g1"}
    enter_invoice(firm, "N-1", "100.00", firm.today - YESTERDAY, **note)

    assert shown(look(firm)) == {"1": ("none", ())}


@pytest.mark.slow
def test_several_hundred_documents_cost_a_few_reads_and_then_nothing_is_created(firm: LawFirm) -> None:
    day = firm.today - YESTERDAY
    count = 300
    for number in range(count):
        firm.invoice(f"{number:03}", f"{number + 1}.00")
        there = enter_invoice(firm, f"N-{number:03}", f"{number + 1}.00", day)
        if number % 2:
            firm.payment(f"p{number:03}", applied={f"{number:03}": "1.00"}, reference=str(number))
            enter_payment(firm, "1.00", there, firm.today, str(number))
    firm.books.count_anew()

    with firm.deployment.open(FIRM, Run("adopt", "cli", PARTNER), setting_up=True) as session:
        proposals = propose(session)
        proposing = session.quickbooks.requests.reads
        linked = approve(session, proposals)
        reads = session.quickbooks.requests.reads
    report = firm.sync()

    assert (linked, {row.verdict for row in proposals}) == ({"invoice": count, "payment": count // 2}, {"match"})
    # what changed; customers; invoices and payments for the index and for their fields; then items and open balances
    assert (proposing, reads, firm.books.writes()) == (6, 7, 0)
    assert (report.documents("invoice", "created"), report.documents("payment", "created")) == (0, 0)
    assert (len(firm.books.all("Invoice")), len(firm.books.all("Payment"))) == (count, count // 2)
