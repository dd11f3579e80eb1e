from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.journal_entries import (
    credit_content,
    pay_entries,
    read_accounts,
    read_entry_customer,
    refund_content,
    take_back,
)

MARKER = "qbp1:abc123:firm:refund:r1:g1"


def test_a_refund_debits_the_customer_and_credits_the_bank() -> None:
    content = refund_content(
        customer_id="58", receivable_id="84", account_id="35", day=date(2026, 3, 2), cents=2_550, currency="",
        reference="card 4242", marker=MARKER,
    )  # fmt: skip

    assert content.body == {
        "TxnDate": "2026-03-02",
        "PrivateNote": f"{MARKER} card 4242",
        "Line": [
            {
                "Amount": Decimal("25.50"),
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": {
                    "PostingType": "Debit",
                    "AccountRef": {"value": "84"},
                    "Entity": {"Type": "Customer", "EntityRef": {"value": "58"}},
                },
            },
            {
                "Amount": Decimal("25.50"),
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": {"PostingType": "Credit", "AccountRef": {"value": "35"}},
            },
        ],
    }
    assert content.total_cents == 2_550


def test_the_currency_is_named_where_the_company_has_several() -> None:
    content = refund_content(
        customer_id="58", receivable_id="84", account_id="35", day=date(2026, 3, 2), cents=1, currency="USD",
        reference="", marker=MARKER,
    )  # fmt: skip

    assert content.body["CurrencyRef"] == {"value": "USD"}


def test_what_went_back_is_taken_off_the_last_invoices_first() -> None:
    shares = {"i1": 100, "i2": 50}

    assert [take_back(shares, 150, cents) for cents in (0, 20, 50, 70, 150, 900)] == [
        {"i1": 100, "i2": 50}, {"i1": 100, "i2": 30}, {"i1": 100}, {"i1": 80}, {}, {},
    ]  # fmt: skip


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 10**6)), st.integers(0, 1000), st.integers(0, 10**7))
def test_what_is_kept_and_what_went_back_is_what_was_paid(shares: dict[str, int], unapplied: int, cents: int) -> None:
    total = sum(shares.values()) + unapplied

    kept = take_back(shares, total, cents)

    assert sum(kept.values()) == min(sum(shares.values()), max(0, total - cents))
    assert all(0 < share <= shares[invoice] for invoice, share in kept.items())


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 1_000)),
    st.dictionaries(st.sampled_from("xyz"), st.integers(1, 500)),
    st.integers(0, 1_000),
)
def test_what_is_taken_off_invoices_pays_the_entries_to_the_cent(
    shares: dict[str, int], entries: dict[str, int], unapplied: int
) -> None:
    total, went_back = sum(shares.values()) + unapplied, sum(entries.values())
    left = total - sum(take_back(shares, total, went_back).values())

    paid = pay_entries(entries, left)

    assert sum(paid.values()) == min(went_back, left)
    assert paid == entries or went_back > total


@pytest.mark.parametrize("cents", [2_550, 0])
def test_the_second_half_debits_the_clients_credit_and_credits_where_the_payment_went(cents: int) -> None:
    content = credit_content(
        customer_id="58", liability_id="91", account_id="92", day=date(2026, 3, 2), cents=cents, currency="",
        reference="", marker=MARKER,
    )  # fmt: skip

    assert (read_accounts(content.body), read_entry_customer(content.body)) == (("91", "92"), "58")
    assert [line["Amount"] for line in content.body["Line"]] == [Decimal(cents).scaleb(-2)] * 2
    assert (content.total_cents, content.body["TxnDate"]) == (cents, "2026-03-02")


def test_an_entry_without_lines_names_no_account_and_nobody() -> None:
    assert (read_accounts({}), read_entry_customer({})) == (("", ""), "")
