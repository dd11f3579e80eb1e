"""QuickBooks' field names as an accountant says them.

Belongs here: words. Programs get QuickBooks' own names.
"""

import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation

_NAMES = {
    "DocNumber": "number", "TxnDate": "date", "DueDate": "due date", "CustomerRef": "customer (Id)",
    "CustomerMemo": "message to the customer", "PrivateNote": "private note", "BillEmail.Address": "e-mail",
    "PrimaryEmailAddr.Address": "e-mail", "PrimaryPhone.FreeFormNumber": "phone", "Mobile.FreeFormNumber": "mobile",
    "SalesTermRef": "terms (Id)", "TxnTaxDetail.TotalTax": "tax", "TotalAmt": "total", "EmailStatus": "e-mail status",
    "PaymentRefNum": "reference", "PaymentMethodRef": "payment method (Id)",
    "DepositToAccountRef": "deposit account (Id)", "CurrencyRef": "currency", "Amount": "amount",
    "Description": "text", "ItemRef": "item (Id)", "Qty": "quantity", "UnitPrice": "unit price",
    "ServiceDate": "service date", "TaxCodeRef": "tax code", "DetailType": "type", "TxnId": "pays invoice (Id)",
    "TxnType": "pays", "IncomeAccountRef": "income account (Id)", "DisplayName": "name", "GivenName": "first name",
    "MiddleName": "middle name", "FamilyName": "last name", "CompanyName": "company", "Sku": "code",
}  # fmt: skip

_MONEY = ("Amount", "UnitPrice", "TotalAmt", "TotalTax", "Balance")

_LINE = re.compile(r"^Line\[(\d+)\]\.?")
_DETAIL = re.compile(r"^(?:\w+LineDetail|LinkedTxn\[\d+\])\.")


def say_field(name: str) -> str:
    """``Line[2].SalesItemLineDetail.ItemRef.value`` is ``line 2: item (Id)``; an unknown name stays as it is."""
    line = _LINE.match(name)
    rest = _DETAIL.sub("", name[line.end() :] if line else name)
    plain = rest.removesuffix(".value")
    said = _NAMES.get(plain, plain)
    if line is None:
        return said
    return f"line {line[1]}: {said}" if said else f"line {line[1]}"


def say_value(name: str, value: str) -> str:
    """A value of a field: money with its cents, where QuickBooks leaves zeros out; everything else as it is."""
    if value and name.endswith(_MONEY):
        with suppress(InvalidOperation):
            amount = Decimal(value)
            return f"{amount:,.2f}" if amount == round(amount, 2) else value
    return value
