"""The work list as of a past moment: a trigger keeps each former version, whatever statement changed the row."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline_tests.ledger.desk import LATER, NOON, Desk, invoice

MINUTE = timedelta(minutes=1)
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
