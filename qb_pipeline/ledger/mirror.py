"""The mirror: what QuickBooks holds of our documents, in versions, each from when we saw it.

Belongs here: keeping what an answer said. Does not belong here: asking (``sync.reconcile``), and what a difference
means (``sql/reporting``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.core.mirror import Version
from qb_pipeline.core.plan import Difference
from qb_pipeline.database import Queries
from qb_pipeline.ledger import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))


def see(connection: sa.Connection, firm_id: str, versions: Sequence[Version], *, seen_by: str, now: datetime) -> int:
    """Keep what an answer said; what says the same as before, or is older than what is known, makes no version.

    Of one document only its newest snapshot may be given. ``seen_by`` is push (the answer to a request of ours) or
    reading. Payments come before invoices, so that what settles an invoice is known when its balance is looked at.

    Returns:
        How many documents have a new version.
    """
    if not versions:
        return 0
    changed = 0
    connection.execute(queries["one_at_a_time"], {"firm_id": firm_id})
    for kind in ("payment", "invoice"):
        rows = [asdict(version) for version in versions if version.kind == kind]
        if rows:
            parameters = {"firm_id": firm_id, "versions": json.dumps(rows), "seen_by": seen_by, "now": now}
            connection.execute(queries["close"], parameters)
            changed += connection.execute(queries["add"], parameters).rowcount
            if kind == "payment":
                connection.execute(queries["settle"], parameters)
    return changed


class Mirror:
    """The mirror of one firm's company."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def relevant(self, kind: str, quickbooks_ids: Collection[str]) -> set[str]:
        """Of Ids in QuickBooks: those of documents of ours, and those that were looked at before."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "kind": kind, "quickbooks_ids": list(quickbooks_ids)}
            return set(connection.scalars(queries["relevant"], values))

    def documents(self, kind: str, quickbooks_ids: Collection[str]) -> list[Any]:
        """Our documents of these Ids: document_id, kind, source_id, part, state, reason, source_hash, amount_cents,
        sync_token, customer_id, reviewed_token, quickbooks_id."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "kind": kind, "quickbooks_ids": list(quickbooks_ids)}
            return list(connection.execute(queries["documents"], values))

    def record_reading(
        self,
        versions: Sequence[Version],
        drifted: Mapping[int, Sequence[Difference]],
        *,
        cursor: datetime,
        now: datetime,
    ) -> int:
        """Keep what a reading found, and the cursor with it; gives how many documents have a new version.

        ``drifted``: of each document of ours that was read, the fields that QuickBooks holds otherwise than we wrote
        them; none where it agrees again.
        """
        differences = [
            {"document_id": document_id, **asdict(each)} for document_id, found in drifted.items() for each in found
        ]
        parameters = {"document_ids": list(drifted), "differences": json.dumps(differences), "now": now}
        with self._engine.begin() as connection:
            changed = see(connection, self._firm_id, versions, seen_by="reading", now=now)
            connection.execute(queries["drop_drift"], parameters)
            connection.execute(queries["add_drift"], parameters)
            cursors.save(connection, self._firm_id, cursors.MIRROR, cursor)
        return changed

    def cursor(self) -> datetime | None:
        """Up to which instant, by QuickBooks' clock, changes were read; None before the first reading."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.MIRROR)

    def living(self, kind: str) -> list[str]:
        """Ids of what was there when it was last seen, void or not."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["living"], {"firm_id": self._firm_id, "kind": kind}))

    def unseen(self, kind: str) -> list[str]:
        """Ids in QuickBooks that the work list names and nobody has looked at, such as those of adopted documents."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["unseen"], {"firm_id": self._firm_id, "kind": kind}))
