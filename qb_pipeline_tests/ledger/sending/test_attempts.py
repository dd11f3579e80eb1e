"""Requests are written down before they leave, and recorded once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.attempts import ItemOutcome, NotReservedError
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, REALM, RUN, Desk, accepted, invoice, payment, set_up

MUCH_LATER = LATER + timedelta(hours=1)


def attempts(desk: Desk) -> list[dict[str, Any]]:
    return desk.query("select * from sync.attempt order by first_sent_at, attempt_id")


def outcomes(desk: Desk) -> list[tuple[str, str]]:
    rows = desk.query("select b_id, outcome from sync.attempt_item order by attempt_id, position")
    return [(row["b_id"], row["outcome"]) for row in rows]


# Before it leaves


def test_a_request_is_committed_as_it_stands_before_it_leaves(desk: Desk) -> None:
    desk.see(invoice("1"), payment("2"))
    body = b'{"BatchItemRequest": [1.10, "\xc3\xa9"]}'
    items = [desk.item("2", pays=[("1", 10_000)]), desk.item("1")]  # the order is the request's own

    attempt = desk.reserve(*items, body=body)

    [row] = attempts(desk)  # read in another transaction
    assert {name: row[name] for name in row if name != "body_sha256"} | {"body": bytes(row["body"])} == {
        "attempt_id": row["attempt_id"], "firm_id": "one", "realm_id": "9130", "epoch": 1, "endpoint": "batch",
        "operation": "create", "request_id": attempt.request_id, "body": body, "state": "sending", "sends": 1,
        "first_sent_at": NOON, "last_sent_at": NOON, "http_status": None, "intuit_tid": "", "run_id": "run-1",
    }  # fmt: skip
    assert desk.attempts.open() == [attempt]
    assert attempt.items == tuple(items)
    assert attempt.items[0].applications == (Application("1", "Q-1", 10_000),)
    assert desk.states() == {"1": ("sending", ""), "2": ("sending", "")}


def test_one_body_in_two_attempts_has_two_request_ids(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"))

    first, second = desk.reserve(desk.item("1")), desk.reserve(desk.item("2"))

    assert first.request_id != second.request_id
    assert len(first.request_id) == 36


@pytest.mark.parametrize(
    "move",
    [
        lambda desk: desk.see(invoice("2", 5)),
        lambda desk: desk.hold("2", "UNMATCHED_PAYER"),
        lambda desk: desk.reserve(desk.item("2")),
    ],
    ids=["billing changed it", "it is held", "it is on its way"],
)
def test_a_document_that_moved_since_it_was_planned_takes_the_whole_request_back(
    desk: Desk, move: Callable[[Desk], object]
) -> None:
    desk.see(invoice("1"), invoice("2"))
    planned = [desk.item("1"), desk.item("2")]
    move(desk)
    before, written = desk.states(), len(attempts(desk))

    with pytest.raises(NotReservedError):
        desk.reserve(*planned)

    assert (desk.states(), len(attempts(desk))) == (before, written)


def test_a_document_is_never_in_two_open_requests(desk: Desk) -> None:
    """Whatever the work list says: the rule stands in the database."""
    desk.see(invoice("1"))
    desk.reserve(desk.item("1"))
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("update sync.document set state = 'new'")

    with pytest.raises(NotReservedError, match="a document of this request is in another open request"):
        desk.reserve(desk.item("1"))

    assert len(attempts(desk)) == 1


def test_two_threads_reserve_a_document_once(desk: Desk) -> None:
    names = [f"{n:02}" for n in range(12)]
    desk.see(*(invoice(name) for name in names))
    batches = [[desk.item(name) for name in order] for order in (names, names[::-1], names[::2], names[1::3])]

    def reserve(items: list[Any]) -> bool:
        try:
            desk.reserve(*items)
        except NotReservedError:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        won = list(pool.map(reserve, batches))

    assert any(won)
    assert desk.query("select document_id from sync.attempt_item group by 1 having count(*) > 1") == []


def test_a_broken_promise_of_ours_is_not_mistaken_for_a_moved_document(desk: Desk) -> None:
    desk.see(invoice("1"))

    with pytest.raises(sa.exc.IntegrityError, match="b_id"):
        desk.reserve(desk.item("1", b_id="longer than ten"))

    assert desk.states() == {"1": ("new", "")}


def test_a_repetition_is_written_down_before_it_leaves(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))

    desk.attempts.sending_again(attempt, now=LATER)

    assert desk.attempts.open() == [replace(attempt, sends=2, last_sent_at=LATER)]


# The answer


def test_an_accepted_document_holds_what_quickbooks_answered(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))

    desk.attempts.record(
        attempt,
        [accepted(attempt.items[0], sync_token="3", total_cents=9_999)],
        run=RUN,
        now=LATER,
        http_status=200,
        intuit_tid="tid-1",
    )

    row = desk.row("1")
    assert {name: row[name] for name in (
        "state", "reason", "state_since", "quickbooks_id", "sync_token", "customer_id", "quickbooks_total_cents",
        "sent_fingerprint", "sent_total_cents", "synced_at",
    )} == {
        "state": "synced", "reason": "", "state_since": LATER, "quickbooks_id": "Q-1", "sync_token": "3",
        "customer_id": "C1", "quickbooks_total_cents": 9_999, "sent_fingerprint": "content-1",
        "sent_total_cents": 10_000, "synced_at": LATER,
    }  # fmt: skip
    [done] = attempts(desk)
    assert (done["state"], done["http_status"], done["intuit_tid"]) == ("done", 200, "tid-1")
    assert outcomes(desk) == [("1", "accepted")]
    assert desk.attempts.open() == []
    [created, _seen] = desk.log.rows()
    assert (created.activity, created.amount_cents, created.quickbooks_id, created.intuit_tid, created.number) == (
        "created", 10_000, "Q-1", "tid-1", "N-1",
    )  # fmt: skip


def refused(desk: Desk, source_id: str, state: str, reason: str = "", **values: Any) -> ItemOutcome:
    return ItemOutcome(desk.id_of(source_id), "refused", state, reason, fault_code="6140", **values)


def test_each_item_has_an_outcome_of_its_own(desk: Desk) -> None:
    desk.see(*(invoice(name) for name in ("a", "b", "c")))
    attempt = desk.reserve(*(desk.item(name) for name in ("a", "b", "c")))

    desk.accept(attempt, accepted(attempt.items[0]), refused(desk, "b", "held", "NUMBER_TAKEN"))

    assert desk.states() == {"a": ("synced", ""), "b": ("held", "NUMBER_TAKEN"), "c": ("sending", "")}
    assert outcomes(desk) == [("a", "accepted"), ("b", "refused"), ("c", "open")]
    [left] = desk.attempts.open()
    assert [item.b_id for item in left.items] == ["c"]
    assert desk.row("b")["quickbooks_id"] is None
    assert desk.logged("b")[-1] == ("refused", "NUMBER_TAKEN")
    assert desk.log.rows(document_id=desk.id_of("b"))[0].detail == "fault 6140"

    desk.attempts.unknown(attempt, run=RUN, now=LATER, detail="system fault")

    assert desk.states() == {"a": ("synced", ""), "b": ("held", "NUMBER_TAKEN"), "c": ("unknown", "OUTCOME_UNKNOWN")}
    assert [source_id for source_id in "abc" if desk.logged(source_id)[-1][0] == "unknown"] == ["c"]


def test_a_lost_answer_leaves_the_request_open(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))

    desk.attempts.unknown(attempt, run=RUN, now=LATER, detail="ReadTimeout", intuit_tid="tid")

    assert desk.states() == {"1": ("unknown", "OUTCOME_UNKNOWN")}
    assert desk.attempts.open() == [replace(attempt, last_sent_at=LATER)]
    assert outcomes(desk) == [("1", "open")]


def test_an_outcome_is_recorded_once(desk: Desk) -> None:
    """Settled, and then the first answer comes after all, in the same run."""
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    desk.accept(attempt, now=NOON)
    before, heard = desk.row("1"), desk.logged()

    desk.accept(attempt, refused(desk, "1", "refused", "REFUSED"), now=LATER)

    assert (desk.row("1"), desk.logged(), outcomes(desk)) == (before, heard, [("1", "accepted")])


@pytest.mark.parametrize(
    ("state", "reason"),
    [("new", ""), ("held", "UNMAPPED_FEE_ITEM"), ("waiting", "INVOICE_DRAFT"), ("refused", "REFUSED")],
)
@pytest.mark.parametrize("outcome", ["not_sent", "missing", "refused"])
def test_a_document_that_nothing_came_of_stands_where_it_stood(
    desk: Desk, state: str, reason: str, outcome: str
) -> None:
    desk.see(invoice("1"))
    with desk.engine.begin() as connection:
        connection.execute(sa.text("update sync.document set state = :s, reason = :r"), {"s": state, "r": reason})
    attempt = desk.reserve(desk.item("1"))
    assert desk.states() == {"1": ("sending", "")}

    desk.accept(attempt, ItemOutcome(desk.id_of("1"), outcome, attempt.items[0].former_state))

    assert desk.states() == {"1": (state, reason)}
    assert desk.attempts.open() == []
    assert attempts(desk)[0]["state"] == ("not_sent" if outcome == "not_sent" else "done")
    desk.reserve(desk.item("1"), now=LATER)  # it may go again


@pytest.mark.parametrize(
    ("operation", "status", "state"),
    [
        ("create", "issued", "revised"),
        ("create", "void", "void_pending"),
        ("update", "issued", "revised"),
        ("update", "void", "void_pending"),
        ("void", "issued", "revised"),
        ("void", "void", "voided"),
    ],
)
def test_what_billing_changed_meanwhile_is_sent_again(desk: Desk, operation: str, status: str, state: str) -> None:
    desk.see(invoice("1"))
    if operation != "create":
        desk.sync("1")
        desk.see(invoice("1", updated_at=LATER, status="void" if operation == "void" else "issued"))
    attempt = desk.reserve(desk.item("1", operation))
    desk.see(invoice("1", 777, updated_at=MUCH_LATER, status=status))

    desk.accept(attempt)

    assert desk.states() == {"1": (state, "")}
    assert desk.row("1")["sent_total_cents"] == attempt.items[0].total_cents


def test_what_is_wrong_and_changed_meanwhile_is_revised_and_remembered(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    desk.see(invoice("1", 777, updated_at=LATER))

    desk.accept(attempt, accepted(attempt.items[0], state="held", reason="TOTAL_DIFFERS"))

    assert desk.states() == {"1": ("revised", "TOTAL_DIFFERS")}


def test_an_accepted_document_that_is_held_is_logged_as_both(desk: Desk) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))

    desk.accept(attempt, accepted(attempt.items[0], state="held", reason="TOTAL_DIFFERS", total_cents=1))

    assert desk.logged("1") == [("seen", ""), ("created", ""), ("held", "TOTAL_DIFFERS")]


# One document of QuickBooks, one of ours


def test_a_second_claim_to_one_document_of_quickbooks_is_a_conflict(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), payment("p"))
    desk.sync("1")
    attempt = desk.reserve(desk.item("2"), desk.item("p", pays=[("1", 1)]))

    desk.accept(attempt, *(accepted(item, quickbooks_id="Q-1") for item in attempt.items))

    assert desk.states() == {"1": ("synced", ""), "2": ("held", "CONFLICT"), "p": ("synced", "")}  # kinds have own Ids
    assert desk.row("2")["quickbooks_id"] is None
    assert desk.attempts.open() == []
    assert desk.logged("2")[-1] == ("held", "CONFLICT")


def test_of_two_claims_in_one_answer_the_one_that_is_right_counts(desk: Desk) -> None:
    desk.see(payment("a"), payment("b"))
    attempt = desk.reserve(desk.item("a", pays=[("1", 1)]), desk.item("b", pays=[("1", 2)]))
    first, second = attempt.items

    desk.accept(
        attempt,
        accepted(first, quickbooks_id="7", state="held", reason="CONFLICT"),
        accepted(second, quickbooks_id="7"),
    )

    assert desk.states() == {"a": ("held", "CONFLICT"), "b": ("synced", "")}
    assert desk.applications.applied([first.document_id, second.document_id]) == {("b", "", "1"): 2}


# What payments pay


def test_an_update_replaces_what_a_payment_pays_and_a_void_ends_it(desk: Desk) -> None:
    def applied() -> dict[str, int]:
        return {key[2]: cents for key, cents in desk.applications.applied([desk.id_of("p")]).items()}

    desk.see(payment("p", 300))
    desk.sync("p", pays=[("1", 100), ("2", 200)])
    history = [applied()]
    desk.see(payment("p", 300, updated_at=LATER))
    desk.sync("p", "update", pays=[("2", 250), ("3", 50)])
    history.append(applied())
    desk.see(payment("p", 300, updated_at=MUCH_LATER, status="void"))
    desk.sync("p", "void", total_cents=0)
    history.append(applied())

    assert history == [{"1": 100, "2": 200}, {"2": 250, "3": 50}, {}]
    assert desk.query("select * from sync.application") == []


def test_a_refused_update_leaves_what_the_payment_pays(desk: Desk) -> None:
    desk.see(payment("p", 300))
    desk.sync("p", pays=[("1", 300)])
    desk.see(payment("p", 400, updated_at=LATER))
    attempt = desk.reserve(desk.item("p", "update", pays=[("1", 400)]))

    desk.accept(attempt, refused(desk, "p", "held", "DEPOSITED"))

    assert desk.applications.applied([desk.id_of("p")]) == {("p", "", "1"): 300}
    row = desk.row("p")
    assert (row["quickbooks_total_cents"], row["sent_total_cents"], row["quickbooks_id"]) == (300, 300, "Q-p")


# Looking back


def test_open_attempts_come_oldest_first_and_only_those_of_the_firm(desk: Desk) -> None:
    desk.see(*(invoice(name) for name in "abc"))
    later = desk.reserve(desk.item("b"), now=LATER)
    earlier = desk.reserve(desk.item("a"), now=NOON)
    done = desk.reserve(desk.item("c"), now=NOON)
    desk.accept(done)

    assert desk.attempts.open() == [earlier, later]

    set_up(desk.engine, "two", "9131")
    with lease.hold(desk.engine, firm_id="two", realm_id="9131", run_id="r", now=lambda: NOON) as held:
        assert type(desk.attempts)(desk.engine, held).open() == []


# The law of all of it


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_document_is_always_in_one_state_and_in_one_open_request_at_most(
    ledger_engine: sa.Engine, data: st.DataObject
) -> None:
    """Any history of scans, requests and answers: what is open is under way, what is under way is open, and cents of
    requests are accepted, refused, open or not sent."""
    set_up(ledger_engine)
    with ledger_engine.begin() as connection:
        connection.exec_driver_sql("truncate sync.document, sync.attempt, sync.attempt_item, sync.log cascade")
    with lease.hold(ledger_engine, firm_id=FIRM, realm_id=REALM, run_id="run-1", now=lambda: NOON) as held:
        desk = Desk(ledger_engine, held)
        names = ["a", "b", "c"]
        desk.see(*(invoice(name) for name in names))
        for step in range(data.draw(st.integers(1, 8))):
            name = data.draw(st.sampled_from(names))
            what = data.draw(st.sampled_from(["scan", "void", "send", "lose", "accept", "refuse", "miss"]))
            mine = [attempt for attempt in desk.attempts.open() if attempt.items[0].b_id == name]
            now = NOON + timedelta(minutes=step)
            if what in ("scan", "void"):
                desk.see(invoice(name, step, updated_at=now, status="void" if what == "void" else "issued"))
            elif what == "send" and desk.states()[name][0] in ("new", "held", "revised", "void_pending"):
                row = desk.row(name)
                creates = "create" if row["quickbooks_id"] is None else "update"
                desk.reserve(desk.item(name, "void" if row["state"] == "void_pending" else creates), now=now)
            elif what == "lose" and mine:
                desk.attempts.unknown(mine[0], run=RUN, now=now, detail="lost")
            elif what == "accept" and mine:
                desk.accept(mine[0], now=now)
            elif what == "refuse" and mine:
                desk.accept(mine[0], refused(desk, name, "held", "NUMBER_TAKEN"), now=now)
            elif what == "miss" and mine:
                desk.accept(mine[0], ItemOutcome(desk.id_of(name), "missing", mine[0].items[0].former_state), now=now)

        under_way = {name for name, (state, _) in desk.states().items() if state in ("sending", "unknown")}
        in_requests = [item.b_id for attempt in desk.attempts.open() for item in attempt.items]
        assert sorted(in_requests) == sorted(under_way)
        for row in desk.log.control_totals(RUN):
            parts = ("accepted_cents", "refused_cents", "unknown_cents", "not_sent_cents")
            assert row.meant_cents == sum(getattr(row, part) for part in parts)
