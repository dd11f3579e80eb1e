"""Bank deposits as QuickBooks writes them."""

from decimal import Decimal

from qb_pipeline.core.documents.bank_deposits import BankDeposit, DepositLine, deleted_deposit, read_deposit


def test_payments_stand_by_id_and_everything_else_is_an_amount() -> None:
    found = read_deposit(
        {
            "Id": "9",
            "SyncToken": "2",
            "TxnDate": "2026-03-02",
            "DepositToAccountRef": {"value": "35", "name": "Checking"},
            "TotalAmt": Decimal("103.5"),
            "PrivateNote": "never kept",
            "Line": [
                {"Amount": 100, "LinkedTxn": [{"TxnId": "7", "TxnType": "Payment"}]},
                {"Amount": 5, "LinkedTxn": [{"TxnId": "8", "TxnType": "SalesReceipt"}]},
                {"Amount": Decimal("-1.5"), "DepositLineDetail": {"AccountRef": {"value": "60"}}},
            ],
        }
    )

    lines = (DepositLine("7", 10_000), DepositLine("", 500), DepositLine("", -150))
    assert found == BankDeposit("9", "2", "live", "2026-03-02", "35", "Checking", 10_350, lines)


def test_of_a_deleted_one_only_its_id_is_known() -> None:
    assert deleted_deposit("9") == BankDeposit("9", "0", "deleted", "", "", "", 0, ())
