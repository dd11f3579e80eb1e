"""One sender per company, whatever happens to the one before."""

import os
import signal
from datetime import datetime
from multiprocessing.context import ForkServerContext

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.attempts import Attempts, ItemOutcome
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, PARTNER, REALM, RUN, Desk, invoice, set_up
from qb_pipeline_tests.ledger.racers import hold_lease

Released = list[tuple[int, str, datetime | None]]


def hold(engine: sa.Engine, run_id: str = "run-2", wait_seconds: float = 0.0, slept: list[float] | None = None):  # type: ignore[no-untyped-def]
    """The lease of firm one; sleeping costs no time."""
    sleep = (slept if slept is not None else []).append
    return lease.hold(
        engine,
        firm_id=FIRM,
        realm_id=REALM,
        run_id=run_id,
        now=lambda: LATER,
        wait_seconds=wait_seconds,
        sleep=sleep,
    )


def holders(engine: sa.Engine) -> Released:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select epoch, run_id, released_at from sync.lease"))
        return [(row.epoch, row.run_id, row.released_at) for row in rows]


def cut_sessions(server: sa.Engine, engine: sa.Engine) -> None:
    """End every session with this database, as a failing network or server does."""
    with server.connect() as connection:
        connection.execute(
            sa.text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"),
            {"name": engine.url.database},
        )


def test_each_holder_has_a_higher_epoch(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)

    epochs = []
    for run_id in ("a", "b", "c"):
        with hold(ledger_engine, run_id) as held:
            held.require()
            epochs.append(held.epoch)

    assert epochs == [1, 2, 3]
    assert holders(ledger_engine) == [(3, "c", LATER)]


def test_companies_do_not_wait_for_each_other(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)
    set_up(ledger_engine, "two", "9131")

    with (
        hold(ledger_engine) as one,
        lease.hold(ledger_engine, firm_id="two", realm_id="9131", run_id="r", now=lambda: NOON) as two,
    ):
        one.require()
        two.require()


def test_the_second_process_waits_and_then_is_busy(ledger_engine: sa.Engine, processes: ForkServerContext) -> None:
    set_up(ledger_engine)
    receiver, sender = processes.Pipe(duplex=False)
    url = ledger_engine.url.render_as_string(hide_password=False)
    other = processes.Process(target=hold_lease, args=(url, sender))
    other.start()
    assert receiver.recv() == 1
    slept: list[float] = []

    with pytest.raises(lease.BusyError) as refusal, hold(ledger_engine, wait_seconds=3.0, slept=slept):
        pytest.fail("two hold the lease")

    message = str(refusal.value)
    assert message.startswith("one is BUSY: run run-other on ")
    assert message.endswith(f", process {other.pid} is sending to company 9130; try again when it has ended")
    assert slept == [1.0, 1.0, 1.0]

    other.kill()  # a killed holder frees the lock, and its epoch is over
    other.join(10)
    with hold(ledger_engine, wait_seconds=600) as held:
        held.require()
        assert held.epoch == 2


def test_a_holder_that_was_cut_off_and_lives_on_is_killed_and_the_quarantine_counts_from_its_end(
    ledger_engine: sa.Engine, server: sa.Engine, processes: ForkServerContext
) -> None:
    set_up(ledger_engine)
    with hold(ledger_engine, "a") as held:
        desk = Desk(ledger_engine, held)
        desk.see(invoice("1"))
        desk.reserve(desk.item("1"), now=NOON)
    receiver, sender = processes.Pipe(duplex=False)
    other = processes.Process(target=hold_lease, args=(ledger_engine.url.render_as_string(hide_password=False), sender))
    other.start()
    assert receiver.recv() == 2
    os.kill(other.pid or 0, signal.SIGSTOP)  # it may stand before its send
    cut_sessions(server, ledger_engine)
    ledger_engine.dispose()

    with hold(ledger_engine, "c") as held:
        held.require()
        assert held.epoch == 3
        assert [attempt.last_sent_at for attempt in Attempts(ledger_engine, held).open()] == [LATER]
    other.join(10)
    assert other.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("who", ["released_at = now()", "pid_started = 1", "boot_id = 'before the restart'"])
