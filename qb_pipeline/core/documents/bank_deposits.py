"""A bank deposit of QuickBooks: the payments and other money that it brings to the bank, as amounts, dates and Ids.

Belongs here: reading a deposit as QuickBooks wrote it. Does not belong here: storing versions
(``ledger.books.bank_deposits``).
"""

from dataclasses import dataclass
from decimal import Decimal

from qb_pipeline.core.money import JsonObject, to_cents


@dataclass(frozen=True, slots=True)
class DepositLine:
    """The cents that one line brings to the bank. ``payment_id`` is the Id of the payment; "" for anything but one
    payment."""

    payment_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class BankDeposit:
    """One bank deposit as QuickBooks holds it. ``status`` is live or deleted; the date is an ISO text."""

    quickbooks_id: str
    sync_token: str
    status: str
    document_date: str
    account_id: str
    account_name: str
    total_cents: int
    lines: tuple[DepositLine, ...]


def read_deposit(entity: JsonObject) -> BankDeposit:
    """Read a deposit of QuickBooks."""
    account = entity.get("DepositToAccountRef") or {}
    return BankDeposit(
        quickbooks_id=str(entity["Id"]),
        sync_token=str(entity.get("SyncToken", "0")),
        status="live",
        document_date=str(entity.get("TxnDate") or ""),
        account_id=str(account.get("value") or ""),
        account_name=str(account.get("name") or ""),
        total_cents=_cents(entity.get("TotalAmt")),
        lines=tuple(DepositLine(_payment_of(line), _cents(line.get("Amount"))) for line in entity.get("Line") or ()),
    )


def deleted_deposit(quickbooks_id: str) -> BankDeposit:
    """Return the record of a deposit that QuickBooks reports as deleted. Its payments are no longer in the bank."""
    return BankDeposit(quickbooks_id, "0", "deleted", "", "", "", 0, ())


def _payment_of(line: JsonObject) -> str:
    linked = [str(link["TxnId"]) for link in line.get("LinkedTxn") or () if link.get("TxnType") == "Payment"]
    return linked[0] if len(linked) == 1 else ""


def _cents(amount: Decimal | int | str | None) -> int:
    return to_cents(Decimal(amount or 0))
