"""Deposits freeze payments; journal entries balance."""

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_sales import make, refused
from qb_pipeline_tests.emulator.conftest import Body, payment_of


@pytest.fixture
def payment(company: Company) -> str:
    customer = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    return write(company, "Payment", "create", payment_of(customer, 80))[1]


def test_a_deposited_payment_is_frozen_until_the_deposit_goes(company: Company, payment: str) -> None:
    made = VERBS["deposit"](company, {"payments": [payment]})
    frozen = company.tables["Payment"].rows[payment].decode()
    assert frozen["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Deposit"}]
    assert frozen["DepositToAccountRef"]["name"] == "Undeposited Funds"

    token = {"Id": payment, "SyncToken": frozen["SyncToken"]}
    assert refused(company, "Payment", "delete", token).code == "6540"
    assert refused(company, "Payment", "update", {**token, "sparse": True}, include=frozenset({"void"})).code == "6540"
    assert refused(company, "Payment", "update", {**token, "sparse": True, "PrivateNote": "x"}).code == "6540"

    write(company, "Deposit", "delete", {"Id": made["Id"], "SyncToken": "0"})
    write(company, "Payment", "delete", {"Id": payment, "SyncToken": "2"})


def test_a_payment_goes_to_the_bank_once_and_whole(company: Company, payment: str) -> None:
    link = {"TxnId": payment, "TxnType": "Payment"}
    part = {"DepositToAccountRef": {"value": "1"}, "Line": [{"Amount": 79, "LinkedTxn": [link]}]}
    assert refused(company, "Deposit", "create", part).code == "6000"

    made = make(company, {**part, "Line": [{"Amount": 80, "LinkedTxn": [link]}]}, "Deposit")
    assert made["TotalAmt"] == 80
    assert refused(company, "Deposit", "create", {**part, "Line": [{"Amount": 80, "LinkedTxn": [link]}]}).code == "620"
    assert company.account_cents["1"] == 8000


def entry(*sides: tuple[str, str, int], customer: str = "") -> Body:
    lines = []
    for side, account, amount in sides:
        detail: Body = {"PostingType": side, "AccountRef": {"value": account}}
        if customer:
            detail["Entity"] = {"Type": "Customer", "EntityRef": {"value": customer}}
        lines.append({"DetailType": "JournalEntryLineDetail", "Amount": amount, "JournalEntryLineDetail": detail})
    return {"Line": lines}


def test_journal_entries_balance_and_receivables_name_a_customer(company: Company) -> None:
    receivable, bank = company.account_of("receivable"), "1"
    customer = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]

    assert refused(company, "JournalEntry", "create", entry(("Debit", bank, 5))).detail == (
        "Business Validation Error: Fill out at least two detail lines to continue."
    )
    assert refused(company, "JournalEntry", "create", entry(("Debit", bank, 5), ("Credit", bank, 4))).code == "2300"
    nobody = refused(company, "JournalEntry", "create", entry(("Debit", bank, 5), ("Credit", receivable, 5)))
    assert nobody.detail == (
        "Business Validation Error: When you use Accounts Receivable, you must choose a customer in the Name field."
    )
    write(company, "JournalEntry", "create", entry(("Debit", bank, 5), ("Credit", receivable, 5), customer=customer))
    assert company.customer_cents[customer] == -500