def test_a_process_that_is_not_the_cut_off_holder_is_left_alone(
    ledger_engine: sa.Engine, server: sa.Engine, processes: ForkServerContext, who: str
) -> None:
    set_up(ledger_engine)
    receiver, sender = processes.Pipe(duplex=False)
    other = processes.Process(target=hold_lease, args=(ledger_engine.url.render_as_string(hide_password=False), sender))
    other.start()
    assert receiver.recv() == 1
    with ledger_engine.begin() as connection:
        connection.exec_driver_sql(f"update sync.lease set {who}")  # noqa: S608
    cut_sessions(server, ledger_engine)
    ledger_engine.dispose()

    with hold(ledger_engine, "b") as held:
        assert held.epoch == 2

    assert other.is_alive()
    other.kill()
    other.join(10)


def test_the_lease_is_free_again_when_the_work_fails(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)

    with pytest.raises(ZeroDivisionError), hold(ledger_engine, "a"):
        raise ZeroDivisionError

    assert holders(ledger_engine) == [(1, "a", LATER)]
    with hold(ledger_engine, "b") as held:
        held.require()


def test_a_pause_is_noticed_before_the_next_request(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)
    firms = Firms(ledger_engine)

    with hold(ledger_engine) as held:
        held.require()
        firms.pause(FIRM, actor=PARTNER, now=NOON)
        with pytest.raises(lease.LeaseLostError, match=r"one is paused\. Next step: qb-pipeline firm resume one"):
            held.require()
        firms.resume(FIRM, actor=PARTNER, now=NOON)
        held.require()


def test_a_holder_whose_session_was_cut_never_sends_again(ledger_engine: sa.Engine, server: sa.Engine) -> None:
    set_up(ledger_engine)

    with hold(ledger_engine, "a") as held:
        cut_sessions(server, ledger_engine)
        for _ in range(3):  # also not in a new session, which would hold no lock
            with pytest.raises(lease.LeaseLostError, match="one: the database session of the lease is gone"):
                held.require()

    ledger_engine.dispose()
    assert holders(ledger_engine) == [(1, "a", LATER)]  # said in another session: nobody needs to end this process


def test_a_session_that_is_gone_does_not_hide_why_the_work_failed(ledger_engine: sa.Engine, server: sa.Engine) -> None:
    set_up(ledger_engine)

    def work() -> None:
        with hold(ledger_engine, "a"):
            cut_sessions(server, ledger_engine)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_a_holder_that_was_succeeded_neither_reserves_nor_records(ledger_engine: sa.Engine, server: sa.Engine) -> None:
    set_up(ledger_engine)
    with hold(ledger_engine, "a") as first:
        old = Desk(ledger_engine, first)
        old.see(invoice("1"), invoice("2"))
        attempt = old.reserve(old.item("1"))
        before = old.states()
        cut_sessions(server, ledger_engine)
        ledger_engine.dispose()

        with hold(ledger_engine, "b") as second:
            done = [ItemOutcome(old.id_of("1"), "accepted", "synced", quickbooks_id="7", total_cents=1)]
            for late in (
                lambda: old.reserve(old.item("2")),
                lambda: old.attempts.record(attempt, done, run=RUN, now=NOON),
                lambda: old.attempts.sending_again(attempt, now=NOON),
                lambda: old.attempts.unknown(attempt, run=RUN, now=NOON, detail="late"),
            ):
                with pytest.raises(lease.LeaseLostError, match="company 9130: epoch 1 was succeeded by 2"):
                    late()

            assert old.states() == before == {"1": ("sending", ""), "2": ("new", "")}
            assert Attempts(ledger_engine, second).open() == [attempt]
