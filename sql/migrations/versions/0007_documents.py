"""Documents: what later rules keep of them."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
