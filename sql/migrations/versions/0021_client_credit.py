"""The journal entries that take payments from credit out of the client's credit."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
