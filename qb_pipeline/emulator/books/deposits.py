"""The rules of deposits and journal entries.

Belongs here: bringing payments to the bank, and journal entries. Does not belong here: payments themselves.
"""

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents, dollars
from qb_pipeline.emulator.books.payments import is_deposited

DEPOSITABLE = ("Payment", "SalesReceipt")


def prepare_deposit(change: Change, body: Body, old: Body | None) -> Body:
    """Check and complete a deposit, and return it; an update first releases the payments of the former version.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    body["DepositToAccountRef"] = change.refer("Account", body.get("DepositToAccountRef"))
    if body["DepositToAccountRef"] is None:
        raise faults.missing("DepositToAccountRef")
    if not body.get("Line"):
        raise faults.missing("Line")
    body["TxnDate"] = (body.get("TxnDate") or change.company.clock.today())[:10]
    if old is not None:
        release_deposit(change, old)
    body["Line"] = [_complete_line(change, line, number) for number, line in enumerate(body["Line"], start=1)]
    total = sum(cents(line["Amount"]) for line in body["Line"])
    if total < 0:
        raise faults.business("Transaction amount must be 0 or greater.")
    body["TotalAmt"] = dollars(total)
    return body


def _complete_line(change: Change, line: Body, number: int) -> Body:
    done: Body = {name: value for name, value in line.items() if value is not None}
    done["Id"], done["LineNum"] = str(number), number
    if done.get("Amount") is None:
        raise faults.missing("Line.Amount")
    done["Amount"] = dollars(cents(done["Amount"]))
    for link in done.get("LinkedTxn") or ():
        kind, identifier = str(link.get("TxnType")), str(link.get("TxnId"))
        source = change.find(kind, identifier) if kind in DEPOSITABLE else None
        undeposited = change.company.account_of("undeposited")
        if source is None or is_deposited(source) or source["DepositToAccountRef"]["value"] != undeposited:
            raise faults.cannot_link()
        if cents(source["TotalAmt"]) != cents(done["Amount"]):
            raise faults.business("A payment is deposited whole.", hint="Detail is our wording")
    if not done.get("LinkedTxn"):
        done["DetailType"] = "DepositLineDetail"
        detail = done.setdefault("DepositLineDetail", {})
        detail["AccountRef"] = change.refer("Account", detail.get("AccountRef"))
        if detail["AccountRef"] is None:
            raise faults.missing("AccountRef")
    return done


def link_deposit(change: Change, deposit: Body) -> None:
    """Write the link to a deposit into its payments, which cannot be changed afterwards (6540)."""
    for kind, identifier in linked(deposit):
        source = change.find(kind, identifier)
        if source is not None:
            source["LinkedTxn"] = [*(source.get("LinkedTxn") or ()), {"TxnId": deposit["Id"], "TxnType": "Deposit"}]
            change.update(kind, source)


def release_deposit(change: Change, deposit: Body) -> None:
    """Remove the link to a deposit from its payments, which can then be changed again."""
    for kind, identifier in linked(deposit):
        source = change.find(kind, identifier)
        if source is not None:
            source["LinkedTxn"] = [each for each in source.get("LinkedTxn") or () if each.get("TxnType") != "Deposit"]
            change.update(kind, source)


def linked(deposit: Body) -> list[tuple[str, str]]:
    """Return the type and the id of each transaction that a deposit brings to the bank."""
    return [
        (str(link["TxnType"]), str(link["TxnId"])) for line in deposit["Line"] for link in line.get("LinkedTxn") or ()
    ]


def prepare_journal(change: Change, body: Body) -> Body:
    """Check and complete a journal entry, and return it.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    lines = body.get("Line") or []
    if len([line for line in lines if line.get("DetailType") == "JournalEntryLineDetail"]) < 2:
        raise faults.business("Fill out at least two detail lines to continue.")
    body["TxnDate"] = (body.get("TxnDate") or change.company.clock.today())[:10]
    balance = 0
    for number, line in enumerate(lines):
        if line.get("DetailType") == "JournalEntryLineDetail":
            balance += _complete_journal_line(change, number, line)
    if balance:
        raise FaultError("2300", "Debits do not equal credits", "The sum of debits must equal the sum of credits.")
    body["TotalAmt"] = 0
    body.setdefault("Adjustment", False)
    return body


def _complete_journal_line(change: Change, number: int, line: Body) -> int:
    """Check and complete a line of a journal entry, and return its amount in cents (debits positive).

    Raises:
        FaultError: QuickBooks would refuse the line.
    """
    detail = line.get("JournalEntryLineDetail") or {}
    detail["AccountRef"] = change.refer("Account", detail.get("AccountRef"))
    if detail["AccountRef"] is None:
        raise faults.missing("AccountRef")
    if detail.get("PostingType") not in ("Debit", "Credit"):
        raise faults.missing("PostingType")
    amount = cents(line.get("Amount"))
    if amount < 0:
        raise FaultError("2290", "NegativeAmount", "Negative amounts aren't supported on transaction lines.")
    if detail["AccountRef"]["value"] == change.company.account_of("receivable"):
        entity = detail.get("Entity") or {}
        if entity.get("Type") != "Customer" or change.refer("Customer", entity.get("EntityRef")) is None:
            raise faults.business("When you use Accounts Receivable, you must choose a customer in the Name field.")
    line["Id"], line["Amount"] = str(number), dollars(amount)
    return amount if detail["PostingType"] == "Debit" else -amount
