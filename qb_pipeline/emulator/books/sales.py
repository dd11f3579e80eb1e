"""The rules of invoices, credit memos, sales receipts and refund receipts.

Belongs here: lines, amounts, totals, tax, discount, due dates, numbers. Does not belong here: the payments of a form
(``payments``).
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.analysis import set_class, set_custom_fields
from qb_pipeline.emulator.books.clock import add_days
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.currencies import set_currency
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import CENT, cents, decimal, dollars
from qb_pipeline.emulator.books.tables import SALES

NEGATIVE_TOTAL = "Transaction amount must be 0 or greater."
SPECIAL_ITEMS = {"SHIPPING_ITEM_ID": "Shipping", "GRATUITY_ITEM_ID": "Gratuity"}
DETAILS = ("SalesItemLineDetail", "GroupLineDetail", "DiscountLineDetail", "DescriptionOnly", "SubTotalLineDetail")
DAYS_WITHOUT_TERMS = 30
"""The days after which an invoice without terms is due, as in Intuit's sample of such an invoice."""
COMPUTED = (
    "TotalAmt",
    "Balance",
    "HomeTotalAmt",
    "HomeBalance",
    "LinkedTxn",
    "RemainingCredit",
    "DeliveryInfo",
    "InvoiceLink",
)
MOST_TAXABLE_LINES = 750


def prepare(change: Change, entity: str, body: Body, old: Body | None, include: frozenset[str]) -> Body:
    """Check and complete a sales form before it is stored, and return it.

    Raises:
        FaultError: QuickBooks would refuse it.
    """
    if not body.get("Line"):
        raise faults.missing("Line")
    if entity != "RefundReceipt" and not (body.get("CustomerRef") or {}).get("value"):
        raise faults.missing("CustomerRef")
    for name in COMPUTED:
        body.pop(name, None)
    body["CustomerRef"] = change.refer("Customer", body.get("CustomerRef"))
    if body["CustomerRef"] is None:
        del body["CustomerRef"]
    set_class(change, body, "ClassTrackingPerTxn")
    set_custom_fields(change, body)
    for name, target in (("DepartmentRef", "Department"), ("PaymentMethodRef", "PaymentMethod")):
        if body.get(name):
            body[name] = change.refer(target, body[name])
    body["TxnDate"] = (body.get("TxnDate") or change.company.clock.today())[:10]
    body["Line"] = _complete_lines(change, body["Line"], (old or {}).get("Line") or [])
    _add_up(change, body)
    if entity == "Invoice":
        _set_due_date(change, body)
    if entity in ("SalesReceipt", "RefundReceipt"):
        _set_account(change, entity, body)
    _set_number(change, body, old, include)
    _set_defaults(change, entity, body, old)
    return body


def _complete_lines(change: Change, lines: list[Body], old: list[Body]) -> list[Body]:
    known = {line["Id"] for line in old if line.get("Id")}
    next_id = max((int(each) for each in known), default=0) + 1
    done: list[Body] = []
    for line in lines:
        kind = line.get("DetailType")
        if not kind:
            raise faults.missing("Line.DetailType")
        if kind not in DETAILS:
            raise faults.business(f"{kind} is not allowed on this transaction.", hint="Detail is our wording")
        if kind == "SubTotalLineDetail":
            continue
        complete = _complete_line(change, kind, line)
        identifier = str(line.get("Id") or "")
        if identifier not in known:
            identifier, next_id = str(next_id), next_id + 1
        known.discard(identifier)
        complete["Id"], complete["LineNum"] = identifier, len(done) + 1
        done.append(complete)
    if not done:
        raise faults.missing("Line")
    return done


def _complete_line(change: Change, kind: str, line: Body) -> Body:
    complete: Body = {name: value for name, value in line.items() if value not in (None, "")}
    if kind == "DescriptionOnly":
        complete.setdefault("DescriptionLineDetail", {})
        complete.pop("Amount", None)
    elif kind == "DiscountLineDetail":
        _check_discount(change, complete)
    elif kind == "GroupLineDetail":
        group = complete.setdefault("GroupLineDetail", {})
        group["Line"] = [_complete_line(change, "SalesItemLineDetail", each) for each in group.get("Line") or []]
        complete["Amount"] = dollars(sum(cents(each["Amount"]) for each in group["Line"]))
    else:
        _complete_item_line(change, complete)
    return complete


