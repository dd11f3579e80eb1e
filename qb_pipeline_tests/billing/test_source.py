"""Reading the billing database: what a frame holds, and what a reader can never miss."""

import threading
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.billing.contract import CONTRACT, check_contract
from qb_pipeline.billing.errors import BillingUnavailableError, ContractBrokenError
from qb_pipeline.billing.source import (
    BLIND_OVERLAP,
    IDS_PER_QUERY,
    SNAPSHOT_NAME,
    BadAmount,
    BillingFirm,
    BillingSource,
    fetch_firm,
    firms,
)
from qb_pipeline.core.schemas import Applications, FeeItems, Headers, InvoiceLines, Invoices, Payers, Payments

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def source(billing_engine: sa.Engine) -> BillingSource:
    """The firm of these tests."""
    return BillingSource(billing_engine, "one")


def test_firms_are_listed_and_found(billing_engine, insert):
    insert("firms", firm_id="two", name="Firm Two", time_zone="Europe/Paris", currency="EUR")
    one = BillingFirm("one", "Firm One", "America/New_York", "USD")
    two = BillingFirm("two", "Firm Two", "Europe/Paris", "EUR")

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
            "reverses_payment_id": "",
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


def test_drafts_stay_out_of_the_work_list_but_can_be_looked_up(insert, source):
    insert("invoices", invoice_id="draft", status="draft")
    insert("invoices", invoice_id="void", status="void")

    assert pd.concat(source.headers())["source_id"].tolist() == ["void"]
    assert list(source.header_ids(invoice_ids=["draft"])) == []
    assert source.fetch_invoices(["draft"]).invoices["status"].tolist() == ["draft"]


def test_dates_are_inclusive_and_ids_choose(insert, source):
    for day in (1, 2, 3, 4):
        insert("invoices", invoice_id=f"I{day}", invoice_date=date(2026, 3, day))
        insert("payments", payment_id=f"A{day}", received_date=date(2026, 3, day))

    window = pd.concat(source.headers(first=date(2026, 3, 2), last=date(2026, 3, 3)))
    chosen = pd.concat(source.header_ids(invoice_ids=["I4", "I4", "none"], payment_ids=["A1"]))

    assert window["source_id"].tolist() == ["I2", "I3", "A2", "A3"]
    assert chosen["source_id"].tolist() == ["I4", "A1"]


def test_firms_do_not_see_each_other(billing_engine, insert, source):
    insert("firms", firm_id="two")
    insert("payers", firm_id="two", payer_id="P1", first_name="Other")
    for firm_id in ("one", "two"):
        insert("invoices", firm_id=firm_id, invoice_id="I1", invoice_number=firm_id)
        insert("payments", firm_id=firm_id, payment_id="A1", reference=firm_id)
        insert("payment_applications", firm_id=firm_id, payment_id="A1", invoice_id="I1")

    assert pd.concat(source.headers())["number"].tolist() == ["one", "one"]
    assert source.fetch_payers(["P1"])["first_name"].tolist() == ["Ana"]
    assert len(source.fetch_payments(["A1"]).applications) == 1
    assert BillingSource(billing_engine, "three").present_ids("invoice", ["I1"]) == set()


def test_namesakes_are_found_whatever_the_case_spaces_and_accents_form(insert, source):
    """Ana Diaz is P1. Unicode forms do not count, accents do."""
    insert("payers", payer_id="P2", first_name="  ana", last_name="DIAZ ")
    insert("payers", payer_id="P3", first_name="Ana", last_name="D\u00edaz")
    insert("payers", payer_id="P4", first_name="Ana", last_name="Di\u0301az")
    insert("payers", payer_id="P5", kind="corporation", corporation_name="Ana Diaz", first_name=None, last_name=None)
    insert("payers", payer_id="P6", first_name=None, last_name=" ")
    insert("payers", payer_id="P7", first_name="", last_name=None)

    assert source.fetch_namesakes(["P1"])["payer_id"].tolist() == ["P1", "P2"]
    assert source.fetch_namesakes(["P4"])["payer_id"].tolist() == ["P3", "P4"]
    assert source.fetch_namesakes(["P5"])["payer_id"].tolist() == ["P5"]
    assert source.fetch_namesakes(["P6", "gone"])["payer_id"].tolist() == ["P6"]
    assert source.fetch_namesakes([])["payer_id"].tolist() == []


