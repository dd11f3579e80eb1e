"""The mirror (replica): the versions of our documents in QuickBooks, each valid from when we saw it.

Belongs here: storing the versions of an answer. Does not belong here: asking for them (``sync.verify.reconcile``), and
the meaning of a difference (``sql/reporting``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.documents.mirror import Version
from qb_pipeline.core.planning.plan import Field
from qb_pipeline.core.states import Kind
from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))


def see(connection: sa.Connection, firm_id: str, versions: Sequence[Version], *, seen_by: str, now: datetime) -> int:
    """Store the versions of an answer; one that equals the known version, or is older, is not stored.

    Of one document only its newest snapshot may be given. ``seen_by`` is push (the answer to a request of ours) or
    reading. Payments are stored before invoices: an invoice's balance is compared with the payments that settle it.

    Returns:
        How many documents have a new version.
    """
    if not versions:
        return 0
    changed = 0
    connection.execute(queries["one_at_a_time"], {"firm_id": firm_id})
    for kind in (Kind.PAYMENT, Kind.INVOICE):
        rows = [asdict(version) for version in versions if version.kind == kind]
        if rows:
            parameters = {"firm_id": firm_id, "versions": json.dumps(rows), "seen_by": seen_by, "now": now}
            connection.execute(queries["close"], parameters)
            changed += connection.execute(queries["add"], parameters).rowcount
            if kind == Kind.PAYMENT:
                connection.execute(queries["settle"], parameters)
    return changed


@dataclass(frozen=True, slots=True)
class MirroredDocument:
    """A document of ours that QuickBooks holds, as the work list has it; its amount in cents."""

    document_id: int
    kind: Kind
    source_id: str
    part: str
    state: str
    reason: str
    source_hash: str
    amount_cents: int
    sync_token: str
    customer_id: str
    reviewed_token: str
    quickbooks_id: str


class Mirror:
    """The mirror of one firm's company."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def relevant(self, kind: Kind, quickbooks_ids: Collection[str]) -> set[str]:
        """Those of these QuickBooks Ids that belong to documents of ours, or were looked at before."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "kind": kind, "quickbooks_ids": list(quickbooks_ids)}
            return set(connection.scalars(queries["relevant"], values))

    def documents(self, kind: Kind, quickbooks_ids: Collection[str]) -> list[MirroredDocument]:
        """Our documents with these QuickBooks Ids."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "kind": kind, "quickbooks_ids": list(quickbooks_ids)}
            return [
                MirroredDocument(**{**row, "kind": kind})
                for row in connection.execute(queries["documents"], values).mappings()
            ]

    def record_reading(
        self,
        versions: Sequence[Version],
        drifted: Mapping[int, Sequence[Field]],
        *,
        cursor: datetime,
        now: datetime,
    ) -> int:
        """Store a reading together with its cursor; returns how many documents have a new version.

        ``drifted`` (drift: concurrent modification) has, for each document of ours that was read, the fields that
        differ in QuickBooks from our last write; an empty sequence when the document agrees again.
        """
        differences = [
            {
                "document_id": document_id,
                "field": each.name,
                "ours": each.ours,
                "theirs": each.theirs,
                "owner": each.owner,
            }
            for document_id, found in drifted.items()
            for each in found
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

    def living(self, kind: Kind) -> list[str]:
        """QuickBooks Ids of documents that existed when they were last seen, void or not."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["living"], {"firm_id": self._firm_id, "kind": kind}))

    def unseen(self, kind: Kind) -> list[str]:
        """QuickBooks Ids on the work list that have no version yet, such as those of adopted documents."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["unseen"], {"firm_id": self._firm_id, "kind": kind}))
