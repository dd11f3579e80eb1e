"""Verdicts: what the checks say of all firms."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
