"""The definitions, put together from what the other modules have."""

from datetime import date

import dagster as dg

from qb_pipeline.defs import assets, jobs, resources, schedules, sensors
from qb_pipeline.defs.partitions import build_date_by_firm


def build_defs(*, first_date: date, pull_seconds: int) -> dg.Definitions:
    """Make the definitions.

    ``first_date``: the date of the first partition. ``pull_seconds``: how often the sensor ``received_payments`` looks
    at a company.
    """
    date_by_firm = build_date_by_firm(first_date)
    return dg.Definitions(
        assets=[
            *assets.billing_tables,
            assets.mappings,
            *assets.build_stages(date_by_firm),
            assets.build_pull_firms(date_by_firm),
            assets.reconcile_firms,
        ],
        jobs=[jobs.sync, jobs.pull_payments, jobs.reconcile],
        schedules=[schedules.daily_sync, schedules.daily_reconcile],
        sensors=[
            sensors.sync_again,
            sensors.auto_sync_payments,
            sensors.orphaned_runs,
            sensors.build_received_payments(pull_seconds),
            sensors.alert_on_failure,
            sensors.daily_digest,
        ],
        resources={"deployment": resources.deployment, "chosen": resources.ChosenDocuments()},
        # Jobs carry theirs. What a person launches elsewhere (Materialize in the asset graph, Execute beside a check)
        # runs as Dagster's own job ``__ASSET_JOB``, which takes this one; without it, a process for each step.
        executor=dg.in_process_executor,
    )
