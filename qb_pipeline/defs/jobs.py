"""The jobs that an operator launches by name.

Each job runs its steps in the run's own process: a process for each step would cost two seconds and its imports.
"""

import dagster as dg

from qb_pipeline.defs.metadata import RECEIVED_PAYMENTS, RECONCILIATION
from qb_pipeline.sync.stages import STAGES

sync = dg.define_asset_job(
    "sync",
    selection=[stage.value for stage in STAGES],
    executor_def=dg.in_process_executor,
    description=(
        "Send what a firm's billing has and QuickBooks lacks: invoices, then payments. Choose dates and firms as "
        "partitions; single documents in the run config (resources, chosen)."
    ),
)

pull_payments = dg.define_asset_job(
    "pull_payments",
    selection=[RECEIVED_PAYMENTS],
    executor_def=dg.in_process_executor,
    description=(
        "Model 2: post to billing what QuickBooks received. Launched for a range of dates by a person, it reads the "
        "payments of these dates anew."
    ),
)

reconcile = dg.define_asset_job(
    "reconcile",
    selection=[RECONCILIATION],
    executor_def=dg.in_process_executor,
    description="Ask QuickBooks for what changed, and compare it with billing. Choose firms as partitions.",
)
