"""The guard row of a firm: the moment from which the firm takes its payments in QuickBooks only.

Belongs here: writing and deleting that row. Does not belong here: the trigger that reads it
(``sql/billing/guard.sql``).
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.billing.errors import translated_errors
from qb_pipeline.database import Queries

QUERIES = Queries(Path(__file__).with_suffix(".sql"))


def guard(engine: sa.Engine, firm_id: str, *, active_since: datetime) -> None:
    """Write the guard row, so that billing refuses payments of this firm from ``active_since`` on. A row that exists
    keeps its moment.

    Raises:
        BillingError: billing has no guard, or does not let us write its row.
    """
    with translated_errors(), engine.begin() as connection:
        if connection.execute(QUERIES["guarded"], {"firm_id": firm_id}).one_or_none() is None:
            connection.execute(QUERIES["guard"], {"firm_id": firm_id, "active_since": active_since})


def unguard(engine: sa.Engine, firm_id: str) -> None:
    """Delete the guard row, so that billing takes payments of this firm. Without a row nothing is written, since a
    right to read must be enough."""
    with translated_errors(), engine.begin() as connection:
        if connection.execute(QUERIES["guarded"], {"firm_id": firm_id}).one_or_none() is not None:
            connection.execute(QUERIES["unguard"], {"firm_id": firm_id})
