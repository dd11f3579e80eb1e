"""QuickBooks' field names in an accountant's words.

Belongs here: words for people. Does not belong here: output for programs, which keeps QuickBooks' own names.
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
    """Return a field's name in words: ``line 2: item (Id)`` for ``Line[2].SalesItemLineDetail.ItemRef.value``.

    An unknown name stays as it is.
    """
    line = _LINE.match(name)
    rest = _DETAIL.sub("", name[line.end() :] if line else name)
    plain = rest.removesuffix(".value")
    said = _NAMES.get(plain, plain)
    if line is None:
        return said
    return f"line {line[1]}: {said}" if said else f"line {line[1]}"


def say_value(name: str, value: str) -> str:
    """Return a field's value for people: money with two decimals, as QuickBooks omits zeros; other values as they
    are."""
    if value and name.endswith(_MONEY):
        with suppress(InvalidOperation):
            amount = Decimal(value)
            return f"{amount:,.2f}" if amount == round(amount, 2) else value
    return value
