"""The demo firms are realistic, the same each time, and show every trouble they promise."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import sqlalchemy as sa

from qb_pipeline.billing.demo import (
    CHEN,
    DEMO_QUICKBOOKS,
    DEMO_SETTINGS,
    REVISIONS,
    RIVERA,
    TROUBLES,
    credit_days,
    generate,
    load_demo,
    revise_demo,
)
from qb_pipeline.billing.errors import BillingError
from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.schemas import Applications, Headers, InvoiceLines, Invoices, Payers, Payments
from qb_pipeline.core.settings import parse_setting
from qb_pipeline.core.text import name_key

TODAY = date(2026, 11, 21)
EXPECTED = [trouble for troubles in TROUBLES.values() for trouble in troubles]


@pytest.fixture(scope="module")
def loaded_template(server, server_url, billing_template):
    """A database with the demo in it, loaded once."""
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database demo_template template {billing_template} strategy file_copy")
    engine = sa.create_engine(server_url.replace("postgresql:", "postgresql+psycopg2:") + "demo_template")
    load_demo(engine, today=TODAY)
    engine.dispose()
    yield "demo_template"
    with server.connect() as connection:
        connection.exec_driver_sql("drop database demo_template with (force)")


@pytest.fixture
def database_template(loaded_template):
    """Let this module's databases begin with the demo in them."""
    return loaded_template


def headers(engine, firm_id):
    return pd.concat(BillingSource(engine, firm_id).headers(), ignore_index=True)


def table(engine, query, **parameters):
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), parameters))


@pytest.mark.parametrize("firm_id", [RIVERA, CHEN])
def test_every_document_of_the_demo_keeps_the_contract(billing_engine, firm_id):
    source = BillingSource(billing_engine, firm_id)
    frame = headers(billing_engine, firm_id)
    invoice_ids = frame.loc[frame["kind"] == "invoice", "source_id"]
    invoices, lines, bad_invoices = source.fetch_invoices(invoice_ids)
    payments, applications, bad_payments = source.fetch_payments(frame.loc[frame["kind"] == "payment", "source_id"])
    payers = source.fetch_payers(invoices["payer_id"])

    Headers.validate(frame[list(Headers.to_schema().columns)])
    Invoices.validate(invoices)
    InvoiceLines.validate(lines)
    Payments.validate(payments)
    Applications.validate(applications)
    Payers.validate(payers)
    assert bad_invoices == bad_payments == []
    assert set(invoices["invoice_id"]) == set(invoice_ids)
    assert set(invoices["payer_id"]) == set(payers["payer_id"])


def test_the_demo_looks_like_two_real_firms(billing_engine):
    held = Counter(trouble.firm_id for trouble in EXPECTED if trouble.outcome == "held")
    for firm_id, invoices, payments in ((RIVERA, 400, 250), (CHEN, 250, 2)):
        frame = headers(billing_engine, firm_id)
        kinds = Counter(frame["kind"])
        assert kinds["invoice"] >= invoices
        assert kinds["payment"] >= payments
        assert held[firm_id] < 0.1 * len(frame)
        assert frame["amount_cents"].sum() > 50_000_000


def test_everyday_documents_have_no_trouble(billing_engine):
    """Their lines add up, nobody pays more than is open, and their payers can be told apart."""
    assert table(
        billing_engine,
        """
        select i.invoice_id from billing.invoices i
        join billing.invoice_lines l using (firm_id, invoice_id)
        where i.invoice_id ~ '^inv-[0-9]+$'
        group by i.firm_id, i.invoice_id, i.total_amount
        having sum(l.amount) <> i.total_amount or sum(l.amount) <= 0 or min(i.currency) <> 'USD'
        """,
    ) == []  # fmt: skip
    assert table(
        billing_engine,
        """
        select i.invoice_id from billing.invoices i
        join billing.payment_applications a using (firm_id, invoice_id)
        join billing.payments p using (firm_id, payment_id)
        where i.invoice_id ~ '^inv-[0-9]+$'
        group by i.firm_id, i.invoice_id, i.total_amount, i.invoice_date
        having sum(a.amount) > i.total_amount or min(a.applied_date) < i.invoice_date
        """,
    ) == []  # fmt: skip
    everyday = table(
        billing_engine,
        "select firm_id, kind, coalesce(corporation_name, first_name || ' ' || last_name) from billing.payers "
        "where payer_id ~ '^[PC][0-9]+$'",
    )
    assert max(Counter((firm_id, name_key(name)) for firm_id, _, name in everyday).values()) == 1
    vendors = {name_key(vendor) for company in DEMO_QUICKBOOKS.values() for vendor in company.vendors}
    assert vendors.isdisjoint(name_key(name) for _, _, name in everyday)


def test_the_same_day_and_seed_give_the_same_rows(billing_engine, server, server_url, billing_template):
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database demo_again template {billing_template} strategy file_copy")
    again = sa.create_engine(server_url.replace("postgresql:", "postgresql+psycopg2:") + "demo_again")
    load_demo(again, today=TODAY)

    for firm_id in (RIVERA, CHEN):
        first, second = (headers(engine, firm_id).drop(columns="updated_at") for engine in (billing_engine, again))
        pd.testing.assert_frame_equal(first, second)
    again.dispose()


def test_loading_twice_is_refused(billing_engine):
    with pytest.raises(BillingError, match="rivera-law is in this database already"):
        load_demo(billing_engine, today=TODAY)


