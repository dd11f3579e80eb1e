"""What QuickBooks refused, so that it is not sent again before something has changed."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
