"""Documents that an earlier integration put into QuickBooks: which may be adopted, and linking them by their Id.

An adopted document carries no marker of ours until a revision of it is sent: its Id is how it is known.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import documents, log
from qb_pipeline.ledger.attempts import Application

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Link:
    """One document of billing and the one in QuickBooks that it is. ``body``: what is equal on both sides, as JSON.

    ``fingerprint`` is of what billing would send now, "" where that is not known: a change that changes nothing of it
    is then not sent.
    """

    document_id: int
    quickbooks_id: str
    sync_token: str
    customer_id: str
    total_cents: int
    forwarded_cents: int
    source_hash: str
    fingerprint: str
    body: str
    applications: tuple[Application, ...] = ()


def candidates(engine: sa.Engine, firm_id: str) -> list[Any]:
    """Documents of the work list that QuickBooks may hold already: document_id, kind, source_id, part, number,
    document_date, payer_id, amount_cents, source_hash."""
    with engine.connect() as connection:
        sticky = [str(problem) for problem in documents.STICKY]
        return list(connection.execute(queries["candidates"], {"firm_id": firm_id, "sticky": sticky}))


def linked_invoices(engine: sa.Engine, firm_id: str, invoice_ids: Sequence[str]) -> dict[str, str]:
    """QuickBooks Ids of invoices, by billing id, where they are known."""
    with engine.connect() as connection:
        rows = connection.execute(queries["linked_invoices"], {"firm_id": firm_id, "invoice_ids": list(invoice_ids)})
        return {row.source_id: row.quickbooks_id for row in rows}


def link(connection: sa.Connection, firm_id: str, links: Sequence[Link], *, run: log.Run, now: datetime) -> int:
    """Link documents, in the caller's transaction; says how many: one that has moved meanwhile is left alone."""
    ids = [found.document_id for found in links]
    connection.execute(documents.queries["lock"], {"document_ids": ids})
    rows = connection.execute(
        queries["link"],
        {"links": json.dumps([asdict(found) for found in links]), "actor": run.actor, "now": now},
    ).all()
    applications = [asdict(pays) | {"document_id": found.document_id} for found in links for pays in found.applications]
    connection.execute(
        queries["apply"],
        {"applications": json.dumps(applications), "document_ids": [row.document_id for row in rows]},
    )
    entries = [
        log.Entry("adopted", row.document_id, amount_cents=row.amount_cents, quickbooks_id=row.quickbooks_id)
        for row in rows
    ]
    log.write(connection, firm_id, run, entries, now=now)
    return len(rows)
