"""The views answer their questions, to the cent and at their grain (sql/reporting; A-03, A-05, A-25, A-30, A-55)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.config import SQL
from qb_pipeline.core.documents.bank_deposits import BankDeposit, DepositLine, deleted_deposit
from qb_pipeline.core.documents.invoice_lines import InvoiceLine
from qb_pipeline.core.documents.mirror import Version
from qb_pipeline.ledger.books import invoice_lines
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.invoice_lines import LinesOfInvoice
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.ledger.log import Entry, Log, Run
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline_tests.ledger.desk import (
    FIRM,
    FIRST_DATE,
    LATER,
    NOON,
    PARTNER,
    RUN,
    TODAY,
    Desk,
    accepted,
    invoice,
    payment,
    set_up,
)

GRAIN = {
    "customer_owed": ["firm_id", "customer_id", "payer_id"],
    "customer_receivables": ["firm_id", "payer_id"],
    "daily_control_totals": ["firm_id", "kind", "document_date"],
    "deposits": ["firm_id", "deposit_id"],
    "differences": ["firm_id", "measure", "kind", "source_id", "part", "class"],
    "documents": ["firm_id", "kind", "source_id", "part"],
    "drift": ["firm_id", "kind", "source_id", "part", "field"],
    "enter_by_hand": ["firm_id", "payment_id", "part"],
    "entered_by_hand": ["firm_id", "payment_id", "applied_date"],
    "field_mapping": ["firm_id", "kind", "source_id"],
    "firm_status": ["firm_id"],
    "held_documents": ["firm_id", "kind", "source_id", "part"],
    "invoice_lines": ["firm_id", "invoice_id", "line_number"],
    "invoice_owed": ["firm_id", "invoice_id"],
    "invoice_reconciliation": ["firm_id", "invoice_id"],
    "owed_differences": [
        "firm_id", "customer_id", "invoice_id", "class", "cause", "cause_id", "cause_part", "cause_quickbooks_id",
    ],
    "payment_applications": [
        "firm_id", "payment_id", "applied_date", "invoice_id", "means", "credit_id",
        "quickbooks_payment_id", "quickbooks_invoice_id",
    ],
    "payment_reconciliation": ["firm_id", "payment_id", "applied_date"],
    "receivable_movements": ["firm_id", "kind", "quickbooks_id", "customer_key", "other_kind", "other_id", "credit_id"],
    "receivables_ageing": ["firm_id", "payer_id"],
    "reconciliation": ["firm_id", "measure"],
    "revenue_leakage": ["firm_id", "invoice_id", "class"],
    "received_payments": ["firm_id", "quickbooks_payment_id"],
    "recent_quickbooks_payments": ["firm_id", "quickbooks_payment_id", "invoice_id", "kind"],
    "sync_log": ["log_id"],
    "unapplied_payments": ["firm_id", "quickbooks_payment_id"],
    "unsynced_invoices": ["firm_id", "invoice_id"],
    "unsynced_payments": ["firm_id", "payment_id", "applied_date"],
}  # fmt: skip
FINER = ("quantity", "unit_price")
"""Numbers of billing that may have more than two decimals, or fewer."""
FILES = sorted((SQL / "reporting").glob("*.sql"))
MARCH = date(2026, 3, 1)


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A firm with something of everything."""
    mapped = [Mapping("payer", "P1", "C1", "Ana Diaz", "person")]
    Mappings(desk.engine, FIRM).remember(mapped, actor=PARTNER, now=NOON)
    firms = Firms(desk.engine)
    set_up(desk.engine, "two", "9131")
    firms.pause("two", actor=PARTNER, now=NOON)
    firms.add("three", name="Firm Three", time_zone="UTC", currency="USD", super_user="x", actor="x", now=NOON)
    rejection = payment("rejection", 1_000, payment_kind="rejection", reverses_payment_id="p-part")
    desk.see(
        invoice("paid", 10_010),
        invoice("part", 20_020, payer_id="P2", document_date=date(2026, 2, 1)),
        invoice("forwarded", 30_000, payer_id="P2"),
        invoice("unsent", 5),
        invoice("void", 40_000),
        invoice("void soon", 50_000),
        invoice("wrong", 60_000),
        invoice("deleted", 70_000),
        invoice("nothing", 80_000),
        invoice("refused", 90_000),
        invoice("early", 1, document_date=FIRST_DATE - timedelta(days=1)),
        invoice("ahead", 2, document_date=TODAY + timedelta(days=40)),
        payment("p-paid", 10_010, number="check 7"),
        payment("p-part", 1_020, payer_id="P2"),
        payment("credit", 100, part="2026-02-28", payment_kind="credit_application", document_date=date(2026, 2, 28)),
        payment("credit", 200, part="2026-03-01", payment_kind="credit_application"),
        payment("deposit", 500, payment_kind="credit_deposit"),
        payment("entered", 700, payment_kind="credit_deposit", document_date=date(2026, 2, 15)),
        payment("refund", 600, payment_kind="refund", reverses_payment_id="gone"),
        rejection,
    )
    desk.decide(
        Decision(desk.id_of("forwarded"), "create", "", 30_000, 20_000),
        Decision(desk.id_of("nothing"), "close", "NOTHING_TO_BILL", 80_000, 80_000),
    )
    for source_id in ("paid", "part", "void", "void soon", "deleted"):
        desk.sync(source_id)
    desk.sync("forwarded", total_cents=10_000)
    desk.sync("p-paid", pays=[("paid", 10_010)])
    desk.sync("p-part", pays=[("part", 1_000), ("forwarded", 20)])
    wrong, refused = desk.reserve(desk.item("wrong")), desk.reserve(desk.item("refused"))
    desk.accept(wrong, accepted(wrong.items[0], total_cents=60_001, state="held", reason="TOTAL_DIFFERS"))
    desk.accept(refused, ItemOutcome(refused.items[0].document_id, "refused", "refused", "REFUSED"))
    desk.see(
        invoice("void", 40_000, status="void", updated_at=LATER),
        invoice("void soon", 50_000, status="void", updated_at=LATER),
    )
    desk.sync("void", "void", total_cents=0)
    desk.hold("deleted", "REMOTE_DELETED")
    line = InvoiceLine(1, "fee", "F1", "9", "Matter", Decimal("0.5"), Decimal("200.20"), 10_010, 0)
    told = [LinesOfInvoice(desk.id_of("paid"), desk.row("paid")["sent_fingerprint"], (line,))]
    invoice_lines.store(desk.engine, FIRM, told)
    theirs = Version("payment", "901", "0", "live", "", "2026-03-01", "", "C1", 500, 500)
    lines = (DepositLine("Q-p-paid", 10_010), DepositLine("901", 500), DepositLine("", -10))
    deposit = BankDeposit("950", "0", "live", "2026-03-02", "35", "Checking", 10_500, lines)
    Mirror(desk.engine, FIRM).record_reading([theirs], {}, deposits=[deposit], cursor=NOON, now=NOON)
    desk.enter("entered", 700)
    desk.receive("70", pays=[("part", 2_000)], payment_date=datetime.now(UTC).date())
    return desk


