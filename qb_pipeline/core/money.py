"""Conversions of money: integer cents inside the pipeline, exact decimals at its borders.

Belongs here: the two conversions, and JSON that keeps every digit. Does not belong here: rounding, which is a business
decision and is never made here.
"""

import json
from decimal import Context, Decimal
from typing import Any, NoReturn

import msgspec

UNROUNDED = Context(prec=1000)
"""A decimal context that keeps every digit. The usual context rounds beyond 28 digits."""

_EXACT = msgspec.json.Encoder(decimal_format="number")


def to_cents(dollars: Decimal) -> int:
    """Convert decimal dollars to cents.

    Raises:
        ValueError: the amount is finer than a cent, or not a number. Rounding is a business decision, never made here.
    """
    if not dollars.is_finite():
        raise ValueError(f"{dollars} is not an amount")
    # A ratio of integers knows no context: Decimal arithmetic would round beyond 28 digits.
    numerator, denominator = dollars.as_integer_ratio()
    cents, rest = divmod(numerator * 100, denominator)
    if rest:
        raise ValueError(f"{dollars} is finer than one cent")
    return cents


def to_dollars(cents: int) -> Decimal:
    """Return cents as decimal dollars with two decimals, exactly."""
    return Decimal(cents).scaleb(-2, UNROUNDED)


JsonObject = dict[str, Any]
"""A JSON object that is sent to QuickBooks or read from it; money in it is Decimal."""


def dumps(body: object) -> bytes:
    """Return a body as JSON. Decimals become numbers, digit for digit; fields keep the order in which the body was
    built."""
    return _EXACT.encode(body)


def loads(text: bytes | str) -> Any:
    """Read JSON with every fraction as a Decimal.

    Raises:
        ValueError: the text is not JSON; ``NaN`` and ``Infinity`` are not JSON either.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
