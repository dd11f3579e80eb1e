"""A reader of JSON as QuickBooks writes it. Every number with a decimal point becomes a Decimal, never a float.

Belongs here: turning bytes into values. Does not belong here: the meaning of the values (``answers``, ``errors``).
"""

import json
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

from qb_pipeline.core.money import JsonObject

CARD_FIELDS = frozenset({"CreditCardPayment", "CreditChargeInfo", "CreditChargeResponse"})
"""Fields with data of a client's card. We have no use for them, and data that we never hold cannot leak."""
_CARD_NAMES = [f'"{name}"'.encode() for name in CARD_FIELDS]


class UnreadableError(Exception):
    """The bytes are not one complete JSON value."""


def read_json(body: bytes) -> Any:
    """Read one complete JSON value, without its ``CARD_FIELDS``.

    Raises:
        UnreadableError: the bytes are cut short, not JSON, not UTF-8, nested too deeply, or hold a number out of range.
    """
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_decimal,
            parse_constant=_refuse,
            object_hook=_without_card if any(name in body for name in _CARD_NAMES) else None,  # the hook costs time
        )
    except (ValueError, RecursionError, DecimalException) as error:
        raise UnreadableError(f"{len(body)} bytes are not JSON: {type(error).__name__}") from error


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("number out of range")
    return number


def _without_card(value: JsonObject) -> JsonObject:
    return {name: inner for name, inner in value.items() if name not in CARD_FIELDS}


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