def _complete_item_line(change: Change, line: Body) -> None:
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    detail = _check_product(line)
    line["Amount"] = dollars(cents(line["Amount"]))
    detail["ItemRef"] = _find_item(change, detail.get("ItemRef") or {})
    detail["TaxCodeRef"] = {"value": _find_tax_code(detail)}
    set_class(change, detail, "ClassTrackingPerTxnLine")
    line["SalesItemLineDetail"] = detail


def _check_product(line: Body) -> Body:
    """Check that the amount is quantity times price, if the line has both, and return the line's detail.

    Raises:
        FaultError: the amount is another one.
    """
    detail: Body = {name: value for name, value in (line.get("SalesItemLineDetail") or {}).items() if value is not None}
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    if quantity in (0, None, "") and price in (0, None, ""):
        # python-quickbooks sends both as 0 with any Amount, and its integration tests pass against Intuit's sandbox
        return {name: value for name, value in detail.items() if name not in ("Qty", "UnitPrice")}
    if quantity not in (None, "") and price not in (None, ""):
        product = (decimal(quantity) * decimal(price)).quantize(CENT, ROUND_HALF_UP)
        if product != decimal(line["Amount"]):
            raise faults.wrong_amount(f"{decimal(line['Amount']).normalize():,f}")
    return detail


def _find_item(change: Change, wanted: Body) -> Body | None:
    """Return a reference to the item that a line sells, from the reference that was sent."""
    identifier = str(wanted.get("value") or "")
    if identifier in SPECIAL_ITEMS:
        return {"value": identifier, "name": SPECIAL_ITEMS[identifier]}
    if not identifier:
        return _default_item(change)
    reference = change.refer("Item", wanted)
    item = change.company.live("Item", identifier)
    if item is not None and item.kind == "Category":
        raise faults.business("A category cannot be sold.", hint="Detail is our wording")
    return reference


def _find_tax_code(detail: Body) -> str:
    """Return the tax code of a line in the United States, TAX or NON; NON when no code was sent.

    Raises:
        FaultError: another code was sent.
    """
    code = str((detail.get("TaxCodeRef") or {}).get("value") or "NON")
    if code not in ("TAX", "NON"):
        raise FaultError(
            "6100", "Invalid Line TaxCode", "Invalid tax code on the line. Use TAX or NON.", element="TaxCodeRef"
        )
    return code


def _default_item(change: Change) -> Body:
    """Return a reference to the item of a line that names no item: QuickBooks silently chooses one.

    Raises:
        FaultError: the switch ``missing_item`` refuses such lines, or there is no item.
    """
    if change.company.switches.missing_item == "refused":
        raise faults.missing("ItemRef")
    for record in change.company.tables["Item"].rows.values():
        if record.active and record.kind != "Category":
            return {"value": record.id, "name": record.full_name}
    raise faults.missing("ItemRef")


def _check_discount(change: Change, line: Body) -> None:
    if not change.company.preference("SalesFormsPrefs", "AllowDiscount"):
        raise faults.business(
            "Discounts are turned off for this company.", hint="Preferences: AllowDiscount; our wording"
        )
    detail = line.get("DiscountLineDetail") or {}
    percent_based = detail.get("PercentBased") in (True, "true")
    if (percent_based and detail.get("DiscountPercent") is None) or (not percent_based and line.get("Amount") is None):
        raise FaultError("6090", "Discount line missing info", "The discount needs an amount or a percentage.")
    if detail.get("DiscountAccountRef"):
        detail["DiscountAccountRef"] = change.refer("Account", detail["DiscountAccountRef"])
    else:
        account = change.company.account_of("discount")
        detail["DiscountAccountRef"] = change.refer("Account", {"value": account}) or {}
    detail["PercentBased"] = percent_based
    set_class(change, detail, "ClassTrackingPerTxnLine")
    line["DiscountLineDetail"] = detail


