"""The reference schema keeps its own promises: times that move, and the guard of Model 2 (sql/billing)."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
GUARDED_SINCE = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
"""Still 9 March in New York."""


def change(engine, statement):
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def times(engine, relation, column):
    """When each row of a relation was last changed: True when that was just now."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"select {column}, updated_at from billing.{relation} order by 1")  # noqa: S608
        return {key: updated_at > datetime.now(UTC) - timedelta(minutes=1) for key, updated_at in rows}


@pytest.mark.parametrize(
    "statement",
    [
        "update billing.invoices set terms = 'Net 15' where invoice_id = 'I1'",
        "insert into billing.invoice_lines (firm_id, invoice_id, line_number, kind, amount) "
        "values ('one', 'I1', 2, 'fee', 5)",
        "update billing.invoice_lines set amount = 7 where invoice_id = 'I1'",
        "delete from billing.invoice_lines where invoice_id = 'I1'",
    ],
)
def test_the_time_of_an_invoice_moves_with_it_and_with_its_lines(billing_engine, insert, statement):
    for invoice_id in ("I1", "I2"):
        insert("invoices", invoice_id=invoice_id, updated_at=LONG_AGO)
        insert("invoice_lines", invoice_id=invoice_id)
    reset(billing_engine, "invoices")

    change(billing_engine, statement)

    assert times(billing_engine, "invoices", "invoice_id") == {"I1": True, "I2": False}


@pytest.mark.parametrize(
    "statement",
    [
        "update billing.payments set memo = 'late' where payment_id = 'A1'",
        "insert into billing.payment_applications values ('one', 'A1', 'I1', 5, '2026-03-05')",
        "update billing.payment_applications set amount = 7 where payment_id = 'A1'",
        "delete from billing.payment_applications where payment_id = 'A1'",
    ],
)
def test_the_time_of_a_payment_moves_with_it_and_with_its_applications(billing_engine, insert, statement):
    insert("invoices", invoice_id="I1", updated_at=LONG_AGO)
    for payment_id in ("A1", "A2"):
        insert("payments", payment_id=payment_id, updated_at=LONG_AGO)
        insert("payment_applications", payment_id=payment_id, invoice_id="I1")
    reset(billing_engine, "payments")

    change(billing_engine, statement)

    assert times(billing_engine, "payments", "payment_id") == {"A1": True, "A2": False}


