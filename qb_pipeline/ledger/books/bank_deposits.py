"""The bank deposits of QuickBooks, for reports. Each version is valid from the time when we first read it.

Belongs here: storing them. Does not belong here: requesting them (``sync.verify.reconcile``), and the choice of those
that a report shows (``sql/reporting/deposits.sql``).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.documents.bank_deposits import BankDeposit
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


def see(connection: sa.Connection, firm_id: str, deposits: Sequence[BankDeposit], *, now: datetime) -> None:
    """Store the deposits of a reading, in the caller's transaction. A version that is known, or older than the known
    one, is not stored."""
    if deposits:
        parameters = {"firm_id": firm_id, "deposits": json.dumps([asdict(each) for each in deposits]), "now": now}
        connection.execute(queries["close"], parameters)
        connection.execute(queries["add"], parameters)


def living(connection: sa.Connection, firm_id: str) -> list[str]:
    """Return the QuickBooks Ids of the deposits that existed when they were last read."""
    return list(connection.scalars(queries["living"], {"firm_id": firm_id}))
