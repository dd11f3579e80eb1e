"""How far each incremental read of a firm has come.

A cursor is saved in the transaction that saves the rows it stands for, so it never runs ahead of them; and it never
goes back.
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))

BILLING = "billing"
"""Headers of the billing database."""
BILLING_SWEPT = "billing_swept"
"""By our clock: when the open period of billing was last read as a whole."""
RECEIVED_PAYMENTS = "received_payments"
"""Payments in QuickBooks (Model 2), by QuickBooks' clock."""
MIRROR = "mirror"
"""Invoices and payments in QuickBooks, by QuickBooks' clock."""
FOREIGN = "foreign"
"""Invoices and payments in QuickBooks that others wrote, by QuickBooks' clock."""
BILLING_COMPARED = "billing_compared"
"""By our clock: when billing's rows were last compared with our postings (Model 2)."""
PULL_ASKED = "pull_asked"
PULL_HINTED = "pull_hinted"
"""By our clock: when a sensor last asked QuickBooks, and when a webhook last hinted at a change."""


def read(connection: sa.Connection, firm_id: str, name: str) -> datetime | None:
    """Where the next read begins; None before the first one."""
    found: datetime | None = connection.scalar(queries["read"], {"firm_id": firm_id, "name": name})
    return found


def save(connection: sa.Connection, firm_id: str, name: str, value: datetime) -> None:
    """Move a cursor forward, in the caller's transaction; a cursor that is further already stays."""
    connection.execute(queries["save"], {"firm_id": firm_id, "name": name, "value": value})
