import traceback
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest

from qb_pipeline.core import schemas
from qb_pipeline.core.schemas import ContractBroken, validate
from qb_pipeline_tests.core import rows

MODELS = [
    schemas.Payers, schemas.FeeItems, schemas.Invoices, schemas.InvoiceLines, schemas.Payments, schemas.Applications,
    schemas.Headers, schemas.Customers, schemas.Items, schemas.PayerMatches, schemas.ItemMatches,
    schemas.KnownInvoices, schemas.PaymentParts, schemas.Allocations,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_column_says_what_it_is(model: type[pa.DataFrameModel]) -> None:
    schema = model.to_schema()

    assert schema.strict
    assert not schema.coerce
    assert all(column.description for column in schema.columns.values())
    assert model.__doc__


@pytest.mark.parametrize("model", MODELS)
def test_a_frame_without_rows_is_valid(model: type[pa.DataFrameModel]) -> None:
    empty = schemas.frame(model, [])

    assert validate(model, empty) is empty
    assert list(empty) == list(model.to_schema().columns)


SECRET = "Jane Doe owes 12.34"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"total_cents": 100.5}, "total_cents: dtype('int64') (1)"),
        ({"total_cents": SECRET}, "total_cents: dtype('int64') (1)"),
        ({"status": SECRET}, "status: isin(('draft', 'issued', 'void')) (1)"),
        ({"invoice_number": None}, "invoice_number: not_nullable (1)"),
        ({"invoice_date": None}, "invoice_date: not_nullable (1)"),
        ({"invoice_date": SECRET}, "invoice_date: dates (1)"),
        ({"invoice_date": datetime(2026, 3, 1, tzinfo=UTC)}, "invoice_date: dates (1)"),
        ({"due_date": pd.NaT}, "due_date: dates (1)"),
        ({"created_at": datetime(2026, 3, 1)}, "created_at: instants (1)"),  # noqa: DTZ001 - without zone on purpose
        ({"created_at": datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1)))}, "created_at: instants (1)"),
        ({"invoice_id": ""}, "invoice_id: str_length(1, None) (1)"),
        ({SECRET: 1}, f"{SECRET}: column_in_schema (1)"),
    ],
)
def test_a_broken_frame_names_column_check_and_count_but_no_value(change: dict[str, Any], check: str) -> None:
    frame = rows.invoices({"invoice_id": "i-1", "customer_message": SECRET})
    for column, value in change.items():
        frame[column] = pd.Series([value], dtype=object if not isinstance(value, float) else None)

    with pytest.raises(ContractBroken) as broken:
        validate(schemas.Invoices, frame)

    assert check in broken.value.checks
    assert broken.value.relation == "Invoices"
    if SECRET not in change:
        assert SECRET not in "".join(traceback.format_exception(broken.value))
    assert broken.value.__context__ is None


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractBroken, match=r"terms: column_in_dataframe \(1\)"):
        validate(schemas.Invoices, rows.invoices({}).drop(columns="terms"))


def test_ids_of_bad_rows_are_given_and_not_more_than_ten() -> None:
    frame = rows.invoices(*({"invoice_id": f"i-{number}"} for number in range(30)))
    frame["status"] = ["issued"] * 5 + ["paid"] * 25

    with pytest.raises(ContractBroken) as broken:
        validate(schemas.Invoices, frame)

    assert broken.value.checks == ("status: isin(('draft', 'issued', 'void')) (25)",)
    assert broken.value.keys == tuple(f"i-{number}" for number in range(5, 15))


def test_a_key_stands_once() -> None:
    with pytest.raises(ContractBroken, match=r"Invoices breaks its contract: invoice_id: field_uniqueness \(2\)"):
        validate(schemas.Invoices, rows.invoices({}, {}))
    with pytest.raises(ContractBroken, match="multiple_fields_uniqueness"):
        validate(schemas.InvoiceLines, rows.lines({"line_number": 1}, {"line_number": 1}))


@pytest.mark.parametrize("value", [1, 1.5, "1.5"])
def test_a_quantity_is_a_decimal_or_none(value: Any) -> None:
    validate(schemas.InvoiceLines, rows.lines({"quantity": Decimal("1.5")}, {"quantity": None}))

    with pytest.raises(ContractBroken, match="quantity: decimals"):
        validate(schemas.InvoiceLines, rows.lines({"quantity": value}))


def test_a_text_column_of_another_type_is_refused_even_when_it_is_empty() -> None:
    frame = rows.customers().astype({"display_name": "int64"})

    with pytest.raises(ContractBroken, match="display_name"):
        validate(schemas.Customers, frame)


def test_dates_are_plain() -> None:
    assert rows.invoices({})["invoice_date"].tolist() == [date(2026, 3, 1)]


def test_the_rows_of_the_other_tests_are_valid() -> None:
    validate(schemas.Payers, rows.payers(rows.person("p1"), rows.corporation("p2", "Acme LLC")))
    validate(schemas.Customers, rows.customers(rows.customer("1")))
    validate(schemas.FeeItems, rows.fee_items({"fee_item_id": "f1"}))
    validate(schemas.Items, rows.items({"item_id": "1"}))
    validate(schemas.Invoices, rows.invoices({}))
    validate(schemas.InvoiceLines, rows.lines(rows.fee(250, "2.5", "1"), {"kind": "note"}))
    validate(schemas.Payments, rows.payments(rows.payment("y", 100)))
    validate(schemas.Applications, rows.applications(("y", "i1", 100)))
    validate(schemas.KnownInvoices, rows.known(rows.posted("i1", 100)))


def test_rows_have_their_columns_as_attributes() -> None:
    frame = pd.DataFrame({"source_id": ["1", "2"], "amount_cents": [100, 250]})

    assert [(row.source_id, row.amount_cents) for row in schemas.rows(frame)] == [("1", 100), ("2", 250)]


def test_an_empty_frame_has_no_rows() -> None:
    assert list(schemas.rows(pd.DataFrame({"source_id": []}))) == []