def view(desk: Desk, name: str, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Rows of a view, money as it is printed."""
    rows = desk.query(f"select {', '.join(columns)} from reporting.{name} where {where} order by 1, 2")  # noqa: S608
    return [tuple(str(v) if isinstance(v, Decimal) else v for v in row.values()) for row in rows]


# All of them


def test_each_view_has_its_grain_in_this_test() -> None:
    assert [path.stem for path in FILES] == sorted(GRAIN)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_view_begins_with_its_question_and_its_grain(path: Path) -> None:
    question, grain, *_ = path.read_text().splitlines()

    assert question.startswith("-- ")
    assert question.rstrip(".").endswith("?") or path.stem.endswith("_reconciliation")
    assert grain.startswith("-- Grain: one row per ")
    assert len(path.read_text().split(f"create view reporting.{path.stem} as\n")) == 2


def test_a_view_has_one_row_per_grain_and_names_the_firm(busy: Desk) -> None:
    for name, grain in GRAIN.items():
        rows = busy.query(f"select * from reporting.{name}")  # noqa: S608
        keys = [tuple(row[column] for column in grain) for row in rows]

        assert rows, name
        assert {row["firm_id"] for row in rows} <= {"one", "two", "three"}, name
        assert len(set(keys)) == len(keys), name


def test_money_is_numeric_with_two_decimals(busy: Desk) -> None:
    for name in GRAIN:
        rows = busy.query(f"select * from reporting.{name}")  # noqa: S608
        values = [value for row in rows for column, value in row.items() if column not in FINER]

        assert {v.as_tuple().exponent for v in values if isinstance(v, Decimal)} <= {-2}, name
        assert not [value for value in values if isinstance(value, float)], name


def test_every_view_and_column_is_described_where_it_is_made(ledger_engine: sa.Engine) -> None:
    with ledger_engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select c.relname, a.attname, col_description(c.oid, a.attnum), obj_description(c.oid) "
            "from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
            "where c.relnamespace = 'reporting'::regnamespace"
        ).all()

    assert len(rows) > 100
    assert [row for row in rows if not row[2] or not row[3]] == []
    described = {(row[0], row[1]): row[2] for row in rows}
    assert described["held_documents", "remedy"] == "The one action that clears it"
    assert {row[3] for row in rows if row[0] == "held_documents"} == {
        "What did not reach QuickBooks as it should, why, and what clears it? "
        "Grain: one row per held or refused document. Money: dollars. Read by: finance, every morning."
    }


def test_an_amount_of_any_size_is_shown(desk: Desk) -> None:
    desk.see(invoice("1", 2**63 - 1), invoice("2", 2**63 - 1))
    desk.hold("1", "BAD_AMOUNT")

    assert view(desk, "held_documents", "source_id", "amount") == [("1", "92233720368547758.07")]
    assert view(desk, "daily_control_totals", "documents", "billed") == [(2, "184467440737095516.14")]
    assert view(desk, "firm_status", "firm_id", "held_amount") == [("one", "92233720368547758.07")]


# Each of them


def test_the_status_of_each_firm_says_what_waits(busy: Desk) -> None:
    Log(busy.engine, "one").begin(RUN, now=NOON)
    Log(busy.engine, "one").begin(Run("run-2", "schedule", "daemon"), now=LATER)
    columns = (
        "state",
        "next_step",
        "to_send",
        "held",
        "waiting",
        "in_flight",
        "synced",
        "to_send_amount",
        "held_amount",
    )

    assert view(busy, "firm_status", "firm_id", *columns, "last_run_id", "last_run_outcome") == [
        ("one", "active", "", 4, 4, 1, 0, 5, "503.05", "2200.01", "run-2", "running"),
        ("three", "not subscribed", "qb-pipeline firm subscribe three", 0, 0, 0, 0, 0, "0.00", "0.00", None, None),
        ("two", "paused", "qb-pipeline firm resume two", 0, 0, 0, 0, 0, "0.00", "0.00", None, None),
    ]


def test_unsynced_invoices_say_what_a_sync_would_do(busy: Desk) -> None:
    assert view(busy, "unsynced_invoices", "invoice_id", "number", "amount", "state", "reason", "action") == [
        ("ahead", "N-ahead", "0.02", "waiting", "DATED_AHEAD", "sync_now"),
        ("deleted", "N-deleted", "700.00", "held", "REMOTE_DELETED", "sync_again"),
        ("early", "N-early", "0.01", "held", "DATE_OUT_OF_RANGE", "sync_now"),
        ("refused", "N-refused", "900.00", "refused", "REFUSED", "sync_now"),
        ("unsent", "N-unsent", "0.05", "new", "", "sync_now"),
        ("void soon", "N-void soon", "500.00", "void_pending", "", "sync_again"),
        ("wrong", "N-wrong", "600.00", "held", "TOTAL_DIFFERS", "sync_again"),
    ]


def test_what_was_sent_leaves_the_work_list(busy: Desk) -> None:
    assert view(busy, "unsynced_payments", "payment_id", "applied_date", "amount", "action") == [
        ("credit", "2026-02-28", "1.00", "sync_now"),
        ("credit", "2026-03-01", "2.00", "sync_now"),
    ]


def test_held_documents_say_why_and_what_clears_it(busy: Desk) -> None:
    assert view(busy, "held_documents", "source_id", "amount", "reason", "state", "since") == [
        ("deleted", "700.00", "REMOTE_DELETED", "held", NOON),
        ("early", "0.01", "DATE_OUT_OF_RANGE", "held", NOON),
        ("refused", "900.00", "REFUSED", "refused", NOON),
        ("wrong", "600.00", "TOTAL_DIFFERS", "held", NOON),
    ]
    assert view(busy, "held_documents", "sentence", "remedy", where="source_id = 'early'") == [
        (
            "The document is dated before the first date of this installation.",
            "Correct the date in billing, or move QB_PIPELINE_FIRST_DATE to an earlier date.",
        )
    ]


def test_hand_entries_name_the_payment_that_they_take_back(busy: Desk) -> None:
    columns = ("what", "payment_id", "amount", "reverses_payment_id", "reverses_quickbooks_id", "remedy")

    assert view(busy, "enter_by_hand", *columns) == [
        ("credit_deposit", "deposit", "5.00", "", "",
         "Enter it in QuickBooks by hand; what is paid from the credit is sent."),
        ("refund", "refund", "6.00", "gone", "", "Enter the refund in QuickBooks by hand."),
        ("rejection", "rejection", "10.00", "p-part", "Q-p-part",
         "Enter the rejection in QuickBooks by hand, and take the original payment off its invoice there."),
    ]  # fmt: skip


def test_what_billing_took_back_is_not_entered_by_hand(busy: Desk) -> None:
    busy.see(payment("deposit", 500, payment_kind="credit_deposit", status="void", updated_at=LATER))

    assert [row[0] for row in view(busy, "enter_by_hand", "what", "payment_id")] == ["refund", "rejection"]


def test_invoices_reconcile_to_the_cent(busy: Desk) -> None:
    columns = ("billed", "forwarded", "sent", "in_quickbooks", "paid", "open", "difference")

    assert view(busy, "invoice_reconciliation", "invoice_id", *columns) == [
        ("ahead", "0.02", "0.00", None, None, "0.00", "0.00", "0.02"),
        ("deleted", "700.00", "0.00", "700.00", "0.00", "0.00", "0.00", "700.00"),
        ("early", "0.01", "0.00", None, None, "0.00", "0.00", "0.01"),
        ("forwarded", "300.00", "200.00", "100.00", "100.00", "0.20", "99.80", "0.00"),
        ("nothing", "800.00", "800.00", None, None, "0.00", "0.00", "0.00"),
        ("paid", "100.10", "0.00", "100.10", "100.10", "100.10", "0.00", "0.00"),
        ("part", "200.20", "0.00", "200.20", "200.20", "10.00", "190.20", "0.00"),
        ("refused", "900.00", "0.00", None, None, "0.00", "0.00", "900.00"),
        ("unsent", "0.05", "0.00", None, None, "0.00", "0.00", "0.05"),
        ("void", "0.00", "0.00", "0.00", "0.00", "0.00", "0.00", "0.00"),
        ("void soon", "0.00", "0.00", "500.00", "500.00", "0.00", "500.00", "-500.00"),
        ("wrong", "600.00", "0.00", "600.00", "600.01", "0.00", "600.01", "-0.01"),
    ]


def test_payments_reconcile_to_the_cent(busy: Desk) -> None:
    columns = ("applied_date", "received", "sent", "in_quickbooks", "difference", "quickbooks_id")

    assert view(busy, "payment_reconciliation", "payment_id", *columns) == [
        ("credit", "2026-02-28", "1.00", None, None, "1.00", ""),
        ("credit", "2026-03-01", "2.00", None, None, "2.00", ""),
        ("p-paid", "", "100.10", "100.10", "100.10", "0.00", "Q-p-paid"),
        ("p-part", "", "10.20", "10.20", "10.20", "0.00", "Q-p-part"),
    ]


def test_receivables_say_what_is_open_and_what_leaks(busy: Desk) -> None:
    columns = ("customer_id", "invoices", "billed", "in_quickbooks", "paid", "open", "open_since")

    assert view(busy, "customer_receivables", "payer_id", *columns, "not_in_quickbooks", "not_in_quickbooks_since") == [
        ("P1", "C1", 8, "2300.18", "1200.11", "100.10", "1100.01", MARCH, "1100.07", FIRST_DATE - timedelta(days=1)),
        ("P2", "C1", 2, "300.20", "300.20", "10.20", "290.00", date(2026, 2, 1), "0.00", None),
    ]


def test_daily_totals_agree_with_what_quickbooks_holds(busy: Desk) -> None:
    counts = ("documents", "synced", "held", "pending", "voided", "closed")
    columns = ("kind", "document_date", *counts, "billed", "forwarded", "meant", "in_quickbooks", "difference")

    rows = view(busy, "daily_control_totals", *columns)

    assert all(row[2] == sum(row[3:8]) for row in rows)
    assert [row for row in rows if row[1] in (MARCH, date(2026, 2, 1))] == [
        ("invoice", date(2026, 2, 1), 1, 1, 0, 0, 0, 0, "200.20", "0.00", "200.20", "200.20", "0.00"),
        ("invoice", MARCH, 9, 2, 3, 2, 1, 1, "2600.15", "200.00", "2000.10", "1300.11", "-699.99"),
        ("payment", MARCH, 6, 2, 0, 1, 0, 3, "112.30", "0.00", "110.30", "110.30", "0.00"),
    ]


def test_drift_is_what_a_person_changed_in_quickbooks(busy: Desk) -> None:
    busy.hold("paid", "DRIFT")
    busy.see(invoice("deleted", 70_000, updated_at=LATER))  # looked at again, and still known to be deleted

    columns = ("source_id", "quickbooks_id", "amount", "sent", "in_quickbooks", "reason")
    assert view(busy, "drift", *columns) == [
        ("deleted", "Q-deleted", "700.00", "700.00", "0.00", "REMOTE_DELETED"),
        ("paid", "Q-paid", "100.10", "100.10", "100.10", "DRIFT"),
    ]


def test_lines_of_what_stands_in_quickbooks_are_shown_and_no_others(busy: Desk) -> None:
    columns = (
        "line_number",
        "matter",
        "fee_item_id",
        "item_id",
        "quantity",
        "unit_price",
        "amount",
        "tax",
        "quickbooks_id",
    )
    paid = ("paid", 1, "Matter", "F1", "9", "0.5", "200.20", "100.10", "0.00", "Q-paid")
    assert view(busy, "invoice_lines", "invoice_id", *columns) == [paid]

    planned = InvoiceLine(1, "fee", "F2", "8", "", None, None, 10_010, 0)
    invoice_lines.store(busy.engine, FIRM, [LinesOfInvoice(busy.id_of("paid"), "a revision", (planned,))])
    assert view(busy, "invoice_lines", "invoice_id", *columns) == [paid], "until QuickBooks has accepted the revision"

    busy.hold("paid", "REMOTE_VOIDED")
    assert view(busy, "invoice_lines", "invoice_id", *columns) == []


def test_a_bank_deposit_ties_out_with_our_payments_those_of_others_and_the_rest(busy: Desk) -> None:
    columns = ("document_date", "account", "total", "payments", "our_payments", "other_payments", "other_lines")
    expected = ("950", TODAY, "Checking", "105.00", 1, "100.10", "5.00", "-0.10", "p-paid", "Q-p-paid")
    assert view(busy, "deposits", "deposit_id", *columns, "payment_ids", "quickbooks_payment_ids") == [expected]

    Mirror(busy.engine, FIRM).record_reading([], {}, deposits=[deleted_deposit("950")], cursor=LATER, now=LATER)

    assert view(busy, "deposits", "deposit_id", *columns) == []


def test_money_that_pays_nothing_yet_is_shown_with_whose_it_is(busy: Desk) -> None:
    columns = ("whose", "customer_id", "amount", "applied", "unapplied")
    assert view(busy, "unapplied_payments", "quickbooks_payment_id", *columns) == [
        ("901", "theirs", "C1", "5.00", "0.00", "5.00")
    ]


def test_what_pays_an_invoice_is_shown_payment_by_payment(busy: Desk) -> None:
    columns = ("payment_id", "whose", "means", "in_quickbooks", "quickbooks_payment_id")
    assert view(busy, "payment_applications", "invoice_id", *columns) == [
        ("forwarded", "p-part", "ours", "payment", "0.20", "Q-p-part"),
        ("paid", "p-paid", "ours", "payment", "100.10", "Q-p-paid"),
        ("part", "p-part", "ours", "payment", "10.00", "Q-p-part"),
    ]


def test_the_log_tells_a_documents_story(busy: Desk) -> None:
    busy.log.add(replace(RUN, run_id="run-2"), [Entry("skipped", busy.id_of("paid"), amount_cents=-5)], now=LATER)

    columns = ("log_id", "run_id", "activity", "amount", "quickbooks_id")
    rows = view(busy, "sync_log", *columns, where="source_id = 'paid'")
    assert [row[1:] for row in rows] == [
        ("run-1", "seen", "100.10", ""),
        ("run-1", "created", "100.10", "Q-paid"),
        ("run-2", "skipped", "-0.05", ""),
    ]
