"""The by-hand list empties: what a person entered in QuickBooks leaves it with its Id, and comes back (E-47)."""

from datetime import timedelta
from typing import Any

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.census import take_census
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.verify.test_reconcile import ids, look, named

BY_HAND = "select what, payment_id, candidates, sentence, remedy from reporting.enter_by_hand order by payment_id"
ENTERED = """
    select payment_id, quickbooks_type || ' ' || quickbooks_id as entry, evidence, entered_by
    from reporting.entered_by_hand order by 1
"""


def bounced(law_firm: LawFirm, **settings: str) -> dict[str, str]:
    """Invoice 1 over 60.00 is paid by p1, which is rejected, and paid again by p2; gives Ids in QuickBooks."""
    law_firm.activate(**settings)
    law_firm.invoice("1", "60.00", days_ago=4)
    law_firm.payment("p1", applied={"1": "60.00"}, days_ago=3)
    law_firm.sync()
    law_firm.payment("bounce", amount="60.00", kind="rejection", reverses_payment_id="p1", days_ago=1)
    law_firm.payment("p2", applied={"1": "60.00"}, method="card")
    law_firm.sync()
    return ids(law_firm)


def customer(law_firm: LawFirm) -> str:
    return str(law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"])


def account(law_firm: LawFirm, name: str) -> str:
    return str(next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == name))


def entry(law_firm: LawFirm, amount: str, *, days_ago: int = 0, side: str = "Debit", of: str = "") -> str:
    """A person enters a journal entry that debits (or credits) the client's receivables; gives its Id."""
    other = "Credit" if side == "Debit" else "Debit"
    receivable, bank = account(law_firm, "Accounts Receivable (A/R)"), account(law_firm, "Checking")
    entity = {"Type": "Customer", "EntityRef": {"value": of or customer(law_firm)}}
    lines = [
        {"PostingType": side, "AccountRef": {"value": receivable}, "Entity": entity},
        {"PostingType": other, "AccountRef": {"value": bank}},
    ]
    changes = {
        "TxnDate": (law_firm.today - timedelta(days=days_ago)).isoformat(),
        "Line": [
            {"DetailType": "JournalEntryLineDetail", "Amount": amount, "JournalEntryLineDetail": line} for line in lines
        ],
    }
    return str(law_firm.books.do("edit", entity="JournalEntry", changes=changes)["Id"])


def take_off(law_firm: LawFirm, payment_id: str) -> None:
    law_firm.books.do("edit", entity="Payment", id=payment_id, changes={"Line": []})


def listed(law_firm: LawFirm) -> list[tuple[str, str, str]]:
    return [(row["what"], row["payment_id"], row["candidates"]) for row in law_firm.query(BY_HAND)]


def entered(law_firm: LawFirm) -> list[tuple[str, str]]:
    return [(row["payment_id"], row["entry"]) for row in law_firm.query(ENTERED)]


def census(law_firm: LawFirm) -> None:
    with law_firm.deployment.open(FIRM, Run("census-1", "test", PARTNER)) as session:
        take_census(session, whole=True)


def test_a_rejection_that_was_entered_leaves_the_list_and_its_second_payment_goes_in_the_same_sync(
    law_firm: LawFirm,
) -> None:
    there = bounced(law_firm)
    before = law_firm.states("payment")["p2"], listed(law_firm)
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, there["p1"])

    law_firm.sync()

    assert before == (("held", "REJECTION_OPEN"), [("rejection", "bounce", "")])
    assert law_firm.states("payment")["p2"] == ("synced", "")
    assert (listed(law_firm), entered(law_firm)) == ([], [("bounce", f"JournalEntry {journal_id}")])
    [row] = law_firm.query(ENTERED)
    assert (row["evidence"], row["entered_by"]) == (
        f"JournalEntry {journal_id} of {law_firm.today} over 60.00 for Customer {customer(law_firm)}; "
        f"Payment {there['p1']} no longer pays what it paid",
        "",
    )
    assert law_firm.activities("entered") == [("payment", "bounce", "entered", "")]


def test_reconcile_recognises_it_in_the_one_read_that_it_makes(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    look(law_firm)
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, there["p1"])
    law_firm.books.count_anew()

    look(law_firm)

    # Beside it the accounts of the new entry, and the invoice that the payment left.
    assert law_firm.books.requests() == {"GET cdc": 1, "POST query": 2}
    assert (listed(law_firm), entered(law_firm)) == ([], [("bounce", f"JournalEntry {journal_id}")])


def test_what_was_entered_before_billing_said_so_is_recognised_later(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    law_firm.sync()
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, ids(law_firm)["p1"])
    look(law_firm)
    law_firm.payment("bounce", amount="60.00", kind="rejection", reverses_payment_id="p1")

    look(law_firm)

    assert entered(law_firm) == [("bounce", f"JournalEntry {journal_id}")]


def test_an_entry_that_somebody_took_out_again_is_not_believed(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    law_firm.sync()
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, ids(law_firm)["p1"])
    look(law_firm)
    law_firm.books.do("delete", entity="JournalEntry", id=journal_id)
    law_firm.payment("bounce", amount="60.00", kind="rejection", reverses_payment_id="p1")

    look(law_firm)

    assert (listed(law_firm), entered(law_firm)) == ([("rejection", "bounce", "")], [])


