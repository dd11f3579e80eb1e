"""A billing database that does not look as agreed is named, column by column, before anything is read from it."""

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.contract import CONTRACT, Violation, check_contract, install, install_guard, require_columns
from qb_pipeline.billing.errors import BillingError, BillingUnavailableError, ContractBrokenError
from qb_pipeline.billing.source import QUERIES, BillingSource


def change(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


SOME_ROWS = (
    "insert into billing.firms values ('one', 'Firm One', 'America/New_York', 'USD')",
    "insert into billing.payers (firm_id, payer_id, kind) values ('one', 'P1', 'individual')",
    "insert into billing.invoices (firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount) "
    "values ('one', 'I1', 'P1', 'issued', '2026-03-01', 'USD', 100)",
    "insert into billing.payments "
    "(firm_id, payment_id, payer_id, kind, method, received_date, amount, currency, status) "
    "values ('one', 'A1', 'P1', 'payment', 'check', '2026-03-01', 100, 'USD', 'completed')",
)


def test_the_reference_schema_keeps_the_contract(billing_engine):
    change(billing_engine, *SOME_ROWS)

    assert check_contract(billing_engine) == []


def test_views_of_a_firms_own_tables_keep_the_contract(billing_engine):
    """Views say nothing about nulls and keys; the rows do."""
    change(
        billing_engine,
        *SOME_ROWS,
        "alter schema billing rename to theirs",
        "create schema billing",
        *(f"create view billing.{relation} as select * from theirs.{relation}" for relation in CONTRACT),  # noqa: S608
    )

    assert check_contract(billing_engine) == []


TABLE = "alter table billing."
DRIFTS = {
    "column dropped": (
        [TABLE + "invoices drop column total_amount"],
        Violation("invoices", "total_amount", "is missing", "add the column (numeric(15,2)), under this name"),
    ),
    "column renamed": (
        [TABLE + "payments rename column received_date to paid_on"],
        Violation("payments", "received_date", "is missing", "add the column (date), under this name"),
    ),
    "relation dropped": (
        ["drop table billing.payment_applications"],
        Violation(
            "payment_applications",
            "",
            "is missing",
            "create a table or view of this name with the columns of sql/billing/schema.sql",
        ),
    ),
    "guard never installed": (
        ["drop table billing.payment_guard"],
        Violation(
            "payment_guard",
            "",
            "is missing",
            "create a table or view of this name with the columns of sql/billing/guard.sql",
        ),
    ),
    "amount becomes a float": (
        [TABLE + "invoice_lines alter column amount type double precision"],
        Violation(
            "invoice_lines", "amount", "is DOUBLE PRECISION, not numeric(15,2)", "offer cast(amount as numeric(15,2))"
        ),
    ),
    "amount becomes cents": (
        [TABLE + "payment_applications alter column amount type bigint"],
        Violation(
            "payment_applications",
            "amount",
            "is BIGINT, not numeric(15,2)",
            "if these are cents: cast(amount / 100.0 as numeric(15,2))",
        ),
    ),
    "id becomes a number": (
        [
            TABLE + "invoice_lines drop constraint invoice_lines_firm_id_fee_item_id_fkey",
            TABLE + "fee_items alter column fee_item_id type bigint using 1",
        ],
        Violation("fee_items", "fee_item_id", "is BIGINT, not text", "offer cast(fee_item_id as text)"),
    ),
    "date becomes a time": (
        [TABLE + "invoices alter column invoice_date type timestamp"],
        Violation("invoices", "invoice_date", "is TIMESTAMP, not date", "offer cast(invoice_date as date)"),
    ),
    "time loses its zone": (
        [TABLE + "payments alter column updated_at type timestamp"],
        Violation(
            "payments",
            "updated_at",
            "is TIMESTAMP, not timestamptz",
            "say which zone it is in: updated_at at time zone 'America/New_York'",
        ),
    ),
    "flag becomes a letter": (
        [
            TABLE + "fee_items alter column is_active drop default",
            TABLE + "fee_items alter column is_active type char(1) using 'Y'",
        ],
        Violation("fee_items", "is_active", "is CHAR(1), not boolean", "offer cast(is_active as boolean)"),
    ),
    "key may be null": (
        [
            TABLE + "payment_guard drop constraint payment_guard_pkey",
            TABLE + "payment_guard alter column firm_id drop not null",
        ],
        Violation("payment_guard", "firm_id", "is a key and may be null", "make the column not null"),
    ),
    "required column is null": (
        [
            TABLE + "invoices alter column created_at drop not null",
            *SOME_ROWS,
            "update billing.invoices set created_at = null",
        ],
        Violation("invoices", "created_at", "is missing in 1 rows", "fill it in, or leave those rows out of the view"),
    ),
    "value of another system": (
        [
            TABLE + "invoices drop constraint invoices_status_check",
            *SOME_ROWS,
            "update billing.invoices set status = 'approved'",
        ],
        Violation("invoices", "status", "holds 'approved'", "turn it into one of: draft, issued, void"),
    ),
    "join multiplies rows": (
        [
            *SOME_ROWS,
            TABLE + "firms rename to their_firms",
            "create view billing.firms as select f.* from billing.their_firms f, generate_series(1, 2)",
        ],
        Violation(
            "firms",
            "firm_id",
            "is not unique: 1 values appear several times",
            "let each row appear once: a join in the view may multiply rows",
        ),
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_named_with_its_remedy(billing_engine, drift):
    statements, violation = DRIFTS[drift]
    change(billing_engine, *statements)

    assert check_contract(billing_engine) == [violation]


COLUMNS_DRIFT = [
    "column dropped", "column renamed", "relation dropped", "amount becomes a float", "amount becomes cents",
    "id becomes a number", "date becomes a time", "time loses its zone", "flag becomes a letter",
]  # fmt: skip


@pytest.mark.parametrize("drift", COLUMNS_DRIFT)
def test_a_run_stops_at_a_column_that_is_not_as_agreed(billing_engine, drift):
    statements, violation = DRIFTS[drift]
    require_columns(billing_engine)
    change(billing_engine, *statements)

    with pytest.raises(ContractBrokenError, match=rf"{violation.relation}\.{violation.column}.*; nothing was sent"):
        require_columns(billing_engine)


def test_a_firm_without_the_guard_of_model_2_is_not_stopped(billing_engine):
    change(billing_engine, "drop table billing.payment_guard")

    require_columns(billing_engine)


def test_a_read_of_a_drifted_database_stops(billing_engine):
    change(billing_engine, *SOME_ROWS, TABLE + "invoices rename column total_amount to total")
    source = BillingSource(billing_engine, "one")

    with pytest.raises(ContractBrokenError, match=r"total_amount.*run: qb-pipeline billing check"):
        list(source.headers())


def test_a_role_that_may_not_read_is_told_what_to_grant(billing_engine, server):
    change(
        billing_engine,
        "drop role if exists half_reader",
        "create role half_reader login",
        "grant usage on schema billing to half_reader",
        "grant select on all tables in schema billing to half_reader",
        "revoke select on billing.payers from half_reader",
    )
    reader = sa.create_engine(billing_engine.url.set(username="half_reader"))

    assert check_contract(reader) == [
        Violation("payers", "", "may not be read", "grant select on billing.payers to the pipeline's role")
    ]
    reader.dispose()
    change(billing_engine, "drop owned by half_reader", "drop role half_reader")


def test_an_empty_database_is_told_how_to_begin(server):
    (violation,) = check_contract(server)

    assert violation.problem == "there is no schema of this name"
    assert "qb-pipeline billing init" in violation.remedy


def test_a_server_that_is_down_is_no_violation():
    nobody = sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")

    with pytest.raises(BillingUnavailableError, match="did not answer"):
        check_contract(nobody)


def test_installing_over_a_schema_is_refused(billing_engine):
    with pytest.raises(BillingError, match="has a schema billing already; nothing was changed"):
        install(billing_engine)


def test_installing_elsewhere_than_in_postgresql_is_refused():
    with pytest.raises(BillingError, match="the reference schema is PostgreSQL"):
        install(sa.create_engine("sqlite://"))


def test_the_guard_is_installed_in_a_database_of_ones_own_and_again(billing_engine, insert):
    change(
        billing_engine, "drop table billing.payment_guard", "drop trigger refuse_guarded_payment on billing.payments"
    )

    for _ in range(2):
        install_guard(billing_engine)

    insert("payment_guard", active_since="2026-01-01")
    with pytest.raises(sa.exc.IntegrityError, match="takes payments in QuickBooks only"):
        insert("payments", payment_id="A1")


def test_the_guard_cannot_stand_on_a_view_or_in_another_engine(billing_engine):
    change(
        billing_engine, "create schema own", "alter table billing.payments set schema own",
        "create view billing.payments as select * from own.payments",
    )  # fmt: skip

    with pytest.raises(BillingError, match="on the table behind it"):
        install_guard(billing_engine)
    with pytest.raises(BillingError, match="elsewhere write one"):
        install_guard(sa.create_engine("sqlite://"))


def test_without_payments_there_is_nothing_to_guard(billing_engine):
    change(billing_engine, "drop table billing.payments cascade")

    with pytest.raises(BillingError, match=r"no billing\.payments to guard"):
        install_guard(billing_engine)


def test_every_column_that_is_read_is_agreed_on():
    """The contract is what the queries need: a column that no relation names would be found by the first read only."""
    agreed = {column for relation in CONTRACT.values() for column in relation.columns}
    for name in ("invoices", "invoice_lines", "payments", "applications", "payers", "fee_items", "firms"):
        columns = QUERIES[name].text.partition("select")[2].partition("from billing.")[0]
        assert {column.strip() for column in columns.split(",")} <= agreed
