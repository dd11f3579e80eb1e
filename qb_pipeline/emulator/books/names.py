"""The rules of list objects: customers, vendors, employees, items, accounts, classes, terms, payment methods.

Belongs here: required properties, allowed names, parents and children, inactivating. Does not belong here: money.
"""

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.currencies import choose_currency
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.tables import PEOPLE, encode

NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
UNPRINTABLE = (":", "\t", "\n", "\r")
SUBORDINATE = {"Item": "SubItem", "Account": "SubAccount", "Class": "SubClass"}
DEEPEST_LEVEL = 4
"""The largest number of levels that a sub-customer is below its top customer (customer reference)."""
CLASSIFICATION = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Expense": "Expense",
    "Other Expense": "Expense",
    "Cost of Goods Sold": "Expense",
}


def prepare(change: Change, entity: str, body: Body, old: Body | None) -> Body:
    """Check and complete a list object before it is stored, and return it.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    body.setdefault("Active", True)
    body["Active"] = body["Active"] in (True, "true")
    if old is None and not body["Active"]:
        body["Active"] = True
    if entity in PEOPLE:
        _complete_person(entity, body, old)
    elif not body.get("Name"):
        raise faults.missing("Name")
    if entity == "Item":
        _check_item(change, body, old)
    elif entity == "Account":
        _check_account(body, old)
    elif entity == "Term":
        _check_term(body)
    elif entity == "PaymentMethod":
        body.setdefault("Type", "NON_CREDIT_CARD")
    if entity == "Customer":
        _check_customer(change, body)
    _check_activity(change, entity, body, old)
    _check_name(change, entity, body)
    _place(change, entity, body)
    return body


def _key(entity: str) -> str:
    return "DisplayName" if entity in PEOPLE else "Name"


def _complete_person(entity: str, body: Body, old: Body | None) -> None:
    if not body.get("DisplayName"):
        if old is not None and entity == "Customer" and not any(body.get(part) for part in NAME_PARTS):
            raise faults.missing("DisplayName")
        body["DisplayName"] = " ".join(str(body[part]) for part in NAME_PARTS if body.get(part))
    if not body["DisplayName"]:
        raise FaultError("6080", "No Name Provided", "No Name Provided : Provide at least one name.")
    for part in (*NAME_PARTS, "DisplayName", "PrintOnCheckName"):
        if any(sign in str(body.get(part) or "") for sign in UNPRINTABLE):
            raise faults.business(f"{part} cannot contain a colon, a tab or a new line.", hint="Detail is our wording")
    body.setdefault("PrintOnCheckName", body["DisplayName"])


def _check_customer(change: Change, body: Body) -> None:
    body.setdefault("Taxable", False)
    body.setdefault("Job", False)
    body.setdefault("BillWithParent", False)
    body.setdefault("PreferredDeliveryMethod", "Print")
    if body["PreferredDeliveryMethod"] not in ("Print", "Email", "None", ""):
        raise faults.invalid_enumeration("PreferredDeliveryMethod", body["PreferredDeliveryMethod"])
    for name, entity in (("SalesTermRef", "Term"), ("PaymentMethodRef", "PaymentMethod")):
        if name in body:
            body[name] = change.refer(entity, body[name])
    choose_currency(change, body)
    if body["Job"] in (True, "true") and not (body.get("ParentRef") or {}).get("value"):
        raise FaultError("6150", "Parent Reference Missing", "A job needs a ParentRef.", hint="Detail is our wording")


def _check_item(change: Change, body: Body, old: Body | None) -> None:
    kind = body.setdefault("Type", old["Type"] if old else "")
    if not kind:
        raise faults.missing("Type")
    if old is not None and old["Type"] == "Inventory" != kind:
        raise faults.business("You can't change the type of an inventory item.", hint="Detail is our wording")
    if any(sign in str(body["Name"]) for sign in UNPRINTABLE):
        raise faults.business("Name cannot contain a colon, a tab or a new line.", hint="Detail is our wording")
    if kind == "Category":
        return
    if kind not in ("Service", "Inventory", "NonInventory"):
        raise faults.invalid_enumeration("Type", kind)
    if kind != "Inventory" and body.get("TrackQtyOnHand") in (True, "true"):
        raise faults.unknown_property("TrackQtyOnHand")
    if kind != "Inventory" and any(
        body.get(name) is not None for name in ("QtyOnHand", "InvStartDate", "AssetAccountRef")
    ):
        raise faults.unknown_property("QtyOnHand, InvStartDate, AssetAccountRef")
    _check_item_accounts(change, kind, body)
    body.setdefault("Taxable", False)
    body.setdefault("UnitPrice", 0)
    body["TrackQtyOnHand"] = kind == "Inventory"


def _check_item_accounts(change: Change, kind: str, body: Body) -> None:
    for name in ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef"):
        if body.get(name) is not None:
            body[name] = change.refer("Account", body[name])
    income = change.company.live("Account", (body.get("IncomeAccountRef") or {}).get("value") or "")
    is_asset = income is not None and income.kind == "Other Current Asset"
    if is_asset and change.company.switches.asset_income_account == "refused":
        raise FaultError(
            "6430", "Invalid account type used", "The income account is of another type.", hint="our guess"
        )
    if kind != "NonInventory" and not body.get("IncomeAccountRef"):
        raise faults.missing("IncomeAccountRef")
    if kind == "Inventory":
        if not body.get("AssetAccountRef"):
            detail = "An inventory asset account is required for inventory items"
            raise FaultError("2020", faults.missing("").message, detail, element="AssetAccountRef")
        for name in ("ExpenseAccountRef", "QtyOnHand", "InvStartDate"):
            if body.get(name) is None:
                raise faults.missing(name)


def _check_account(body: Body, old: Body | None) -> None:
    if any(sign in str(body["Name"]) for sign in (":", '"')):
        raise faults.business("Name cannot contain a colon or double quotes.", hint="Detail is our wording")
    if not body.get("AccountType") and old is not None:
        body["AccountType"] = old["AccountType"]
    kind = body.get("AccountType")
    if not kind and not body.get("AccountSubType"):
        raise FaultError("6010", "Invalid Account Type", "AccountType or AccountSubType is required.")
    body["AccountType"] = kind or "Other Current Asset"
    body["Classification"] = CLASSIFICATION[body["AccountType"]]
    body.setdefault("SubAccount", False)
    body.setdefault("AccountSubType", str(body["AccountType"]).replace(" ", ""))


def _check_term(body: Body) -> None:
    if body.get("DueDays") is None and body.get("DayOfMonthDue") is None:
        raise faults.missing("DueDays")
    for name in ("DueDays", "DayOfMonthDue", "DueNextMonthDays", "DiscountDays"):
        if body.get(name) is not None:
            body[name] = int(body[name])
    body["Type"] = "STANDARD" if body.get("DueDays") is not None else "DATE_DRIVEN"
    if body["Type"] == "STANDARD" and not 0 <= body["DueDays"] <= 999:
        raise faults.invalid_number("DueDays", body["DueDays"])
    body.setdefault("DiscountPercent", 0)


def _check_activity(change: Change, entity: str, body: Body, old: Body | None) -> None:
    """Check and complete an inactivation, which is QuickBooks' way of deleting, or its reversal.

    The name becomes ``… (deleted)``, so that a successor can have it, and loses this suffix when the object is active
    again.

    Raises:
        FaultError: a customer still has a balance, and the switch refuses that.
    """
    if old is None or old.get("Active", True) == body["Active"]:
        return
    key = _key(entity)
    if body["Active"]:
        body[key] = str(body[key]).removesuffix(" (deleted)")
        return
    owes = change.company.customer_cents[body["Id"]] if entity == "Customer" else 0
    if owes and change.company.switches.inactivate_with_balance == "refused":
        raise FaultError("6220", "Delete entity has balance", "The customer still has a balance.", hint="our wording")
    name = f"{str(body[key]).removesuffix(' (deleted)')} (deleted)"
    count = 1
    while _taken_by(change, entity, {**body, key: name}):
        count += 1
        name = f"{body[key]!s} (deleted {count})"
    body[key] = name


def _taken_by(change: Change, entity: str, body: Body) -> str:
    """Return the id of the object that has the name already; "" when no object has it.

    Customers, vendors and employees share one list of names. Every other list has one list of names per parent.
    """
    kinds = PEOPLE if entity in PEOPLE else (entity,)
    name, own = str(body[_key(entity)]), body.get("Id")
    parent = (body.get("ParentRef") or {}).get("value") or ""
    for kind in kinds:
        table = change.company.tables[kind]
        for identifier in table.with_name(name):
            same_place = entity in PEOPLE or table.rows[identifier].customer == parent
            if same_place and not (kind == entity and identifier == own):
                return identifier
    return ""


def _check_name(change: Change, entity: str, body: Body) -> None:
    taken = _taken_by(change, entity, body)
    if taken:
        raise faults.duplicate_name(taken if change.company.switches.duplicate_name_shows_id else None)


def _place(change: Change, entity: str, body: Body) -> None:
    """Check the parent, and set the level and the fully qualified name.

    Raises:
        FaultError: QuickBooks would refuse the parent.
    """
    name = str(body[_key(entity)])
    parent_id = (body.get("ParentRef") or {}).get("value")
    if parent_id:
        parent = change.company.live(entity, str(parent_id))
        body["ParentRef"] = change.refer(entity, body["ParentRef"]) or {}
        level = 1
        above = parent
        while above is not None and above.customer:
            if above.customer == body.get("Id") or level > DEEPEST_LEVEL:
                break
            level += 1
            above = change.company.live(entity, above.customer)
        if level > DEEPEST_LEVEL or parent_id == body.get("Id"):
            raise FaultError(
                "6180", "Sub Level Limit", "A sub-customer can be at most four levels deep.", hint="our wording"
            )
        body["Level"] = level
        if entity == "Customer":
            body["Job"] = True
        elif entity in SUBORDINATE:
            body[SUBORDINATE[entity]] = True
        body["FullyQualifiedName"] = f"{parent.full_name if parent else ''}:{name}"
    else:
        body.pop("Level", None)
        body["FullyQualifiedName"] = name
    if entity in ("Term", "PaymentMethod"):
        del body["FullyQualifiedName"]


def rename_everywhere(change: Change, entity: str, identifier: str, old_name: str, new_name: str) -> None:
    """Write an object's new name into its children, and into the transactions that refer to it, whose tokens stay."""
    field = {
        "Customer": "CustomerRef",
        "Item": "ItemRef",
        "Term": "SalesTermRef",
        "Account": "DepositToAccountRef",
        "Class": "ClassRef",
    }.get(entity)
    company = change.company
    if field:
        old = encode({field: {"value": identifier, "name": old_name}})[1:-1]
        new = encode({field: {"value": identifier, "name": new_name}})[1:-1]
        for kind in ("Invoice", "Payment", "CreditMemo", "SalesReceipt", "RefundReceipt", "Deposit"):
            for record in company.tables[kind].rows.values():
                if old in record.body:
                    record.body = record.body.replace(old, new)
                    change.respelt.append((kind, record))
    for child in company.tables[entity].of_customer(identifier):
        body = change.find(entity, child)
        if body is not None:
            before = body["FullyQualifiedName"]
            body["FullyQualifiedName"] = f"{new_name}:{body[_key(entity)]}"
            body["ParentRef"] = {"value": identifier, "name": new_name}
            change.update(entity, body)
            rename_everywhere(change, entity, child, before, body["FullyQualifiedName"])
