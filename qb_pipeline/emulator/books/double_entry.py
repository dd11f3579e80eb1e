"""Double entry: the postings of each transaction to accounts, and its effect on the customer's balance.

Belongs here: postings, which always sum to 0, and customers' balances. Does not belong here: the choice of the
transactions that are allowed.

Journal entries need no open balance of their own: the whole entry counts, and a payment counts with its total, less
what it pays of invoices, whose balances say so already. So customer's balance = invoices' balances - credit memos'
remainders - unapplied payments + what journal entries debit and credit, as far as no payment is applied to it.
"""

from collections.abc import Callable

from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents

Postings = dict[str, int]
FindAccount = Callable[[str], str]
"""A function that returns the id of the company's account for a role: receivables, income of an item, sales tax …"""


def find_postings(entity: str, body: Body, account_of: FindAccount) -> Postings:
    """Return the postings of a transaction in cents, keyed by account id. Debits are positive, and the sum is 0."""
    postings: Postings = {}
    if entity in ("Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt"):
        _post_sales_form(postings, entity, body, account_of)
    elif entity == "Payment":
        _add(postings, _reference(body, "DepositToAccountRef"), _total(body))
        _add(postings, account_of("receivable"), -_total(body))
    elif entity == "Deposit":
        _add(postings, _reference(body, "DepositToAccountRef"), _total(body))
        for line in body["Line"]:
            account = _reference(line.get("DepositLineDetail") or {}, "AccountRef")
            _add(postings, account or account_of("undeposited"), -cents(line.get("Amount")))
    elif entity == "JournalEntry":
        for line in body["Line"]:
            detail = line.get("JournalEntryLineDetail") or {}
            sign = 1 if detail.get("PostingType") == "Debit" else -1
            _add(postings, _reference(detail, "AccountRef"), sign * cents(line.get("Amount")))
    elif entity == "Purchase":
        sign = -1 if body.get("Credit") else 1
        _add(postings, _reference(body, "AccountRef"), -sign * _total(body))
        for line in body["Line"]:
            _add(postings, _expense_account(line), sign * cents(line.get("Amount")))
    return {account: amount for account, amount in postings.items() if amount}


def _post_sales_form(postings: Postings, entity: str, body: Body, account_of: FindAccount) -> None:
    """Add the postings of a sales form: its total, each line and its tax.

    The postings of a credit or a refund have the opposite sign.
    """
    sign = -1 if entity in ("CreditMemo", "RefundReceipt") else 1
    against = "receivable" if entity in ("Invoice", "CreditMemo") else ""
    _add(postings, account_of(against) if against else _reference(body, "DepositToAccountRef"), sign * _total(body))
    for line in body["Line"]:
        _post_sales_line(postings, line, sign, account_of)
    tax = cents((body.get("TxnTaxDetail") or {}).get("TotalTax"))
    _add(postings, account_of("sales_tax"), -sign * tax)


def _post_sales_line(postings: Postings, line: Body, sign: int, account_of: FindAccount) -> None:
    kind = line["DetailType"]
    amount = cents(line.get("Amount"))
    if kind == "SalesItemLineDetail":
        _add(postings, account_of(f"item:{_reference(line['SalesItemLineDetail'], 'ItemRef')}"), -sign * amount)
    elif kind == "GroupLineDetail":
        for inner in line["GroupLineDetail"].get("Line") or ():
            _post_sales_line(postings, inner, sign, account_of)
    elif kind == "DiscountLineDetail":
        account = _reference(line["DiscountLineDetail"], "DiscountAccountRef")
        _add(postings, account or account_of("discount"), sign * amount)


def find_owed(entity: str, body: Body, receivable: str) -> Postings:
    """Return the effect of a transaction on customers' balances in cents, keyed by customer id."""
    owed: Postings = {}
    customer = _reference(body, "CustomerRef")
    if entity == "Invoice":
        _add(owed, customer, cents(body.get("Balance")))
    elif entity == "CreditMemo":
        _add(owed, customer, -cents(body.get("RemainingCredit")))
    elif entity == "Payment":
        settled = sum(applied_to(body, "Invoice").values()) - sum(applied_to(body, "CreditMemo").values())
        _add(owed, customer, settled - _total(body))
    elif entity == "JournalEntry":
        for line in body["Line"]:
            detail = line.get("JournalEntryLineDetail") or {}
            if _reference(detail, "AccountRef") == receivable:
                sign = 1 if detail.get("PostingType") == "Debit" else -1
                entry = (detail.get("Entity") or {}).get("EntityRef") or {}
                _add(owed, str(entry.get("value") or ""), sign * cents(line.get("Amount")))
    elif entity == "Purchase":
        _add(owed, _reference(body, "EntityRef"), _paid_back(body, receivable))
    return {customer: amount for customer, amount in owed.items() if amount}


def _paid_back(purchase: Body, receivable: str) -> int:
    """The cents that a purchase books to receivables: its payee owes them again."""
    sign = -1 if purchase.get("Credit") else 1
    lines = (line for line in purchase["Line"] if _expense_account(line) == receivable)
    return sign * sum(cents(line.get("Amount")) for line in lines)


def applied_to(payment: Body, kind: str) -> Postings:
    """Return the cents that a payment applies to transactions of one kind, keyed by the id of the transaction."""
    applied: Postings = {}
    for line in payment.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            if link.get("TxnType") == kind:
                _add(applied, link["TxnId"], cents(line.get("Amount")))
    return applied


def _expense_account(line: Body) -> str:
    return _reference(line.get("AccountBasedExpenseLineDetail") or {}, "AccountRef")


def _total(body: Body) -> int:
    return cents(body.get("TotalAmt"))


def _reference(body: Body, name: str) -> str:
    return str((body.get(name) or {}).get("value") or "")


def _add(postings: Postings, key: str, amount: int) -> None:
    postings[key] = postings.get(key, 0) + amount