def test_fee_items_are_read_and_a_price_that_is_no_number_is_none(billing_engine, insert, source):
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("alter table billing.fee_items alter column unit_price type numeric")
    insert("fee_items", fee_item_id="F1", is_active=False)
    insert("fee_items", fee_item_id="F2", unit_price="NaN")

    frame = source.fetch_fee_items(["F1", "F2"])

    assert frame[["fee_item_id", "unit_price", "is_active"]].values.tolist() == [
        ["F1", Decimal(250), False],
        ["F2", None, True],
    ]


def test_payments_on_an_invoice_come_with_what_takes_them_back(insert, source):
    insert("invoices", invoice_id="I1")
    insert("payments", payment_id="first")
    insert("payments", payment_id="again")
    insert("payments", payment_id="elsewhere")
    insert("payments", payment_id="bounce", kind="rejection", reverses_payment_id="first")
    for payment_id in ("first", "again"):
        insert("payment_applications", payment_id=payment_id, invoice_id="I1")

    assert source.payment_ids_on(["I1"]) == {"first", "again", "bounce"}
    assert source.payment_ids_on([]) == set()


def test_present_ids_are_told_for_each_kind(insert, source):
    insert("fee_items", fee_item_id="F1")
    insert("invoices", invoice_id="I1", status="draft")
    insert("payments", payment_id="A1")

    assert source.present_ids("customer", ["P1", "P9"]) == {"P1"}
    assert source.present_ids("item", ["F1", "F9"]) == {"F1"}
    assert source.present_ids("invoice", ["I1", "I9"]) == {"I1"}
    assert source.present_ids("payment", ["A1", "A9"]) == {"A1"}


def test_more_ids_than_one_query_may_name(insert, source):
    insert("invoices", invoice_id="inv-04999")

    assert source.present_ids("invoice", [f"inv-{number:05d}" for number in range(5_000)]) == {"inv-04999"}


# Amounts


@pytest.fixture
def unbounded(billing_engine, insert):
    """A firm's own views may offer any numeric."""
    with billing_engine.begin() as connection:
        for column in ("invoices alter column total_amount", "invoice_lines alter column amount"):
            connection.exec_driver_sql(f"alter table billing.{column} type numeric")
        for column in ("payments alter column amount", "payment_applications alter column amount"):
            connection.exec_driver_sql(f"alter table billing.{column} type numeric")
        connection.exec_driver_sql("alter table billing.invoice_lines alter column quantity type numeric")
        connection.exec_driver_sql("alter table billing.payments drop constraint payments_amount_check")
    return insert


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "100.005", "1e30"])
def test_an_amount_that_is_no_amount_holds_its_document_alone(unbounded, source, amount):
    """One bad row must neither stop the others nor slip through as something else."""
    for invoice_id in ("bad-total", "bad-line", "good"):
        unbounded("invoices", invoice_id=invoice_id, total_amount=amount if invoice_id == "bad-total" else "100")
        unbounded("invoice_lines", invoice_id=invoice_id, amount=amount if invoice_id == "bad-line" else "100")
    for payment_id in ("bad-payment", "bad-part", "good-payment"):
        unbounded("payments", payment_id=payment_id, amount=amount if payment_id == "bad-payment" else "100")
        part = amount if payment_id == "bad-part" else "100"
        unbounded("payment_applications", payment_id=payment_id, invoice_id="good", amount=part)

    invoices = source.fetch_invoices(["bad-total", "bad-line", "good"])
    payments = source.fetch_payments(["bad-payment", "bad-part", "good-payment"])
    headers = pd.concat(source.headers()).set_index("source_id")["amount_cents"]

    assert invoices.bad_amounts == [BadAmount("bad-total", "total_amount"), BadAmount("bad-line", "amount")]
    assert invoices.invoices["invoice_id"].tolist() == invoices.lines["invoice_id"].tolist() == ["good"]
    assert payments.bad_amounts == [BadAmount("bad-payment", "amount"), BadAmount("bad-part", "amount")]
    assert payments.payments["payment_id"].tolist() == ["good-payment"]
    assert payments.applications["payment_id"].tolist() == ["good-payment"]
    assert headers[["bad-total", "good", "bad-payment"]].tolist() == [0, 10000, 0]


