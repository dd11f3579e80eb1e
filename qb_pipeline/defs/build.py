"""The Dagster definitions, built from the objects of the other modules."""

from datetime import date

import dagster as dg

from qb_pipeline.defs import assets, jobs, resources, schedules, sensors
from qb_pipeline.defs.partitions import build_date_by_firm


def build_defs(*, first_date: date, pull_seconds: int) -> dg.Definitions:
    """Build the definitions.

    ``first_date``: the date of the first partition. ``pull_seconds``: the usual time, in seconds, between two reads of
    a company by the sensor ``received_payments``.
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
        # Our jobs have executors of their own. A run that a person launches elsewhere (Materialize in the asset graph,
        # Execute beside a check) belongs to Dagster's own job ``__ASSET_JOB``, which uses this executor. Without this
        # executor such a run would start a process for each step.
        executor=dg.in_process_executor,
    )
