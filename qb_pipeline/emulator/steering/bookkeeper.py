"""The work that a person does in QuickBooks' own pages.

Belongs here: the verbs. They obey the rules of accounting, but neither the API's switches nor closed books. Does not
belong here: HTTP.
"""

from collections.abc import Callable
from typing import Any

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.double_entry import applied_to
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents, dollars
from qb_pipeline.emulator.books.sales import next_number
from qb_pipeline.emulator.books.tables import PEOPLE, SALES
from qb_pipeline.emulator.books.writes import write

Order = dict[str, Any]


def edit(company: Company, order: Order) -> Body:
    """Change an object: ``{"entity", "id", "changes": {...}}``; without an id a new object is made."""
    entity, changes = _text(order, "entity"), dict(order.get("changes") or {})
    if not order.get("id"):
        return _do(company, entity, "create", changes)
    return _do(company, entity, "update", {"Id": _text(order, "id"), "sparse": True, **changes})


def receive_payment(company: Company, order: Order) -> Body:
    """Receive a payment: ``{"customer_id", "amount", "invoices": [{"id", "amount"}], "reference", "date"}``.

    Without invoices the money stays unapplied. An invoice without an amount is paid in full.
    """
    customer = _text(order, "customer_id")
    lines: list[Body] = []
    for each in order.get("invoices") or ():
        chosen = each if isinstance(each, dict) else {"id": each}
        invoice = company.tables["Invoice"].rows.get(str(chosen["id"]))
        if invoice is None:
            raise ValueError("no such invoice")
        amount = chosen.get("amount", dollars(invoice.balance_cents))
        lines.append(_link("Invoice", invoice.id, cents(amount)))
    total = order.get("amount", dollars(sum(cents(line["Amount"]) for line in lines)))
    body: Body = {"CustomerRef": {"value": customer}, "TotalAmt": total, "Line": lines}
    body |= _optional(order, reference="PaymentRefNum", date="TxnDate", note="PrivateNote")
    for name, field in (("method_id", "PaymentMethodRef"), ("account_id", "DepositToAccountRef")):
        if order.get(name):
            body[field] = {"value": str(order[name])}
    return _do(company, "Payment", "create", body)


def unapply(company: Company, order: Order) -> Body:
    """Take a payment off an invoice: ``{"payment", "invoice"}``; its money stays unapplied.

    A payment of 0.00 only links credit to invoices: its credit goes back, and once it links nothing it is gone.
    """
    payment = _find(company, "Payment", _text(order, "payment"))
    applied = applied_to(payment, "Invoice")
    invoice = _text(order, "invoice")
    if invoice not in applied:
        raise ValueError("the payment does not pay this invoice")
    return _apply(company, payment, {**applied, invoice: 0})


def apply(company: Company, order: Order) -> Body:
    """Apply unapplied money of a payment to an invoice: ``{"payment", "invoice", "amount"}``.

    Without an amount: as much as the payment has left and the invoice has open.
    """
    payment = _find(company, "Payment", _text(order, "payment"))
    invoice = _find(company, "Invoice", _text(order, "invoice"))
    most = min(cents(payment["UnappliedAmt"]), cents(invoice["Balance"]))
    amount = cents(order["amount"]) if order.get("amount") not in (None, "") else most
    if amount <= 0:
        raise ValueError("there is nothing to apply")
    applied = applied_to(payment, "Invoice")
    return _apply(company, payment, {**applied, invoice["Id"]: applied.get(invoice["Id"], 0) + amount})


def move(company: Company, order: Order) -> Body:
    """Move what a payment pays from one invoice to another: ``{"payment", "from", "to", "amount"}``.

    Without an amount: all of it.
    """
    payment = _find(company, "Payment", _text(order, "payment"))
    applied = applied_to(payment, "Invoice")
    left, to = _text(order, "from"), _find(company, "Invoice", _text(order, "to"))["Id"]
    amount = cents(order["amount"]) if order.get("amount") not in (None, "") else applied.get(left, 0)
    if not 0 < amount <= applied.get(left, 0) or left == to:
        raise ValueError("the payment does not pay that much of the first invoice")
    return _apply(company, payment, {**applied, left: applied[left] - amount, to: applied.get(to, 0) + amount})


def _apply(company: Company, payment: Body, invoices: dict[str, int]) -> Body:
    """Let a payment pay so many cents of these invoices, and no other. What pays credit lets go of as much credit."""
    lines = [_link("Invoice", invoice, amount) for invoice, amount in invoices.items() if amount]
    left = sum(invoices.values()) - cents(payment["TotalAmt"])
    for kind in ("CreditMemo", "JournalEntry"):
        for credit, amount in applied_to(payment, kind).items():
            part = max(0, min(amount, left))
            left -= part
            lines += [_link(kind, credit, part)] if part else []
    if not lines and not cents(payment["TotalAmt"]):
        return _do(company, "Payment", "delete", {"Id": payment["Id"]})
    return _do(company, "Payment", "update", {"Id": payment["Id"], "sparse": True, "Line": lines})


