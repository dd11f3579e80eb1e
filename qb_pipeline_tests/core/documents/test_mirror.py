"""What the mirror keeps of an answer: totals, dates, and what a payment pays of each invoice, by which means."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.mirror import Settlement, Version, deleted_version, read_settlements, read_version


def line(amount: str | int, *links: tuple[str, str]) -> dict[str, Any]:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": one, "TxnType": kind} for kind, one in links]}


def test_an_invoice_is_read_in_the_fields_that_are_compared() -> None:
    entity = {
        "Id": "7", "SyncToken": "3", "DocNumber": "N-7", "TxnDate": "2026-03-01", "DueDate": "2026-03-31",
        "CustomerRef": {"value": "12", "name": "Diaz"}, "TotalAmt": Decimal("100.10"), "Balance": Decimal("60.1"),
        "LinkedTxn": [{"TxnId": "8", "TxnType": "Payment"}], "Line": [line("100.10")],
    }  # fmt: skip

    assert read_version("invoice", entity, is_void=False) == Version(
        "invoice", "7", "3", "live", "N-7", "2026-03-01", "2026-03-31", "12", 10_010, 6_010
    )


def test_a_payment_says_what_it_pays_of_each_invoice() -> None:
    entity = {
        "Id": "8", "SyncToken": "0", "PaymentRefNum": "check 7", "TxnDate": "2026-03-02", "TotalAmt": 50,
        "UnappliedAmt": 5, "CustomerRef": {"value": "12"},
        "Line": [line("40", ("Invoice", "7")), line("5", ("Invoice", "9"))],
    }  # fmt: skip

    assert read_version("payment", entity, is_void=False) == Version(
        "payment", "8", "0", "live", "check 7", "2026-03-02", "", "12", 5_000, 500,
        (Settlement("7", "payment", 4_000), Settlement("9", "payment", 500)),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["invoice", "payment"])
def test_what_is_void_holds_and_pays_nothing(kind: str) -> None:
    entity = {"Id": "8", "SyncToken": "1", "TotalAmt": 0, "Balance": 0, "Line": [line("40", ("Invoice", "7"))]}

    assert read_version(kind, entity, is_void=True) == Version(kind, "8", "1", "void", "", "", "", "", 0, 0)


def test_of_a_deleted_document_only_its_id_is_known() -> None:
    assert deleted_version("invoice", "7") == Version("invoice", "7", "0", "deleted", "", "", "", "", 0, 0)


def test_credit_is_told_from_money() -> None:
    assert read_settlements(
        [line("100", ("Invoice", "7")), line("20", ("CreditMemo", "3")), line("5", ("JournalEntry", "4"))]
    ) == (Settlement("7", "credit_memo", 2_000), Settlement("7", "journal", 500), Settlement("7", "payment", 7_500))


AMOUNTS = st.integers(0, 10**9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(AMOUNTS, max_size=4), st.lists(st.tuples(st.sampled_from(["CreditMemo", "JournalEntry", "X"]), AMOUNTS))
)
def test_no_cent_of_a_payment_is_lost_or_given_twice(invoices: list[int], credits: list[tuple[str, int]]) -> None:
    lines = [line(Decimal(cents).scaleb(-2), ("Invoice", str(n))) for n, cents in enumerate(invoices)]  # type: ignore[arg-type]
    lines += [line(Decimal(cents).scaleb(-2), (kind, "1")) for kind, cents in credits]  # type: ignore[arg-type]

    found = read_settlements(lines)

    paid, means = Counter[str](), Counter[str]()
    for each in found:
        paid[each.quickbooks_invoice_id] += each.amount_cents
        means[each.means] += each.amount_cents
    assert all(each.amount_cents > 0 for each in found)
    assert paid == Counter({str(n): cents for n, cents in enumerate(invoices) if cents})
    assert means.total() - means["payment"] == min(sum(invoices), sum(cents for _, cents in credits))
