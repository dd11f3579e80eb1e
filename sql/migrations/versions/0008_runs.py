"""Runs: which process works, so that the next run can tell one that died."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
