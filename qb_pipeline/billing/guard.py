"""The guard row: since when a firm takes its payments in QuickBooks only.

Belongs here: writing and taking out that row. Does not belong here: the trigger that reads it
(``sql/billing/guard.sql``).
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.billing.errors import translated_errors
from qb_pipeline.database import Queries

QUERIES = Queries(Path(__file__).with_suffix(".sql"))


def guard(engine: sa.Engine, firm_id: str, *, active_since: datetime) -> None:
    """Make billing refuse payments of this firm from now on; a firm that is guarded already keeps its moment.

    Raises:
        BillingError: billing has no guard, or does not let us write it.
    """
    with translated_errors(), engine.begin() as connection:
        if connection.execute(QUERIES["guarded"], {"firm_id": firm_id}).one_or_none() is None:
            connection.execute(QUERIES["guard"], {"firm_id": firm_id, "active_since": active_since})


def unguard(engine: sa.Engine, firm_id: str) -> None:
    """Let billing take payments of this firm. If it already does, we write nothing: a right to read must be enough."""
    with translated_errors(), engine.begin() as connection:
        if connection.execute(QUERIES["guarded"], {"firm_id": firm_id}).one_or_none() is not None:
            connection.execute(QUERIES["unguard"], {"firm_id": firm_id})
