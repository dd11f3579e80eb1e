"""The rule of one run per firm and local day: the decisions of the schedules, and the records of such a run.

Dagster compares the run key of a schedule with the runs of one tick only (key and scheduled time). Therefore the ledger
remembers each day (``ledger.books.firm_days``). A tick records that it found no work; a run records its real begin and
end. A tick reads from Dagster only the runs of a day: those that wait or work, and when the others ended. So the next
tick knows the state of a day, whichever process has died.
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
"""The beginning of the run key of a daily run, keyed by job."""


@dataclass(frozen=True, slots=True)
class DueDay:
    """A firm whose day is due, and the decision of this tick about it.

    ``died``: the run that began the day and has not recorded its end; "" without such a run.
    """

    firm: Firm
    day: date
    turn: Turn
    died: str


def run_key(job: str, firm_id: str, day: date) -> str:
    """Return the run key of a firm's local day."""
    return f"{KEYS[job]}:{firm_id}:{day}"


def choose_days(
    context: dg.ScheduleEvaluationContext, days: FirmDays, job: str, due: Sequence[tuple[Firm, date]], now: datetime
) -> list[DueDay]:
    """Return the decision of this tick about each firm that is due.

    The daemon may die after it has made a run and before it hands the run on. Such a run has done nothing and never
    will: it is deleted. It is kept when the same tick comes once more, because Dagster then hands on this very run.
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
    """Read the same as a run reads first: the columns of billing, and the changed documents. Asks QuickBooks nothing.

    Raises:
        BillingError: billing cannot be read as agreed; a run would fail as well.
    """
    session.billing.require_columns()
    scan(session, Selection(), horizon=horizon)


def _records(instance: dg.DagsterInstance, keys: Mapping[str, str]) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: list(keys)})) if keys else []


@dataclass
class Work:
    """The progress of a run with a firm. ``is_open``: the firm has been opened, and so could be read."""

    is_open: bool = False


@contextmanager
def work_of_day(
    context: dg.AssetExecutionContext, deployment: Deployment, firm_id: str, *, is_last: bool = True
) -> Iterator[Work]:
    """Record in the ledger when the block begins and ends, if this run is the run of the firm's day.

    ``is_last``: the day is done with this block; otherwise later stages of the run continue the day.

    A run whose process dies in the block leaves its day *running*, and the next tick asks again. A day that is done, or
    on which another run works, gets no second sync: this run is canceled with a sentence and materializes no partition.
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
    # A run that was requested while the firm could not be read lacks dates with work: the next tick requests them.
    outcome = DayOutcome.OPEN if before is Cause.UNREAD else DayOutcome.DONE
    days.end(*day, run_id, outcome, now=deployment.clock())


def day_of(run: dg.DagsterRun) -> tuple[str, date] | None:
    """Return the firm id and the local date of a run that a daily schedule asked for.

    None for any other run, and for a run that repeats such a run.
    """
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
