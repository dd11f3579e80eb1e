"""Senders: what binds an installation to its companies, its cluster and its billing database."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
