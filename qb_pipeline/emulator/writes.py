"""One write: create, update (full or sparse), delete, void.

Belongs here: what all entities have in common, in the order in which QuickBooks looks at it. Does not belong here:
rules of single entities, batches, request ids.
"""

from qb_pipeline.emulator import deposits, faults, names, payments, sales
from qb_pipeline.emulator.company import Change, Company
from qb_pipeline.emulator.fields import Body, check_fields
from qb_pipeline.emulator.tables import LISTS, PEOPLE, SALES, SETTINGS, TRANSACTIONS

READ_ONLY = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status", "FullyQualifiedName", "Level"})
WRITE_ONCE = {"Customer": ("CurrencyRef",), "Preferences": (), "CompanyInfo": ()}
COMPUTED_LIST = frozenset(
    {"Balance", "BalanceWithJobs", "CurrentBalance", "CurrentBalanceWithSubAccounts", "IsProject"}
)
SYSTEM_LISTS = ("TaxCode", "TaxRate")
OTHER_USER = "Jane Doe"
VOID_BY_INCLUDE = ("Payment", "SalesReceipt")
"""Voided by ``operation=update&include=void``; the rest by ``operation=void`` (payment reference, .NET SDK)."""


def write(
    company: Company,
    entity: str,
    operation: str,
    body: Body,
    *,
    include: frozenset[str] = frozenset(),
    unseen: frozenset[tuple[str, str]] = frozenset(),
    by_hand: bool = False,
) -> tuple[Body | bytes, str]:
    """Do one write; give the object as the answer shows it, and its id.

    ``by_hand`` is a person in the browser: closed books, 6190 and the wording of the API do not apply to them.

    Raises:
        FaultError: QuickBooks refuses; nothing has changed.
    """
    if company.switches.subscription == "ended" and not by_hand:
        raise faults.subscription_ended()
    check_fields(entity, body)
    if operation == "create" and body.get("Id") and entity not in SETTINGS:
        operation = "update"
    if entity in SYSTEM_LISTS:
        raise faults.unsupported(operation)
    change = company.change(unseen)
    if operation == "create" and entity not in SETTINGS:
        result = _create(change, entity, _clean(body), include, by_hand)
    elif operation in ("create", "update") and "void" not in include:
        result = _update(change, entity, body, include, by_hand)
    elif operation == "delete":
        return _delete(change, entity, body, by_hand)
    elif operation in ("void", "update"):
        if not by_hand and operation != ("update" if entity in VOID_BY_INCLUDE else "void"):
            raise faults.unsupported(operation)
        result = _void(change, entity, body, by_hand)
    else:
        raise faults.unsupported(operation)
    done = change.commit()
    shown: Body | bytes = company.render(entity, done[entity, result["Id"]])
    voided = operation == "void" or "void" in include
    if voided and entity in SALES and company.switches.void_spelling == "documented":
        shown = _spell_as_documented(result)
    return shown, result["Id"]


def _clean(body: Body) -> Body:
    """Leave out what is read-only (silently, as QuickBooks does) and what is null."""
    return {name: value for name, value in body.items() if name not in READ_ONLY and value not in (None, "", {})}


def _create(change: Change, entity: str, body: Body, include: frozenset[str], by_hand: bool) -> Body:
    for name in COMPUTED_LIST if entity in LISTS else ():
        body.pop(name, None)
    prepared = _prepare(change, entity, body, None, include)
    _check_books(change, entity, prepared, None, by_hand)
    created = change.create(entity, prepared)
    _finish(change, entity, created, None)
    automatic = ("AutoApplyCredit", "AutoApplyPayments")
    if entity == "Invoice" and any(change.company.preference("SalesFormsPrefs", name) for name in automatic):
        payments.apply_credits(change, created)
    return created


def _update(change: Change, entity: str, body: Body, include: frozenset[str], by_hand: bool) -> Body:
    old = _find(change, entity, body, by_hand)
    if body.get("sparse") in (True, "true") or entity in SETTINGS:
        wanted = {name: value for name, value in old.items() if name not in READ_ONLY}
        for name, value in body.items():
            if name in READ_ONLY or value is None:
                continue
            if value in ("", {}, {"value": ""}):
                wanted.pop(name, None)
            elif entity in SETTINGS and isinstance(value, dict):
                wanted[name] = {**(wanted.get(name) or {}), **value}
            else:
                wanted[name] = value
    else:
        wanted = _clean(body)
        if entity in LISTS and "Active" not in wanted:
            wanted["Active"] = old.get("Active", True)
    for name in WRITE_ONCE.get(entity, ()):
        if name in old:
            wanted[name] = old[name]
    for name in COMPUTED_LIST if entity in LISTS else ():
        wanted.pop(name, None)
    kept: Body = {name: old[name] for name in ("Id", "SyncToken", "MetaData", "domain", "sparse") if name in old}
    prepared = _prepare(change, entity, {**wanted, **kept}, old, include)
    _check_books(change, entity, prepared, old, by_hand)
    updated = change.update(entity, prepared)
    _finish(change, entity, updated, old)
    if entity in LISTS and old.get("FullyQualifiedName") != updated.get("FullyQualifiedName"):
        names.rename_everywhere(
            change, entity, updated["Id"], old["FullyQualifiedName"], str(updated["FullyQualifiedName"])
        )
    return updated


