"""Field names for people."""

import pytest

from qb_pipeline.core.field_labels import say_field, say_value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DocNumber", "number"),
        ("CustomerRef.value", "customer (Id)"),
        ("Line[2].SalesItemLineDetail.ItemRef.value", "line 2: item (Id)"),
        ("Line[1].Amount", "line 1: amount"),
        ("Line[1].LinkedTxn[1].TxnId", "line 1: pays invoice (Id)"),
        ("Line[4]", "line 4"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_a_field_is_called_what_an_accountant_calls_it(name: str, said: str) -> None:
    assert say_field(name) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TotalAmt", "1100.0", "1,100.00"),
        ("Line[1].Amount", "7", "7.00"),
        ("Line[1].SalesItemLineDetail.UnitPrice", "0.125", "0.125"),
        ("Line[1].Amount", "a line without amount", "a line without amount"),
        ("DocNumber", "12.0", "12.0"),
        ("TotalAmt", "", ""),
    ],
)
def test_money_is_said_with_its_cents(name: str, value: str, said: str) -> None:
    assert say_value(name, value) == said
