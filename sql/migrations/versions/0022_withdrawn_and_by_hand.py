"""Invoices that billing takes back, and what people enter in QuickBooks by hand."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
