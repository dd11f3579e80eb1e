"""Bodies are checked against the field tables, recursively."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import TABLES, TYPES, check_fields, find_property, may

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*sorted(TYPES["Line"]), "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(entity=st.sampled_from(["Customer", "Invoice", "Payment", "Item", "Deposit"]), data=st.data())
def test_any_body_is_taken_or_refused_and_nothing_else(entity: str, data: Any) -> None:
    body = data.draw(st.dictionaries(st.sampled_from(sorted(TYPES[entity])), json, max_size=4))
    with contextlib.suppress(FaultError):
        check_fields(entity, body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Line": [{"SalesItemLineDetail": {"ItemRef": {"value": "1", "nam": "x"}}}]}, "2010"),
        ({"Line": {"Amount": 1}}, "2010"),
        ({"Line": [{"Amount": "much"}]}, "2090"),
        ({"Line": [{"Amount": True}]}, "2090"),
        ({"Line": [{"Amount": Decimal("NaN")}]}, "2090"),
        ({"Line": [{"Amount": 10**15}]}, "2090"),
        ({"TxnDate": "17.11.2026"}, "2010"),
        ({"ApplyTaxAfterDiscount": "maybe"}, "2010"),
        ({"CustomerRef": "7"}, "2010"),
        ({"PrintStatus": "Printed"}, "2170"),
        ({"PrivateNote": "x" * 4001}, "2050"),
        ({"CustomerMemo": {"value": "x" * 1001}}, "2050"),
        ({"BillEmail": {"Address": "x" * 97 + "@e.org"}}, "2050"),
        ({"BillEmail": {"Address": "nobody at example"}}, "2210"),
    ],
)
def test_refusals(body: Any, code: str) -> None:
    with pytest.raises(FaultError) as caught:
        check_fields("Invoice", body)
    assert caught.value.code == code


def test_what_is_fine() -> None:
    check_fields("Invoice", {"PrivateNote": "x" * 4000, "DocNumber": None, "BillEmail": {"Address": "a@b.c, d@e.f"}})
    check_fields(
        "Invoice",
        {"Line": [{"Amount": "10.5", "Description": "x" * 4000}], "MetaData": {"CreateTime": "2026-01-01T00:00:00Z"}},
    )


def test_properties_are_found_whatever_their_case() -> None:
    assert [
        (found or ("",))[0]
        for found in (
            find_property("Invoice", name) for name in ("docnumber", "METADATA.createtime", "CustomerRef.value", "x")
        )
    ] == [
        "DocNumber",
        "MetaData.CreateTime",
        "CustomerRef",
        "",
    ]


def test_only_what_the_reference_lists_can_be_asked_for() -> None:
    assert may("Invoice", "DocNumber", "f")
    assert not may("Invoice", "PrivateNote", "f")
    assert may("Payment", "TotalAmt", "f")
    assert may("CreditMemo", "DocNumber", "f")
    assert may("Account", "AccountType", "f")
    assert not may("Account", "MetaData", "f")


def test_every_type_and_enumeration_that_is_named_is_there() -> None:
    for fields in TYPES.values():
        for field in fields.values():
            assert field.kind != "obj" or field.of in TYPES
            assert field.kind != "enum" or field.of in TABLES.enums
