"""Reading the billing database: what a frame holds, and what a reader can never miss."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest
import sqlalchemy as sa

from qb_pipeline.billing.source import BillingSource, Firm, fetch_firm, firms

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)

Insert = Callable[..., None]


@pytest.fixture
def insert(billing_engine: sa.Engine) -> Insert:
    """Put one row into a relation: ``insert("payers", payer_id="P1")``; what is not said has a plain value."""
    plain: dict[str, dict[str, object]] = {
        "firms": {"name": "Firm One", "time_zone": "America/New_York", "currency": "USD"},
        "payers": {"kind": "individual", "first_name": "Ana", "last_name": "Diaz"},
        "fee_items": {"name": "Consultation", "kind": "legal_fee", "unit_price": "250"},
        "invoices": {
            "invoice_number": "N-1",
            "payer_id": "P1",
            "status": "issued",
            "invoice_date": date(2026, 3, 1),
            "currency": "USD",
            "total_amount": "100.00",
            "created_at": NOON,
            "updated_at": NOON,
        },
        "invoice_lines": {"line_number": 1, "kind": "fee", "amount": "100.00"},
        "payments": {
            "payer_id": "P1",
            "kind": "payment",
            "method": "check",
            "received_date": date(2026, 3, 2),
            "amount": "100.00",
            "currency": "USD",
            "status": "completed",
            "created_at": NOON,
            "updated_at": NOON,
        },
        "payment_applications": {"amount": "100.00", "applied_date": date(2026, 3, 2)},
        "payment_guard": {},
    }

    def insert(relation: str, **values: object) -> None:
        row = {"firm_id": "one"} | plain[relation] | values
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        with billing_engine.begin() as connection:
            connection.execute(sa.text(f"insert into billing.{relation} ({names}) values ({places})"), row)  # noqa: S608

    insert("firms")
    insert("payers", payer_id="P1")
    return insert


@pytest.fixture
def source(billing_engine: sa.Engine) -> BillingSource:
    """The firm of these tests."""
    return BillingSource(billing_engine, "one")


def test_firms_are_listed_and_found(billing_engine, insert):
    insert("firms", firm_id="two", name="Firm Two", time_zone="Europe/Paris", currency="EUR")
    one = Firm("one", "Firm One", "America/New_York", "USD")
    two = Firm("two", "Firm Two", "Europe/Paris", "EUR")

    assert firms(billing_engine) == [one, two]
    assert fetch_firm(billing_engine, "two") == two
    assert fetch_firm(billing_engine, "three") is None


def test_a_header_tells_one_document(insert, source):
    insert("invoices", invoice_id="I1", total_amount="100.10")

    (frame,) = source.headers()

    assert frame.to_dict("records") == [
        {
            "kind": "invoice",
            "source_id": "I1",
            "part": "",
            "number": "N-1",
            "document_date": date(2026, 3, 1),
            "payer_id": "P1",
            "amount_cents": 10010,
            "currency": "USD",
            "status": "issued",
            "payment_kind": "",
            "origin": "billing",
            "created_at": NOON,
            "updated_at": NOON,
            "eligibility": "eligible",
        }
    ]


def test_full_rows_have_the_agreed_types(insert, source):
    insert("invoices", invoice_id="I1")
    insert("invoice_lines", invoice_id="I1", quantity="1.5", unit_price="66.666667", is_taxable=True)

    invoices, lines, bad = source.fetch_invoices(["I1", "I2"])

    assert bad == []
    assert invoices.to_dict("records") == [
        {
            "invoice_id": "I1",
            "invoice_number": "N-1",
            "payer_id": "P1",
            "matter": "",
            "status": "issued",
            "invoice_date": date(2026, 3, 1),
            "due_date": None,
            "terms": "",
            "currency": "USD",
            "total_cents": 10000,
            "customer_message": "",
            "internal_note": "",
            "created_at": NOON,
        }
    ]
    assert lines.to_dict("records") == [
        {
            "invoice_id": "I1",
            "line_number": 1,
            "kind": "fee",
            "fee_item_id": "",
            "service_date": None,
            "description": "",
            "quantity": Decimal("1.500000"),
            "unit_price": Decimal("66.666667"),
            "amount_cents": 10000,
            "is_taxable": True,
            "forwarded_invoice_id": "",
        }
    ]


def test_no_ids_give_empty_frames_of_the_same_columns(insert, source):
    insert("invoices", invoice_id="I1")
    insert("invoice_lines", invoice_id="I1")
    full, empty = source.fetch_invoices(["I1"]), source.fetch_invoices([])

    assert list(empty.invoices.columns) == list(full.invoices.columns)
    pd.testing.assert_series_equal(empty.lines.dtypes, full.lines.dtypes)
    assert len(empty.invoices) == len(empty.lines) == 0


def test_credit_is_one_document_per_day_it_is_applied(insert, source):
    for invoice_id in ("I1", "I2", "I3"):
        insert("invoices", invoice_id=invoice_id)
    insert("payments", payment_id="C1", kind="credit_application", amount="90", received_date=date(2026, 2, 10))
    january, february = date(2026, 1, 31), date(2026, 2, 1)
    insert("payment_applications", payment_id="C1", invoice_id="I1", amount="30.05", applied_date=january)
    insert("payment_applications", payment_id="C1", invoice_id="I2", amount="20.00", applied_date=february)
    insert("payment_applications", payment_id="C1", invoice_id="I3", amount="39.95", applied_date=february)

    frame = pd.concat(source.header_ids(payment_ids=["C1"]))

    columns = ["source_id", "part", "document_date", "amount_cents"]
    assert frame[columns].values.tolist() == [
        ["C1", "2026-01-31", january, 3005],
        ["C1", "2026-02-01", february, 5995],
    ]
    (only_january,) = source.headers(first=january, last=january)
    assert only_january["part"].tolist() == ["2026-01-31"]


def test_a_payment_is_as_eligible_as_its_invoices(insert, source):
    insert("invoices", invoice_id="old", created_at=EARLIER)
    insert("invoices", invoice_id="new", created_at=NOON)
    for payment_id, invoice_ids in {
        "P-old": ["old"],
        "P-new": ["new"],
        "P-mixed": ["old", "new"],
        "P-none": [],
    }.items():
        insert("payments", payment_id=payment_id, created_at=EARLIER)
        for invoice_id in invoice_ids:
            insert("payment_applications", payment_id=payment_id, invoice_id=invoice_id)

    frame = pd.concat(source.headers(eligible_since=NOON))

    assert dict(zip(frame["source_id"], frame["eligibility"], strict=True)) == {
        "old": "ineligible",
        "new": "eligible",
        "P-old": "ineligible",
        "P-new": "eligible",
        "P-mixed": "mixed",
        "P-none": "ineligible",
    }
    assert set(pd.concat(source.headers())["eligibility"]) == {"eligible"}
