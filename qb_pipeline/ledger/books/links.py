"""The amounts that our payments were sent to pay, for a comparison with the amounts in QuickBooks.

Belongs here: the columns for that comparison, and returning payments to the work list that a step of ours took off
their invoices. Does not belong here: the comparison (``core.documents.links``).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import State
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class SentPayment:
    """A payment of ours that is synced, or held as drift. Amounts are in cents.

    ``sent``: the amounts that were sent to pay, or that a person kept, keyed by the invoice's Id in QuickBooks.
    ``is_as_sent``: whether billing's content is the one that was sent last.
    """

    document_id: int
    state: State
    reason: str
    source_hash: str
    amount_cents: int
    sync_token: str
    customer_id: str
    quickbooks_id: str
    is_kept: bool
    is_as_sent: bool
    sent: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LinkedInvoice:
    """An invoice of ours: its Id in QuickBooks, its number, the customer under which we put it, and whether we voided
    it."""

    quickbooks_id: str
    number: str
    customer_id: str
    is_voided: bool


class Links:
    """The links of one firm's payments to invoices."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def payments(self, quickbooks_ids: Collection[str]) -> list[SentPayment]:
        """Return those of these payments that are ours and that QuickBooks should hold as they were sent."""
        values = {"firm_id": self._firm_id, "quickbooks_ids": list(quickbooks_ids)}
        with self._engine.connect() as connection:
            rows = connection.execute(queries["payments"], values).mappings()
            return [SentPayment(**{**row, "state": State(row["state"])}) for row in rows]

    def invoices(self, quickbooks_ids: Collection[str]) -> dict[str, LinkedInvoice]:
        """Return those of these invoices that are ours, keyed by their Id in QuickBooks."""
        values = {"firm_id": self._firm_id, "quickbooks_ids": list(quickbooks_ids)}
        with self._engine.connect() as connection:
            return {row.quickbooks_id: LinkedInvoice(*row) for row in connection.execute(queries["invoices"], values)}

    def apply_again(self, tokens: Mapping[int, str], *, run: log.Run, now: datetime) -> None:
        """Set synced payments to ``revised``, so that they are applied again.

        A step of ours took them off their invoices. ``tokens``: the SyncToken in which each payment was read, keyed by
        document id.
        """
        rows = [{"document_id": document_id, "sync_token": token} for document_id, token in tokens.items()]
        with self._engine.begin() as connection:
            moved = connection.execute(queries["apply_again"], {"tokens": json.dumps(rows), "now": now}).all()
            said = "its invoice moved to another customer; it is applied again"
            entries = [
                log.Entry("revised", row.document_id, detail=said, amount_cents=row.amount_cents) for row in moved
            ]
            log.write(connection, self._firm_id, run, entries, now=now)


def keep(connection: sa.Connection, document_id: int, held: Mapping[str, int]) -> None:
    """Record the amounts that QuickBooks holds as the amounts that were sent, in the caller's transaction.

    ``held``: cents keyed by the invoice's Id in QuickBooks.
    """
    links = json.dumps([{"quickbooks_id": key, "cents": cents} for key, cents in held.items()])
    connection.execute(queries["keep"], {"document_id": document_id})
    connection.execute(queries["keep_links"], {"document_id": document_id, "links": links})
