from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.journal_entries import refund_content, take_back

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
