"""A firm's day: who has it, what became of it, and what has happened since."""

from datetime import date, timedelta

import pytest

from qb_pipeline.ledger.books.firm_days import Cause, DayOutcome, FirmDay, FirmDays
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline_tests.ledger.desk import FIRM, NOON, Desk

TODAY = date(2026, 3, 2)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def days(desk: Desk) -> FirmDays:
    return FirmDays(desk.engine, "sync")


def known(days: FirmDays) -> FirmDay | None:
    return days.read({FIRM: TODAY}).get(FIRM)


def test_a_day_of_which_nothing_is_known_is_missing(days: FirmDays) -> None:
    days.note(FIRM, TODAY - timedelta(days=1), DayOutcome.DONE, now=NOON)

    assert days.read({FIRM: TODAY}) == {}


def test_a_run_claims_its_day_once_and_ends_it(days: FirmDays) -> None:
    assert days.claim(FIRM, TODAY, "run-a", now=NOON) is Cause.NONE
    assert known(days) == FirmDay(DayOutcome.RUNNING, Cause.NONE, "run-a", NOON)
    assert days.claim(FIRM, TODAY, "run-b", now=NOON) is None
    assert days.holder(FIRM, TODAY) == (DayOutcome.RUNNING, "run-a")

    days.end(FIRM, TODAY, "run-b", DayOutcome.FAILED, Cause.OTHER, now=LATER)  # it never had the day
    days.end(FIRM, TODAY, "run-a", DayOutcome.DONE, now=LATER)

    assert known(days) == FirmDay(DayOutcome.DONE, Cause.NONE, "run-a", LATER)
    assert days.claim(FIRM, TODAY, "run-c", over="run-a", now=LATER) is None


def test_a_successor_takes_the_day_of_a_run_that_is_over(days: FirmDays) -> None:
    days.claim(FIRM, TODAY, "run-a", now=NOON)

    assert days.claim(FIRM, TODAY, "run-b", over="run-a", now=LATER) is Cause.NONE
    days.end(FIRM, TODAY, "run-a", DayOutcome.DONE, now=LATER)  # it lived after all

    assert known(days) == FirmDay(DayOutcome.RUNNING, Cause.NONE, "run-b", LATER)


def test_a_tick_opens_a_day_again_but_never_one_that_is_done_or_under_way(days: FirmDays) -> None:
    days.claim(FIRM, TODAY, "run-a", now=NOON)
    days.note(FIRM, TODAY, DayOutcome.OPEN, died="another", now=LATER)
    under_way = known(days)
    days.note(FIRM, TODAY, DayOutcome.OPEN, died="run-a", now=LATER)
    reopened = known(days)
    days.note(FIRM, TODAY, DayOutcome.DONE, now=LATER)
    days.note(FIRM, TODAY, DayOutcome.OPEN, now=LATER)

    assert under_way == FirmDay(DayOutcome.RUNNING, Cause.NONE, "run-a", NOON)
    assert reopened == FirmDay(DayOutcome.OPEN, Cause.NONE, "", LATER)
    assert known(days) == FirmDay(DayOutcome.DONE, Cause.NONE, "", LATER)


def test_a_run_learns_why_its_day_was_asked_for_in_red(days: FirmDays) -> None:
    days.note(FIRM, TODAY, DayOutcome.OPEN, Cause.UNREAD, now=NOON)

    assert days.claim(FIRM, TODAY, "run-a", now=NOON) is Cause.UNREAD


def test_what_a_person_changed_and_what_quickbooks_answered_since_a_failure_is_told(desk: Desk, days: FirmDays) -> None:
    days.claim(FIRM, TODAY, "run-a", now=NOON)
    days.end(FIRM, TODAY, "run-a", DayOutcome.FAILED, Cause.UNANSWERED, now=LATER)
    failed = known(days)
    silent, answered = Run("silent", "cli", "clerk"), Run("answered", "cli", "clerk")
    log = Log(desk.engine, FIRM)
    for run, reads in ((silent, 0), (answered, 1)):
        log.begin(run, now=LATER)
        log.end(run, outcome="done", error="", reads=reads, writes=0, now=LATER + timedelta(minutes=1))
        if not reads:
            assert known(days) == failed
    asked = known(days)
    Firms(desk.engine).change_settings(FIRM, {"held_days_limit": "9"}, actor="clerk", now=LATER + timedelta(minutes=2))

    assert failed == FirmDay(DayOutcome.FAILED, Cause.UNANSWERED, "run-a", LATER)
    assert asked == FirmDay(DayOutcome.FAILED, Cause.UNANSWERED, "run-a", LATER, changed=False, answered=True)
    assert known(days) == FirmDay(DayOutcome.FAILED, Cause.UNANSWERED, "run-a", LATER, changed=True, answered=True)


def test_each_job_has_days_of_its_own(desk: Desk, days: FirmDays) -> None:
    days.note(FIRM, TODAY, DayOutcome.DONE, now=NOON)

    assert FirmDays(desk.engine, "reconcile").read({FIRM: TODAY}) == {}