def test_a_quantity_that_is_no_number_holds_its_invoice(unbounded, source):
    unbounded("invoices", invoice_id="I1")
    unbounded("invoice_lines", invoice_id="I1", quantity="NaN")

    assert source.fetch_invoices(["I1"]).bad_amounts == [BadAmount("I1", "quantity")]


def test_the_largest_amounts_are_exact(insert, source):
    insert("invoices", invoice_id="I1", total_amount="9999999999999.99")
    insert("invoices", invoice_id="I2", total_amount="-9999999999999.99")

    totals = source.fetch_invoices(["I1", "I2"]).invoices["total_cents"]

    assert totals.dtype == "int64"
    assert totals.tolist() == [999_999_999_999_999, -999_999_999_999_999]


def test_a_document_without_a_date_stops_the_run(billing_engine, insert, source):
    insert("invoices", invoice_id="I1")
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("alter table billing.invoices alter column invoice_date drop not null")
        connection.exec_driver_sql("update billing.invoices set invoice_date = null")

    with pytest.raises(ContractBrokenError, match="1 invoices have no document_date, the first is I1; fill it in"):
        list(source.headers())


# What happens at the same time


def test_a_late_commit_is_seen_by_the_next_read(billing_engine, insert):
    """A1: the row's time lies before rows that were read already, because its transaction began before them."""
    source = BillingSource(billing_engine, "one", overlap=timedelta(0), sleep=lambda _: None)
    with billing_engine.connect() as late:
        late.exec_driver_sql(INSERT_NOW.format("late"))
        insert("invoices", invoice_id="early", updated_at=datetime.now(UTC))
        horizon = source.horizon()
        first = pd.concat(source.headers())["source_id"].tolist()
        late.commit()

    second = pd.concat(source.headers(updated_since=horizon))["source_id"].tolist()

    assert first == ["early"]
    assert "late" in second


INSERT_NOW = (
    "insert into billing.invoices "
    "(firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount, updated_at) "
    "values ('one', '{}', 'P1', 'issued', '2026-03-01', 'USD', 1, now())"
)


@pytest.fixture
def reader(billing_engine):
    """The billing database as a role sees it that may read and nothing else."""
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("drop role if exists plain_reader")
        connection.exec_driver_sql("create role plain_reader login")
        connection.exec_driver_sql("grant usage on schema billing to plain_reader")
        connection.exec_driver_sql("grant select on all tables in schema billing to plain_reader")
    engine = sa.create_engine(billing_engine.url.set(username="plain_reader"))
    yield engine
    engine.dispose()
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("drop owned by plain_reader")
        connection.exec_driver_sql("drop role plain_reader")


def test_a_late_commit_is_seen_by_a_role_that_cannot_see_other_sessions(billing_engine, insert, reader):
    """A5: nobody says since when the transaction is open, so the next read looks far back; it trusts no null."""
    source = BillingSource(reader, "one", overlap=timedelta(0), sleep=lambda _: None)
    with billing_engine.connect() as late:
        late.exec_driver_sql(INSERT_NOW.format("late"))
        horizon = source.horizon()
        late.commit()

    assert horizon < datetime.now(UTC) - BLIND_OVERLAP + timedelta(minutes=1)
    assert pd.concat(source.headers(updated_since=horizon))["source_id"].tolist() == ["late"]


def test_the_horizon_waits_for_open_transactions_to_end(billing_engine, insert, reader):
    """What was open when the clock was read has committed before the read begins: no need to look back at all."""
    with billing_engine.connect() as late:
        late.exec_driver_sql(INSERT_NOW.format("late"))
        began = datetime.now(UTC)
        source = BillingSource(reader, "one", overlap=timedelta(0), sleep=lambda _: late.commit())
        horizon = source.horizon()

    assert horizon > began
    assert pd.concat(source.headers())["source_id"].tolist() == ["late"]


def test_a_transaction_that_has_only_read_so_far_counts_too(billing_engine, insert):
    """Its start is the time that it will stamp on what it writes later."""
    source = BillingSource(billing_engine, "one", overlap=timedelta(0), sleep=lambda _: None)
    with billing_engine.connect() as late:
        late.exec_driver_sql("select 1")
        horizon = source.horizon()
        late.exec_driver_sql(INSERT_NOW.format("late"))
        late.commit()

    assert pd.concat(source.headers(updated_since=horizon))["source_id"].tolist() == ["late"]