def _link(kind: str, identifier: str, amount: int) -> Body:
    return {"Amount": dollars(amount), "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]}


def deposit(company: Company, order: Order) -> Body:
    """Bring payments to the bank: ``{"payments": [ids], "account_id", "date"}``; they can't be changed afterwards."""
    lines = []
    for identifier in order.get("payments") or ():
        payment = company.tables["Payment"].rows.get(str(identifier))
        if payment is None:
            raise ValueError("no such payment")
        link = {"TxnId": payment.id, "TxnType": "Payment"}
        lines.append({"Amount": dollars(payment.total_cents), "LinkedTxn": [link]})
    account = str(order.get("account_id") or _account_named(company, "Checking"))
    body: Body = {"DepositToAccountRef": {"value": account}, "Line": lines, **_optional(order, date="TxnDate")}
    return _do(company, "Deposit", "create", body)


def void(company: Company, order: Order) -> Body:
    """Void a transaction: ``{"entity", "id"}``."""
    return _do(company, _text(order, "entity"), "void", {"Id": _text(order, "id")})


def delete(company: Company, order: Order) -> Body:
    """Delete a transaction: ``{"entity", "id"}``."""
    return _do(company, _text(order, "entity"), "delete", {"Id": _text(order, "id")})


def rename(company: Company, order: Order) -> Body:
    """Rename an object: ``{"entity", "id", "name"}``."""
    entity = order.get("entity", "Customer")
    key = "DisplayName" if entity in PEOPLE else "Name"
    return _do(company, entity, "update", {"Id": _text(order, "id"), "sparse": True, key: _text(order, "name")})


def inactivate(company: Company, order: Order) -> Body:
    """Inactivate an object: ``{"entity", "id"}``; a credit memo writes off a customer's balance, as in a browser."""
    entity, identifier = order.get("entity", "Customer"), _text(order, "id")
    owed = company.customer_cents[identifier] if entity == "Customer" else 0
    if owed > 0:
        credit_memo(company, {"customer_id": identifier, "amount": dollars(owed), "apply": True})
    return _do(company, entity, "update", {"Id": identifier, "sparse": True, "Active": False})


def activate(company: Company, order: Order) -> Body:
    """Make an object active again: ``{"entity", "id"}``."""
    entity = order.get("entity", "Customer")
    return _do(company, entity, "update", {"Id": _text(order, "id"), "sparse": True, "Active": True})


def merge(company: Company, order: Order) -> Body:
    """Merge two customers: ``{"loser_id", "survivor_id"}``; the loser's transactions move to the survivor."""
    loser, survivor = _text(order, "loser_id"), _text(order, "survivor_id")
    change = company.change()
    gone, kept = change.find("Customer", loser), change.find("Customer", survivor)
    if gone is None or kept is None or loser == survivor:
        raise ValueError("both customers must exist and differ")
    reference = {"value": survivor, "name": kept["FullyQualifiedName"]}
    for kind in (*SALES, "Payment"):
        for identifier in company.tables[kind].of_customer(loser):
            body = change.find(kind, identifier)
            if body is not None:
                change.update(kind, {**body, "CustomerRef": reference})
    for identifier in company.tables["Purchase"].of_customer(loser):
        body = change.find("Purchase", identifier)
        if body is not None:
            change.update("Purchase", {**body, "EntityRef": {**reference, "type": "Customer"}})
    for record in list(company.tables["JournalEntry"].rows.values()):
        if any(customer == loser for customer, _ in record.owed):
            change.update("JournalEntry", _move_entry(record.decode(), loser, reference))
    for child in company.tables["Customer"].of_customer(loser):
        body = change.find("Customer", child)
        if body is not None:
            name = f"{kept['FullyQualifiedName']}:{body['DisplayName']}"
            change.update("Customer", {**body, "ParentRef": reference, "FullyQualifiedName": name})
    change.remove("Customer", gone, "Merge", replaced_by=survivor)
    change.commit()
    return company.show("Customer", company.tables["Customer"].rows[survivor])


def _move_entry(entry: Body, loser: str, reference: Body) -> Body:
    for line in entry["Line"]:
        entity = (line.get("JournalEntryLineDetail") or {}).get("Entity") or {}
        if (entity.get("EntityRef") or {}).get("value") == loser:
            entity["EntityRef"] = reference
    return entry


def close_books(company: Company, order: Order) -> Body:
    """Close the books up to a date: ``{"date"}``; without a date they are opened again."""
    return preferences(company, {"AccountingInfoPrefs": {"BookCloseDate": order.get("date") or ""}})


def preferences(company: Company, order: Order) -> Body:
    """Change preferences: ``{"SalesFormsPrefs": {"CustomTxnNumbers": false}}``."""
    change = company.change()
    body = company.settings()
    for group, values in order.items():
        merged = {**(body.get(group) or {}), **values}
        body[group] = {name: value for name, value in merged.items() if value not in (None, "")}
    change.update("Preferences", body)
    change.commit()
    return company.settings()


def next_number_by_hand(company: Company, order: Order) -> Body:
    """Write an invoice with the next number: ``{"customer_id", "amount", "item_id"}``."""
    item = str(order.get("item_id") or next(iter(company.tables["Item"].rows)))
    amount = order.get("amount", 100)
    detail = {"ItemRef": {"value": item}}
    body: Body = {
        "CustomerRef": {"value": _text(order, "customer_id")},
        "DocNumber": next_number(company.last_number),
        "Line": [{"DetailType": "SalesItemLineDetail", "Amount": amount, "SalesItemLineDetail": detail}],
        **_optional(order, date="TxnDate", note="PrivateNote"),
    }
    return _do(company, "Invoice", "create", body)


def credit_memo(company: Company, order: Order) -> Body:
    """Write a credit memo: ``{"customer_id", "amount", "item_id", "invoice_id" or "apply": true}``."""
    item = str(order.get("item_id") or next(iter(company.tables["Item"].rows)))
    customer, amount = _text(order, "customer_id"), order["amount"]
    line = {"DetailType": "SalesItemLineDetail", "Amount": amount, "SalesItemLineDetail": {"ItemRef": {"value": item}}}
    memo = _do(company, "CreditMemo", "create", {"CustomerRef": {"value": customer}, "Line": [line]})
    invoices = [str(order["invoice_id"])] if order.get("invoice_id") else []
    if order.get("apply"):
        invoices = list(company.tables["Invoice"].of_customer(customer))
    left = cents(memo["RemainingCredit"])
    for identifier in invoices:
        part = min(left, company.tables["Invoice"].rows[identifier].balance_cents)
        if part > 0:
            left -= part
            _apply_credit(company, customer, identifier, ("CreditMemo", memo["Id"]), part)
    return company.tables["CreditMemo"].rows[memo["Id"]].decode()


def journal_credit(company: Company, order: Order) -> Body:
    """Write an invoice off by a journal entry: ``{"customer_id", "amount", "invoice_id", "account_id"}``."""
    customer, amount = _text(order, "customer_id"), order["amount"]
    other = str(order.get("account_id") or _account_named(company, "Bank Charges"))
    sides = (("Debit", other), ("Credit", company.account_of("receivable")))
    lines = [
        {
            "DetailType": "JournalEntryLineDetail",
            "Amount": amount,
            "JournalEntryLineDetail": {
                "PostingType": side,
                "AccountRef": {"value": account},
                "Entity": {"Type": "Customer", "EntityRef": {"value": customer}},
            },
        }
        for side, account in sides
    ]
    entry = _do(company, "JournalEntry", "create", {"Line": lines})
    if order.get("invoice_id"):
        _apply_credit(company, customer, str(order["invoice_id"]), ("JournalEntry", entry["Id"]), cents(amount))
    return entry


def _apply_credit(company: Company, customer: str, invoice: str, credit: tuple[str, str], amount: int) -> None:
    lines = [_link(kind, identifier, amount) for kind, identifier in (("Invoice", invoice), credit)]
    _do(company, "Payment", "create", {"CustomerRef": {"value": customer}, "TotalAmt": 0, "Line": lines})


VERBS: dict[str, Callable[[Company, Order], Body]] = {
    "edit": edit,
    "receive-payment": receive_payment,
    "unapply": unapply,
    "apply": apply,
    "move": move,
    "deposit": deposit,
    "void": void,
    "delete": delete,
    "rename": rename,
    "inactivate": inactivate,
    "activate": activate,
    "merge": merge,
    "close-books": close_books,
    "preferences": preferences,
    "next-number": next_number_by_hand,
    "credit-memo": credit_memo,
    "journal-credit": journal_credit,
}


def _do(company: Company, entity: str, operation: str, body: Body) -> Body:
    content, identifier = write(company, entity, operation, body, by_hand=True)
    if isinstance(content, dict) and operation == "delete":
        return content
    return company.show(entity, company.tables[entity].rows[identifier])


def _find(company: Company, entity: str, identifier: str) -> Body:
    record = company.tables[entity].rows.get(identifier)
    if record is None:
        raise ValueError(f"no such {entity.lower()}")
    return record.decode()


def _account_named(company: Company, name: str) -> str:
    return next(iter(company.tables["Account"].with_name(name)))


def _text(order: Order, name: str) -> str:
    if order.get(name) in (None, ""):
        raise ValueError(f"{name} is missing")
    return str(order[name])


def _optional(order: Order, **names: str) -> Body:
    return {field: order[name] for name, field in names.items() if order.get(name)}
