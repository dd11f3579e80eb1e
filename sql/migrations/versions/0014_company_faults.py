"""What QuickBooks says of a company as a whole; and since when a document stood where it goes back to."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
