"""The fields of each object, and the values that they accept.

Belongs here: the field tables (``fields.json``: Intuit's XML schema joined with the reference pages' lengths and query
traits) and the check of a body against them. Does not belong here: rules that need to know the company.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from qb_pipeline.emulator.books import faults

Body = dict[str, Any]
"""One object as in JSON, decoded with decimals and never with floats."""

DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?)?")
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
NUMBER = re.compile(r"-?\d+")
LONGEST = 1_000_000
LARGEST = Decimal(10) ** 15
"""The first number that is too large. ``Line.Amount`` has 15 digits at most (invoice reference)."""


class Field(msgspec.Struct, frozen=True, rename={"kind": "k", "maximum": "m", "many": "l", "of": "t", "traits": "q"}):
    """One field of one type."""

    kind: Literal["str", "int", "dec", "bool", "date", "dt", "id", "enum", "obj", "any"]
    maximum: int | None = None
    many: int = 0
    of: str = ""
    traits: str = ""
    """The query traits in the reference page: r read-only, f may be filtered on, s may be sorted by."""


class Tables(msgspec.Struct, frozen=True):
    """The whole content of ``fields.json``."""

    enums: dict[str, frozenset[str]]
    types: dict[str, dict[str, Field]]


TABLES = msgspec.json.decode(files("qb_pipeline.emulator.books").joinpath("fields.json").read_bytes(), type=Tables)
TYPES = TABLES.types
SALES_LISTED = ("CreditMemo", "SalesReceipt", "RefundReceipt")
UNFILTERABLE = frozenset(
    {"PrivateNote", "Line", "LinkedTxn", "CustomField", "MetaData", "TxnTaxDetail", "CustomerMemo"}
)


def check_fields(entity: str, body: Body) -> None:
    """Refuse a body that has unknown properties, or values that the types of its properties cannot hold.

    A value that Intuit's parser converts by itself (a number where text is wanted) is converted here too, in place.

    Raises:
        FaultError: names the first thing that is wrong.
    """
    _check(TYPES[entity], body)


def _check(table: dict[str, Field], body: Body) -> None:
    for name, value in body.items():
        field = table.get(name)
        if field is None:
            raise faults.unknown_property(name)
        kind, given = field.kind, type(value)
        # A fast path for most values, which are texts or objects as they should be.
        if given is str and (kind == "id" or (kind == "str" and len(value) <= (field.maximum or LONGEST))):
            continue
        if given is dict and kind == "obj" and not field.many:
            _check_object(field, name, value)
        elif value is not None:
            _check_other(field, name, value, body)


def _check_other(field: Field, name: str, value: Any, body: Body) -> None:
    if field.many:
        if type(value) is not list:
            raise faults.unknown_property(name)
        for each in value:
            if field.kind == "obj" and type(each) is not dict:
                raise faults.unknown_property(name)
            _check_value(field, name, each)
        return
    _check_value(field, name, value)
    if field.kind in ("str", "id") and type(value) is not str:
        body[name] = str(value)
    elif field.kind == "bool" and type(value) is str:
        body[name] = value == "true"


def _check_value(field: Field, name: str, value: Any) -> None:
    kind = field.kind
    if kind in ("dec", "int"):
        _check_number(name, value)
    elif kind == "enum":
        if value != "" and (type(value) is not str or value not in TABLES.enums[field.of]):
            raise faults.invalid_enumeration(name, value)
    elif kind == "obj":
        if type(value) is dict:
            _check_object(field, name, value)
        elif value != "":
            raise faults.unknown_property(name)
    elif kind == "str":
        if isinstance(value, (dict, list)):
            raise faults.unknown_property(name)
        text = str(value)
        if field.maximum is not None and len(text) > field.maximum:
            raise faults.wrong_length(name, field.maximum, len(text))
    elif kind == "id":
        if isinstance(value, (dict, list, bool)):
            raise faults.unknown_property(name)
    else:
        _check_scalar(kind, name, value)


def _check_object(field: Field, name: str, value: Body) -> None:
    _check(TYPES[field.of], value)
    if field.of == "EmailAddress":
        address = value.get("Address") or ""
        if address:
            maximum = field.maximum or 100
            if len(address) > maximum:
                raise faults.wrong_length(name, maximum, len(address))
            if not all(EMAIL.fullmatch(one.strip()) for one in address.split(",")):
                raise faults.invalid_email(address)
    elif field.of == "MemoRef" and field.maximum and len(value.get("value") or "") > field.maximum:
        raise faults.wrong_length(name, field.maximum, len(value["value"]))


def _check_number(name: str, given: Any) -> None:
    value: Any = given
    if isinstance(value, str):
        try:
            value = Decimal(value) if value else Decimal()
        except InvalidOperation:
            raise faults.invalid_number(name, value) from None
    if type(value) is not int and (type(value) is not Decimal or not value.is_finite()):
        raise faults.invalid_number(name, value)
    if not -LARGEST < value < LARGEST:
        raise faults.invalid_number(name, value)


def _check_scalar(kind: str, name: str, value: Any) -> None:
    if kind == "bool":
        if not isinstance(value, bool) and value not in ("true", "false"):
            raise faults.unknown_property(name)
    elif kind == "date":
        if not isinstance(value, str) or (value and not DATE.match(value)):
            raise faults.unknown_property(name)
    elif kind == "dt" and (not isinstance(value, str) or (value and not INSTANT.fullmatch(value))):
        raise faults.unknown_property(name)


@lru_cache(maxsize=1024)
def find_property(entity: str, name: str) -> tuple[str, Field] | None:
    """Return the property that a query names, and its field; None when there is no such property.

    Letter case does not matter: ``metadata.createtime``, ``CustomerRef.value``.
    """
    if name.lower().startswith("metadata."):
        for known, field in TYPES["ModificationMetaData"].items():
            if f"metadata.{known}".lower() == name.lower():
                return f"MetaData.{known}", field
        return None
    plain = name[: -len(".value")] if name.lower().endswith("ref.value") else name
    for known, field in TYPES[entity].items():
        if known.lower() == plain.lower():
            return known, field
    return None


@lru_cache(maxsize=1024)
def may(entity: str, name: str, trait: str) -> bool:
    """Return whether queries may filter on (``f``) or sort by (``s``) a property.

    Some reference pages state no traits (accounts, vendors, sales receipts …). For these the traits of a similar type
    apply, or any scalar is allowed.
    """
    if name.startswith("MetaData."):
        return name in ("MetaData.CreateTime", "MetaData.LastUpdatedTime")
    model = "Invoice" if entity in SALES_LISTED else entity
    table = TYPES[model]
    field = table.get(name)
    if field is None:
        return False
    if any(each.traits for each in table.values()):
        return trait in field.traits
    is_reference = field.kind == "obj" and field.of == "ReferenceType"
    return name not in UNFILTERABLE and not field.many and (field.kind not in ("obj", "any") or is_reference)