def test_without_patience_the_oldest_start_is_taken_at_once_and_nothing_late_is_lost(billing_engine, insert):
    """What a tick asks: it waits for nobody, and the next read begins where the oldest open transaction did."""
    slept = []
    source = BillingSource(billing_engine, "one", overlap=timedelta(0), sleep=slept.append)
    with billing_engine.connect() as late:
        late.exec_driver_sql(INSERT_NOW.format("late"))
        began = late.exec_driver_sql("select now()").scalar_one()
        insert("invoices", invoice_id="early", updated_at=datetime.now(UTC))
        horizon = source.horizon(patience_seconds=0)
        first = pd.concat(source.headers())["source_id"].tolist()
        late.commit()

    second = pd.concat(source.headers(updated_since=horizon))["source_id"].tolist()

    assert (horizon, slept, first) == (began, [], ["early"])
    assert sorted(second) == ["early", "late"]


@pytest.mark.parametrize("role", ["owner", "reader"])
def test_our_own_snapshots_do_not_hold_the_horizon_back(billing_engine, reader, role):
    """A sync reads for minutes, and stamps nothing. Any role sees that it is ours."""
    ours = BillingSource(billing_engine, "one")
    source = BillingSource(billing_engine if role == "owner" else reader, "one", overlap=timedelta(0))
    with ours.snapshot():
        ours.present_ids("invoice", ["1"])
        before = datetime.now(UTC)
        horizon = source.horizon(patience_seconds=0)

    assert horizon >= before
    with billing_engine.connect() as connection:  # the session that comes back to the pool is called as before
        assert connection.exec_driver_sql("show application_name").scalar_one() != SNAPSHOT_NAME


def test_the_horizon_of_a_quiet_database_is_the_clock_less_the_overlap(billing_engine, source):
    horizon = source.horizon()
    age = datetime.now(UTC) - horizon

    assert timedelta(minutes=5) <= age < timedelta(minutes=5, seconds=30)


def test_the_horizon_is_not_asked_for_inside_a_snapshot(source):
    with source.snapshot(), pytest.raises(RuntimeError, match="before the snapshot"):
        source.horizon()


def test_equal_times_at_the_edge_of_a_chunk_lose_and_repeat_nothing(billing_engine, insert, source):
    """A2: thousands of rows of one bulk change carry one time."""
    with billing_engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into billing.invoices "
            "(firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount, updated_at) "
            "select 'one', 'I' || n, 'P1', 'issued', '2026-03-01', 'USD', 1, '2026-03-02 12:00Z' "
            "from generate_series(1, 5000) as n"
        )

    frames = list(source.headers(updated_since=NOON, chunk=100))

    assert [len(frame) for frame in frames] == [100] * 50
    assert set(pd.concat(frames)["source_id"]) == {f"I{number}" for number in range(1, 5_001)}
    assert list(source.headers(updated_since=NOON + timedelta(microseconds=1))) == []


def test_an_invoice_and_its_lines_are_of_one_moment(billing_engine, insert, source):
    """A6: a writer doubles and halves the invoice all the time; total and lines always agree."""
    insert("invoices", invoice_id="I1", total_amount="100")
    insert("invoice_lines", invoice_id="I1", amount="100")
    stop = threading.Event()

    def flip() -> None:
        with billing_engine.connect() as connection:
            while not stop.is_set():
                for amount in (200, 100):
                    connection.exec_driver_sql(f"update billing.invoice_lines set amount = {amount}")  # noqa: S608
                    connection.exec_driver_sql(f"update billing.invoices set total_amount = {amount}")  # noqa: S608
                    connection.commit()

    writer = threading.Thread(target=flip)
    writer.start()
    try:
        reads = [source.fetch_invoices(["I1"]) for _ in range(200)]
    finally:
        stop.set()
        writer.join()

    seen = [(read.invoices["total_cents"][0], read.lines["amount_cents"].sum()) for read in reads]
    assert {total for total, _ in seen} == {10000, 20000}
    assert [(total, lines) for total, lines in seen if total != lines] == []


