"""Amounts of money, which are dollars on the wire and cents in the emulator.

Belongs here: the two conversions and QuickBooks' rounding. Does not belong here: accounting.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


def cents(value: Any) -> int:
    """Convert a JSON amount in dollars to cents; an absent amount is 0.

    Fractions of a cent are rounded half up, as QuickBooks is believed to do.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, int):
        return value * 100
    exact = Decimal(value) * 100
    whole = int(exact)
    return whole if whole == exact else int(exact.to_integral_value(ROUND_HALF_UP))


def dollars(amount_cents: int) -> Decimal | int:
    """Convert cents to dollars as QuickBooks prints them: ``0``, ``100.0``, ``362.07``."""
    if amount_cents == 0:
        return 0
    whole, rest = divmod(abs(amount_cents), 100)
    sign = "-" if amount_cents < 0 else ""
    return Decimal(f"{sign}{whole}.{rest // 10}" if rest % 10 == 0 else f"{sign}{whole}.{rest:02}")


def decimal(value: Any) -> Decimal:
    """Convert a quantity, a price or a rate to a decimal."""
    return value if isinstance(value, Decimal) else Decimal(value)
