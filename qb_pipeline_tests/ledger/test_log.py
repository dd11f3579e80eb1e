"""The sync log holds every activity and every error (A-57), and what each run cost."""

import multiprocessing
import os
import signal
import sys
from dataclasses import asdict, astuple, replace
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger import log
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.log import Entry, Log, Run
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.desk import LATER, NOON, RUN, Desk, accepted, invoice, payment, set_up


def test_an_entry_takes_its_documents_name_from_the_work_list(desk: Desk) -> None:
    desk.see(payment("p", part="2026-03-01", number="check 7"))
    attempt_id = "6f2b0d0e-43a5-4a7e-8e21-6f8f0a5d1c11"

    desk.log.add(
        RUN, [Entry("notice", desk.id_of("p"), "REFUSED", "fault 7", 5, "Q-1", attempt_id, "tid-1")], now=LATER
    )

    assert asdict(desk.log.rows()[0]) == {
        "at": LATER, "run_id": "run-1", "trigger": "cli", "actor": "partner", "kind": "payment", "source_id": "p",
        "part": "2026-03-01", "number": "check 7", "activity": "notice", "reason": "REFUSED", "detail": "fault 7",
        "amount_cents": 5, "quickbooks_id": "Q-1", "intuit_tid": "tid-1",
    }  # fmt: skip


def test_an_entry_may_be_about_no_document(desk: Desk) -> None:
    desk.log.add(RUN, [Entry("skipped", detail="invoice 7 is not available")], now=NOON)

    [row] = desk.log.rows()
    assert (row.kind, row.source_id, row.detail) == ("", "", "invoice 7 is not available")
    assert desk.log.summary(RUN) == []


def test_entries_keep_their_order(desk: Desk) -> None:
    desk.log.add(RUN, [Entry(f"step {n}") for n in range(100)], now=NOON)

    assert [row.activity for row in desk.log.rows(limit=3)] == ["step 99", "step 98", "step 97"]


