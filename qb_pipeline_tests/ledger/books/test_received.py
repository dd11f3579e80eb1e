"""The inbox and the postings: snapshots in any order, appended rows, one turn at a time."""

import random
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.core.documents.received import Received
from qb_pipeline_tests.ledger.desk import LATER, NOON, REALM, RUN, TODAY, Desk, invoice


def snapshot(sync_token: int = 0, **values: Any) -> Received:
    plain: dict[str, Any] = {
        "payment_id": "7", "status": "live", "payment_date": TODAY, "created_at": NOON, "currency": "USD",
        "total_cents": 100 + sync_token, "credit_cents": 0, "links": {"Q-1": 100 + sync_token},
    }  # fmt: skip
    return Received(**plain | {"sync_token": sync_token} | values)


def newest(desk: Desk) -> list[tuple[int, str, str]]:
    rows = desk.query("select sync_token, status, state from sync.received_payment where state <> 'superseded'")
    return [(row["sync_token"], row["status"], row["state"]) for row in rows]


def store(desk: Desk, *received: Received, deleted: tuple[str, ...] = (), cursor: datetime | None = None) -> int:
    return desk.received.store(received, deleted, cursor=cursor, now=NOON)


def test_the_newest_snapshot_counts_in_whatever_order_they_come(desk: Desk) -> None:
    chance = random.Random(14)
    snapshots = [snapshot(token) for token in range(12)]
    for _ in range(20):
        chance.shuffle(snapshots)
        for each in snapshots[:4]:
            store(desk, each)
    for each in snapshots:
        store(desk, each)

    assert newest(desk) == [(11, "live", "open")]


def test_a_deletion_comes_after_everything_that_was_read_before_it_and_an_old_snapshot_does_not_bring_it_back(
    desk: Desk,
) -> None:
    store(desk, snapshot(3))
    assert store(desk, deleted=("7", "never seen")) == 1
    store(desk, snapshot(3), snapshot(2))

    assert newest(desk) == [(3, "deleted", "open")]
    assert desk.received.known_ids() == set()


def test_what_was_read_before_is_not_new_and_opens_nothing(desk: Desk) -> None:
    assert store(desk, snapshot()) == 1
    desk.received.append(["7"], methods={}, run=RUN, now=NOON)
    before = newest(desk)

    assert (store(desk, snapshot()), newest(desk)) == (0, before)


def test_a_change_that_quickbooks_did_not_count_is_seen_all_the_same(desk: Desk) -> None:
    store(desk, snapshot())
    desk.received.append(["7"], methods={}, run=RUN, now=NOON)

    assert (store(desk, snapshot(links={})), newest(desk)) == (1, [(0, "live", "open")])


def test_the_cursor_moves_with_the_rows_or_not_at_all(desk: Desk) -> None:
    store(desk, snapshot(), cursor=NOON)
    with pytest.raises(sa.exc.DBAPIError):
        store(desk, snapshot(1, status="unheard of"), cursor=LATER)

    assert (desk.received.cursor(), newest(desk)) == (NOON, [(0, "live", "open")])


def test_a_posting_is_never_changed_or_deleted(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.receive("7", pays=[("1", 100)])
    for statement in (
        "update sync.posting set amount_cents = 1", "delete from sync.posting",
        "update sync.posting set posted_at = null",
    ):  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError, match="append its reversal"), desk.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    assert desk.query("select amount_cents from sync.posting") == [{"amount_cents": 100}]


def test_revisions_of_a_payment_and_invoice_count_up(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    for token, cents in enumerate((100, 150, 150, 90)):
        desk.receive("7", pays=[("1", cents)], sync_token=token)

    rows = desk.query("select external_id, kind, amount_cents from sync.posting order by posting_id")
    assert [(row["external_id"], row["kind"], row["amount_cents"]) for row in rows] == [
        (f"qbo:{REALM}:7:Q-1:r1", "payment", 100), (f"qbo:{REALM}:7:Q-1:r2", "reversal", 100),
        (f"qbo:{REALM}:7:Q-1:r3", "payment", 150), (f"qbo:{REALM}:7:Q-1:r4", "reversal", 150),
        (f"qbo:{REALM}:7:Q-1:r5", "payment", 90),
    ]  # fmt: skip
    assert desk.query("select payments, cash_cents, credit_cents, unposted_cents from sync.received_on_invoice") == [
        {"payments": 1, "cash_cents": 90, "credit_cents": 0, "unposted_cents": 0}
    ]


def test_what_is_due_is_named_until_billing_has_it(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    store(desk, snapshot())
    inbox = desk.received
    due = [[each.payment_id for each in inbox.due()]]
    inbox.append(["7"], methods={}, run=RUN, now=NOON)
    due.append([each.payment_id for each in inbox.due()])
    [posting] = inbox.unposted(["7"])
    inbox.record_failed(posting, "March is closed", code="P0001", run=RUN, now=NOON)
    failed = [(each.payment_id, each.has_failed) for each in inbox.due()]
    inbox.record_posted(posting, run=RUN, now=LATER)

    assert (due, failed, inbox.due(), inbox.troubles()) == ([["7"], ["7"]], [("7", True)], [], [])


def test_an_invoice_that_becomes_ours_later_makes_its_payments_due(desk: Desk) -> None:
    desk.receive("7", pays=[("1", 100)])
    before = (newest(desk), desk.received.due())
    desk.see(invoice("1"))
    desk.sync("1")

    assert before == ([(0, "live", "not_ours")], [])
    assert [each.payment_id for each in desk.received.due(TODAY, TODAY)] == ["7"]
    assert desk.received.due(last=date(2026, 1, 1)) == []
