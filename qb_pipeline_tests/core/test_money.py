from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.money import dumps, loads, to_cents, to_dollars

CENTS = st.integers(min_value=-(10**40), max_value=10**40)


@given(CENTS)
def test_cents_come_back_from_dollars(cents: int) -> None:
    assert to_cents(to_dollars(cents)) == cents


@given(CENTS)
def test_cents_come_back_from_json(cents: int) -> None:
    assert to_cents(loads(dumps({"Amount": to_dollars(cents)}))["Amount"]) == cents


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_dollars_come_back_from_cents(dollars: Decimal) -> None:
    assert to_dollars(to_cents(dollars)) == dollars


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [("0", 0), ("1", 100), ("1.1", 110), ("-0.01", -1), ("1E+3", 100_000), ("19.990", 1999), ("0E-9", 0)],
)
def test_every_way_to_write_an_amount_is_read(dollars: str, cents: int) -> None:
    assert to_cents(Decimal(dollars)) == cents


@pytest.mark.parametrize("dollars", ["0.001", "1.105", "1E-3", "-0.005"])
def test_nothing_is_rounded(dollars: str) -> None:
    with pytest.raises(ValueError, match="finer than one cent"):
        to_cents(Decimal(dollars))


@pytest.mark.parametrize("dollars", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(dollars: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        to_cents(Decimal(dollars))


def test_json_keeps_every_digit_and_the_order() -> None:
    body = {"b": Decimal("0.10"), "a": [Decimal("33.333333"), Decimal("123456789012345.67")], "é": True}

    assert dumps(body) == '{"b":0.10,"a":[33.333333,123456789012345.67],"é":true}'.encode()
    assert loads(dumps(body)) == body


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}', "{"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSON|Expecting"):
        loads(text)
