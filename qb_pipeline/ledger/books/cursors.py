"""Cursors: the progress of each incremental read of a firm.

A cursor is saved together with the rows it stands for, or after them, so that it is never ahead of them. It never goes
back.
"""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))

BILLING = "billing"
"""The cursor of the headers of the billing database."""
BILLING_SWEPT = "billing_swept"
"""The time, by our clock, when the open period of billing was last read as a whole."""
RECEIVED_PAYMENTS = "received_payments"
"""The cursor of received payments in QuickBooks (Model 2), by QuickBooks' clock."""
MIRROR = "mirror"
"""The cursor of the mirror's invoices and payments in QuickBooks, by QuickBooks' clock."""
FOREIGN = "foreign"
"""The cursor of the invoices and payments in QuickBooks that others wrote, by QuickBooks' clock."""
BILLING_COMPARED = "billing_compared"
"""The time, by our clock, when billing's rows were last compared with our postings (Model 2)."""
PULL_ASKED = "pull_asked"
PULL_HINTED = "pull_hinted"
"""The times, by our clock, when a sensor last asked QuickBooks, and when a webhook last hinted at a change."""


def read(connection: sa.Connection, firm_id: str, name: str) -> datetime | None:
    """Return the instant at which the next read begins, or None before the first read."""
    found: datetime | None = connection.scalar(queries["read"], {"firm_id": firm_id, "name": name})
    return found


def save(connection: sa.Connection, firm_id: str, name: str, value: datetime) -> None:
    """Move a cursor forward, in the caller's transaction. A cursor that is already ahead of ``value`` does not
    change."""
    connection.execute(queries["save"], {"firm_id": firm_id, "name": name, "value": value})
