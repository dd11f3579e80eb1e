"""One run per firm and local day: what the schedules ask before they ask for a run, and what such a run writes down.

Dagster compares the run key of a schedule with the runs of one tick only (key and scheduled time). So the ledger
remembers each day (``ledger.books.firm_days``): a tick that found no work says so, and a run when it really begins and
ends. A tick asks Dagster only which runs of a day still wait or work. So whoever dies, and whenever, the next tick
knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.tags import RUN_KEY_TAG, SCHEDULED_EXECUTION_TIME_TAG

from qb_pipeline.ledger.books.firm_days import Cause, DayOutcome, FirmDays
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.sync.automation import DayRun, Turn, cause_of, choose_turn
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.session.firm_session import FirmSession

KEYS = {"sync": "daily", "reconcile": "reconcile"}
"""How the run key of a job's daily run begins."""


@dataclass(frozen=True, slots=True)
class DueDay:
    """A firm whose day is due, and what this tick does about it. ``died``: a run that began it and said no more."""

    firm: Firm
    day: date
    turn: Turn
    died: str


def run_key(job: str, firm_id: str, day: date) -> str:
    """Name the run of a firm's local day."""
    return f"{KEYS[job]}:{firm_id}:{day}"


def choose_days(
    context: dg.ScheduleEvaluationContext, days: FirmDays, job: str, due: Sequence[tuple[Firm, date]], now: datetime
) -> list[DueDay]:
    """Say what this tick does about each firm that is due.

    A run that was made and never handed on (the daemon died in between) has done nothing and never will: it is taken
    out of the list, unless this is the same tick once more, where Dagster hands on the very run.
    """
    keys = {run_key(job, firm.firm_id, day): firm.firm_id for firm, day in due}
    runs: dict[str, list[DayRun]] = {firm.firm_id: [] for firm, _ in due}
    this_tick = context.scheduled_execution_time.astimezone(UTC).isoformat()
    for record in _records(context.instance, keys):
        run = record.dagster_run
        if run.job_name != job or run.parent_run_id is not None:
            continue
        if run.status is dg.DagsterRunStatus.NOT_STARTED:
            if run.tags.get(SCHEDULED_EXECUTION_TIME_TAG, "") < this_tick:
                context.instance.delete_run(run.run_id)
            continue
        ended_at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
        found = DayRun(
            run.run_id,
            ended_at.astimezone(UTC) if run.is_finished else None,
            run.status is dg.DagsterRunStatus.CANCELED,
        )
        runs[keys[run.tags[RUN_KEY_TAG]]].append(found)
    known = days.read({firm.firm_id: day for firm, day in due})
    found_days = []
    for firm, day in due:
        remembered = known.get(firm.firm_id)
        died = remembered.run_id if remembered is not None and remembered.outcome is DayOutcome.RUNNING else ""
        found_days.append(DueDay(firm, day, choose_turn(remembered, runs[firm.firm_id], now), died))
    return found_days


def read_billing(session: FirmSession, horizon: datetime) -> None:
    """Read what a run would read first: the columns of billing, and what changed. Asks QuickBooks nothing.

    Raises:
        BillingError: billing cannot be read as agreed; a run would fail as well.
    """
    session.billing.require_columns()
    scan(session, Selection(), horizon=horizon)


def _records(instance: dg.DagsterInstance, keys: Mapping[str, str]) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: list(keys)})) if keys else []


@dataclass
class Work:
    """What a run has come to with a firm. ``is_open``: its workplace is open, so that it could be read."""

    is_open: bool = False


@contextmanager
def work_of_day(
    context: dg.AssetExecutionContext, deployment: Deployment, firm_id: str, *, is_last: bool = True
) -> Iterator[Work]:
    """While a run works on a firm: where it is the run of the firm's day, the ledger keeps when it begins and ends.

    ``is_last``: the day is done with this work; otherwise later stages of the run go on with it.

    A run whose process dies in here leaves its day *running*, and the next tick asks again. A day that is done, or that
    another run works on, gets no second sync: this run is canceled with a sentence and marks no partition.
    """
    day, work = day_of(context.run), Work()
    if day is None or day[0] != firm_id:
        yield work
        return
    days, run_id = FirmDays(deployment.ledger, context.run.job_name), context.run.run_id
    before = _claim(context, days, *day, now=deployment.clock())
    try:
        yield work
    except Exception as error:
        days.end(*day, run_id, DayOutcome.FAILED, cause_of(error, is_open=work.is_open), now=deployment.clock())
        raise
    if not is_last:
        return
    # Asked for when the firm could not be read, it did not know its dates: the next tick asks for what is left.
    outcome = DayOutcome.OPEN if before is Cause.UNREAD else DayOutcome.DONE
    days.end(*day, run_id, outcome, now=deployment.clock())


def day_of(run: dg.DagsterRun) -> tuple[str, date] | None:
    """Firm and local date of a run that a daily schedule asked for; None of others, and of a run that repeats one."""
    beginning, _, rest = run.tags.get(RUN_KEY_TAG, "").partition(":")
    if beginning != KEYS.get(run.job_name) or run.parent_run_id is not None:
        return None
    firm_id, _, day = rest.partition(":")
    return firm_id, date.fromisoformat(day)


def _claim(context: dg.AssetExecutionContext, days: FirmDays, firm_id: str, day: date, *, now: datetime) -> Cause:
    run_id = context.run.run_id
    cause = days.claim(firm_id, day, run_id, now=now)
    if cause is not None:
        return cause
    outcome, holder = days.holder(firm_id, day)
    if outcome is DayOutcome.RUNNING:
        other = context.instance.get_run_by_id(holder)
        if other is None or other.is_finished:  # its process died
            cause = days.claim(firm_id, day, run_id, over=holder, now=now)
            if cause is not None:
                return cause
    said = (
        f"{firm_id}: the day {day} is done already"
        if outcome is DayOutcome.DONE
        else f"{firm_id}: run {holder} works on {day}"
    )
    context.instance.report_run_canceling(context.run, f"{said}; this run ends without a second sync.")
    raise DagsterExecutionInterruptedError(said)