def reset(engine, relation):
    """Make every row old again, as if its last change lay years back."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"alter table billing.{relation} disable trigger stamp_update")
        connection.exec_driver_sql(f"update billing.{relation} set updated_at = '2020-01-01Z'")  # noqa: S608
        connection.exec_driver_sql(f"alter table billing.{relation} enable trigger stamp_update")


def test_a_line_that_moves_to_another_invoice_changes_both(billing_engine, insert):
    for invoice_id in ("I1", "I2", "I3"):
        insert("invoices", invoice_id=invoice_id)
    insert("invoice_lines", invoice_id="I1")
    reset(billing_engine, "invoices")

    change(billing_engine, "update billing.invoice_lines set invoice_id = 'I2'")

    assert times(billing_engine, "invoices", "invoice_id") == {"I1": True, "I2": True, "I3": False}


def test_an_invoice_goes_with_its_lines(billing_engine, insert):
    insert("invoices", invoice_id="I1")
    insert("invoice_lines", invoice_id="I1")

    change(billing_engine, "delete from billing.invoices")

    assert times(billing_engine, "invoices", "invoice_id") == {}


def test_two_payments_cannot_come_from_one_payment_in_quickbooks(insert):
    insert("payments", payment_id="A1", origin="quickbooks", external_id="qbo:1:2:3:r1")

    with pytest.raises(sa.exc.IntegrityError, match="payments_firm_id_external_id_key"):
        insert("payments", payment_id="A2", origin="quickbooks", external_id="qbo:1:2:3:r1")


@pytest.mark.parametrize(
    ("relation", "values"),
    [
        ("invoice_lines", {"kind": "discount", "amount": "1"}),
        ("invoice_lines", {"kind": "note", "amount": "1"}),
        ("invoice_lines", {"kind": "fee", "forwarded_invoice_id": "I1"}),
        ("payments", {"payment_id": "A1", "amount": "-1"}),
        ("payments", {"payment_id": "A1", "kind": "refund"}),
        ("payments", {"payment_id": "A1", "origin": "quickbooks"}),
        ("payers", {"payer_id": "P2", "kind": "couple"}),
    ],
)
def test_rows_outside_the_contract_are_refused(insert, relation, values):
    insert("invoices", invoice_id="I1")
    if relation == "invoice_lines":
        values = values | {"invoice_id": "I1"}
    with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
        insert(relation, **values)


# The guard of Model 2


@pytest.fixture
def guarded(insert):
    """A firm that takes its payments in QuickBooks; what it had before stays."""
    insert("invoices", invoice_id="I1")
    insert("payments", payment_id="before", created_at=GUARDED_SINCE - timedelta(seconds=1))
    insert("payment_guard", active_since=GUARDED_SINCE)
    return insert


@pytest.mark.parametrize("kind", ["payment", "credit_deposit", "credit_application"])
def test_the_guard_refuses_money_that_billing_takes(guarded, kind):
    with pytest.raises(
        sa.exc.IntegrityError, match=r"payment A1 of firm one is refused.*takes payments in QuickBooks only"
    ):
        guarded("payments", payment_id="A1", kind=kind, created_at=GUARDED_SINCE)


def test_the_guard_refuses_a_payment_that_is_dated_later_though_entered_before(guarded):
    with pytest.raises(sa.exc.IntegrityError, match="is refused"):
        guarded("payments", payment_id="A1", received_date=date(2026, 3, 10))  # in New York it began on the 9th

    guarded("payments", payment_id="A2", received_date=date(2026, 3, 9))


@pytest.mark.parametrize("kind", ["refund", "rejection", "reversal"])
def test_the_guard_lets_money_be_taken_back(guarded, kind):
    guarded("payments", payment_id="A1", kind=kind, reverses_payment_id="before", created_at=GUARDED_SINCE)


def test_the_guard_lets_quickbooks_in(guarded):
    guarded("payments", payment_id="A1", origin="quickbooks", external_id="qbo:1:2:3:r1", created_at=GUARDED_SINCE)


def test_the_guard_lets_an_older_payment_be_corrected(billing_engine, guarded):
    change(billing_engine, "update billing.payments set memo = 'corrected' where payment_id = 'before'")
    guarded("payment_applications", payment_id="before", invoice_id="I1")


def test_the_guard_refuses_to_move_an_older_payment_into_its_time(billing_engine, guarded):
    with pytest.raises(sa.exc.IntegrityError, match="is refused"):
        change(billing_engine, "update billing.payments set received_date = '2026-04-01' where payment_id = 'before'")


def test_a_stray_payment_may_only_be_made_void(billing_engine, insert):
    insert("payments", payment_id="stray", created_at=GUARDED_SINCE)
    insert("payment_guard", active_since=GUARDED_SINCE)

    with pytest.raises(sa.exc.IntegrityError, match="is refused"):
        change(billing_engine, "update billing.payments set memo = 'kept'")
    change(billing_engine, "update billing.payments set status = 'void'")


def test_the_guard_of_one_firm_leaves_another_alone(guarded):
    guarded("firms", firm_id="two")
    guarded("payers", firm_id="two", payer_id="P1")
    guarded("payments", firm_id="two", payment_id="A1", created_at=GUARDED_SINCE)


def test_the_guard_works_for_a_role_that_cannot_read_it(billing_engine, guarded):
    change(billing_engine, "create role cashier login")
    change(billing_engine, "grant usage on schema billing to cashier; grant insert on billing.payments to cashier")
    cashier = sa.create_engine(billing_engine.url.set(username="cashier"))
    try:
        with pytest.raises(sa.exc.IntegrityError, match="is refused"):
            change(
                cashier,
                "insert into billing.payments "
                "(firm_id, payment_id, payer_id, kind, method, received_date, amount, currency, status) "
                "values ('one', 'A1', 'P1', 'payment', 'check', '2026-03-11', 1, 'USD', 'completed')",
            )
    finally:
        cashier.dispose()
        change(billing_engine, "drop owned by cashier; drop role cashier")


def test_the_guard_can_be_installed_twice(billing_engine, guarded):
    """A firm runs the script on a database of its own, and again after an update of it."""
    from qb_pipeline.config import SQL

    change(billing_engine, (SQL / "billing" / "guard.sql").read_text().replace("%", "%%"))

    with pytest.raises(sa.exc.IntegrityError, match="is refused"):
        guarded("payments", payment_id="A1", created_at=GUARDED_SINCE)
