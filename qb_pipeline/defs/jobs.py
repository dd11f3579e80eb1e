"""The jobs: what an operator launches by one name."""

import dagster as dg

from qb_pipeline.sync.run import STEPS

sync = dg.define_asset_job(
    "sync",
    selection=list(STEPS),
    description=(
        "Send what a firm's billing has and QuickBooks lacks: invoices, then payments. Choose dates and firms as "
        "partitions; single documents in the run config (resources, chosen)."
    ),
)