def test_while_the_rejected_payment_stands_as_it_was_the_entry_is_only_shown(law_firm: LawFirm) -> None:
    bounced(law_firm)
    journal_id = entry(law_firm, "60.00")

    look(law_firm)
    law_firm.sync()

    assert listed(law_firm) == [("rejection", "bounce", f"journalentry:{journal_id}")]
    [row] = law_firm.query(BY_HAND)
    assert row["remedy"] == (
        "Enter the rejection in QuickBooks by hand, and take the original payment off its invoice there. Or say which "
        "of the candidates it is: qb-pipeline resolve one payment:bounce --entered TYPE:ID"
    )
    assert law_firm.states("payment")["p2"] == ("held", "REJECTION_OPEN")


@pytest.mark.parametrize("other", ["amount", "client", "side", "date"])
def test_what_is_something_else_is_not_taken_for_it(law_firm: LawFirm, other: str) -> None:
    there = bounced(law_firm)
    take_off(law_firm, there["p1"])
    stranger = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "A Stranger"})["Id"]
    entry(
        law_firm,
        "60.01" if other == "amount" else "60.00",
        of=stranger if other == "client" else "",
        side="Credit" if other == "side" else "Debit",
        days_ago=9 if other == "date" else 0,
    )

    look(law_firm)

    assert (listed(law_firm), entered(law_firm)) == ([("rejection", "bounce", "")], [])