def _add_up(change: Change, body: Body) -> None:
    subtotal = sum(cents(line.get("Amount")) for line in body["Line"] if line["DetailType"] in DETAILS[:2])
    discount = 0
    for line in body["Line"]:
        if line["DetailType"] == "DiscountLineDetail":
            detail = line["DiscountLineDetail"]
            if detail["PercentBased"]:
                share = decimal(detail["DiscountPercent"]) * subtotal / 100
                line["Amount"] = dollars(int(share.quantize(Decimal(1), ROUND_HALF_UP)))
            discount += cents(line["Amount"])
    tax = _find_tax(change, body)
    total = subtotal - discount + tax
    if total < 0:
        raise faults.business(NEGATIVE_TOTAL)
    body["Line"].append({"DetailType": "SubTotalLineDetail", "Amount": dollars(subtotal), "SubTotalLineDetail": {}})
    body["TotalAmt"] = dollars(total)


def _find_tax(change: Change, body: Body) -> int:
    """Set the form's tax and return it in cents.

    The tax is 0 in a company without sales tax; otherwise it is recomputed or as sent, by the switch ``tax``.
    """
    sent = body.pop("TxnTaxDetail", None) or {}
    detail: Body = {}
    switches = change.company.switches
    taxable = [line for line in body["Line"] if _is_taxable(line)]
    if len(taxable) > MOST_TAXABLE_LINES:
        raise faults.business(
            f"A taxable invoice has at most {MOST_TAXABLE_LINES} lines.", hint="Detail is our wording"
        )
    if not change.company.preference("TaxPrefs", "UsingSalesTax"):
        tax = 0
    elif switches.tax == "recomputed":
        base = sum(cents(line["Amount"]) for line in taxable)
        tax = int((Decimal(str(switches.tax_percent)) * base / 100).quantize(Decimal(1), ROUND_HALF_UP))
    else:
        lines = sent.get("TaxLine") or []
        tax = cents(sent.get("TotalTax")) if "TotalTax" in sent else sum(cents(line.get("Amount")) for line in lines)
        detail = {name: value for name, value in sent.items() if name in ("TxnTaxCodeRef", "TaxLine")}
    body["TxnTaxDetail"] = {**detail, "TotalTax": dollars(tax)}
    return tax


def _is_taxable(line: Body) -> bool:
    detail = line.get("SalesItemLineDetail") or {}
    return bool((detail.get("TaxCodeRef") or {}).get("value") == "TAX")


def _set_due_date(change: Change, body: Body) -> None:
    customer = change.company.look("Customer", body["CustomerRef"]["value"])
    if body.get("SalesTermRef"):
        body["SalesTermRef"] = change.refer("Term", body["SalesTermRef"])
    elif customer.get("SalesTermRef"):
        body["SalesTermRef"] = customer["SalesTermRef"]
    for address in ("BillAddr", "ShipAddr"):
        if not body.get(address) and customer.get(address):
            body[address] = customer[address]
    if body.get("DueDate"):
        body["DueDate"] = body["DueDate"][:10]
        return
    reference = body.get("SalesTermRef")
    term = change.company.live("Term", reference["value"]) if reference else None
    days = DAYS_WITHOUT_TERMS
    if term is not None:
        terms = term.decode()
        if terms["Type"] == "DATE_DRIVEN":
            body["DueDate"] = _day_of_month(
                body["TxnDate"], int(terms["DayOfMonthDue"]), int(terms.get("DueNextMonthDays") or 0)
            )
            return
        days = int(terms["DueDays"])
    body["DueDate"] = add_days(body["TxnDate"], days)


def _day_of_month(day: str, due: int, next_month_days: int) -> str:
    """Return the next ``due``-th day of a month that is more than ``next_month_days`` days after ``day``.

    If a month that is too short for the ``due``-th day comes first, the result is the last day of that month. For the
    last day of January, ``due`` 31 and ``next_month_days`` 0 the result is ``day`` itself.
    """
    at = day
    while int(at[8:]) != due or at <= add_days(day, next_month_days):
        at = add_days(at, 1)
        if due > 28 and at[8:] == "01" and at > add_days(day, next_month_days):
            return add_days(at, -1)
    return at


def _set_account(change: Change, entity: str, body: Body) -> None:
    if body.get("DepositToAccountRef"):
        body["DepositToAccountRef"] = change.refer("Account", body["DepositToAccountRef"])
    elif entity == "RefundReceipt":
        raise faults.missing("DepositToAccountRef")
    else:
        body["DepositToAccountRef"] = change.refer("Account", {"value": change.company.account_of("undeposited")})


