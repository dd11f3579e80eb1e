"""The sensors that tell people: at once of a failed run, and each morning of what is held.

Both send through ``QB_PIPELINE_ALERT_URLS`` and do nothing where it is not set. A message that a server did not take
makes the tick fail in red; the digest is tried again at the next tick, and names the runs that failed since yesterday.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from qb_pipeline import alerts, config
from qb_pipeline.core.alerts import Alert, digest, failed_run
from qb_pipeline.ledger.firms import Firm
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.digest import read_day

AFTER_SYNC = timedelta(hours=1)
"""The digest goes out so long after a firm's daily sync was due, when that is usually done."""

SOON = timedelta(days=14)
LAST_DAY = timedelta(hours=24)
NOT_SET = f"{config.ALERT_URLS} is not set: nobody is told"


@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"Tells people of a failed run, through {config.ALERT_URLS}. Ids and our own words, no client data.",
)
def alert_on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Say which run failed and why, as far as the reason is in our own words."""
    addresses = config.load().alert_urls
    if addresses is None:
        return dg.SkipReason(NOT_SET)
    alerts.send(_of_run(context), addresses)
    return None


def _of_run(context: dg.RunFailureSensorContext) -> Alert:
    run = context.dagster_run
    reasons = []
    for event in context.get_step_failure_events():
        ours = event.step_failure_data.user_failure_data
        error = event.step_failure_data.error
        if ours is not None and ours.description:
            reasons.append(ours.description)
        else:  # an error of a library may quote a client's data: its class only
            cause = error.cause or error if error else None
            reasons.append(f"{(cause and cause.cls_name) or 'an error'} in step {event.step_key}")
    return failed_run(
        run_id=run.run_id,
        job=run.job_name,
        firms=_firms_of(run.tags),
        trigger=run.tags.get("trigger", "ui"),
        reasons=reasons or ["The process of the run ended (see the run's page)."],
    )


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"An hour after a firm's daily sync: what is held, by reason, through {config.ALERT_URLS}.",
)
def daily_digest(context: dg.SensorEvaluationContext, companies: dg.ResourceParam[Companies]) -> dg.SkipReason:
    """Send one message for all firms whose hour has come; the cursor says for which dates that is done."""
    addresses = config.load().alert_urls
    if addresses is None:
        return dg.SkipReason(NOT_SET)
    sent = json.loads(context.cursor or "{}")
    now = companies.clock()
    due = [(firm, day) for firm in companies.firms.all() if (day := _due(firm, now, sent.get(firm.firm_id)))]
    if not due:
        return dg.SkipReason("no digest is due")
    failed = _failed_runs(context.instance, now - LAST_DAY)
    days = [read_day(companies, firm, failed.get(firm.firm_id, [])) for firm, _ in due]
    alerts.send(digest(max(day for _, day in due), days, soon=now.date() + SOON), addresses)
    context.update_cursor(json.dumps(sent | {firm.firm_id: day.isoformat() for firm, day in due}))
    return dg.SkipReason(f"sent, for {', '.join(firm.firm_id for firm, _ in due)}")


def _due(firm: Firm, now: datetime, sent: str | None) -> date | None:
    """The firm's local date when its digest is due and not sent; firms that never synced have none."""
    local = now.astimezone(ZoneInfo(firm.time_zone))
    at = datetime.combine(local.date(), firm.settings.daily_sync_at) + AFTER_SYNC
    is_due = firm.activated_at is not None and local.replace(tzinfo=None) >= min(
        at, datetime.combine(local.date(), time.max)
    )
    return local.date() if is_due and sent != local.date().isoformat() else None


def _failed_runs(instance: dg.DagsterInstance, since: datetime) -> dict[str, list[str]]:
    """Ids of failed runs by firm."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since.astimezone(UTC))
    )
    found: dict[str, list[str]] = {}
    for record in records:
        for firm_id in _firms_of(record.dagster_run.tags):
            found.setdefault(firm_id, []).append(record.dagster_run.run_id)
    return found


def _firms_of(tags: Mapping[str, str]) -> list[str]:
    """The firms of a run: named by its tag, or by the ends of its range of partitions."""
    if "firm" in tags:
        return [tags["firm"]]
    ends = [tags.get(f"dagster/asset_partition_range_{end}", "") for end in ("start", "end")]
    keys = [*ends, tags.get("dagster/partition", "")]
    return sorted({key.split("|", 1)[1] for key in keys if "|" in key})
