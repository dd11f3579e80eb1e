"""The mirror keeps what QuickBooks was seen to hold, version by version, and what settles each invoice."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.mirror import Settlement, Version, deleted_version
from qb_pipeline.ledger.books import mirror
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, Desk, invoice, payment

INVOICE = Version("invoice", "7", "0", "live", "N-7", "2026-03-01", "2026-03-31", "12", 10_000, 10_000)
PAYMENT = Version(
    "payment", "8", "0", "live", "check", "2026-03-02", "", "12", 4_000, 0, (Settlement("7", "payment", 4_000),)
)


def see(desk: Desk, *versions: Version, now: datetime = NOON, seen_by: str = "reading") -> int:
    with desk.engine.begin() as connection:
        return mirror.see(connection, FIRM, versions, seen_by=seen_by, now=now)


def versions(desk: Desk, quickbooks_id: str = "7") -> list[tuple[Any, ...]]:
    """Valid from, whether it still counts, token, status, total, otherwise."""
    rows = desk.query(
        "select valid_from, valid_to = 'infinity' as counts, sync_token, status, total_cents, otherwise_cents "
        "from sync.mirror where quickbooks_id = :id order by mirror_id",
        id=quickbooks_id,
    )
    return [tuple(row.values()) for row in rows]


def settled(desk: Desk, moment: datetime | None = None) -> dict[str, int]:
    """Cents that settle each invoice, now or as of a moment."""
    then = "valid_to = 'infinity'" if moment is None else "valid_from <= :moment and valid_to > :moment"
    rows = desk.query(
        f"select quickbooks_invoice_id as id, sum(amount_cents)::bigint as cents from sync.settlement where {then} "  # noqa: S608
        "group by 1",
        moment=moment,
    )
    return {row["id"]: row["cents"] for row in rows}


def test_what_a_request_of_ours_got_back_is_kept_without_a_question(desk: Desk) -> None:
    desk.see(invoice("1", 5_000), payment("2", 5_000))
    desk.sync("1")
    desk.sync("2", pays=[("1", 5_000)])

    assert desk.query(
        "select kind, quickbooks_id, seen_by, status, total_cents, valid_from from sync.mirror order by kind"
    ) == [
        {"kind": "invoice", "quickbooks_id": "Q-1", "seen_by": "push", "status": "live", "total_cents": 5_000,
         "valid_from": NOON},
        {"kind": "payment", "quickbooks_id": "Q-2", "seen_by": "push", "status": "live", "total_cents": 5_000,
         "valid_from": NOON},
    ]  # fmt: skip
    assert settled(desk) == {"Q-1": 5_000}


def test_an_answer_that_says_the_same_makes_no_version(desk: Desk) -> None:
    assert see(desk, INVOICE, PAYMENT) == 2

    assert see(desk, INVOICE, PAYMENT, now=LATER) == 0

    assert versions(desk) == [(NOON, True, "0", "live", 10_000, -4_000)]


def test_a_change_ends_the_former_version(desk: Desk) -> None:
    see(desk, INVOICE)

    see(desk, replace(INVOICE, sync_token="1", total_cents=9_000, balance_cents=9_000), now=LATER)

    assert versions(desk) == [(NOON, False, "0", "live", 10_000, 0), (LATER, True, "1", "live", 9_000, 0)]


def test_an_older_answer_that_comes_late_is_ignored(desk: Desk) -> None:
    newest = replace(INVOICE, sync_token="10", total_cents=9_000)
    see(desk, newest)

    see(desk, replace(INVOICE, sync_token="9"), now=LATER)  # as text, 9 comes after 10

    assert [row[2] for row in versions(desk)] == ["10"]


def test_what_is_deleted_stays_deleted_and_remembers_what_it_was(desk: Desk) -> None:
    see(desk, INVOICE, PAYMENT)

    see(desk, deleted_version("invoice", "7"), deleted_version("payment", "8"), now=LATER)
    see(desk, replace(INVOICE, sync_token="5"), now=LATER + timedelta(hours=1))

    assert versions(desk)[-1] == (LATER, True, "0", "deleted", 0, 0)
    assert desk.query("select number, customer_id from sync.mirror where status = 'deleted' and kind = 'invoice'") == [
        {"number": "N-7", "customer_id": "12"}
    ]
    assert settled(desk) == {}
    assert settled(desk, NOON) == {"7": 4_000}


def test_a_payment_that_is_moved_pays_the_other_invoice_from_then_on(desk: Desk) -> None:
    see(desk, PAYMENT)

    see(desk, replace(PAYMENT, sync_token="1", settlements=(Settlement("9", "payment", 4_000),)), now=LATER)

    assert (settled(desk, NOON), settled(desk)) == ({"7": 4_000}, {"9": 4_000})


def test_what_settles_an_invoice_beside_payments_is_what_its_balance_says_more(desk: Desk) -> None:
    see(desk, PAYMENT, replace(INVOICE, balance_cents=5_000))

    assert versions(desk) == [(NOON, True, "0", "live", 10_000, 1_000)]


def test_a_payment_that_is_seen_after_the_balance_it_moved_explains_it(desk: Desk) -> None:
    paid = replace(INVOICE, balance_cents=6_000)
    see(desk, paid)
    assert versions(desk)[-1][-1] == 4_000

    see(desk, PAYMENT, paid, now=LATER)

    assert versions(desk)[-1] == (LATER, True, "0", "live", 10_000, 0)


def test_one_answer_may_name_a_document_twice(desk: Desk) -> None:
    """Two of our documents that claim one Id: one of them becomes a conflict, and the mirror keeps the Id once."""
    assert see(desk, INVOICE, INVOICE) == 1


def test_living_is_what_was_not_deleted_and_unseen_what_nobody_looked_at(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"))
    desk.sync("1")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("update sync.document set quickbooks_id = 'Q-2' where source_id = '2'")
    see(desk, INVOICE, deleted_version("invoice", "9"))

    found = Mirror(desk.engine, FIRM)

    assert (sorted(found.living("invoice")), found.unseen("invoice")) == (["7", "Q-1"], ["Q-2"])
    assert (found.living("payment"), found.unseen("payment")) == ([], [])


STEPS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["live", "void", "deleted"]), st.integers(0, 3)), max_size=8
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_at_every_moment_one_version_counts_and_none_overlap(desk: Desk, steps: Sequence[tuple[int, str, int]]) -> None:
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("delete from sync.mirror")
    for minute, (token, status, total) in enumerate(steps):
        plain = replace(INVOICE, sync_token=str(token), status=status, total_cents=total)
        version = deleted_version("invoice", "7") if status == "deleted" else plain
        see(desk, version, now=NOON + timedelta(minutes=minute // 2))

    rows = desk.query("select valid_from, nullif(valid_to, 'infinity') as valid_to from sync.mirror order by mirror_id")
    assert all(one["valid_to"] == other["valid_from"] for one, other in pairwise(rows))
    assert [row["valid_to"] for row in rows][-1:] == ([None] if steps else [])