def test_of_several_a_person_says_which(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    take_off(law_firm, there["p1"])
    found = [entry(law_firm, "60.00"), entry(law_firm, "60.00", days_ago=2)]

    look(law_firm)

    assert listed(law_firm) == [("rejection", "bounce", f"journalentry:{found[1]}, journalentry:{found[0]}")]
    law_firm.books.do("delete", entity="JournalEntry", id=found[1])
    look(law_firm)
    assert entered(law_firm) == [("bounce", f"JournalEntry {found[0]}")]


def test_a_payment_that_was_voided_is_how_its_rejection_was_entered(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    law_firm.books.do("void", entity="Payment", id=there["p1"])

    look(law_firm)
    census(law_firm)

    assert (listed(law_firm), entered(law_firm)) == ([], [("bounce", f"Payment {there['p1']}")])


def _deposit(law_firm: LawFirm) -> dict[str, Any]:
    detail = {"AccountRef": {"value": account(law_firm, "Legal Fees")}, "Entity": {"value": customer(law_firm)}}
    line = {"Amount": "500.00", "DetailType": "DepositLineDetail", "DepositLineDetail": detail}
    return {"DepositToAccountRef": {"value": account(law_firm, "Checking")}, "Line": [line]}


def _receipt(law_firm: LawFirm) -> dict[str, Any]:
    detail = {"ItemRef": {"value": law_firm.item_id}}
    line = {"Amount": "25.00", "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    bank = {"value": account(law_firm, "Checking")}
    return {"CustomerRef": {"value": customer(law_firm)}, "DepositToAccountRef": bank, "Line": [line]}


def _purchase(law_firm: LawFirm) -> dict[str, Any]:
    detail = {"AccountRef": {"value": account(law_firm, "Bank Charges")}}
    line = {"Amount": "25.00", "DetailType": "AccountBasedExpenseLineDetail", "AccountBasedExpenseLineDetail": detail}
    payee = {"value": customer(law_firm), "type": "Customer"}
    bank = {"value": account(law_firm, "Checking")}
    return {"PaymentType": "Check", "AccountRef": bank, "EntityRef": payee, "Line": [line]}


@pytest.mark.parametrize(
    ("entity", "body", "what", "amount"),
    [
        ("Deposit", _deposit, "credit_deposit", "500.00"),
        ("RefundReceipt", _receipt, "refund", "25.00"),
        ("Purchase", _purchase, "refund", "25.00"),
        ("SalesReceipt", _receipt, "credit_deposit", "25.00"),
    ],
)
def test_every_type_that_can_mean_it_is_recognised(
    law_firm: LawFirm, entity: str, body: Any, what: str, amount: str
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.payment("p1", applied={"1": "25.00"})
    law_firm.sync()
    law_firm.payment("x", amount=amount, kind=what, reverses_payment_id="p1" if what == "refund" else None)
    take_off(law_firm, ids(law_firm)["p1"])
    changes = body(law_firm) | {"TxnDate": law_firm.today.isoformat()}
    made = law_firm.books.do("edit", entity=entity, changes=changes)

    look(law_firm)

    assert (listed(law_firm), entered(law_firm)) == ([], [("x", f"{entity} {made['Id']}")])


@pytest.mark.parametrize("by", ["census", "reconcile"])
@pytest.mark.parametrize("how", ["deleted", "another total"])
def test_what_is_gone_or_has_another_total_puts_its_row_back(law_firm: LawFirm, how: str, by: str) -> None:
    there = bounced(law_firm)
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, there["p1"])
    look(law_firm)
    [former] = [row for row in law_firm.books.all("JournalEntry") if row["Id"] == journal_id]
    if how == "deleted":
        law_firm.books.do("delete", entity="JournalEntry", id=journal_id)
    else:
        lines = [{**line, "Amount": "50.00"} for line in former["Line"]]
        law_firm.books.do("edit", entity="JournalEntry", id=journal_id, changes={"Line": lines})

    (census if by == "census" else look)(law_firm)
    [back] = law_firm.query(BY_HAND)
    if how == "deleted":
        journal_id = entry(law_firm, "60.00")
    else:
        law_firm.books.do(
            "edit",
            entity="JournalEntry",
            id=journal_id,
            changes={"Line": [{**line, "Amount": "60.00"} for line in former["Line"]]},
        )
    look(law_firm)

    assert (back["what"], back["sentence"].split(", ")[1]) == (
        "changed_rejection",
        "which is not in QuickBooks any more." if how == "deleted" else "which has another total by now.",
    )
    assert (listed(law_firm), entered(law_firm)) == ([], [("bounce", f"JournalEntry {journal_id}")])


def test_what_billing_changes_after_it_was_entered_comes_back_until_the_entry_is_corrected(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.sync()
    law_firm.payment("deposit", amount="500.00", kind="credit_deposit")
    journal_id = entry(law_firm, "500.00", side="Credit")
    look(law_firm)
    law_firm.change("update payments set amount = 400")
    law_firm.sync()
    changed = law_firm.query(BY_HAND)
    [former] = law_firm.books.all("JournalEntry")
    lines = [{**line, "Amount": "400.00"} for line in former["Line"]]

    law_firm.books.do("edit", entity="JournalEntry", id=journal_id, changes={"Line": lines})
    look(law_firm)

    assert [(row["what"], row["remedy"]) for row in changed] == [
        ("changed_credit_deposit", f"Correct JournalEntry {journal_id} in QuickBooks.")
    ]
    assert listed(law_firm) == []
    law_firm.change("update payments set status = 'void'")
    law_firm.sync()
    assert [row["remedy"] for row in law_firm.query(BY_HAND)] == [f"Delete JournalEntry {journal_id} in QuickBooks."]
    law_firm.books.do("delete", entity="JournalEntry", id=journal_id)
    look(law_firm)
    assert listed(law_firm) == []


def test_the_second_half_of_an_application_that_billing_takes_back_is_to_be_deleted(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.payment("c", applied={"1": "40.00"}, kind="credit_application", method="credit")
    law_firm.sync()
    liability = law_firm.books.create("Account", {"Name": "Credit", "AccountType": "Other Current Liability"})
    named = {"Type": "Customer", "EntityRef": {"value": customer(law_firm)}}
    lines = [
        {"PostingType": "Debit", "AccountRef": {"value": liability["Id"]}, "Entity": named},
        {"PostingType": "Credit", "AccountRef": {"value": account(law_firm, "Undeposited Funds")}},
    ]
    body = [
        {"DetailType": "JournalEntryLineDetail", "Amount": "40.00", "JournalEntryLineDetail": line} for line in lines
    ]
    changes = {"TxnDate": law_firm.today.isoformat(), "Line": body}
    journal_id = law_firm.books.do("edit", entity="JournalEntry", changes=changes)["Id"]
    look(law_firm)
    before = listed(law_firm), entered(law_firm)

    law_firm.change("update payments set status = 'void'")
    law_firm.sync()

    assert before == ([], [("c", f"JournalEntry {journal_id}")])
    assert [(row["what"], row["remedy"]) for row in law_firm.query(BY_HAND)] == [
        ("changed_credit_applied", f"Delete JournalEntry {journal_id} in QuickBooks.")
    ]
    law_firm.books.do("delete", entity="JournalEntry", id=journal_id)
    look(law_firm)
    assert listed(law_firm) == []


def test_a_sync_of_payments_that_wait_for_no_entry_asks_for_none(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "60.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    law_firm.sync()
    law_firm.payment("deposit", amount="500.00", kind="credit_deposit")
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.books.requests() == {}


def test_what_a_person_entered_is_not_recorded_a_second_time(law_firm: LawFirm) -> None:
    """The entry could not be recorded while no account was mapped; a person entered it meanwhile."""
    there = bounced(law_firm, record_refunds="on")
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, there["p1"])
    look(law_firm)

    law_firm.map("deposit_account", "check", account(law_firm, "Checking"))
    law_firm.sync()

    assert [row["Id"] for row in law_firm.books.all("JournalEntry")] == [journal_id]


def test_what_was_entered_counts_as_recorded_and_no_more_as_to_be_entered(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    before = named(law_firm)
    journal_id = entry(law_firm, "60.00")
    take_off(law_firm, there["p1"])

    law_firm.sync()

    assert ("received", "bounce", "hand_entry", "-60.00") in before
    assert ("received", "bounce", "recorded", "-60.00") in named(law_firm)
    [row] = law_firm.query("select quickbooks_id from reporting.differences where class = 'recorded'")
    assert row == {"quickbooks_id": journal_id}
    assert look(law_firm).residual == 0
