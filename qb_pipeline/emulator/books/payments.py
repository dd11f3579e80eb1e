"""The rules of payments: the transactions and credits that they apply to, and the effect on these.

Belongs here: Payment, the links on both sides, automatic application of credits. Does not belong here: deposits.
"""

from typing import Any

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.currencies import set_currency
from qb_pipeline.emulator.books.double_entry import Postings, applied_to, find_owed
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents, dollars

LINKABLE = ("Invoice", "CreditMemo", "JournalEntry")
LONGEST_REFERENCE = 21
TOO_MUCH = "The amount applied is more than the open balance of the transaction."
MORE_THAN_RECEIVED = "The amounts applied are more than the payment."
BANKS = ("Bank", "Other Current Asset")
CREATED_BY_QUICKBOOKS = "Created by QB Online to link credits to charges."


def prepare(change: Change, body: Body, old: Body | None) -> Body:
    """Check and complete a payment, change the balances of the transactions that it links to, and return the payment.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    if old is not None and is_deposited(old):
        raise faults.deposited()
    if body.get("TotalAmt") in (None, ""):
        raise faults.business("You must set a transaction amount.")
    if not (body.get("CustomerRef") or {}).get("value"):
        raise faults.missing("CustomerRef")
    body["CustomerRef"] = change.refer("Customer", body["CustomerRef"])
    total = cents(body["TotalAmt"])
    if total < 0:
        raise faults.business("Transaction amount must be 0 or greater.")
    if len(str(body.get("PaymentRefNum") or "")) > LONGEST_REFERENCE:
        raise faults.wrong_length("PaymentRefNum", LONGEST_REFERENCE, len(str(body["PaymentRefNum"])))
    if body.get("PaymentMethodRef"):
        body["PaymentMethodRef"] = change.refer("PaymentMethod", body["PaymentMethodRef"])
    body["TxnDate"] = (body.get("TxnDate") or change.company.clock.today())[:10]
    _set_account(change, body)
    body["TotalAmt"] = dollars(total)
    body["Line"] = [_complete_line(change, body, line) for line in body.get("Line") or ()]
    move_links(change, old, body)
    body["UnappliedAmt"] = dollars(_find_unapplied(change, body))
    body["LinkedTxn"] = []
    body.setdefault("ProcessPayment", False)
    set_currency(change, body)
    return body


def is_deposited(payment: Body) -> bool:
    """Return whether a payment is part of a deposit."""
    return any(link.get("TxnType") == "Deposit" for link in payment.get("LinkedTxn") or ())


def _set_account(change: Change, body: Body) -> None:
    reference = body.get("DepositToAccountRef") or {"value": change.company.account_of("undeposited")}
    body["DepositToAccountRef"] = change.refer("Account", reference)
    if body["DepositToAccountRef"] is None:
        raise faults.missing("DepositToAccountRef")
    account = change.company.live("Account", body["DepositToAccountRef"]["value"])
    if account is not None and account.kind not in BANKS:
        raise faults.FaultError("6430", "Invalid account type used", "Use a bank or other current asset account.")


def _complete_line(change: Change, payment: Body, line: Body) -> Body:
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    links = line.get("LinkedTxn") or []
    if len(links) != 1 or not links[0].get("TxnId") or not links[0].get("TxnType"):
        raise faults.missing("Line.LinkedTxn")
    kind, identifier = str(links[0]["TxnType"]), str(links[0]["TxnId"])
    target = _find_target(change, kind, identifier)
    if cents(line["Amount"]) < 0:
        raise faults.business("Transaction amount must be 0 or greater.")
    if not _is_payable(change, payment["CustomerRef"]["value"], kind, target):
        raise faults.cannot_link()
    amount = dollars(cents(line["Amount"]))
    open_now = target.get("RemainingCredit" if kind == "CreditMemo" else "Balance") or target.get("TotalAmt") or 0
    values = {"txnId": identifier, "txnOpenBalance": f"{cents(open_now) / 100:.2f}"}
    values["txnReferenceNumber"] = target.get("DocNumber") or ""
    any_values = [_name_value(name, value) for name, value in values.items()]
    return {"Amount": amount, "LineEx": {"any": any_values}, "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]}


def _find_target(change: Change, kind: str, identifier: str) -> Body:
    """Return the transaction that a line of a payment applies to.

    Raises:
        FaultError: the transaction is of another kind, deleted or unknown.
    """
    if kind not in LINKABLE:
        raise faults.cannot_link()
    target = change.find(kind, identifier)
    if target is None:
        if identifier in change.company.tables[kind].gone:
            raise faults.deleted()
        raise faults.inactive_reference("610")
    return target


def _is_payable(change: Change, customer: str, kind: str, target: Body) -> bool:
    """Return whether a payment of this customer may be applied to the transaction."""
    if kind == "JournalEntry":
        owed = _owed_by(change, target, customer)
        return owed < 0 or (owed > 0 and change.company.switches.debit_entry == "payable")
    return _may_pay_for(change, customer, target["CustomerRef"]["value"])


def _owed_by(change: Change, entry: Body, customer: str) -> int:
    """What a customer owes by a journal entry, in cents; negative where it is a credit."""
    return find_owed("JournalEntry", entry, change.company.account_of("receivable")).get(customer, 0)


def _name_value(name: str, value: str) -> Body:
    return {
        "name": "{http://schema.intuit.com/finance/v3}NameValue",
        "declaredType": "com.intuit.schema.finance.v3.NameValue",
        "scope": "javax.xml.bind.JAXBElement$GlobalScope",
        "value": {"Name": name, "Value": value},
        "nil": False,
        "globalScope": True,
        "typeSubstituted": False,
    }


def _may_pay_for(change: Change, payer: str, customer: str) -> bool:
    """Return whether a payer's payment may pay an invoice of a customer.

    It may if the customer is the payer, or a job of the payer that is billed with its parent.
    """
    while customer != payer:
        record = change.company.live("Customer", customer)
        if record is None or not record.customer or record.decode().get("BillWithParent") not in (True, "true"):
            return False
        customer = record.customer
    return True


def _find_unapplied(change: Change, payment: Body) -> int:
    """What a payment has left: its money and the credit that it applies, less what it pays of invoices and entries."""
    left = cents(payment["TotalAmt"]) + sum(applied_to(payment, "CreditMemo").values())
    for identifier, amount in applied_to(payment, "JournalEntry").items():
        entry = change.find("JournalEntry", identifier) or {"Line": []}
        is_paid = _owed_by(change, entry, payment["CustomerRef"]["value"]) > 0
        left += -amount if is_paid else amount
    return left - sum(applied_to(payment, "Invoice").values())


def move_links(change: Change, old: Body | None, new: Body | None) -> None:
    """Undo a payment's former applications and apply its new ones, so that payment and invoices always agree.

    Raises:
        FaultError: more is applied than is open, or than was received.
    """
    if new is not None and _find_unapplied(change, new) < 0:
        raise faults.business(MORE_THAN_RECEIVED, hint="Detail is our wording")
    for kind in ("Invoice", "CreditMemo"):
        before = applied_to(old, kind) if old is not None else {}
        after = applied_to(new, kind) if new is not None else {}
        for target in {**before, **after}:
            if before.get(target, 0) != after.get(target, 0):
                _apply(change, kind, target, after.get(target, 0) - before.get(target, 0))
    _check_journal(change, old, new)


def _apply(change: Change, kind: str, target: str, more: int) -> None:
    body = change.find(kind, target)
    if body is None:
        raise faults.deleted()
    left = cents(body["Balance"]) - more
    if left < 0:
        raise faults.business(TOO_MUCH, hint="Detail is our wording")
    body["Balance"] = dollars(left)
    if kind == "CreditMemo":
        body["RemainingCredit"] = body["Balance"]
    change.update(kind, body)


def _check_journal(change: Change, old: Body | None, new: Body | None) -> None:
    """Refuse payments that together apply more than a journal entry owes or gives, which has no balance of its own."""
    wanted = applied_to(new, "JournalEntry") if new is not None else {}
    for target in wanted:
        entry = change.find("JournalEntry", target) or {}
        most = abs(sum(find_owed("JournalEntry", entry, change.company.account_of("receivable")).values()))
        used: Postings = {}
        for payment in change.company.tables["Payment"].rows.values():
            if old is not None and payment.id == old["Id"]:
                continue
            if f'"TxnId":"{target}"'.encode() in payment.body:
                for key, amount in applied_to(payment.decode(), "JournalEntry").items():
                    used[key] = used.get(key, 0) + amount
        if wanted[target] + used.get(target, 0) > most:
            raise faults.business(TOO_MUCH, hint="Detail is our wording")


def write_links(change: Change, old: Body | None, new: Body | None, identifier: str) -> None:
    """Write a payment's link into each invoice and credit memo that it newly applies to.

    The link is removed from those that the payment no longer applies to.
    """
    link = {"TxnId": identifier, "TxnType": "Payment"}
    for kind in ("Invoice", "CreditMemo"):
        before = set(applied_to(old, kind)) if old is not None else set()
        after = set(applied_to(new, kind)) if new is not None else set()
        for target in sorted(before ^ after, key=int):
            body = change.find(kind, target)
            if body is not None:
                links: list[Any] = [each for each in body.get("LinkedTxn") or () if each != link]
                body["LinkedTxn"] = [*links, link] if target in after else links
                change.update(kind, body)


def void(change: Change, body: Body) -> Body:
    """Void a payment and return it: the payment stays, applies nothing, and all its amounts are 0.

    Raises:
        FaultError: the payment is part of a deposit.
    """
    if is_deposited(body):
        raise faults.deposited()
    move_links(change, body, None)
    write_links(change, body, None, body["Id"])
    note = body.get("PrivateNote") or ""
    prepended = change.company.switches.void_note == "prepended" and note
    body["PrivateNote"] = f"Voided - {note}" if prepended else "Voided"
    body["TotalAmt"], body["UnappliedAmt"], body["Line"] = 0, 0, []
    return body


def release(change: Change, kind: str, body: Body) -> None:
    """Unlink an invoice or credit memo from all its payments.

    The payments of an invoice then have more unapplied money, and those of a credit memo have less credit.

    Raises:
        FaultError: a payment uses credit that the unlinked credit memo gave it.
    """
    for link in list(body.get("LinkedTxn") or ()):
        payment = change.find("Payment", link["TxnId"])
        if payment is None:
            continue
        payment["Line"] = [
            line
            for line in payment["Line"]
            if (line["LinkedTxn"][0]["TxnType"], line["LinkedTxn"][0]["TxnId"]) != (kind, body["Id"])
        ]
        unapplied = _find_unapplied(change, payment)
        if unapplied < 0:
            raise faults.business("Unlink the transactions that use this credit first.", hint="Detail is our wording")
        payment["UnappliedAmt"] = dollars(unapplied)
        change.update("Payment", payment)


def release_entry(change: Change, entry: Body) -> None:
    """Unlink a journal entry from the payments that pay it: these then have more unapplied money."""
    for customer, owed in find_owed("JournalEntry", entry, change.company.account_of("receivable")).items():
        for identifier in change.company.tables["Payment"].of_customer(customer) if owed > 0 else ():
            payment = change.find("Payment", identifier)
            if payment is not None and entry["Id"] in applied_to(payment, "JournalEntry"):
                payment["Line"] = [line for line in payment["Line"] if line["LinkedTxn"][0] != _link_to(entry)]
                payment["UnappliedAmt"] = dollars(_find_unapplied(change, payment))
                change.update("Payment", payment)


def _link_to(entry: Body) -> Body:
    return {"TxnId": entry["Id"], "TxnType": "JournalEntry"}


def apply_credits(change: Change, invoice: Body) -> None:
    """Pay a new invoice from the customer's unapplied payments and credit memos, as AutoApplyCredit does."""
    company = change.company
    customer = invoice["CustomerRef"]["value"]
    for identifier in company.tables["Payment"].of_customer(customer):
        record = company.tables["Payment"].rows[identifier]
        payment = change.find("Payment", identifier)
        if payment is None or record.balance_cents <= 0 or is_deposited(payment) or cents(invoice["Balance"]) == 0:
            continue
        amount = min(record.balance_cents, cents(invoice["Balance"]))
        line = {"Amount": dollars(amount), "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}
        before = {**payment, "Line": list(payment["Line"])}
        payment["Line"] = [*payment["Line"], _complete_line(change, payment, line)]
        payment["UnappliedAmt"] = dollars(record.balance_cents - amount)
        _relink(change, before, payment)
        change.update("Payment", payment)
    for identifier in company.tables["CreditMemo"].of_customer(customer):
        memo = change.find("CreditMemo", identifier)
        amount = min(cents((memo or {}).get("RemainingCredit")), cents(invoice["Balance"]))
        if memo is None or amount <= 0:
            continue
        lines = [
            {"Amount": dollars(amount), "LinkedTxn": [{"TxnId": each, "TxnType": kind}]}
            for kind, each in (("Invoice", invoice["Id"]), ("CreditMemo", identifier))
        ]
        payment = {
            "CustomerRef": invoice["CustomerRef"],
            "TotalAmt": 0,
            "Line": lines,
            "PrivateNote": CREATED_BY_QUICKBOOKS,
        }
        change.create("Payment", prepare(change, payment, None))
        write_links(change, None, payment, payment["Id"])


def _relink(change: Change, old: Body, new: Body) -> None:
    move_links(change, old, new)
    write_links(change, old, new, new["Id"])
