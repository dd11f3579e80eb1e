"""The progress of a sync, for a person who waits for it.

Belongs here: one cheap query, which is repeated often. Does not belong here: the activities of a run (``log``).
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
    """The progress of a selection of documents.

    ``documents_left`` are still to be sent. ``requests`` were sent since the sync began. ``busy_run`` is an earlier run
    that still holds the lease (distributed lock) of the company, "" when the company is not held.
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
    """Return the progress of a selection: the number of documents still to be sent, and of requests sent since
    ``since``."""
    parameters = {
        "firm_id": firm_id, "since": since, "first": first, "last": last,
        "any_id": not (invoice_ids or payment_ids), "invoice_ids": list(invoice_ids), "payment_ids": list(payment_ids),
    }  # fmt: skip
    with engine.connect() as connection:
        return Progress(*connection.execute(queries["far"], parameters).one())
