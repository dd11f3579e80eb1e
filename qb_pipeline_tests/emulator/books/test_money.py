"""Dollars on the wire, cents inside."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.emulator.books.money import cents, decimal, dollars


@given(st.integers(-(10**14), 10**14))
def test_cents_survive_the_wire(amount: int) -> None:
    assert cents(dollars(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "printed"), [(0, "0"), (10000, "100.0"), (36207, "362.07"), (-50, "-0.5"), (5, "0.05")]
)
def test_they_are_printed_as_quickbooks_does(amount: int, printed: str) -> None:
    assert str(dollars(amount)) == printed


@pytest.mark.parametrize(
    ("value", "amount"), [(None, 0), ("", 0), (3, 300), ("1.5", 150), (Decimal("0.005"), 1), (Decimal("-0.005"), -1)]
)
def test_half_a_cent_is_rounded_away_from_nothing(value: object, amount: int) -> None:
    assert cents(value) == amount
    assert decimal("1.50") == Decimal("1.5")
