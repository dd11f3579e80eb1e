"""Set-up: the company's settings as last seen, mappings that changed, documents to adopt."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
