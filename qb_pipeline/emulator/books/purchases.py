"""Rules of purchases: a cheque, a card or cash that pays somebody, such as money that goes back to a client.

Belongs here: Purchase. Does not belong here: bills, and payments that come in (``payments``).
"""

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.currencies import set_currency
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents, dollars

PAID_FROM = {"Cash": ("Bank",), "Check": ("Bank",), "CreditCard": ("Credit Card",)}
"""Types of the account that a purchase is paid from, by PaymentType. Source: Intuit, Purchase reference."""
DETAIL = "AccountBasedExpenseLineDetail"
PAYEES = ("Customer", "Vendor", "Employee")


def prepare(change: Change, body: Body) -> Body:
    """Check and complete a purchase.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    if not body.get("PaymentType"):
        raise faults.missing("PaymentType")
    body["AccountRef"] = change.refer("Account", body.get("AccountRef"))
    if body["AccountRef"] is None:
        raise faults.missing("AccountRef")
    account = change.company.live("Account", body["AccountRef"]["value"])
    if account is not None and account.kind not in PAID_FROM.get(body["PaymentType"], ()):
        raise FaultError(
            "6430", "Invalid account type used", "Use a bank account, or a credit card account for a card."
        )
    if not body.get("Line"):
        raise faults.missing("Line")
    _set_payee(change, body)
    body["TxnDate"] = (body.get("TxnDate") or change.company.clock.today())[:10]
    body["Line"] = [_complete_line(change, body, line, number) for number, line in enumerate(body["Line"], start=1)]
    total = sum(cents(line["Amount"]) for line in body["Line"])
    if total < 0:
        raise faults.business("Transaction amount must be 0 or greater.")
    body["TotalAmt"] = dollars(total)
    body.setdefault("Credit", False)
    set_currency(change, body)
    return body


def _set_payee(change: Change, body: Body) -> None:
    reference = body.get("EntityRef") or {}
    if not reference.get("value"):
        body.pop("EntityRef", None)
        return
    kind = str(reference.get("type") or "Vendor")
    if kind not in PAYEES:
        raise faults.business(f"{kind} cannot be paid.", hint="Detail is our wording")
    body["EntityRef"] = {**(change.refer(kind, reference) or {}), "type": kind}


def _complete_line(change: Change, purchase: Body, line: Body, number: int) -> Body:
    done: Body = {name: value for name, value in line.items() if value is not None}
    if done.get("DetailType") != DETAIL:
        raise faults.business("Only lines of accounts are entered here.", hint="the emulator sells no items this way")
    if done.get("Amount") is None:
        raise faults.missing("Line.Amount")
    detail: Body = {**(done.get(DETAIL) or {})}
    detail["AccountRef"] = change.refer("Account", detail.get("AccountRef"))
    if detail["AccountRef"] is None:
        raise faults.missing("AccountRef")
    if detail.get("CustomerRef"):
        detail["CustomerRef"] = change.refer("Customer", detail["CustomerRef"])
    payee = purchase.get("EntityRef") or {}
    if detail["AccountRef"]["value"] == change.company.account_of("receivable") and payee.get("type") != "Customer":
        raise faults.business("When you use Accounts Receivable, you must choose a customer in the Name field.")
    done["Id"], done["LineNum"], done["Amount"], done[DETAIL] = (
        str(number),
        number,
        dollars(cents(done["Amount"])),
        detail,
    )
    return done