def test_entries_are_gone_with_the_change_that_failed(desk: Desk) -> None:
    def work() -> None:
        with desk.engine.begin() as connection:
            log.write(connection, "one", RUN, [Entry("created")], now=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()

    assert desk.logged() == []


@pytest.mark.parametrize(
    ("asked", "activities"),
    [
        ({}, ["created", "held", "refused", "seen", "skipped", "unknown"]),
        ({"of": "2"}, ["seen"]),
        ({"run_id": "run-2"}, ["created", "held", "refused", "skipped", "unknown"]),
        ({"errors": True}, ["held", "refused", "unknown"]),
        ({"run_id": "nobody's"}, []),
    ],
)
def test_the_log_is_asked_by_document_by_run_and_for_errors(
    desk: Desk, asked: dict[str, Any], activities: list[str]
) -> None:
    desk.see(invoice("1"), invoice("2"))
    entries = [Entry(name, desk.id_of("1")) for name in ("created", "held", "refused", "skipped", "unknown")]
    desk.log.add(replace(RUN, run_id="run-2"), entries, now=NOON)

    which = {"document_id": desk.id_of(asked["of"])} if "of" in asked else asked

    assert sorted({row.activity for row in desk.log.rows(**which)}) == activities


def test_firms_do_not_read_each_others_log(desk: Desk) -> None:
    set_up(desk.engine, "two", "9131")
    desk.log.add(RUN, [Entry("created")], now=NOON)

    assert Log(desk.engine, "two").rows() == []


def test_a_summary_counts_documents_and_cents_by_activity_and_reason(desk: Desk) -> None:
    desk.see(invoice("1", 100), invoice("2", 250), invoice("3", 7), payment("p", 30))
    run = replace(RUN, run_id="run-2")
    desk.documents.record_decisions(
        [Decision(desk.id_of("3"), "hold", "NO_LINES", 7), Decision(desk.id_of("p"), "wait", "INVOICE_DRAFT", 30)],
        run=run,
        now=NOON,
    )
    created = [Entry("created", desk.id_of(name), amount_cents=cents) for name, cents in (("1", 100), ("2", 250))]
    desk.log.add(run, created, now=NOON)

    assert [astuple(row) for row in desk.log.summary(run)] == [
        ("invoice", "created", "", 2, 350),
        ("invoice", "held", "NO_LINES", 1, 7),
        ("payment", "waiting", "INVOICE_DRAFT", 1, 30),
    ]


def test_control_totals_account_for_every_cent_that_was_meant(desk: Desk) -> None:
    names = ("accepted", "wrong", "refused", "open", "missing", "not sent")
    desk.see(*(invoice(name, 10**n) for n, name in enumerate(names)), payment("p", 7))
    attempt = desk.reserve(*(desk.item(name, b_id=str(n)) for n, name in enumerate(names)))
    first, second, third, _open, missing, not_sent = attempt.items

    desk.accept(
        attempt,
        accepted(first),
        accepted(second, state="held", reason="TOTAL_DIFFERS", total_cents=11),
        ItemOutcome(third.document_id, "refused", "refused", "REFUSED"),
        ItemOutcome(missing.document_id, "missing", "new"),
        ItemOutcome(not_sent.document_id, "not_sent", "new"),
    )
    desk.sync("p")

    assert [asdict(row) for row in desk.log.control_totals(RUN)] == [
        {"kind": "invoice", "documents": 6, "differing": 1,
            "meant_cents": 111_111, "accepted_cents": 11, "in_quickbooks_cents": 12,
         "refused_cents": 100, "unknown_cents": 11_000, "not_sent_cents": 100_000},
        {"kind": "payment", "documents": 1, "differing": 0,
            "meant_cents": 7, "accepted_cents": 7, "in_quickbooks_cents": 7,
         "refused_cents": 0, "unknown_cents": 0, "not_sent_cents": 0},
    ]  # fmt: skip
    assert desk.log.control_totals(replace(RUN, run_id="run-2")) == []


def test_a_run_says_how_it_ended_and_what_it_cost(desk: Desk) -> None:
    desk.log.begin(RUN, now=NOON)
    assert astuple(desk.log.ended(RUN)) == ("running", "", 0, 0)

    desk.log.end(RUN, outcome="failed", error="BusyError: one is BUSY", reads=3, writes=1, now=LATER)

    assert astuple(desk.log.ended(RUN)) == ("failed", "BusyError: one is BUSY", 3, 1)


def test_a_run_that_failed_as_a_whole_stands_among_the_errors(desk: Desk) -> None:
    for run, outcome, error in (("run-1", "failed", "BusyError: one is BUSY"), ("run-2", "done", "")):
        desk.log.begin(replace(RUN, run_id=run), now=NOON)
        desk.log.end(replace(RUN, run_id=run), outcome=outcome, error=error, reads=0, writes=0, now=LATER)

    rows = [(row.at, row.run_id, row.activity, row.detail) for row in desk.log.rows(errors=True)]
    assert rows == [(LATER, "run-1", "failed", "BusyError: one is BUSY")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of other processes")
def test_the_next_run_closes_those_whose_process_died_and_no_other(desk: Desk) -> None:
    dead, alive = (replace(RUN, run_id=name) for name in ("dead", "alive"))
    child = multiprocessing.get_context("fork").Process(target=_begin_and_die, args=(desk, dead))
    child.start()
    child.join()
    desk.log.begin(alive, now=NOON)
    assert desk.log.ended(dead).outcome == "failed"
    desk.log.begin(RUN, now=LATER)

    assert [astuple(desk.log.ended(run))[:2] for run in (dead, alive, RUN)] == [
        ("failed", log.DIED), ("running", ""), ("running", ""),
    ]  # fmt: skip
    assert [(row.run_id, row.activity, row.detail) for row in desk.log.rows()] == [("dead", "failed", log.DIED)]


def _begin_and_die(desk: Desk, run: Run) -> None:
    desk.engine.dispose(close=False)
    desk.log.begin(run, now=NOON)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_that_is_executed_again_goes_on_in_its_row(desk: Desk) -> None:
    """Assets of one run are steps of their own: each begins and ends."""
    for reads in (3, 4):
        desk.log.begin(RUN, now=NOON)
        desk.log.end(RUN, outcome="done", error="", reads=reads, writes=1, now=LATER)

    assert astuple(desk.log.ended(RUN)) == ("done", "", 7, 2)


def test_firms_of_one_run_have_rows_of_their_own(desk: Desk) -> None:
    set_up(desk.engine, "two", "9131")
    for firm_id in ("one", "two"):
        Log(desk.engine, firm_id).begin(RUN, now=NOON)

    desk.log.end(RUN, outcome="done", error="", reads=0, writes=0, now=LATER)

    assert Log(desk.engine, "two").ended(RUN).outcome == "running"


def test_an_unknown_run_has_no_end(ledger_engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.NoResultFound):
        Log(ledger_engine, "one").ended(Run("nobody", "cli", "partner"))


def test_what_is_older_than_the_firm_keeps_is_forgotten_in_chunks_and_documents_stay(desk: Desk) -> None:
    desk.see(*(invoice(str(n)) for n in range(7)))
    desk.decide(*(Decision(desk.id_of(str(n)), "hold", "NO_LINES", 0) for n in range(5)))
    desk.log.begin(RUN, now=NOON)
    desk.log.end(RUN, outcome="done", error="", reads=0, writes=0, now=NOON)
    desk.log.add(replace(RUN, run_id="run-2"), [Entry("skipped", desk.id_of("1"))], now=LATER)
    before = desk.query("select * from sync.document order by document_id")

    assert desk.log.prune(before=NOON, chunk=3) == 0
    assert desk.log.prune(before=LATER, chunk=3) == 7 + 5 + 5 + 1  # seen, held, planned, the run

    assert [row.activity for row in desk.log.rows()] == ["skipped"]
    assert desk.query("select * from sync.document order by document_id") == before
    assert desk.query("select run_id from sync.run") == []


def test_a_run_that_still_works_is_not_forgotten(desk: Desk) -> None:
    desk.log.begin(RUN, now=NOON)

    assert desk.log.prune(before=LATER) == 0
