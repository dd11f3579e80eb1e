"""Adoption (matching): documents that an earlier integration put into QuickBooks, which may be linked by their Id.

An adopted document carries no marker (idempotency mark) of ours until a revision of it is sent. Until then it is known
by its Id.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books import documents
from qb_pipeline.ledger.books.applications import Application

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class UnsentDocument:
    """A document of the work list that was never sent. Its amount is in cents."""

    document_id: int
    kind: str
    source_id: str
    part: str
    number: str
    document_date: date
    payer_id: str
    amount_cents: int
    source_hash: str


@dataclass(frozen=True, slots=True)
class Link:
    """A document of billing and the same document in QuickBooks. ``body`` holds the fields that are equal on both
    sides, as JSON.

    ``fingerprint`` (content hash) is the hash of the content that billing would send now, "" where that is not known.
    With a fingerprint, a change in billing that leaves this content equal is not sent.
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


def candidates(engine: sa.Engine, firm_id: str) -> list[UnsentDocument]:
    """Return the documents of the work list that QuickBooks may hold already, in the order of kind and date."""
    with engine.connect() as connection:
        sticky = [str(problem) for problem in documents.STICKY]
        rows = connection.execute(queries["candidates"], {"firm_id": firm_id, "sticky": sticky})
        return [UnsentDocument(**row) for row in rows.mappings()]


def linked_invoices(engine: sa.Engine, firm_id: str, invoice_ids: Sequence[str]) -> dict[str, str]:
    """Return the QuickBooks Ids of invoices where they are known, keyed by billing's id."""
    with engine.connect() as connection:
        rows = connection.execute(queries["linked_invoices"], {"firm_id": firm_id, "invoice_ids": list(invoice_ids)})
        return {row.source_id: row.quickbooks_id for row in rows}


def link(connection: sa.Connection, firm_id: str, links: Sequence[Link], *, run: log.Run, now: datetime) -> int:
    """Link documents, in the caller's transaction. Return the number of linked documents. A document that has moved
    since is not linked."""
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
