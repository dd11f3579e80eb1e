"""The schedule: each active firm once a day, at its own time."""

from datetime import UTC

import dagster as dg

from qb_pipeline.core.scopes import spans
from qb_pipeline.defs.jobs import sync
from qb_pipeline.defs.partitions import firms, range_tags
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.automation import due_daily
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.scan import Selection, scan


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
    """Look for firms whose local time has passed, bring their work lists up to date, ask for the dates with work."""
    now = context.scheduled_execution_time.astimezone(UTC)
    requests = []
    due = due_daily(companies.firms.all(), now)
    for firm, local_date in due:
        with companies.open(firm.firm_id, Run(f"daily:{firm.firm_id}:{local_date}", "schedule", "dagster")) as place:
            scan(place, Selection())
            work = spans(place.documents.dates_with_work())
        context.instance.add_dynamic_partitions(firms.name or "", [firm.firm_id])
        for position, (first, last) in enumerate(work):
            key = f"daily:{firm.firm_id}:{local_date}" + (f":{position + 1}" if position else "")
            tags = {**range_tags(firm.firm_id, first, last), "trigger": "schedule", "actor": "dagster"}
            requests.append(dg.RunRequest(run_key=key, tags=tags))
    if not requests:
        return dg.SkipReason(f"{len(due)} firms are due and none has work" if due else "no firm is due")
    return requests
