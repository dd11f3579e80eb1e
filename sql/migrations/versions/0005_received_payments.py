"""Model 2: payments that QuickBooks received, their postings in billing, cursors of the reads."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
