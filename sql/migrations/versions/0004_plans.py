"""Plans that a person applies, and a person's answers to held documents."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
