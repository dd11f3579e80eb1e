"""What else pays an invoice, as far as QuickBooks says."""

from decimal import Decimal
from typing import Any

from qb_pipeline.core.documents.settlements import describe_settlements, linked_payments


def payment(payment_id: str, *lines: tuple[str, str, str], day: str = "2026-03-01") -> dict[str, Any]:
    """Lines: type and Id of what it is linked to, and the amount."""
    return {
        "Id": payment_id,
        "TxnDate": day,
        "Line": [
            {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": linked, "TxnType": kind}]}
            for kind, linked, amount in lines
        ],
    }


def invoice(*links: tuple[str, str]) -> dict[str, Any]:
    return {"Id": "5", "LinkedTxn": [{"TxnId": linked, "TxnType": kind} for kind, linked in links]}


def test_our_own_payments_are_not_asked_for() -> None:
    assert linked_payments(invoice(("Payment", "7"), ("Payment", "8"), ("Deposit", "9")), {"7"}) == ["8"]
    assert linked_payments({"Id": "5"}, set()) == []


def test_payments_of_others_are_told_with_id_date_and_amount() -> None:
    one = payment("8", ("Invoice", "5", "5.00"), ("Invoice", "6", "1.00"), day="2026-03-02")
    two = payment("12", ("Invoice", "5", "1000"))

    assert describe_settlements(invoice(), [one, two], others_cents=100_500) == (
        "Payment 12 of 2026-03-01 pays 1,000.00, Payment 8 of 2026-03-02 pays 5.00"
    )


def test_credit_is_told_by_its_own_type_and_id() -> None:
    memo = payment("8", ("Invoice", "5", "30.00"), ("CreditMemo", "3", "30.00"))
    both = payment("9", ("Invoice", "5", "30.00"), ("JournalEntry", "4", "10.00"), day="2026-03-05")

    assert describe_settlements(invoice(), [memo, both], others_cents=6000) == (
        "CreditMemo 3 pays 30.00 by Payment 8 of 2026-03-01, JournalEntry 4 pays 10.00 by Payment 9 of 2026-03-05, "
        "Payment 9 of 2026-03-05 pays 20.00"
    )


def test_what_is_linked_otherwise_or_not_at_all_is_told_as_a_rest() -> None:
    assert describe_settlements(invoice(("Deposit", "9")), [], others_cents=200) == "Deposit 9 pays 2.00"
    assert describe_settlements(invoice(), [], others_cents=200) == (
        "something that QuickBooks does not name pays 2.00"
    )
    assert describe_settlements(invoice(), [], others_cents=0) == ""