def test_every_trouble_stands_in_the_demo_once(billing_engine):
    frames = {firm_id: headers(billing_engine, firm_id) for firm_id in (RIVERA, CHEN)}
    seen = {
        (firm_id, kind, source_id)
        for firm_id, frame in frames.items()
        for kind, source_id in zip(frame["kind"], frame["source_id"], strict=True)
    }
    listed = [(trouble.firm_id, trouble.kind, trouble.source_id) for trouble in EXPECTED]

    assert max(Counter(listed).values()) == 1
    assert {key for key, trouble in zip(listed, EXPECTED, strict=True) if key not in seen} == {
        (RIVERA, "invoice", "inv-draft")
    }
    states = {Problem.NOTHING_TO_BILL: "closed"} | {code: PROBLEMS[code].state for code in PROBLEMS}
    for trouble in EXPECTED:
        assert (trouble.code == "") == (trouble.outcome in ("sent", "voided", "unseen"))
        assert not trouble.code or states[Problem(trouble.code)] == trouble.outcome


def test_the_troubles_cover_the_codes_that_billing_alone_can_cause():
    assert {trouble.code for trouble in EXPECTED} - {""} == {
        "AMBIGUOUS_NAME", "INACTIVE_CUSTOMER", "MISSING_NAME", "SUB_CUSTOMER_ONLY", "NAME_SHARED", "NO_BILLING_PERSON",
        "BAD_NAME", "UNMAPPED_FEE_ITEM", "NO_LINES", "TOTAL_MISMATCH", "NEGATIVE_TOTAL", "NUMBER_TOO_LONG",
        "NUMBER_TAKEN", "DATE_OUT_OF_RANGE", "CURRENCY_MISMATCH", "TAX_NOT_ALLOWED", "UNAPPLIED", "EXCEEDS_BALANCE",
        "TWO_CUSTOMERS", "INVOICE_VOID", "REJECTION_OPEN", "MODEL_2_PAYMENT", "DATED_AHEAD", "INVOICE_NOT_SENT",
        "INVOICE_DRAFT", "NOTHING_TO_BILL", "CREDIT_DEPOSIT", "REFUND", "REJECTION", "VOID_BEFORE_SENT",
    }  # fmt: skip


def test_credit_is_applied_on_both_sides_of_a_months_end(billing_engine):
    frame = headers(billing_engine, RIVERA)
    parts = frame.loc[frame["source_id"] == "pay-credit-applied"]

    assert parts["document_date"].tolist() == list(credit_days(TODAY)) == [date(2026, 10, 31), date(2026, 11, 1)]
    assert parts["amount_cents"].tolist() == [40000, 50000]


def test_nothing_was_entered_in_the_future(billing_engine):
    latest = table(
        billing_engine,
        "select max(created_at) from (select created_at from billing.invoices union all "
        "select created_at from billing.payments) as documents",
    )
    assert latest[0][0] < datetime(2026, 11, 21, tzinfo=ZoneInfo("America/Los_Angeles")).astimezone(UTC)


def test_what_quickbooks_holds_beforehand_can_be_entered():
    for company in DEMO_QUICKBOOKS.values():
        names = [customer.display_name for customer in company.customers]
        assert len({name_key(name) for name in [*names, *company.vendors]}) == len(names) + len(company.vendors)
        for at, customer in enumerate(company.customers):
            assert not customer.parent or customer.parent in names[:at]
        items = [item.name for item in company.items]
        assert len(set(items)) == len(items)
        for invoice in company.invoices:
            assert invoice.customer in names
            assert invoice.item in items
    for settings in DEMO_SETTINGS.values():
        for name, text in settings.items():
            parse_setting(name, text)


@pytest.mark.parametrize("firm_id", [RIVERA, CHEN])
def test_the_second_day_changes_what_it_says(billing_engine, firm_id):
    source = BillingSource(billing_engine, firm_id, overlap=-pd.Timedelta(microseconds=1).to_pytimedelta())
    listed = {
        trouble.source_id: trouble
        for troubles in REVISIONS.values()
        for trouble in troubles
        if trouble.firm_id == firm_id
    }
    evening = source.horizon()

    revise_demo(billing_engine, firm_id, today=date(2026, 11, 22))

    changed = pd.concat(source.headers(updated_since=evening), ignore_index=True)
    # What is gone cannot be seen; these two have not changed themselves, but their payer and their invoice have.
    unseen = {"inv-revise-gone", "inv-no-last-name", "pay-on-draft"}
    assert set(changed["source_id"]) == set(listed) - unseen
    assert source.present_ids("invoice", ["inv-revise-gone", "inv-revise-line"]) == {"inv-revise-line"}
    for row in changed.to_dict("records"):
        expected = listed[row["source_id"]]
        assert expected.cents in (None, row["amount_cents"]), asdict(expected)


def test_plain_documents_for_benchmarks_come_in_any_number(billing_engine):
    generate(billing_engine, "bench", invoices=50, lines=3, payers=7, payments=20)

    source = BillingSource(billing_engine, "bench")
    frame = pd.concat(source.headers(), ignore_index=True)
    invoices, lines, _ = source.fetch_invoices(frame.loc[frame["kind"] == "invoice", "source_id"])
    assert Counter(frame["kind"]) == {"invoice": 50, "payment": 20}
    assert lines.groupby("invoice_id")["amount_cents"].sum().eq(invoices.set_index("invoice_id")["total_cents"]).all()
    assert lines["fee_item_id"].unique().tolist() == ["S1", "S2", "S3"]
