"""What the mirror keeps of an answer: totals, dates, and what a payment pays of each invoice, by which means."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.mirror import (
    PaymentDetail,
    Settlement,
    Version,
    accounts_of_customers,
    deleted_version,
    read_entry,
    read_settlements,
    read_version,
)


def line(amount: str | int, *links: tuple[str, str]) -> dict[str, Any]:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": one, "TxnType": kind} for kind, one in links]}


def test_an_invoice_is_read_in_the_fields_that_are_compared() -> None:
    entity = {
        "Id": "7", "SyncToken": "3", "DocNumber": "N-7", "TxnDate": "2026-03-01", "DueDate": "2026-03-31",
        "CustomerRef": {"value": "12", "name": "Diaz"}, "TotalAmt": Decimal("100.10"), "Balance": Decimal("60.1"),
        "LinkedTxn": [{"TxnId": "8", "TxnType": "Payment"}], "Line": [line("100.10")],
    }  # fmt: skip

    assert read_version("invoice", entity, is_void=False) == Version(
        "invoice", "7", "3", "live", "N-7", "2026-03-01", "2026-03-31", "12", 10_010, 6_010, customer_name="Diaz"
    )


def test_a_payment_says_what_it_pays_of_each_invoice() -> None:
    entity = {
        "Id": "8", "SyncToken": "0", "PaymentRefNum": "check 7", "TxnDate": "2026-03-02", "TotalAmt": 50,
        "UnappliedAmt": 5, "CustomerRef": {"value": "12"}, "PaymentMethodRef": {"value": "2", "name": "Check"},
        "DepositToAccountRef": {"value": "4", "name": "Undeposited Funds"},
        "Line": [line("40", ("Invoice", "7")), line("5", ("Invoice", "9"))],
    }  # fmt: skip

    assert read_version("payment", entity, is_void=False) == Version(
        "payment", "8", "0", "live", "check 7", "2026-03-02", "", "12", 5_000, 500,
        (Settlement("7", "payment", 4_000), Settlement("9", "payment", 500)),
        detail=PaymentDetail("Check", "4", "Undeposited Funds"),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["invoice", "payment"])
def test_what_is_void_holds_and_pays_nothing(kind: str) -> None:
    entity = {"Id": "8", "SyncToken": "1", "TotalAmt": 0, "Balance": 0, "Line": [line("40", ("Invoice", "7"))]}

    assert read_version(kind, entity, is_void=True) == Version(kind, "8", "1", "void", "", "", "", "", 0, 0)


def test_of_a_deleted_document_only_its_id_is_known() -> None:
    assert deleted_version("invoice", "7") == Version("invoice", "7", "0", "deleted", "", "", "", "", 0, 0)


def test_credit_is_told_from_money() -> None:
    lines = [line("100", ("Invoice", "7")), line("20", ("CreditMemo", "3")), line("5", ("JournalEntry", "4"))]

    assert read_settlements({"Line": lines}) == (
        Settlement("7", "credit_memo", 2_000, "3"),
        Settlement("7", "journal", 500, "4"),
        Settlement("7", "payment", 7_500),
    )


def test_an_entry_that_a_payment_pays_is_told_from_one_whose_credit_it_uses() -> None:
    """Both look alike: only the unapplied amount tells which it is."""
    lines = [line("60", ("Invoice", "7")), line("40", ("JournalEntry", "4"))]

    assert read_settlements({"Line": lines, "TotalAmt": Decimal(100), "UnappliedAmt": Decimal(0)}) == (
        Settlement("4", "payment", 4_000, target_kind="journal_entry"),
        Settlement("7", "payment", 6_000),
    )
    assert read_settlements({"Line": lines, "TotalAmt": Decimal(20), "UnappliedAmt": Decimal(0)}) == (
        Settlement("7", "journal", 4_000, "4"),
        Settlement("7", "payment", 2_000),
    )


def entry_line(side: str, amount: str, account: str, customer: str = "") -> dict[str, Any]:
    detail: dict[str, Any] = {"PostingType": side, "AccountRef": {"value": account}}
    if customer:
        detail["Entity"] = {"Type": "Customer", "EntityRef": {"value": customer}}
    return {"Amount": Decimal(amount), "JournalEntryLineDetail": detail}


def test_an_entry_has_a_version_for_each_customer_whose_receivables_it_moves() -> None:
    entry = {
        "Id": "9",
        "SyncToken": "2",
        "TxnDate": "2026-03-04",
        "Line": [
            entry_line("Debit", "30", "bad debt"),
            entry_line("Credit", "10", "A/R", "12"),
            entry_line("Credit", "20", "A/R", "13"),
        ],
    }
    plain = Version(
        "journal_entry", "9", "2", "live", "", "2026-03-04", "", "12", -1_000, 0, customer_key="12", is_write_off=True
    )

    found = list(read_entry(entry, receivable_ids={"A/R"}, expense_ids={"bad debt"}))

    assert found == [plain, replace(plain, customer_id="13", customer_key="13", total_cents=-2_000)]
    assert accounts_of_customers(entry) == {"bad debt", "A/R"}
    [other, _] = read_entry(entry, receivable_ids={"A/R"}, expense_ids=())
    assert not other.is_write_off


def test_an_entry_without_a_customer_needs_no_account_looked_up() -> None:
    assert accounts_of_customers({"Line": [entry_line("Debit", "30", "1"), entry_line("Credit", "30", "2")]}) == set()


def test_an_entry_that_a_payment_pays_is_no_credit() -> None:
    """A returned check: 75.00 pay the invoice and 25.00 the entry that takes it back."""
    lines = [line("75", ("Invoice", "7")), line("25", ("JournalEntry", "4"))]
    paid = {"Id": "8", "TotalAmt": 100, "UnappliedAmt": 0, "Line": lines}
    credited = {"Id": "8", "TotalAmt": 50, "UnappliedAmt": 0, "Line": lines}

    assert [read_version("payment", each, is_void=False).settlements for each in (paid, credited)] == [
        (Settlement("4", "payment", 2_500, target_kind="journal_entry"), Settlement("7", "payment", 7_500)),
        (Settlement("7", "journal", 2_500, "4"), Settlement("7", "payment", 5_000)),
    ]


AMOUNTS = st.integers(0, 10**9)


@given(invoice=AMOUNTS, memo=AMOUNTS, credit=AMOUNTS, paid=AMOUNTS, unapplied=AMOUNTS)
def test_credit_and_paid_entries_are_told_apart_to_the_cent(
    invoice: int, memo: int, credit: int, paid: int, unapplied: int
) -> None:
    amounts = {"Invoice": [invoice], "CreditMemo": [memo], "JournalEntry": [credit, paid]}
    total = invoice + paid + unapplied - memo - credit
    lines = [line(Decimal(each).scaleb(-2), (kind, "1")) for kind, some in amounts.items() for each in some]  # type: ignore[arg-type]
    entity = {
        "Id": "8", "TotalAmt": Decimal(total).scaleb(-2), "UnappliedAmt": Decimal(unapplied).scaleb(-2), "Line": lines,
    }  # fmt: skip

    found = Counter[str]()
    for each in read_version("payment", entity, is_void=False).settlements:
        found[each.means] += each.amount_cents

    assert found["credit_memo"] + found["journal"] == min(invoice, memo + credit)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(AMOUNTS, max_size=4), st.lists(st.tuples(st.sampled_from(["CreditMemo", "JournalEntry", "X"]), AMOUNTS))
)
def test_no_cent_of_a_payment_is_lost_or_given_twice(invoices: list[int], credits: list[tuple[str, int]]) -> None:
    lines = [line(Decimal(cents).scaleb(-2), ("Invoice", str(n))) for n, cents in enumerate(invoices)]  # type: ignore[arg-type]
    lines += [line(Decimal(cents).scaleb(-2), (kind, "1")) for kind, cents in credits]  # type: ignore[arg-type]

    found = read_settlements({"Line": lines})

    paid, means = Counter[str](), Counter[str]()
    for each in found:
        paid[each.quickbooks_invoice_id] += each.amount_cents
        means[each.means] += each.amount_cents
    assert all(each.amount_cents > 0 for each in found)
    assert paid == Counter({str(n): cents for n, cents in enumerate(invoices) if cents})
    assert means.total() - means["payment"] == min(sum(invoices), sum(cents for _, cents in credits))
