"""How far a run came with a firm, stage by stage; and what its plan keeps for the stages that send."""

from pathlib import Path

from alembic import op

from qb_pipeline.database import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