def test_all_reads_of_a_snapshot_are_of_one_moment(insert, source):
    with source.snapshot():
        before = source.present_ids("payment", ["A1"])
        insert("payments", payment_id="A1")
        with source.snapshot():
            during = source.present_ids("payment", ["A1"])

    assert (before, during, source.present_ids("payment", ["A1"])) == (set(), set(), {"A1"})


def test_nothing_can_be_written_through_a_snapshot(billing_engine, insert, source):
    with source.snapshot(), pytest.raises(sa.exc.InternalError, match="read-only transaction"):
        source._reading().exec_driver_sql("delete from billing.payers")

    with billing_engine.begin() as connection:  # the pooled connection writes again afterwards
        connection.exec_driver_sql("delete from billing.payers")


def test_a_locked_table_fails_the_read_in_time(billing_engine, insert):
    """A13: a migration holds the table."""
    source = BillingSource(billing_engine, "one", lock_timeout_seconds=0.2)
    with billing_engine.connect() as migration:
        migration.exec_driver_sql("lock table billing.invoices in access exclusive mode")
        with pytest.raises(BillingUnavailableError, match=r"lock timeout.*try again"):
            source.fetch_invoices(["I1"])


def test_a_statement_that_takes_too_long_is_given_up(billing_engine, insert):
    insert("fee_items", fee_item_id="F1")
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("alter table billing.fee_items rename to slow_items")
        connection.exec_driver_sql(
            "create view billing.fee_items as select i.* from billing.slow_items i, pg_sleep(5) where i.firm_id = 'one'"
        )
    source = BillingSource(billing_engine, "one", statement_timeout_seconds=0.2)

    with pytest.raises(BillingUnavailableError, match="statement timeout"):
        source.fetch_fee_items(["F1"])


def test_a_connection_that_breaks_in_mid_read_is_no_complete_answer(billing_engine, server, insert, source):
    """A9: what came so far must not be taken for everything."""
    with billing_engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into billing.invoices "
            "(firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount) "
            "select 'one', 'I' || n, 'P1', 'issued', '2026-03-01', 'USD', 1 from generate_series(1, 20000) as n"
        )
    frames = source.headers(chunk=10)
    assert len(next(frames)) == 10
    with server.connect() as connection:
        connection.execute(
            sa.text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"),
            {"name": billing_engine.url.database},
        )

    with pytest.raises(BillingUnavailableError, match="did not answer"):
        list(frames)


@pytest.fixture
def standby(billing_engine, insert):
    """A server that says it is a standby, which replayed its primary's log an hour ago."""
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("create schema stub")
        connection.exec_driver_sql("create function stub.pg_is_in_recovery() returns boolean return true")
        connection.exec_driver_sql(
            "create function stub.pg_last_xact_replay_timestamp() returns timestamptz "
            "return clock_timestamp() - interval '1 hour'"
        )
        connection.exec_driver_sql(
            f"alter database {billing_engine.url.database} set search_path = stub, pg_catalog, public"
        )
    billing_engine.dispose()
    return billing_engine


def test_a_standby_is_refused(standby):
    """A7: what it does not show yet would be passed over, or taken for gone."""
    source = BillingSource(standby, "one")

    with pytest.raises(BillingUnavailableError, match=r"is a standby server.*connect to its primary"):
        source.present_ids("payer", ["P1"])
    with pytest.raises(BillingUnavailableError, match="is a standby server"):
        source.horizon()


def test_a_standby_may_be_allowed_and_is_trusted_up_to_what_it_replayed(standby):
    source = BillingSource(standby, "one", allow_standby=True)

    assert source.fetch_payers(["P1"])["payer_id"].tolist() == ["P1"]
    assert source.horizon() < datetime.now(UTC) - BLIND_OVERLAP - timedelta(minutes=59)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_no_time_zone_moves_a_date_or_an_instant(billing_engine, insert, source, zone):
    """A10: on both nights of the year on which clocks change."""
    with billing_engine.begin() as connection:
        connection.exec_driver_sql(f"alter database {billing_engine.url.database} set timezone = '{zone}'")
    billing_engine.dispose()
    for instant in ("2026-03-08T06:59:59+00:00", "2026-11-01T05:30:00+00:00", "2026-11-01T06:30:00+00:00"):
        at = datetime.fromisoformat(instant)
        insert("invoices", invoice_id=instant, invoice_date=at.date(), created_at=at, updated_at=at)

        frame = pd.concat(source.headers(updated_since=at, first=at.date(), last=at.date(), eligible_since=at))

        assert frame[["source_id", "document_date", "created_at", "updated_at", "eligibility"]].values.tolist() == [
            [instant, at.date(), at, at, "eligible"]
        ]
        assert frame["created_at"].iloc[0].utcoffset() == timedelta(0)


