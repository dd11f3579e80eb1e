"""What others wrote in the company, so that nothing is created that is there already; and what people said of it."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
