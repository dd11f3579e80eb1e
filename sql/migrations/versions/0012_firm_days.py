"""Which firm's day is done: the daily jobs run once per firm and local date."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
