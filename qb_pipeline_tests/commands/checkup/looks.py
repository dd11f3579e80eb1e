"""Looking with the doctor's eyes at a deployment of which one part was broken."""

import os
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from qb_pipeline import database
from qb_pipeline.commands.checkup import examine
from qb_pipeline.commands.checkup.finding import OK, Finding
from qb_pipeline_tests.commands.typed import Terminal


def look(terminal: Terminal, *, clock: Any = None, **changes: str) -> dict[str, Finding]:
    """What is not ok, by part, without the daemon, which no test of another part runs."""
    with patch.dict(os.environ, terminal.env | changes):
        found = list(examine(clock=clock) if clock else examine())
    return {finding.part: finding for finding in found if finding.verdict != OK and finding.part != "Dagster daemon"}


def change(url: str, *statements: str) -> None:
    with database.engine(url).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
