"""What QuickBooks holds of ours, as it was seen over time, and what the reconciliation found."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