# Another engine


@pytest.fixture(scope="module")
def sqlite():
    """The contract in SQLite: no schemas, no types to speak of, floats for decimals."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("attach ':memory:' as billing"))
    with engine.begin() as connection:
        for name, relation in CONTRACT.items():
            columns = [
                sa.Column(column, SQLITE[family], primary_key=column in relation.key)
                for column, family in relation.columns.items()
            ]
            sa.Table(name, sa.MetaData(), *columns, schema="billing").create(connection)
    yield engine
    engine.dispose()


SQLITE = {
    "text": sa.Text(), "amount": sa.Numeric(15, 2), "decimal": sa.Numeric(19, 6), "integer": sa.Integer(),
    "date": sa.Date(), "instant": sa.DateTime(), "flag": sa.Boolean(),
}  # fmt: skip


@pytest.fixture
def sqlite_source(sqlite):
    """A firm with one of everything."""
    rows = {
        "firms": "('one', 'Firm One', 'America/New_York', 'USD')",
        "payers (firm_id, payer_id, kind, first_name, last_name, updated_at)": (
            "('one', 'P1', 'individual', 'Ana', 'Díaz', '2026-03-01 09:00:00'), "
            "('one', 'P2', 'individual', 'ANA', 'DÍAZ', '2026-03-01 09:00:00')"
        ),
        "fee_items (firm_id, fee_item_id, name, kind, is_active, updated_at)": (
            "('one', 'F1', 'Consultation', 'legal_fee', 1, '2026-03-01 09:00:00')"
        ),
        "invoices (firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount, created_at, "
        "updated_at)": (
            "('one', 'I1', 'P1', 'issued', '2026-03-01', 'USD', 250.1, '2026-03-01 09:00:00', '2026-03-02 12:00:00'), "
            "('one', 'I2', 'P1', 'issued', '2026-03-09', 'USD', 19.99, '2026-03-09 09:00:00', '2026-03-09 12:00:00')"
        ),
        "invoice_lines (firm_id, invoice_id, line_number, kind, quantity, unit_price, amount, is_taxable)": (
            "('one', 'I1', 1, 'fee', 1.1, 227.363636, 250.1, 0)"
        ),
        "payments (firm_id, payment_id, payer_id, kind, method, received_date, amount, currency, status, origin, "
        "created_at, updated_at)": (
            "('one', 'C1', 'P1', 'credit_application', 'credit', '2026-03-05', 70, 'USD', 'completed', 'billing', "
            "'2026-03-05 09:00:00', '2026-03-05 09:00:00')"
        ),
        "payment_applications": "('one', 'C1', 'I1', 50.05, '2026-03-05'), ('one', 'C1', 'I2', 19.95, '2026-03-09')",
    }
    with sqlite.begin() as connection:
        for name in CONTRACT:
            connection.exec_driver_sql(f"delete from billing.{name}")  # noqa: S608
        for relation, values in rows.items():
            target = relation
            if relation == "payment_applications":
                target += " (firm_id, payment_id, invoice_id, amount, applied_date)"
            connection.exec_driver_sql(f"insert into billing.{target} values {values}")  # noqa: S608
    return BillingSource(sqlite, "one", clock=lambda: NOON)


def test_another_engine_keeps_the_contract(sqlite, sqlite_source):
    assert check_contract(sqlite) == []


def test_another_engine_gives_the_same_headers(sqlite_source):
    frame = pd.concat(sqlite_source.headers(eligible_since=datetime(2026, 3, 5, tzinfo=UTC)), ignore_index=True)

    Headers.validate(frame[list(Headers.to_schema().columns)])
    assert frame[["source_id", "part", "document_date", "amount_cents", "eligibility"]].values.tolist() == [
        ["I1", "", date(2026, 3, 1), 25010, "ineligible"],
        ["I2", "", date(2026, 3, 9), 1999, "eligible"],
        ["C1", "2026-03-05", date(2026, 3, 5), 5005, "ineligible"],
        ["C1", "2026-03-09", date(2026, 3, 9), 1995, "eligible"],
    ]
    since = pd.concat(sqlite_source.headers(updated_since=datetime(2026, 3, 5, 3, 59, tzinfo=NEW_YORK)))
    assert since["source_id"].tolist() == ["I2", "C1", "C1"]
    window = pd.concat(sqlite_source.headers(first=date(2026, 3, 9), last=date(2026, 3, 9)))
    assert window["amount_cents"].tolist() == [1999, 1995]
    assert pd.concat(sqlite_source.header_ids(payment_ids=["C1"]))["amount_cents"].tolist() == [5005, 1995]


NEW_YORK = timezone(timedelta(hours=-5))


def test_another_engine_gives_the_same_documents(sqlite_source):
    invoices, lines, bad_invoices = sqlite_source.fetch_invoices(["I1", "I2"])
    payments, applications, bad_payments = sqlite_source.fetch_payments(["C1"])

    for schema, frame in (
        (Invoices, invoices),
        (InvoiceLines, lines),
        (Payments, payments),
        (Applications, applications),
    ):
        schema.validate(frame)
    assert bad_invoices == bad_payments == []
    assert invoices["total_cents"].tolist() == [25010, 1999]
    assert lines[["quantity", "unit_price", "amount_cents"]].values.tolist() == [
        [Decimal("1.1"), Decimal("227.363636"), 25010]
    ]
    assert applications["amount_cents"].tolist() == [5005, 1995]
    Payers.validate(sqlite_source.fetch_namesakes(["P1"]))
    assert sqlite_source.fetch_namesakes(["P1"])["payer_id"].tolist() == ["P1", "P2"]
    FeeItems.validate(sqlite_source.fetch_fee_items(["F1"]))
    assert sqlite_source.horizon() == NOON - BLIND_OVERLAP


@given(st.lists(st.integers(-(10**13), 10**13), max_size=20))
def test_cents_survive_an_engine_that_keeps_floats(sqlite, cents):
    """Fifteen digits fit into a float: the shortest decimal that it can mean is the amount that was stored."""
    rows = [
        {"invoice_id": f"I{at:02d}", "amount": float(Decimal(amount).scaleb(-2))} for at, amount in enumerate(cents)
    ]
    insert = sa.text(
        "insert into billing.invoices (firm_id, invoice_id, payer_id, status, invoice_date, currency, total_amount, "
        "created_at, updated_at) values ('floats', :invoice_id, 'P1', 'issued', '2026-03-01', 'USD', :amount, "
        "'2026-03-01 09:00:00', '2026-03-01 09:00:00')"
    )
    with sqlite.begin() as connection:
        connection.exec_driver_sql("delete from billing.invoices where firm_id = 'floats'")
        if rows:
            connection.execute(insert, rows)

    read = BillingSource(sqlite, "floats").fetch_invoices(row["invoice_id"] for row in rows)

    assert read.bad_amounts == []
    assert read.invoices["total_cents"].tolist() == cents


def test_documents_are_found_by_id_and_by_what_people_call_them_drafts_too(insert, source):
    insert("invoices", invoice_id="I1", invoice_number="N-1")
    insert("invoices", invoice_id="I2", invoice_number="I1", status="draft")
    insert("invoices", invoice_id="I3", invoice_number="N-3")
    insert("payments", payment_id="P1", reference="check 9")
    insert("payments", payment_id="P2", reference=None)

    assert [(row.source_id, row.number, row.status) for row in source.named("invoice", ["I1"])] == [
        ("I1", "N-1", "issued"), ("I2", "I1", "draft"),
    ]  # fmt: skip
    assert [row.source_id for row in source.named("payment", ["check 9", "P2", "P1"])] == ["P1", "P2"]
    assert source.named("invoice", []) == []


def test_many_names_are_looked_for_in_portions_of_which_no_document_comes_twice(insert, source):
    insert("invoices", invoice_id="I1", invoice_number="Z-1")

    words = [f"A{number}" for number in range(IDS_PER_QUERY)] + ["I1", "Z-1"]

    assert [row.source_id for row in source.named("invoice", words)] == ["I1"]
