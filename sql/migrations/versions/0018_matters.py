"""Matters of billing are mapped to classes of QuickBooks."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
