"""When a sync starts by itself: decisions about firms and their work list, without any of them at hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from qb_pipeline.billing.errors import BillingUnavailableError
from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.ledger.books.firm_days import Cause, DayOutcome, FirmDay
from qb_pipeline.ledger.books.listing import PendingDocument
from qb_pipeline.ledger.sending.lease import BusyError
from qb_pipeline.ledger.setup.firms import Firm, SetUpError
from qb_pipeline.quickbooks.errors import AuthorizationLostError, CompanyFaultError, TransientError
from qb_pipeline.sync.automation import (
    AGAIN,
    ANEW,
    IDS_PER_RUN,
    DayRun,
    Turn,
    cause_of,
    choose_auto_payments,
    choose_sync_again,
    choose_turn,
    due_daily,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EARLIER = NOON - timedelta(hours=2)
DAY = date(2026, 2, 20)

ACTIVE = Firm(
    firm_id="one",
    name="Firm One",
    time_zone="America/New_York",
    currency="USD",
    subscribed_at=EARLIER,
    model=1,
    environment="emulator",
    realm_id="9130000000000001",
    company_name="Firm One",
    connected_at=EARLIER,
    mapped_at=None,
    activated_at=EARLIER,
    eligible_since=None,
    paused_at=None,
    cut_over_at=None,
    settings=FirmSettings(auto_sync_payments=True),
)
PAUSED = replace(ACTIVE, paused_at=EARLIER)


def pending(kind: str, source_id: str, state: str, *, reason: str = "", day: date = DAY) -> PendingDocument:
    return PendingDocument(kind, source_id, day, state, reason, EARLIER)


def auto(
    firm: Firm, *rows: PendingDocument, now: datetime = NOON, last_invoice_at: datetime | None = None
) -> list[tuple[str, ...]]:
    return [run.payment_ids for run in choose_auto_payments(firm, rows, now, last_invoice_at=last_invoice_at)]


def test_a_firm_is_due_from_its_own_hour_to_its_own_midnight() -> None:
    firm = replace(ACTIVE, settings=FirmSettings(daily_sync_at=time(6, 0)))

    before, after = datetime(2026, 3, 2, 10, 59, tzinfo=UTC), datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    night = datetime(2026, 3, 3, 4, 59, tzinfo=UTC)

    assert [due_daily([firm], moment) for moment in (before, after, night)] == [
        [], [(firm, date(2026, 3, 2))], [(firm, date(2026, 3, 2))],
    ]  # fmt: skip


def test_the_night_of_a_clock_change_has_its_six_o_clock() -> None:
    six_in_summer_time = datetime(2026, 3, 8, 10, 0, tzinfo=UTC)

    assert due_daily([ACTIVE], six_in_summer_time) == [(ACTIVE, date(2026, 3, 8))]
    assert due_daily([ACTIVE], six_in_summer_time - timedelta(minutes=1)) == []


def test_a_paused_firm_is_never_due() -> None:
    assert due_daily([PAUSED], NOON) == []


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Australia/Eucla"])
def test_a_firm_that_is_set_to_the_last_minute_of_its_day_is_due_at_the_last_tick_of_it(zone: str) -> None:
    """Ticks come at whole quarters of an hour: after 23:45 comes midnight, when another day has begun."""
    late = replace(ACTIVE, time_zone=zone, settings=replace(ACTIVE.settings, daily_sync_at=time(23, 59)))
    midnight = datetime(2026, 3, 3, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    ticks = [midnight - timedelta(minutes=15) * n for n in range(4)]

    assert [tick.minute % 15 for tick in ticks] == [0, 0, 0, 0]
    assert [due_daily([late], tick) for tick in ticks] == [[], [(late, date(2026, 3, 2))], [], []]
    assert choose_sync_again(PAUSED, [pending("invoice", "1", "revised")], NOON) == []
    assert auto(PAUSED, pending("payment", "p", "new")) == []


def test_only_invoices_that_changed_after_they_were_sent_are_synced_again() -> None:
    rows = [
        pending("invoice", "revised", "revised"),
        pending("invoice", "void", "void_pending"),
        pending("invoice", "new", "new"),
        pending("invoice", "held", "held", reason="PAID_BELOW"),
        pending("payment", "paid", "revised"),
    ]

    [run] = choose_sync_again(ACTIVE, rows, NOON)

    assert (run.firm_id, run.first, run.last, run.invoice_ids, run.payment_ids) == (
        "one", DAY, DAY, ("invoice:revised", "invoice:void"), (),
    )  # fmt: skip


def test_a_part_of_a_payment_is_asked_for_by_its_exact_name() -> None:
    part = replace(pending("payment", "c", "new"), part="2026-02-20")

    assert auto(ACTIVE, part) == [("payment:c@2026-02-20",)]


def test_dates_far_apart_are_runs_of_their_own() -> None:
    january, march = date(2026, 1, 1), date(2026, 3, 1)
    rows = [pending("invoice", "1", "revised", day=january), pending("invoice", "2", "revised", day=march)]

    runs = choose_sync_again(ACTIVE, rows, NOON)

    assert [(run.first, run.last, run.invoice_ids) for run in runs] == [
        (january, january, ("invoice:1",)), (march, march, ("invoice:2",)),
    ]  # fmt: skip


def test_a_run_names_no_more_documents_than_a_person_would_read() -> None:
    rows = [pending("invoice", f"{number:04}", "revised") for number in range(IDS_PER_RUN + 1)]

    assert [len(run.invoice_ids) for run in choose_sync_again(ACTIVE, rows, NOON)] == [IDS_PER_RUN, 1]


def test_the_same_work_asks_for_the_same_run_and_an_hour_later_once_more() -> None:
    rows = [pending("invoice", "1", "revised"), pending("invoice", "2", "revised")]

    def key(*rows: PendingDocument, now: datetime = NOON) -> str:
        return choose_sync_again(ACTIVE, rows, now)[0].run_key

    assert key(*rows) == key(*reversed(rows)) == key(*rows, now=NOON + timedelta(minutes=59))
    assert len({key(*rows), key(rows[0]), key(*rows, now=NOON + ANEW), key(rows[0], replace(rows[1], since=NOON))}) == 4


def test_an_hour_begins_when_the_document_came_into_its_state_and_not_with_the_clock() -> None:
    """At a minute to eleven it is asked for, and two minutes later once more: nothing of it has failed yet."""
    row = replace(pending("invoice", "1", "revised"), since=NOON - timedelta(minutes=1))

    keys = {choose_sync_again(ACTIVE, [row], NOON + timedelta(minutes=n))[0].run_key for n in range(-1, 59)}

    assert len(keys) == 1


def test_payments_go_by_themselves_only_where_the_firm_says_so() -> None:
    row = pending("payment", "p", "new")

    assert auto(ACTIVE, row) == [("payment:p",)]
    assert auto(replace(ACTIVE, settings=FirmSettings()), row) == []
    assert auto(replace(ACTIVE, model=2), row) == []


def test_invoices_do_not_go_along_with_payments() -> None:
    rows = [pending("invoice", "1", "new"), pending("invoice", "2", "revised"), pending("payment", "p", "new")]

    [run] = choose_auto_payments(ACTIVE, rows, NOON, last_invoice_at=None)

    assert (run.invoice_ids, run.payment_ids) == ((), ("payment:p",))


def test_a_payment_that_waits_is_asked_for_when_an_invoice_has_arrived_since() -> None:
    row = pending("payment", "p", "waiting", reason="INVOICE_NOT_SENT")

    assert auto(ACTIVE, row) == []
    assert auto(ACTIVE, row, last_invoice_at=EARLIER - timedelta(minutes=1)) == []
    assert auto(ACTIVE, row, last_invoice_at=EARLIER + timedelta(minutes=1)) == [("payment:p",)]


def test_a_payment_that_goes_on_waiting_is_not_asked_for_every_hour() -> None:
    row = pending("payment", "p", "waiting", reason="INVOICE_NOT_SENT")

    keys = {
        choose_auto_payments(ACTIVE, [row], NOON + timedelta(hours=hours), last_invoice_at=NOON)[0].run_key
        for hours in range(5)
    }

    assert len(keys) == 1


def test_held_and_future_payments_wait_for_a_person_or_their_day() -> None:
    rows = [
        pending("payment", "held", "held", reason="UNAPPLIED"),
        pending("payment", "ahead", "waiting", reason="DATED_AHEAD"),
        pending("payment", "there", "synced"),
    ]

    assert auto(ACTIVE, *rows, last_invoice_at=NOON) == []


# A firm's day

LIVES = DayRun("a", None, was_canceled=False)
DIED = DayRun("a", EARLIER, was_canceled=False)
CANCELED = DayRun("a", EARLIER, was_canceled=True)


def failed(cause: Cause, *, changed: bool = False, answered: bool = False) -> FirmDay:
    return FirmDay(DayOutcome.FAILED, cause, "a", EARLIER, changed, answered)


@pytest.mark.parametrize(
    ("day", "runs", "turn"),
    [
        pytest.param(None, [], Turn.ASK, id="nobody has asked yet"),
        pytest.param(None, [LIVES], Turn.REST, id="its run waits or works"),
        pytest.param(FirmDay(DayOutcome.DONE, Cause.NONE, "", EARLIER), [], Turn.REST, id="it is done"),
        pytest.param(
            FirmDay(DayOutcome.DONE, Cause.NONE, "a", EARLIER), [DIED], Turn.REST, id="its run died when it was done"
        ),
        pytest.param(
            FirmDay(DayOutcome.OPEN, Cause.NONE, "", EARLIER), [], Turn.ASK, id="the tick died before it asked"
        ),
        pytest.param(None, [DIED], Turn.ASK, id="its run died before it began"),
        pytest.param(FirmDay(DayOutcome.RUNNING, Cause.NONE, "a", EARLIER), [DIED], Turn.ASK, id="its run died"),
        pytest.param(
            FirmDay(DayOutcome.RUNNING, Cause.NONE, "a", EARLIER), [], Turn.ASK, id="its run died and was deleted"
        ),
        pytest.param(None, [CANCELED], Turn.REST, id="a person canceled its run before it began"),
        pytest.param(
            FirmDay(DayOutcome.RUNNING, Cause.NONE, "a", EARLIER), [CANCELED], Turn.REST, id="a person canceled its run"
        ),
        pytest.param(
            FirmDay(DayOutcome.RUNNING, Cause.NONE, "b", EARLIER),
            [CANCELED, replace(DIED, run_id="b")],
            Turn.ASK,
            id="its run died, after a second one was turned away",
        ),
        pytest.param(failed(Cause.UNREAD), [DIED], Turn.TRY, id="it could not be read"),
        pytest.param(failed(Cause.UNANSWERED), [DIED], Turn.REST, id="QuickBooks did not answer"),
        pytest.param(failed(Cause.UNANSWERED, answered=True), [DIED], Turn.TRY, id="QuickBooks answers again"),
        pytest.param(failed(Cause.OTHER, answered=True), [DIED], Turn.REST, id="a person must act"),
        pytest.param(failed(Cause.OTHER, changed=True), [DIED], Turn.TRY, id="a person has acted"),
    ],
)
def test_what_a_tick_does_about_a_day(day: FirmDay | None, runs: list[DayRun], turn: Turn) -> None:
    assert choose_turn(day, runs, NOON) is turn


def test_with_each_run_that_a_day_has_had_the_next_one_comes_later_and_a_person_waits_for_none() -> None:
    """A cause that seems gone each time makes no red run each time."""

    def minutes(day: FirmDay, turn: Turn) -> list[int]:
        found = []
        for count in range(1, 6):
            runs = [replace(DIED, run_id=str(n)) for n in range(count)]
            found.append(next(m for m in range(0, 600, 15) if choose_turn(day, runs, EARLIER + m * AGAIN / 15) is turn))
        return found

    assert minutes(failed(Cause.UNREAD), Turn.TRY) == [0, 15, 45, 105, 225]
    assert minutes(FirmDay(DayOutcome.RUNNING, Cause.NONE, "4", EARLIER), Turn.ASK) == [0, 15, 45, 105, 225]
    assert minutes(failed(Cause.OTHER, changed=True), Turn.TRY) == [0, 0, 0, 0, 0]


def test_a_failure_has_the_cause_that_says_when_it_is_gone() -> None:
    lost = AuthorizationLostError("reconnect")

    assert [
        cause_of(error, is_open=is_open)
        for error, is_open in (
            (SetUpError("paused"), False),
            (BillingUnavailableError("away"), True),
            (TransientError("503", sent=False), True),
            (lost, True),
            (CompanyFaultError("6190"), True),
            (BusyError("another run"), True),
            (SetUpError("pre-flight"), True),
            (ZeroDivisionError(), True),
        )
    ] == [
        Cause.UNREAD, Cause.UNREAD, Cause.UNANSWERED, Cause.UNANSWERED, Cause.UNANSWERED, Cause.UNANSWERED,
        Cause.OTHER, Cause.OTHER,
    ]  # fmt: skip
