"""One write: create, update (full or sparse), delete, void.

Belongs here: the steps that all entities have in common, in QuickBooks' order. Does not belong here: rules of single
entities, batches, request ids.
"""

from qb_pipeline.emulator.books import deposits, faults, names, payments, purchases, sales
from qb_pipeline.emulator.books.company import Change, Company
from qb_pipeline.emulator.books.fields import Body, check_fields
from qb_pipeline.emulator.books.switches import Switches
from qb_pipeline.emulator.books.tables import LISTS, PEOPLE, SALES, SETTINGS, TRANSACTIONS

READ_ONLY = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status", "FullyQualifiedName", "Level"})
WRITE_ONCE = {"Customer": ("CurrencyRef",), "Preferences": (), "CompanyInfo": ()}
COMPUTED_LIST = frozenset(
    {"Balance", "BalanceWithJobs", "CurrentBalance", "CurrentBalanceWithSubAccounts", "IsProject"}
)
SYSTEM_LISTS = ("TaxCode", "TaxRate")
OTHER_USER = "Jane Doe"
BY_BODY_ALONE = {"JournalEntry": deposits.prepare_journal, "Purchase": purchases.prepare}
"""Entities whose rules need no former version."""
VOID_BY_INCLUDE = ("Payment", "SalesReceipt")
"""The entities that are voided by ``operation=update&include=void``.

The others are voided by ``operation=void`` (payment reference, .NET SDK).
"""


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
    """Execute one write; return the object as the answer shows it, and its id.

    ``by_hand`` stands for a person in the browser. Closed books, faults of the company and the API's own rules
    (SyncToken, form of a void) do not apply to such a write.

    Raises:
        FaultError: QuickBooks refuses the write; nothing has changed.
    """
    code = fault_of_company(company.switches)
    if code and not by_hand:
        raise faults.of_company(code)
    check_fields(entity, body)
    if operation == "create" and body.get("Id") and entity not in SETTINGS:
        operation = "update"
    if entity in SYSTEM_LISTS:
        raise faults.unsupported(operation)
    change = company.change(unseen)
    if operation == "delete":
        return _delete(change, entity, body, by_hand)
    result = _put(change, entity, operation, body, include, by_hand)
    done = change.commit()
    shown: Body | bytes = company.render(entity, done[entity, result["Id"]])
    voided = operation == "void" or "void" in include
    if voided and entity in SALES and company.switches.void_spelling == "documented":
        shown = _spell_as_documented(result)
    return shown, result["Id"]


def _put(change: Change, entity: str, operation: str, body: Body, include: frozenset[str], by_hand: bool) -> Body:
    """Create, update or void an object, which still exists afterwards, and return it."""
    if operation == "create" and entity not in SETTINGS:
        return _create(change, entity, _clean(body), include, by_hand)
    if operation in ("create", "update") and "void" not in include:
        return _update(change, entity, body, include, by_hand)
    if operation not in ("void", "update"):
        raise faults.unsupported(operation)
    if not by_hand and operation != ("update" if entity in VOID_BY_INCLUDE else "void"):
        raise faults.unsupported(operation)
    return _void(change, entity, body, by_hand)


def fault_of_company(switches: Switches, *, reading: bool = False) -> str:
    """Return the code with which the company refuses every request at this moment; "" when it does not refuse."""
    faulty = (
        ("130", switches.cluster == "wrong"),
        ("140", switches.lockout == "locked_out"),
        ("150", switches.maintenance == "under_way"),
        ("6190", switches.subscription == "ended" and not reading),
        ("5020", switches.permission == "denied" and not reading),
        ("5030", switches.features == "unsupported" and not reading),
    )
    return next((code for code, applies in faulty if applies), "")


def _clean(body: Body) -> Body:
    """Return a body without the properties that are read-only (QuickBooks ignores them silently) or empty."""
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
    wanted = _find_wanted(entity, body, old)
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


def _find_wanted(entity: str, body: Body, old: Body) -> Body:
    """Return the object that an update asks for.

    It is the sent body, or for a sparse update the old object with the sent properties in place of its own. Properties
    that are written once keep their value.
    """
    if body.get("sparse") in (True, "true") or entity in SETTINGS:
        wanted = _merge(entity, body, old)
    else:
        wanted = _clean(body)
        if entity in LISTS and "Active" not in wanted:
            wanted["Active"] = old.get("Active", True)
    for name in WRITE_ONCE.get(entity, ()):
        if name in old:
            wanted[name] = old[name]
    for name in COMPUTED_LIST if entity in LISTS else ():
        wanted.pop(name, None)
    return wanted


def _merge(entity: str, body: Body, old: Body) -> Body:
    """Merge a sparse update into the old object.

    A property that the update does not name stays, and a property that it names empty is removed. Settings are merged
    one level deeper.
    """
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
    return wanted


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
    elif entity == "JournalEntry":
        payments.release_entry(change, old)
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
    """Return the object that a write is about.

    Its SyncToken must be the current one.

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
    if entity in BY_BODY_ALONE:
        return BY_BODY_ALONE[entity](change, body)
    if entity in SETTINGS:
        return body
    return names.prepare(change, entity, body, old)


def _finish(change: Change, entity: str, body: Body, old: Body | None) -> None:
    """Write the other side of the object's links, which contains the object's own id."""
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
    """Return a body with its enumerations in capitals, as in Intuit's sample of a void answer.

    Clients must accept both spellings.
    """
    lines = [{**line, "DetailType": _capitals(str(line["DetailType"]))} for line in body["Line"]]
    return {**body, "PrintStatus": _capitals(str(body.get("PrintStatus") or "NotSet")), "Line": lines}


def _capitals(word: str) -> str:
    return "".join(f"_{sign}" if sign.isupper() and place else sign.upper() for place, sign in enumerate(word))


def is_name(entity: str) -> bool:
    """Return whether QuickBooks allows only one write of this entity at a time."""
    return entity in PEOPLE or entity in ("Item", "Account", "Class")
