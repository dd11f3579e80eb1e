"""The schedules: each active firm is synced once a day, at its own time, and reconciled once a day."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.date_ranges import spans
from qb_pipeline.crash_points import crash_point
from qb_pipeline.defs.daily import DueDay, choose_days, read_billing, run_key
from qb_pipeline.defs.jobs import reconcile, sync
from qb_pipeline.defs.partitions import firms, stretch_tags
from qb_pipeline.ledger.books.firm_days import Cause, DayOutcome, FirmDays
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.automation import Turn, due_daily
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import sweep
from qb_pipeline.sync.failures import FIRM_ERRORS

LONGEST_LOOK = timedelta(seconds=40)
"""The time after which a tick leaves the remaining firms to the next tick. Dagster ends a tick after 60 s."""

RECONCILE_AT = time(10, 30)
"""The time of day, in UTC, from which firms are reconciled. Firms in America have not begun their day then."""


@dg.schedule(
    job=sync,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day per active firm, at its daily_sync_at; asks only for the dates that have work.",
)
def daily_sync(
    context: dg.ScheduleEvaluationContext, deployment: dg.ResourceParam[Deployment]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request a run over the dates with work, for each firm whose local time has passed and whose day is not done.

    The work list is brought up to date first. Once a day the open period of billing is read as a whole: some changes
    have no new ``updated_at``.

    A firm whose day is done, or whose run waits or works, is not read. A firm that cannot be read stops no other firm.
    It gets one run that day, which fails in red under its name instead of in a tick that nobody reads. Later ticks read
    the firm without a run, and ask for the day's sync when it can be read again.
    """
    now = deployment.clock()  # not the tick's own time: a daemon that was down evaluates ticks late
    days = FirmDays(deployment.ledger, sync.name)
    due = choose_days(context, days, sync.name, due_daily(deployment.firms.all(), now), now)
    requests: list[dg.RunRequest] = []
    left = 0
    horizon: datetime | BillingError | None = None
    for each in due:
        firm_id, day = each.firm.firm_id, each.day
        if each.turn is Turn.REST:
            continue
        if deployment.clock() - now > LONGEST_LOOK:
            left += 1
            continue
        horizon = horizon or _horizon(deployment)
        try:
            if isinstance(horizon, BillingError):
                raise horizon
            with deployment.open(firm_id, Run(run_key(sync.name, firm_id, day), "schedule", "daily_sync")) as session:
                read_billing(session, horizon)
                sweep(session)
                work = spans(session.documents.dates_with_work())
        except FIRM_ERRORS as error:
            (context.log.error if each.turn is Turn.ASK else context.log.info)(f"{firm_id}: {error}")
            if each.turn is Turn.ASK:
                days.note(firm_id, day, DayOutcome.OPEN, Cause.UNREAD, died=each.died, now=now)
                requests.append(_sync_request(firm_id, day, [(day, day)]))
            continue
        days.note(firm_id, day, DayOutcome.OPEN if work else DayOutcome.DONE, died=each.died, now=now)
        if work:
            requests.append(_sync_request(firm_id, day, work))
    crash_point("the daily tick has looked at all firms")
    if left:
        context.log.warning(f"{left} firms are left to the next tick: this one took {LONGEST_LOOK.seconds} s")
    if requests:
        context.instance.add_dynamic_partitions(firms.name or "", [request.tags["firm"] for request in requests])
        return requests
    if not due:
        return dg.SkipReason("no firm is due")
    resting = sum(each.turn is Turn.REST for each in due)
    looked = len(due) - resting - left
    return dg.SkipReason(
        f"{len(due)} firms are due: {resting} are done, under way or failed, {looked} have no work or still cannot be "
        f"read, {left} are left"
    )


@dg.schedule(
    job=reconcile,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each active firm once a day from 10:30 UTC, for one metered read: no change grows too old to ask for.",
)
def daily_reconcile(
    context: dg.ScheduleEvaluationContext, deployment: dg.ResourceParam[Deployment]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request a run for each active firm of this environment, once a UTC day.

    The ledger remembers the day of a reconciliation as it remembers the day of a sync.
    """
    now = deployment.clock().astimezone(UTC)
    active = [
        firm
        for firm in deployment.firms.all()
        if firm.state == "active" and firm.environment == deployment.environment.name
    ]
    if now.time() < RECONCILE_AT or not active:
        return dg.SkipReason("no firm is active" if not active else f"it is not {RECONCILE_AT:%H:%M} UTC yet")
    days = FirmDays(deployment.ledger, reconcile.name)
    requests = []
    for each in choose_days(context, days, reconcile.name, [(firm, now.date()) for firm in active], now):
        if each.turn is Turn.REST or (each.turn is Turn.TRY and not _can_be_read(deployment, each)):
            continue
        days.note(each.firm.firm_id, each.day, DayOutcome.OPEN, died=each.died, now=now)
        requests.append(_reconcile_request(each.firm.firm_id, each.day))
    if not requests:
        return dg.SkipReason(f"{len(active)} firms are reconciled, under way, or fail until something changes")
    context.instance.add_dynamic_partitions(firms.name or "", [request.tags["firm"] for request in requests])
    return requests


def _horizon(deployment: Deployment) -> datetime | BillingError:
    """Return the horizon (watermark) of this tick's reads, asked once for all firms; the error when billing cannot be
    read."""
    try:
        return deployment.billing_horizon()
    except BillingError as error:
        return error


def _sync_request(firm_id: str, day: date, stretches: list[tuple[date, date]]) -> dg.RunRequest:
    tags = {**stretch_tags(firm_id, stretches), "trigger": "schedule", "actor": "daily_sync"}
    return dg.RunRequest(run_key=run_key(sync.name, firm_id, day), tags=tags)


def _can_be_read(deployment: Deployment, due: DueDay) -> bool:
    try:
        run = Run(run_key(reconcile.name, due.firm.firm_id, due.day), "schedule", "daily_reconcile")
        with deployment.open(due.firm.firm_id, run) as session:
            read_billing(session, deployment.billing_horizon())
            return True
    except FIRM_ERRORS:
        return False


def _reconcile_request(firm_id: str, day: date) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key(reconcile.name, firm_id, day),
        partition_key=firm_id,
        tags={"firm": firm_id, "trigger": "schedule", "actor": "daily_reconcile"},
    )
