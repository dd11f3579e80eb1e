"""What a person entered in QuickBooks is recognised as the row that it is, or shown, and never taken for another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.hand_entries import (
    ENTITIES,
    REACH,
    Entry,
    HandRow,
    Recognised,
    read_amounts,
    read_entries,
    recognise,
    side_of,
)

DAY = date(2026, 3, 2)
ROW = HandRow(1, "rejection", "C1", 6000, DAY)
ENTRY = Entry("JournalEntry", "145", "C1", "debit", 6000, DAY)


def test_the_one_transaction_that_can_be_it_is_entered() -> None:
    assert recognise([ROW], [ENTRY]) == Recognised({1: ENTRY}, {})


@pytest.mark.parametrize(
    "other",
    [
        {"customer_id": "C2"},
        {"amount_cents": 6001},
        {"side": "credit"},
        {"entry_date": DAY + REACH + timedelta(days=1)},
        {"entry_date": DAY - REACH - timedelta(days=1)},
    ],
)
def test_another_client_amount_side_or_week_is_something_else(other: dict[str, Any]) -> None:
    assert recognise([ROW], [replace(ENTRY, **other)]) == Recognised({}, {})


def test_while_the_payment_that_it_takes_back_stands_as_it_was_sent_a_person_says() -> None:
    assert recognise([replace(ROW, original_stands=True)], [ENTRY]) == Recognised({}, {1: [ENTRY]})


def test_of_several_transactions_a_person_says_which() -> None:
    second = replace(ENTRY, quickbooks_id="17", entity="RefundReceipt")

    assert recognise([ROW], [ENTRY, second]) == Recognised({}, {1: [ENTRY, second]})


def test_one_transaction_for_two_rows_is_given_to_neither() -> None:
    assert recognise([ROW, replace(ROW, document_id=2)], [ENTRY]) == Recognised({}, {1: [ENTRY], 2: [ENTRY]})


def test_a_client_without_a_customer_has_nothing_to_be_recognised_by() -> None:
    assert recognise([replace(ROW, customer_id="")], [replace(ENTRY, customer_id="")]) == Recognised({}, {})


def test_only_a_journal_entry_moves_money_out_of_credit() -> None:
    row = replace(ROW, what="credit_applied")

    assert recognise([row], [replace(ENTRY, entity="RefundReceipt")]) == Recognised({}, {})
    assert recognise([row], [ENTRY]) == Recognised({1: ENTRY}, {})


rows = st.lists(
    st.builds(
        HandRow,
        st.integers(1, 9),
        st.sampled_from(["rejection", "refund", "credit_deposit", "credit_applied"]),
        st.sampled_from(["C1", "C2"]),
        st.sampled_from([100, 200]),
        st.dates(DAY, DAY + timedelta(days=12)),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda row: row.document_id,
)
entries = st.lists(
    st.builds(
        Entry,
        st.sampled_from(ENTITIES),
        st.integers(1, 9).map(str),
        st.sampled_from(["C1", "C2"]),
        st.sampled_from(["credit", "debit"]),
        st.sampled_from([100, 200]),
        st.dates(DAY, DAY + timedelta(days=12)),
    ),
    max_size=6,
    unique_by=lambda entry: (*entry.name, entry.customer_id, entry.side),
)


@given(rows, entries, st.randoms(use_true_random=False))
def test_no_transaction_serves_two_rows_and_no_order_decides(
    rows: Sequence[HandRow], entries: Sequence[Entry], random: Any
) -> None:
    found = recognise(rows, entries)

    by_id = {row.document_id: row for row in rows}
    assert max(Counter(entry.name for entry in found.entered.values()).values(), default=0) <= 1
    shown = {entry.name for candidates in found.candidates.values() for entry in candidates}
    assert shown.isdisjoint(entry.name for entry in found.entered.values())
    for document_id, entry in found.entered.items():
        row = by_id[document_id]
        assert (entry.customer_id, entry.amount_cents, entry.side) == (
            row.customer_id, row.amount_cents, side_of(row.what),
        )  # fmt: skip
        assert not row.original_stands
    shuffled = random.sample(rows, len(rows)), random.sample(entries, len(entries))
    assert recognise(*shuffled) == found


def _line(side: str, amount: str, customer: str = "") -> dict[str, Any]:
    entity = {"Entity": {"Type": "Customer", "EntityRef": {"value": customer}}} if customer else {}
    return {"Amount": Decimal(amount), "JournalEntryLineDetail": {"PostingType": side, **entity}}


@pytest.mark.parametrize(
    ("entity", "body", "amounts"),
    [
        ("JournalEntry", {"Line": [_line("Debit", "60", "C1"), _line("Credit", "60")]}, {("C1", "debit"): 6000}),
        (
            "JournalEntry",
            {"Line": [_line("Debit", "60", "C1"), _line("Credit", "40", "C1"), _line("Credit", "20", "C2")]},
            {("C1", "debit"): 6000, ("C1", "credit"): 4000, ("C2", "credit"): 2000},
        ),
        (
            "Deposit",
            {
                "Line": [
                    {"Amount": 500, "DepositLineDetail": {"Entity": {"value": "C1", "type": "CUSTOMER"}}},
                    {"Amount": -60, "DepositLineDetail": {"Entity": {"value": "C2"}}},
                    {"Amount": 70, "LinkedTxn": [{"TxnId": "3", "TxnType": "Payment"}]},
                    {"Amount": 1, "DepositLineDetail": {}},
                ]
            },
            {("C1", "credit"): 50000, ("C2", "debit"): 6000},
        ),
        ("SalesReceipt", {"TotalAmt": 5, "CustomerRef": {"value": "C1"}}, {("C1", "credit"): 500}),
        ("RefundReceipt", {"TotalAmt": 5, "CustomerRef": {"value": "C1"}}, {("C1", "debit"): 500}),
        ("RefundReceipt", {"TotalAmt": 5}, {}),
        ("Purchase", {"TotalAmt": 5, "EntityRef": {"value": "C1", "type": "Customer"}}, {("C1", "debit"): 500}),
        (
            "Purchase",
            {"TotalAmt": 5, "EntityRef": {"value": "C1", "type": "Customer"}, "Credit": True},
            {("C1", "credit"): 500},
        ),
        (
            "Purchase",
            {
                "TotalAmt": 7,
                "EntityRef": {"value": "9", "type": "Vendor"},
                "Line": [
                    {"Amount": 5, "AccountBasedExpenseLineDetail": {"CustomerRef": {"value": "C1"}}},
                    {"Amount": 2, "AccountBasedExpenseLineDetail": {}},
                ],
            },
            {("C1", "debit"): 500},
        ),
        ("Payment", {"TotalAmt": 5, "UnappliedAmt": 5, "CustomerRef": {"value": "C1"}}, {("C1", "credit"): 500}),
        ("CreditMemo", {"TotalAmt": 5, "RemainingCredit": 5, "CustomerRef": {"value": "C1"}}, {("C1", "credit"): 500}),
    ],
)
def test_a_transaction_is_so_much_for_each_customer_that_it_names(
    entity: str, body: dict[str, Any], amounts: dict[tuple[str, str], int]
) -> None:
    assert read_amounts(entity, body) == amounts
    assert read_entries(entity, {"Id": "7", "TxnDate": "2026-03-02", **body}) == tuple(
        Entry(entity, "7", customer_id, side, cents, DAY)  # type: ignore[arg-type]
        for (customer_id, side), cents in sorted(amounts.items())
    )


@pytest.mark.parametrize(("entity", "left"), [("Payment", {"UnappliedAmt": 4}), ("CreditMemo", {"RemainingCredit": 0})])
def test_money_that_is_applied_is_no_deposit_into_credit(entity: str, left: dict[str, Any]) -> None:
    body = {"Id": "7", "TxnDate": "2026-03-02", "TotalAmt": 5, "CustomerRef": {"value": "C1"}, **left}

    assert read_entries(entity, body) == ()


def test_every_type_can_be_read() -> None:
    assert [read_amounts(entity, {}) for entity in ENTITIES] == [{}] * len(ENTITIES)
