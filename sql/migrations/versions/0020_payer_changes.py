"""A payment that goes to another customer with its invoice is taken off it first."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
