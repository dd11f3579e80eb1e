"""The sync ledger: firms, documents, attempts, leases, tokens, mappings, log."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
