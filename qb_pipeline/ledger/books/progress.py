"""How far a sync is, for a person who waits for it.

Belongs here: one cheap question, asked again and again. Does not belong here: what a run did (``log``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a selection is.

    ``requests``: sent since the sync began. ``busy_run``: an earlier run that still holds the company; empty when the
    company is free.
    """

    documents_left: int
    requests: int
    busy_run: str


def look(
    engine: sa.Engine,
    firm_id: str,
    *,
    since: datetime,
    first: date | None = None,
    last: date | None = None,
    invoice_ids: Sequence[str] = (),
    payment_ids: Sequence[str] = (),
) -> Progress:
    """How many documents of a selection are still to be sent, and how many requests were sent since ``since``."""
    parameters = {
        "firm_id": firm_id, "since": since, "first": first, "last": last,
        "any_id": not (invoice_ids or payment_ids), "invoice_ids": list(invoice_ids), "payment_ids": list(payment_ids),
    }  # fmt: skip
    with engine.connect() as connection:
        return Progress(*connection.execute(queries["far"], parameters).one())
