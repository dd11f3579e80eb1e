"""Reports: what compares a whole firm may use several cores."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
