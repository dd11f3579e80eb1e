"""Writing received payments into billing: each row exactly once, on any engine, in tables or through views."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline import database
from qb_pipeline.billing.contract import CONTRACT
from qb_pipeline.billing.errors import BillingUnavailableError
from qb_pipeline.billing.received import BillingPayments, PostingRefusedError
from qb_pipeline.core.documents.received import Posting
from qb_pipeline_tests.billing.conftest import NOON, Insert

POSTING = Posting(
    posting_id=1, document_id=1, external_id="qbo:9130:7:12:r1", payment_id="7", payer_id="P1", kind="payment",
    method="check", reference="No 1", note="thanks", payment_date=date(2026, 3, 2), amount_cents=1999, invoice_id="I1",
    reverses_external_id="",
)  # fmt: skip
REVERSAL = replace(
    POSTING, posting_id=2, external_id="qbo:9130:7:12:r2", kind="reversal", note="",
    reverses_external_id=POSTING.external_id,
)  # fmt: skip
COLUMNS: dict[str, Any] = {
    "text": sa.Text(), "amount": sa.Numeric(15, 2), "decimal": sa.Numeric(19, 6), "integer": sa.Integer(),
    "date": sa.Date(), "instant": sa.DateTime(), "flag": sa.Boolean(),
}  # fmt: skip


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """The contract in a SQLite file."""
    engine = make_sqlite(tmp_path_factory.mktemp("sqlite") / "book.db")
    yield engine
    engine.dispose()


def make_sqlite(file: Path) -> sa.Engine:
    """A SQLite file with empty tables of the contract."""
    engine = database.engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        for name, relation in CONTRACT.items():
            columns = [
                sa.Column(column, COLUMNS[family], primary_key=column in relation.key)
                for column, family in relation.columns.items()
            ]
            unique = [sa.UniqueConstraint(*names) for names in relation.unique]
            sa.Table(name, sa.MetaData(), *columns, *unique, schema="billing").create(connection)
    return engine


def rows(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "select p.external_id, p.kind, p.method, cast(p.amount as text), cast(p.received_date as text),"
            " p.reverses_payment_id, p.origin, a.invoice_id, cast(a.amount as text), cast(a.applied_date as text)"
            " from billing.payments p left join billing.payment_applications a"
            " on a.firm_id = p.firm_id and a.payment_id = p.payment_id order by p.external_id"
        )
        return [tuple(row) for row in found]


EXPECTED = [
    ("qbo:9130:7:12:r1", "payment", "check", "19.99", "2026-03-02", None, "quickbooks", "I1", "19.99", "2026-03-02"),
    (
        "qbo:9130:7:12:r2", "reversal", "check", "19.99", "2026-03-02", "qbo-9130-7-12-r1", "quickbooks", None, None,
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_row_and_its_application_are_written_once_however_often_it_is_posted(
    billing_engine: sa.Engine, insert: Insert, repeats: int
) -> None:
    insert("invoices", invoice_id="I1")
    payments = BillingPayments(billing_engine, "one", "USD")

    for posting in [POSTING, REVERSAL] * repeats:
        payments.post(posting, now=NOON)

    assert rows(billing_engine) == EXPECTED
    assert payments.held([POSTING.external_id, REVERSAL.external_id, "qbo:1:1:1:r1"]) == {
        POSTING.external_id: ("payment", 1999), REVERSAL.external_id: ("reversal", 1999),
    }  # fmt: skip


def test_another_engine_gets_the_same_rows(sqlite_engine: sa.Engine) -> None:
    payments = BillingPayments(sqlite_engine, "one", "USD")

    for posting in [POSTING, REVERSAL] * 2:
        payments.post(posting, now=NOON)

    assert rows(sqlite_engine) == EXPECTED
    assert payments.held([POSTING.external_id]) == {POSTING.external_id: ("payment", 1999)}


def test_a_view_whose_table_gives_ids_of_its_own_gets_the_application_and_the_reversal_right(
    billing_engine: sa.Engine, insert: Insert
) -> None:
    insert("invoices", invoice_id="I1")
    with billing_engine.begin() as connection:
        connection.exec_driver_sql(
            "create schema own; alter table billing.payments set schema own; create sequence own.ids;"
            "create view billing.payments as select * from own.payments;"
            "create function own.take() returns trigger language plpgsql as $$begin"
            " new.payment_id := 'OWN-' || nextval('own.ids'); insert into own.payments values (new.*); return new;"
            "end$$;"
            "create trigger take instead of insert on billing.payments for each row execute function own.take()"
        )
    payments = BillingPayments(billing_engine, "one", "USD")

    for posting in [POSTING, REVERSAL] * 2:
        payments.post(posting, now=NOON)

    assert [(row[0], row[5], row[7]) for row in rows(billing_engine)] == [
        ("qbo:9130:7:12:r1", None, "I1"), ("qbo:9130:7:12:r2", "OWN-1", None),
    ]  # fmt: skip


def test_a_row_without_its_invoice_is_refused_whole(billing_engine: sa.Engine, insert: Insert) -> None:
    payments = BillingPayments(billing_engine, "one", "USD")

    with pytest.raises(PostingRefusedError, match="billing refused the payment") as refusal:
        payments.post(POSTING, now=NOON)

    assert (refusal.value.code, rows(billing_engine)) == ("23503", [])


def test_another_row_under_the_same_external_id_is_never_taken_for_ours(
    billing_engine: sa.Engine, insert: Insert
) -> None:
    """Such as after the pipeline's database was restored from a backup."""
    insert("invoices", invoice_id="I1")
    payments = BillingPayments(billing_engine, "one", "USD")
    payments.post(POSTING, now=NOON)

    with pytest.raises(PostingRefusedError, match="another row under this external id"):
        payments.post(replace(POSTING, amount_cents=2000), now=NOON)


def test_a_reversal_of_what_is_no_longer_there_is_refused(billing_engine: sa.Engine, insert: Insert) -> None:
    with pytest.raises(PostingRefusedError, match="no longer in billing"):
        BillingPayments(billing_engine, "one", "USD").post(REVERSAL, now=NOON)


def test_a_database_that_does_not_answer_is_no_refusal() -> None:
    engine = sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:9/billing")

    with pytest.raises(BillingUnavailableError):
        BillingPayments(engine, "one", "USD").post(POSTING, now=NOON)
