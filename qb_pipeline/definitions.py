"""What Dagster loads. Loading needs no database and no network."""

import dagster as dg

from qb_pipeline.defs import (
    alerts,
    assets,
    jobs,
    received_payments,
    reconciliation,
    resources,
    schedules,
    sensors,
)


@dg.definitions
def defs() -> dg.Definitions:
    """The code location ``qb_pipeline``."""
    return dg.Definitions(
        assets=[
            *assets.billing_tables,
            assets.sync_firms,
            received_payments.pull_firms,
            reconciliation.reconcile_firms,
        ],
        jobs=[jobs.sync, received_payments.pull_payments, reconciliation.job],
        schedules=[schedules.daily_sync, reconciliation.daily_reconcile],
        sensors=[
            sensors.sync_again,
            sensors.auto_sync_payments,
            sensors.orphaned_runs,
            received_payments.received_payments,
            alerts.alert_on_failure,
            alerts.daily_digest,
        ],
        resources={"companies": resources.companies, "chosen": resources.ChosenDocuments()},
        executor=dg.in_process_executor,  # a step process each would cost two seconds and its imports
    )
