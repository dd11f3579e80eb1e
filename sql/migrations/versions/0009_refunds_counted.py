"""Refunds that are recorded in QuickBooks are counted by the census."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
