"""Answers of people about payers who look like a customer that QuickBooks has already."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
