"""The schedule: each active firm once a day, at its own time."""

from datetime import UTC, date

import dagster as dg

from qb_pipeline.core.scopes import spans
from qb_pipeline.defs.jobs import sync
from qb_pipeline.defs.partitions import firms, range_tags
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.automation import due_daily
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.run import FIRM_ERRORS
from qb_pipeline.sync.scan import Selection, scan, sweep


@dg.schedule(
    job=sync,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Once a day per active firm, at its daily_sync_at; asks only for the dates that have work.",
)
def daily_sync(
    context: dg.ScheduleEvaluationContext, companies: dg.ResourceParam[Companies]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Look for firms whose local time has passed, bring their work lists up to date, ask for the dates with work.

    Once a day the open period of billing is read as a whole: not everything that changes says so.

    A firm that fails keeps nobody else from being asked for. It gets a run of its own that day, which fails in red
    under its name instead of in a tick that nobody reads; while the firm is due, each tick tries it again.
    """
    now = context.scheduled_execution_time.astimezone(UTC)
    requests = []
    due = due_daily(companies.firms.all(), now)
    for firm, local_date in due:
        run = Run(f"daily:{firm.firm_id}:{local_date}", "schedule", "dagster")
        try:
            with companies.open(firm.firm_id, run) as place:
                scan(place, Selection())
                sweep(place)
                work = spans(place.documents.dates_with_work())
        except FIRM_ERRORS as error:
            context.log.error(f"{firm.firm_id}: {error}")
            requests.append(_request(firm.firm_id, local_date, local_date, f"daily:{firm.firm_id}:{local_date}:failed"))
            work = []
        for position, (first, last) in enumerate(work):
            key = f"daily:{firm.firm_id}:{local_date}" + (f":{position + 1}" if position else "")
            requests.append(_request(firm.firm_id, first, last, key))
    if requests:
        context.instance.add_dynamic_partitions(firms.name or "", [firm.firm_id for firm, _ in due])
        return requests
    return dg.SkipReason(f"{len(due)} firms are due and none has work" if due else "no firm is due")


def _request(firm_id: str, first: date, last: date, run_key: str) -> dg.RunRequest:
    tags = {**range_tags(firm_id, first, last), "trigger": "schedule", "actor": "dagster"}
    return dg.RunRequest(run_key=run_key, tags=tags)