def _delete(change: Change, entity: str, body: Body, by_hand: bool) -> tuple[Body, str]:
    if entity not in TRANSACTIONS:
        raise faults.unsupported("delete")
    _refuse_extensions(body)
    old = _find(change, entity, body, by_hand)
    _check_books(change, entity, old, old, by_hand)
    if entity in ("Invoice", "CreditMemo") and old.get("LinkedTxn"):
        if change.company.switches.delete_paid_invoice == "refused" and not by_hand:
            raise faults.business("Unlink the transactions that are linked to it first.", hint="Detail is our wording")
        payments.release(change, entity, old)
    if entity == "SalesReceipt" and payments.is_deposited(old):
        raise faults.deposited()
    if entity == "Payment":
        payments.void(change, dict(old))
    elif entity == "Deposit":
        deposits.release_deposit(change, old)
    change.remove(entity, old)
    change.commit()
    return {"status": "Deleted", "domain": "QBO", "Id": old["Id"]}, old["Id"]


def _void(change: Change, entity: str, body: Body, by_hand: bool) -> Body:
    if entity not in ("Invoice", "SalesReceipt", "RefundReceipt", "Payment"):
        raise faults.unsupported("void")
    _refuse_extensions(body)
    old = _find(change, entity, body, by_hand)
    _check_books(change, entity, old, old, by_hand)
    if entity == "Payment":
        return change.update(entity, payments.void(change, old), "Void")
    if payments.is_deposited(old):
        raise faults.deposited()
    if entity == "Invoice" and old.get("LinkedTxn"):
        if change.company.switches.void_paid_invoice == "refused" and not by_hand:
            text = "The transaction is linked to others. Unlink or delete them first."
            raise faults.business(text, hint="refused in production in 2026; Detail is our wording")
        payments.release(change, entity, old)
    return change.update(entity, sales.void(change, entity, old), "Void")


def _find(change: Change, entity: str, body: Body, by_hand: bool) -> Body:
    """Find what a write is about; the token must be the current one.

    Raises:
        FaultError: 2020, 2030, 610 or 5010.
    """
    if entity in SETTINGS:
        body.setdefault("Id", "1")
    identifier = str(body.get("Id") or "")
    if not identifier:
        raise faults.missing("Id")
    if not identifier.isdigit():
        raise faults.invalid_id(identifier)
    old = change.find(entity, identifier)
    if old is None:
        raise faults.deleted() if entity in TRANSACTIONS else faults.inactive_reference("610")
    token = body.get("SyncToken")
    if token is None and by_hand:
        return old
    if token in (None, ""):
        raise faults.missing("SyncToken")
    if str(token) != old["SyncToken"]:
        raise faults.stale(OTHER_USER)
    return old


def _refuse_extensions(body: Body) -> None:
    for name in body:
        if name.endswith("Ex"):
            raise faults.unknown_property(name)


def _prepare(change: Change, entity: str, body: Body, old: Body | None, include: frozenset[str]) -> Body:
    if entity in SALES:
        return sales.prepare(change, entity, body, old, include)
    if entity == "Payment":
        return payments.prepare(change, body, old)
    if entity == "Deposit":
        return deposits.prepare_deposit(change, body, old)
    if entity == "JournalEntry":
        return deposits.prepare_journal(change, body)
    if entity in SETTINGS:
        return body
    return names.prepare(change, entity, body, old)


def _finish(change: Change, entity: str, body: Body, old: Body | None) -> None:
    """Do what needs the object's own id: the other side of its links."""
    if entity == "Payment":
        payments.write_links(change, old, body, body["Id"])
    elif entity == "Deposit":
        deposits.link_deposit(change, body)


def _check_books(change: Change, entity: str, body: Body, old: Body | None, by_hand: bool) -> None:
    if entity not in TRANSACTIONS or by_hand:
        return
    closed = change.company.preference("AccountingInfoPrefs", "BookCloseDate")
    if closed and min(body["TxnDate"], (old or body)["TxnDate"]) <= closed:
        raise faults.closed_books()


def _spell_as_documented(body: Body) -> Body:
    """Intuit's sample of a void answer spells enumerations in capitals; readers must not mind."""
    lines = [{**line, "DetailType": _capitals(str(line["DetailType"]))} for line in body["Line"]]
    return {**body, "PrintStatus": _capitals(str(body.get("PrintStatus") or "NotSet")), "Line": lines}


def _capitals(word: str) -> str:
    return "".join(f"_{sign}" if sign.isupper() and place else sign.upper() for place, sign in enumerate(word))


def is_name(entity: str) -> bool:
    """Say whether QuickBooks allows only one such write at a time."""
    return entity in PEOPLE or entity in ("Item", "Account", "Class")
