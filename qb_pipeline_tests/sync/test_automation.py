"""When a sync starts by itself: decisions about firms and their work list, without any of them at hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.ledger.firms import Firm
from qb_pipeline.sync.automation import (
    ANEW,
    IDS_PER_RUN,
    Pending,
    choose_auto_payments,
    choose_sync_again,
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


def pending(kind: str, source_id: str, state: str, *, reason: str = "", day: date = DAY) -> Pending:
    return Pending(kind, source_id, day, state, reason, EARLIER)


def auto(
    firm: Firm, *rows: Pending, now: datetime = NOON, last_invoice_at: datetime | None = None
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
        "one", DAY, DAY, ("revised", "void"), (),
    )  # fmt: skip


def test_dates_far_apart_are_runs_of_their_own() -> None:
    january, march = date(2026, 1, 1), date(2026, 3, 1)
    rows = [pending("invoice", "1", "revised", day=january), pending("invoice", "2", "revised", day=march)]

    runs = choose_sync_again(ACTIVE, rows, NOON)

    assert [(run.first, run.last, run.invoice_ids) for run in runs] == [
        (january, january, ("1",)), (march, march, ("2",)),
    ]  # fmt: skip


def test_a_run_names_no_more_documents_than_a_person_would_read() -> None:
    rows = [pending("invoice", f"{number:04}", "revised") for number in range(IDS_PER_RUN + 1)]

    assert [len(run.invoice_ids) for run in choose_sync_again(ACTIVE, rows, NOON)] == [IDS_PER_RUN, 1]


def test_the_same_work_asks_for_the_same_run_and_an_hour_later_once_more() -> None:
    rows = [pending("invoice", "1", "revised"), pending("invoice", "2", "revised")]

    def key(*rows: Pending, now: datetime = NOON) -> str:
        return choose_sync_again(ACTIVE, rows, now)[0].run_key

    assert key(*rows) == key(*reversed(rows)) == key(*rows, now=NOON + timedelta(minutes=59))
    assert len({key(*rows), key(rows[0]), key(*rows, now=NOON + ANEW), key(rows[0], replace(rows[1], since=NOON))}) == 4


def test_payments_go_by_themselves_only_where_the_firm_says_so() -> None:
    row = pending("payment", "p", "new")

    assert auto(ACTIVE, row) == [("p",)]
    assert auto(replace(ACTIVE, settings=FirmSettings()), row) == []
    assert auto(replace(ACTIVE, model=2), row) == []


def test_invoices_do_not_go_along_with_payments() -> None:
    rows = [pending("invoice", "1", "new"), pending("invoice", "2", "revised"), pending("payment", "p", "new")]

    [run] = choose_auto_payments(ACTIVE, rows, NOON, last_invoice_at=None)

    assert (run.invoice_ids, run.payment_ids) == ((), ("p",))


def test_a_payment_that_waits_is_asked_for_when_an_invoice_has_arrived_since() -> None:
    row = pending("payment", "p", "waiting", reason="INVOICE_NOT_SENT")

    assert auto(ACTIVE, row) == []
    assert auto(ACTIVE, row, last_invoice_at=EARLIER - timedelta(minutes=1)) == []
    assert auto(ACTIVE, row, last_invoice_at=EARLIER + timedelta(minutes=1)) == [("p",)]


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
