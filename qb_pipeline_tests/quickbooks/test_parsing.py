"""Numbers keep every digit, and what is not JSON is told apart."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.quickbooks.parsing import UnreadableError, read_json


@given(cents=st.integers(-(10**15), 10**15))
def test_an_amount_survives_the_way_there_and_back(cents: int):
    written = msgspec.json.Encoder(decimal_format="number").encode({"Amount": Decimal(cents).scaleb(-2)})
    assert Decimal(read_json(written)["Amount"]).scaleb(2) == cents


def test_no_number_is_a_float():
    assert read_json(b"[0.1, 1, 1e2]") == [Decimal("0.1"), 1, Decimal("1E+2")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"{} {}", b"[" * 100_000, b"1" * 5_000, b"1e9999999999999999999"],
)
def test_what_is_not_one_json_value_is_unreadable(body: bytes):
    with pytest.raises(UnreadableError):
        read_json(body)


@given(body=st.binary())
def test_no_bytes_raise_anything_else(body: bytes):
    try:
        read_json(body)
    except UnreadableError:
        return


def test_what_is_said_of_a_card_is_never_held():
    card = {"CreditChargeInfo": {"Number": "4111111111111111", "CcExpiryYear": 2030}, "CreditChargeResponse": {}}
    payment = {"Id": "7", "CreditCardPayment": card, "Line": [{"Amount": 1, "CreditChargeInfo": card}]}
    body = msgspec.json.encode({"QueryResponse": {"Payment": [payment], "CreditMemo": [{"Id": "8"}]}})

    assert read_json(body) == {
        "QueryResponse": {"Payment": [{"Id": "7", "Line": [{"Amount": 1}]}], "CreditMemo": [{"Id": "8"}]}
    }