def next_number(last: str) -> str:
    """Return the number after this number: the digits at its end are counted up, and a prefix stays."""
    found = re.search(r"\d+$", last)
    if found is None:
        return f"{last}1"
    return f"{last[: found.start()]}{int(found.group()) + 1:0{len(found.group())}}"


def _set_number(change: Change, body: Body, old: Body | None, include: frozenset[str]) -> None:
    number = _choose_number(change, body, old)
    if not number:
        body.pop("DocNumber", None)
        return
    body["DocNumber"] = number
    if old is None or old.get("DocNumber") != number:
        change.last_number = number
        if "allowduplicatedocnum" not in include:
            _check_number(change, number, body.get("Id"))


def _choose_number(change: Change, body: Body, old: Body | None) -> str | None:
    """Return the number of a form: the number that was sent, or else a number by the company's preference.

    In a company that numbers its documents itself (``CustomTxnNumbers``) a form without a number stays so, and the
    result is None. In another company a new form takes the next number, and an update keeps the present number.
    """
    number: str | None = body.get("DocNumber")
    if number == "AUTO_GENERATE" or body.pop("AutoDocNumber", None) in (True, "true"):
        return next_number(change.company.last_number)
    if number or change.company.preference("SalesFormsPrefs", "CustomTxnNumbers"):
        return number
    return next_number(change.company.last_number) if old is None else old.get("DocNumber")


def _check_number(change: Change, number: str, own_id: str | None) -> None:
    """Refuse a number that another sales form has.

    It is refused only if the company numbers its documents itself (``CustomTxnNumbers``) and the switch
    ``duplicate_numbers`` is ``refused``.

    Raises:
        FaultError: the number is taken.
    """
    company = change.company
    if company.switches.duplicate_numbers == "allowed":
        return
    if not company.preference("SalesFormsPrefs", "CustomTxnNumbers"):
        return
    for kind in SALES:
        for taken in company.tables[kind].with_number(number):
            if taken != own_id:
                raise faults.duplicate_number(number, kind, taken)


def _set_defaults(change: Change, entity: str, body: Body, old: Body | None) -> None:
    total = cents(body["TotalAmt"])
    applied = cents(old["TotalAmt"]) - cents(old["Balance"]) if old is not None else 0
    if entity in ("SalesReceipt", "RefundReceipt"):
        body["Balance"] = 0
    else:
        if applied > total:
            raise faults.business(
                "The amount is less than what has been applied already.", hint="Detail is our wording"
            )
        if applied and old is not None and old["CustomerRef"]["value"] != body["CustomerRef"]["value"]:
            raise faults.business("The customer of a paid transaction can't be changed.", hint="Detail is our wording")
        body["Balance"] = dollars(total - applied)
        body["LinkedTxn"] = (old or {}).get("LinkedTxn") or []
    if entity == "CreditMemo":
        body["RemainingCredit"] = body["Balance"]
    body.setdefault("PrintStatus", "NeedToPrint")
    body.setdefault("EmailStatus", "NotSet")
    body.setdefault("ApplyTaxAfterDiscount", False)
    body.setdefault("CustomField", [])
    if body["EmailStatus"] == "NeedToSend" and not (body.get("BillEmail") or {}).get("Address"):
        raise FaultError("6420", "Email address is required", "An e-mail address is required to send the transaction.")
    if entity == "Invoice":
        body.setdefault("Deposit", 0)
    set_currency(change, body)


def void(change: Change, entity: str, body: Body) -> Body:
    """Void a sales form and return it: the form stays, and all amounts in it are 0."""
    note = body.get("PrivateNote") or ""
    prepended = change.company.switches.void_note == "prepended" and note
    body["PrivateNote"] = f"Voided - {note}" if prepended else "Voided"
    for line in body["Line"]:
        _zero(line)
    for name in ("TotalAmt", "Balance"):
        body[name] = 0
    if entity == "CreditMemo":
        body["RemainingCredit"] = 0
    body["TxnTaxDetail"] = {"TotalTax": 0}
    body["LinkedTxn"] = []
    return body


def _zero(line: Body) -> None:
    if "Amount" in line:
        line["Amount"] = 0
    detail = line.get("SalesItemLineDetail") or {}
    for name in ("Qty", "UnitPrice"):
        if name in detail:
            detail[name] = 0
    for inner in (line.get("GroupLineDetail") or {}).get("Line") or ():
        _zero(inner)
