"""The work list as of a past moment: a trigger keeps each former version, whatever statement changed the row."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.books.documents import Decision, Documents
from qb_pipeline_tests.ledger.desk import FIRST_DATE, LATER, NOON, RUN, TODAY, Desk, headers, invoice, set_up

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
COLUMNS = "state, reason, amount_cents, forwarded_cents, sent_total_cents, quickbooks_id"


def then(desk: Desk, moment: datetime) -> list[tuple[Any, ...]]:
    """The work list as a report as of a moment sees it."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(f"set local reporting.as_of = '{moment.isoformat()}'")
        rows = connection.exec_driver_sql(f"select {COLUMNS} from sync.document_then order by source_id")  # noqa: S608
        return [tuple(row) for row in rows]


def test_each_state_of_a_document_can_be_seen_as_of_its_time(desk: Desk) -> None:
    desk.see(invoice("1", 100), now=NOON)
    desk.decide(Decision(desk.id_of("1"), "create", "", 100, 30), now=NOON + MINUTE)
    attempt = desk.reserve(desk.item("1", total_cents=70), now=NOON + 2 * MINUTE)
    desk.accept(attempt, now=NOON + 3 * MINUTE)
    desk.see(invoice("1", 200, updated_at=LATER), now=LATER)

    assert then(desk, NOON - MINUTE) == []
    assert then(desk, NOON) == [("new", "", 100, 0, None, None)]
    assert then(desk, NOON + MINUTE) == [("new", "", 100, 30, None, None)]
    assert then(desk, NOON + 2 * MINUTE) == [("sending", "", 100, 30, None, None)]
    assert then(desk, NOON + 3 * MINUTE) == [("synced", "", 100, 30, 70, "Q-1")]
    assert then(desk, LATER) == [("revised", "", 200, 30, 70, "Q-1")]


def test_without_a_moment_the_list_is_as_it_is(desk: Desk) -> None:
    desk.see(invoice("1", 100), now=LATER)
    desk.sync("1")  # at noon: a clock that goes back ends no version before it began

    assert desk.query("select state from sync.document_then") == [{"state": "synced"}]
    assert desk.query("select changed_at from sync.document") == [{"changed_at": LATER}]


RECORDS_BEGIN = "records of this firm begin 2026-03-02 07:00"
"""Noon in UTC, in the firm's own time."""

AS_OF = (
    "reconciliation", "differences", "documents", "invoice_reconciliation", "payment_reconciliation",
    "customer_receivables", "receivables_ageing", "revenue_leakage", "daily_control_totals", "drift",
    "customer_owed", "invoice_owed", "owed_differences", "payment_applications", "unapplied_payments", "deposits",
    "receivable_movements", "ageing_on('2026-03-02')",
)  # fmt: skip
"""Views, and a function, that answer as of a moment."""


def answers(desk: Desk, view: str, moment: datetime) -> list[dict[str, Any]]:
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(f"set local reporting.as_of = '{moment.isoformat()}'")
        rows = connection.exec_driver_sql(f"select * from reporting.{view} order by firm_id")  # noqa: S608
        return [dict(row) for row in rows.mappings()]


@pytest.mark.parametrize("view", AS_OF)
def test_of_a_moment_before_its_records_a_firm_says_when_they_begin_and_others_are_answered(
    desk: Desk, view: str
) -> None:
    """Firm two was looked at an hour before firm one."""
    set_up(desk.engine, "two", "9131")
    two = Documents(desk.engine, "two")
    two.see([headers(invoice("theirs", 100))], today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON - HOUR)
    desk.see(invoice("1", 100), now=NOON)
    desk.sync("1")
    desk.hold("1", "REMOTE_DELETED")

    before = answers(desk, view, NOON - MINUTE)

    [said] = [row for row in before if row["firm_id"] == "one"]
    assert {name: value for name, value in said.items() if value is not None} == {
        "firm_id": "one",
        "note": RECORDS_BEGIN,
    }
    others = [row for row in before if row["firm_id"] == "two"]
    assert {row["note"] for row in others} <= {""}
    assert [row["note"] for row in answers(desk, view, NOON - 2 * HOUR)] == [
        RECORDS_BEGIN,
        "records of this firm begin 2026-03-02 06:00",
    ]
    assert {row["note"] for row in answers(desk, view, NOON)} <= {""}
    assert {row["note"] for row in desk.query(f"select * from reporting.{view}")} <= {""}  # noqa: S608


def test_every_view_that_answers_as_of_a_moment_has_a_note(desk: Desk) -> None:
    noted = desk.query(
        "select table_name from information_schema.columns "
        "where table_schema = 'reporting' and column_name = 'note' order by 1"
    )

    assert {row["table_name"] for row in noted} == {view for view in AS_OF if "(" not in view}


def test_a_firm_that_nobody_has_looked_at_has_no_records_yet(desk: Desk) -> None:
    assert answers(desk, "reconciliation", NOON)[0]["note"] == "this firm has no records yet"
    assert desk.query("select * from reporting.reconciliation") == []

    desk.see(now=NOON)  # a look that finds nothing is a record too: there was nothing

    assert answers(desk, "reconciliation", NOON) == []


def test_a_look_that_changes_nothing_keeps_no_version(desk: Desk) -> None:
    desk.see(invoice("1", 100))
    desk.sync("1")
    before = desk.query("select count(*) as versions from sync.document_history")

    desk.see(invoice("1", 100), now=LATER)
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("update sync.document set seen_at = seen_at + interval '1 day', sync_token = '9'")

    assert desk.query("select count(*) as versions from sync.document_history") == before


def test_any_statement_is_noticed(desk: Desk) -> None:
    """Who writes the next statement need not know of the history."""
    desk.see(invoice("1", 100), invoice("2", 100))

    with desk.engine.begin() as connection:
        connection.execute(
            sa.text("update sync.document set state = 'closed', reason = 'REFUND', state_since = :now"), {"now": LATER}
        )

    assert [row[0] for row in then(desk, NOON)] == ["new", "new"]
    assert [row[0] for row in then(desk, LATER)] == ["closed", "closed"]
