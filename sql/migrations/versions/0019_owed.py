"""What each client owes: billing's applications over time, and whatever moves receivables in QuickBooks."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
