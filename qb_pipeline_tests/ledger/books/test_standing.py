"""How several firms stand: one answer for all of them, and for nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from qb_pipeline.ledger.books.census import Censuses
from qb_pipeline.ledger.books.cursors import BILLING_COMPARED, save
from qb_pipeline.ledger.books.reconciliation import FirmStanding, Reconciliation
from qb_pipeline.ledger.books.standing import (
    DifferingTotals,
    HeldInFirm,
    NewestCensus,
    NewestReconciliation,
    ReceivedStanding,
    Standing,
)
from qb_pipeline.ledger.log import Run
from qb_pipeline_tests.ledger.books.test_census import COUNTS
from qb_pipeline_tests.ledger.desk import (
    FIRM,
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

BOTH = (FIRM, "two")


@pytest.fixture
def two(desk: Desk) -> Desk:
    """Beside firm ``one`` there is another, which has done nothing yet."""
    set_up(desk.engine, "two", "9131")
    return desk


def test_without_firms_there_is_nothing_to_say(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "NO_LINES")
    nobody = Standing(desk.engine, ())

    assert (nobody.held(), nobody.differing(), nobody.counted(), nobody.reconciled(), nobody.received()) == (
        [], [], [], [], [],
    )  # fmt: skip
    assert (nobody.compared(), nobody.connections(now=NOON)) == ({}, {})


def test_what_needs_a_person_is_summed_by_reason_most_documents_first(two: Desk) -> None:
    two.see(invoice("1", 700), invoice("2", 500), invoice("3", 300), payment("p", 200), invoice("4", 100))
    two.hold("p", "UNAPPLIED")
    for name in ("1", "2"):
        two.hold(name, "NO_LINES")

    def row(kind: str, reason: str, documents: int, cents: int) -> HeldInFirm:
        return HeldInFirm(FIRM, kind, reason, documents, cents, since=NOON)

    assert Standing(two.engine, BOTH).held() == [
        row("invoice", "NO_LINES", 2, 1_200), row("payment", "UNAPPLIED", 1, 200),
    ]  # fmt: skip
    assert Standing(two.engine, ["two"]).held() == []


def test_a_total_that_differs_is_told_until_a_person_voids_or_deletes_the_document(two: Desk) -> None:
    two.see(invoice("1"), invoice("2"), invoice("3"), invoice("equal"))
    for name in ("1", "2", "3"):
        attempt = two.reserve(two.item(name))
        [item] = attempt.items
        two.accept(attempt, accepted(item, total_cents=9_900, state="held", reason="TOTAL_DIFFERS"))
    two.sync("equal")
    both = Standing(two.engine, BOTH)
    before = both.differing()

    for name, reason in (("1", "REMOTE_DELETED"), ("2", "REMOTE_VOIDED")):
        two.hold(name, reason)

    assert before == [DifferingTotals(FIRM, "invoice", documents=3, meant_cents=30_000, in_quickbooks_cents=29_700)]
    assert both.differing() == [
        DifferingTotals(FIRM, "invoice", documents=1, meant_cents=10_000, in_quickbooks_cents=9_900)
    ]


def test_a_firm_was_compared_when_quickbooks_last_answered_or_never(two: Desk) -> None:
    two.see(invoice("1"), invoice("2"))
    for name, now in (("1", LATER), ("2", NOON)):
        two.accept(two.reserve(two.item(name), now=NOON), now=now)

    assert Standing(two.engine, BOTH).compared() == {FIRM: LATER, "two": None}


def test_the_newest_census_of_each_kind_counts_whichever_run_made_it(two: Desk) -> None:
    censuses = Censuses(two.engine, FIRM)
    censuses.record(RUN, [replace(COUNTS, kind="payment")], now=NOON)
    censuses.record(RUN, [COUNTS], now=NOON)
    newer = replace(
        COUNTS, documents=9, living=8, copies=7, changed=6, duplicates=1, missing=2, differing=3, foreigners=4, strays=5
    )
    censuses.record(Run("run-2", "cli", PARTNER), [newer], now=LATER)

    assert Standing(two.engine, BOTH).counted() == [
        NewestCensus(FIRM, "invoice", LATER, documents=9, copies=7, faults=1 + 2 + 3 + 4 + 5),
        NewestCensus(FIRM, "payment", NOON, documents=1, copies=0, faults=0),
    ]


def test_the_newest_reconciliation_stands_in_place_of_the_former_one(two: Desk) -> None:
    days = FirmStanding(held_since=None, newest_day=TODAY, newest_billed_day=None, reads=0)
    books = Reconciliation(two.engine, FIRM)
    books.record("first", unexplained=3, residual_cents=300, standing=days, now=NOON)
    books.record("second", unexplained=0, residual_cents=0, standing=days, now=LATER)

    assert Standing(two.engine, BOTH).reconciled() == [
        NewestReconciliation(FIRM, LATER, unexplained=0, residual_cents=0, newest_day=TODAY, newest_billed_day=None)
    ]


def test_a_connection_ends_at_the_earlier_of_its_two_ends_unless_it_is_lost(two: Desk) -> None:
    statement = (
        "insert into sync.token (firm_id, realm_id, environment, key_id, ciphertext, access_expires_at,"
        " refresh_expires_at, refresh_hard_expires_at, lost_at, updated_at)"
        " values (%s, '1', 'emulator', 'key', '', %s, %s, %s, %s, %s)"
    )
    month, day = NOON + timedelta(days=60), NOON + timedelta(days=1)
    with two.engine.begin() as connection:
        connection.exec_driver_sql(statement, (FIRM, LATER, month, day, None, NOON))
        connection.exec_driver_sql(statement, ("two", LATER, month, None, NOON, NOON))

    assert Standing(two.engine, BOTH).connections(now=NOON) == {
        FIRM: (3, "the connection ends on 2026-03-03"),
        "two": (3, "QuickBooks lets us in no more since 2026-03-02 12:00 UTC"),
    }
    assert Standing(two.engine, [FIRM]).connections(now=NOON - timedelta(days=10)) == {
        FIRM: (1, "the connection ends on 2026-03-03")
    }


def test_each_firm_has_a_row_of_received_payments_also_one_that_received_nothing(two: Desk) -> None:
    two.see(invoice("1"))
    two.sync("1")
    two.receive("7", pays=[("1", 100)])
    [posting] = two.query("select external_id, payment_id from sync.posting")
    with two.engine.begin() as connection:
        save(connection, FIRM, BILLING_COMPARED, LATER)
        connection.exec_driver_sql(
            "insert into sync.billing_difference values (%s, %s, %s, 'run-1', %s)",
            (FIRM, posting["external_id"], posting["payment_id"], NOON),
        )
        connection.exec_driver_sql("update sync.received_payment set state = 'refused'")

    assert Standing(two.engine, BOTH).received() == [
        ReceivedStanding(FIRM, failed=0, refused=1, differing=1, at=LATER),
        ReceivedStanding("two", failed=0, refused=0, differing=0, at=None),
    ]
