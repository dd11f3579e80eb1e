"""What reports say of a moment before the records, names of clients, lines of invoices, bank deposits."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
