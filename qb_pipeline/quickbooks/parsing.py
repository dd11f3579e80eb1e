"""Reading JSON as QuickBooks writes it: every number with a point is a Decimal, never a float.

Belongs here: bytes to values. Does not belong here: what the values mean (``answers``, ``errors``).
"""

import json
from decimal import Decimal, DecimalException
from typing import Any, NoReturn


class UnreadableError(Exception):
    """The bytes are not one complete JSON value."""


def read_json(body: bytes) -> Any:
    """Read one complete JSON value.

    Raises:
        UnreadableError: cut short, not JSON, not UTF-8, nested too deeply, or a number that no amount can be.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_float=_decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, DecimalException) as error:
        raise UnreadableError(f"{len(body)} bytes are not JSON: {type(error).__name__}") from error


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("number out of range")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
