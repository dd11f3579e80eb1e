"""What somebody else wrote in QuickBooks is not made a second time: it holds ours until a person says what it is."""

from collections.abc import Callable
from typing import Any

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.people.resolve import AnswerRefusedError
from qb_pipeline.sync.stages import Stage, do_stage
from qb_pipeline.sync.verify.census import CensusError, take_census
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.extract.test_scan import whole
from qb_pipeline_tests.sync.people.test_resolve import answer, evidence_of

both_number_checks = pytest.mark.parametrize("duplicate_numbers", ["allowed", "refused"])

MAYBE = ("held", "MAYBE_THERE")


def customer_of(law_firm: LawFirm) -> str:
    """The customer that P1 is; in QuickBooks since before this product."""
    found = [row["Id"] for row in law_firm.books.all("Customer") if row["DisplayName"] == "Ana Ruiz"]
    made: str = found[0] if found else law_firm.books.create("Customer", {"DisplayName": "Ana Ruiz"})["Id"]
    return made


def their_invoice(law_firm: LawFirm, number: str = "N-1", total: int = 100, **fields: Any) -> dict[str, Any]:
    """An invoice that an earlier integration left."""
    detail = {"ItemRef": {"value": law_firm.item_id}}
    line = {"Amount": total, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    body = {"CustomerRef": {"value": customer_of(law_firm)}, "DocNumber": number, "Line": [line]}
    return law_firm.books.create("Invoice", {**body, "TxnDate": str(law_firm.today), **fields})


def their_payment(law_firm: LawFirm, amount: int, invoice_id: str = "", **fields: Any) -> dict[str, Any]:
    """A payment that a bookkeeper entered by hand."""
    lines = [{"Amount": amount, "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}]}] if invoice_id else []
    body = {"CustomerRef": {"value": customer_of(law_firm)}, "TotalAmt": amount, "Line": lines}
    return law_firm.books.create("Payment", {**body, "TxnDate": str(law_firm.today), **fields})


def payer(law_firm: LawFirm) -> None:
    law_firm.change("update payers set first_name = 'Ana', last_name = 'Ruiz' where payer_id = 'P1'")


@both_number_checks
def test_an_invoice_of_an_earlier_integration_holds_ours_through_three_syncs_and_the_plan_says_so(
    law_firm: LawFirm, duplicate_numbers: str
) -> None:
    """Nobody has run adopt; its date is one day off."""
    payer(law_firm)
    law_firm.books.switch(duplicate_numbers=duplicate_numbers)
    theirs = their_invoice(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "30.00")

    planned = law_firm.sync(["work_list", "sync_plan"])
    after_each = []
    for _ in range(3):
        law_firm.sync()
        after_each.append(law_firm.states())

    assert {(row.source_id, row.operation, row.reason) for row in planned.plan} == {
        ("1", "hold", "MAYBE_THERE"), ("2", "create", ""),
    }  # fmt: skip
    assert after_each == [{"1": MAYBE, "2": ("synced", "")}] * 3
    assert [row["DocNumber"] for row in law_firm.books.all("Invoice")] == ["N-1", "N-2"]
    [detail] = {row["detail"] for row in law_firm.query("select detail from sync.log where reason = 'MAYBE_THERE'")}
    assert detail == (
        f"Invoice Id {theirs['Id']}: date: billing {evidence_of(law_firm).document.document_date}, "
        f"QuickBooks {law_firm.today}"
    )


@both_number_checks
def test_the_same_links_it_and_nothing_is_sent(law_firm: LawFirm, duplicate_numbers: str) -> None:
    payer(law_firm)
    law_firm.books.switch(duplicate_numbers=duplicate_numbers)
    theirs = their_invoice(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    follows = answer(law_firm, "same", quickbooks_id=theirs["Id"])
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.sync()

    linked = law_firm.query("select quickbooks_id from sync.document where kind = 'invoice'")
    assert follows is False
    assert law_firm.states() == {"1": ("synced", ""), "p": ("synced", "")}
    assert linked == [{"quickbooks_id": theirs["Id"]}]
    assert [row["Balance"] for row in law_firm.books.all("Invoice")] == [60]


@both_number_checks
def test_another_one_is_sent_with_its_number_and_never_asked_about_again(
    law_firm: LawFirm, duplicate_numbers: str
) -> None:
    payer(law_firm)
    law_firm.books.switch(duplicate_numbers=duplicate_numbers)
    their_invoice(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    answer(law_firm, "new")

    assert law_firm.states() == {"1": ("synced", "")}
    assert [row["DocNumber"] for row in law_firm.books.all("Invoice")] == ["N-1", "N-1"]
    assert law_firm.query("select answer, answered_by from sync.duplicate_answer") == [
        {"answer": "new", "answered_by": "partner"}
    ]
    sends = law_firm.sends()
    law_firm.sync()
    assert law_firm.sends() == sends


def test_a_number_alone_is_taken_whatever_quickbooks_checks(law_firm: LawFirm) -> None:
    payer(law_firm)
    other = law_firm.books.create("Customer", {"DisplayName": "Somebody Else"})["Id"]
    their_invoice(law_firm, total=70, CustomerRef={"value": other})
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "NUMBER_TAKEN")}
    assert len(law_firm.books.all("Invoice")) == 1


def paid_invoice(law_firm: LawFirm) -> str:
    """An invoice of ours over 100.00 in QuickBooks; gives its Id there."""
    payer(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [ours] = law_firm.books.ours("Invoice")
    invoice_id: str = ours["Id"]
    return invoice_id


def test_a_payment_that_the_bookkeeper_entered_by_hand_is_not_posted_again(law_firm: LawFirm) -> None:
    theirs = their_payment(law_firm, 40, paid_invoice(law_firm), PaymentRefNum="1042")
    law_firm.payment("p", applied={"1": "40.00"}, reference="1042")

    for _ in range(3):
        law_firm.sync()

    assert law_firm.states("payment") == {"p": MAYBE}
    assert [row["Balance"] for row in law_firm.books.all("Invoice")] == [60]
    [detail] = {row["detail"] for row in law_firm.query("select detail from sync.log where reason = 'MAYBE_THERE'")}
    assert detail == f"Payment Id {theirs['Id']}: equal in every field"

    answer(law_firm, "same", "payment:p", quickbooks_id=theirs["Id"])
    sends = law_firm.sends()
    law_firm.sync()

    assert law_firm.states("payment") == {"p": ("synced", "")}
    assert (law_firm.sends(), [row["Balance"] for row in law_firm.books.all("Invoice")]) == (sends, [60])


@pytest.mark.parametrize("reference", ["retainer 123-45-6789", "wire of 123-45-6789 from the bank"])
def test_a_payment_whose_reference_leaves_without_its_number_is_still_found(law_firm: LawFirm, reference: str) -> None:
    """An earlier integration sent the end of the reference as it was."""
    their_payment(law_firm, 40, paid_invoice(law_firm), PaymentRefNum=reference[-21:])
    law_firm.payment("p", applied={"1": "40.00"}, reference=reference)

    law_firm.sync()

    assert law_firm.states("payment") == {"p": MAYBE}


def test_a_payment_that_is_another_one_goes_and_both_stand(law_firm: LawFirm) -> None:
    their_payment(law_firm, 40, paid_invoice(law_firm))
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.sync()

    answer(law_firm, "new", "payment:p")

    assert law_firm.states("payment") == {"p": ("synced", "")}
    assert [row["Balance"] for row in law_firm.books.all("Invoice")] == [20]


def gone(law_firm: LawFirm, theirs: dict[str, Any]) -> None:
    law_firm.books.do("delete", entity="Payment", id=theirs["Id"])


def void(law_firm: LawFirm, theirs: dict[str, Any]) -> None:
    law_firm.books.do("void", entity="Payment", id=theirs["Id"])


@pytest.mark.parametrize("cure", [gone, void])
def test_a_candidate_that_does_not_live_any_more_holds_nothing(
    law_firm: LawFirm, cure: Callable[[LawFirm, dict[str, Any]], None]
) -> None:
    theirs = their_payment(law_firm, 40, paid_invoice(law_firm))
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.sync()
    assert law_firm.states("payment") == {"p": MAYBE}

    cure(law_firm, theirs)
    law_firm.time.sleep(60)  # a query may lag
    law_firm.sync()

    assert law_firm.states("payment") == {"p": ("synced", "")}


def test_an_answer_fits_what_was_shown_and_equal_money_only(law_firm: LawFirm) -> None:
    payer(law_firm)
    theirs = their_invoice(law_firm, total=90)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    with pytest.raises(AnswerRefusedError, match=r"differ in total: correct the one that is wrong"):
        answer(law_firm, "same", quickbooks_id=theirs["Id"])
    with pytest.raises(AnswerRefusedError, match=rf"Id 999 is not among .* \(Ids {theirs['Id']}\)"):
        answer(law_firm, "same", quickbooks_id="999")
    with pytest.raises(SetUpError):
        answer(law_firm, "new", actor="nobody")
    assert law_firm.states() == {"1": MAYBE}


def test_our_own_documents_and_those_that_carry_a_mark_hold_nothing(law_firm: LawFirm) -> None:
    """Two equal payments of one client are two payments."""
    paid_invoice(law_firm)
    for payment_id in ("p", "q"):
        law_firm.payment(payment_id, applied={"1": "40.00"})
        law_firm.sync()

    assert law_firm.states("payment") == {"p": ("synced", ""), "q": ("synced", "")}


def test_a_run_that_creates_costs_one_read_more_and_one_that_creates_nothing_costs_none(law_firm: LawFirm) -> None:
    paid_invoice(law_firm)
    law_firm.invoice("2", "10.00")
    law_firm.books.count_anew()
    law_firm.sync()
    creating = law_firm.books.requests()
    law_firm.books.count_anew()

    law_firm.sync()

    assert {name: count for name, count in creating.items() if "cdc" in name} == {"GET cdc": 1}
    assert law_firm.books.requests() == {}


def test_an_invoice_that_somebody_enters_beside_ours_fails_the_count_and_is_named(law_firm: LawFirm) -> None:
    """Whoever made the other one, and whatever its date and total."""
    payer(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [ours] = law_firm.books.ours("Invoice")
    theirs = their_invoice(law_firm, total=7, TxnDate="2026-01-01")

    with law_firm.deployment.open(FIRM, Run("census", "cli", PARTNER)) as session:
        with pytest.raises(CensusError) as refusal:
            take_census(session, whole=True)
        law_firm.books.do("edit", entity="Invoice", id=theirs["Id"], changes={"DocNumber": "X-1"})
        law_firm.time.sleep(60)
        counts = take_census(session, whole=True)

    assert str(refusal.value) == (
        f"one: QuickBooks does not hold each document once. One number and one customer stand in two living invoices "
        f"(Invoice Ids {ours['Id']} and {theirs['Id']}): compare them in QuickBooks, then void, delete or renumber one "
        "of the two"
    )
    assert all(row.is_sound for row in counts)


def test_a_run_counts_what_it_sent_beside_what_others_wrote_before(law_firm: LawFirm) -> None:
    """The other one was entered between the plan and the batch."""
    payer(law_firm)
    law_firm.activate()
    law_firm.invoice("0", "1.00")
    law_firm.sync()
    law_firm.invoice("1", "100.00")
    with law_firm.deployment.open(FIRM, Run("two", "test", PARTNER)) as session:
        chosen = [Stage.WORK_LIST, Stage.SYNC_PLAN, Stage.INVOICES]
        for stage in chosen[:2]:
            do_stage(session, stage, Selection(), chosen)
        theirs = their_invoice(law_firm)
        with pytest.raises(CensusError, match=rf"and {theirs['Id']}\): compare them"):
            do_stage(session, chosen[2], Selection(), chosen)


@both_number_checks
def test_an_invoice_entered_again_under_its_dead_predecessor_s_number_goes_and_a_living_holder_is_named(
    law_firm: LawFirm, duplicate_numbers: str
) -> None:
    law_firm.books.switch(duplicate_numbers=duplicate_numbers)
    law_firm.activate()
    law_firm.invoice("R4", "100.00")
    law_firm.sync()
    [former] = law_firm.books.ours("Invoice")
    law_firm.remove("invoice_lines", invoice_id="R4")
    law_firm.remove("invoices", invoice_id="R4")
    whole(law_firm)
    law_firm.invoice("R5", "90.00", invoice_number="N-R4")
    law_firm.sync()
    held = law_firm.states()
    [detail] = {row["detail"] for row in law_firm.query("select detail from sync.log where reason = 'NUMBER_TAKEN'")}

    answer(law_firm, "void", "invoice:R4")
    law_firm.sync()

    assert held == {"R4": ("held", "SOURCE_GONE"), "R5": ("held", "NUMBER_TAKEN")}
    assert detail == (
        f"invoice:R4 has this number in QuickBooks (Invoice Id {former['Id']}), and billing has lost it. "
        "Try: qb-pipeline resolve one invoice:R4 --void"
    )
    assert law_firm.states() == {"R4": ("voided", ""), "R5": ("synced", "")}
    living = [row["TotalAmt"] for row in law_firm.books.all("Invoice") if row["TotalAmt"]]
    assert (living, law_firm.query("select sum(living) as n from sync.census where kind = 'invoice'")[0]["n"]) == (
        [90],
        3,
    )


@both_number_checks
def test_an_invoice_goes_under_the_number_of_one_that_a_person_deleted(
    law_firm: LawFirm, duplicate_numbers: str
) -> None:
    """Billing lost it as well: nobody has to answer anything first."""
    law_firm.books.switch(duplicate_numbers=duplicate_numbers)
    law_firm.activate()
    law_firm.invoice("R4", "100.00")
    law_firm.sync()
    law_firm.books.do("delete", entity="Invoice", id=law_firm.books.ours("Invoice")[0]["Id"])
    law_firm.remove("invoice_lines", invoice_id="R4")
    law_firm.remove("invoices", invoice_id="R4")
    whole(law_firm)
    law_firm.invoice("R5", "90.00", invoice_number="N-R4")
    law_firm.time.sleep(60)

    law_firm.sync()

    assert law_firm.states()["R5"] == ("synced", "")
