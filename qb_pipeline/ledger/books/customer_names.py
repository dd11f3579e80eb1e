"""The names of QuickBooks' customers, for reports, as last read. They are the customers of payers and of documents.

Belongs here: storing them. Does not belong here: requesting them, and the permission to see them (``sql/reporting``).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


def store(connection: sa.Connection, firm_id: str, names: Mapping[str, str], *, now: datetime) -> None:
    """Store names, keyed by customer Id, in the caller's transaction. An empty Id or name is skipped."""
    rows = [
        {"firm_id": firm_id, "customer_id": customer_id, "name": name, "now": now}
        for customer_id, name in sorted(names.items())  # in one order, so that two of these never deadlock
        if customer_id and name
    ]
    if rows:
        connection.execute(queries["store"], rows)


def rename(connection: sa.Connection, firm_id: str, names: Mapping[str, str], *, now: datetime) -> None:
    """Store the names of customers that are stored already, in the caller's transaction. Other customers are
    skipped."""
    rows = [
        {"firm_id": firm_id, "customer_id": customer_id, "name": name, "now": now}
        for customer_id, name in sorted(names.items())
    ]
    if rows:
        connection.execute(queries["rename"], rows)
