"""The mirror (replica): the versions of our documents in QuickBooks, each valid from the time when we first read it.

Belongs here: storing the versions of an answer. Does not belong here: requesting them (``sync.verify.reconcile``), and
the meaning of a difference (``sql/reporting``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from qb_pipeline.core.documents.bank_deposits import BankDeposit
from qb_pipeline.core.documents.mirror import MirrorKind, Version
from qb_pipeline.core.planning.plan import Field
from qb_pipeline.core.states import Kind
from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import bank_deposits, cursors
from qb_pipeline.ledger.books import customer_names as names

queries = Queries(Path(__file__).with_suffix(".sql"))


def see(connection: sa.Connection, firm_id: str, versions: Sequence[Version], *, seen_by: str, now: datetime) -> int:
    """Store the versions of an answer. A version that equals the known one, or is older, is not stored.

    Of each document only its newest snapshot may be passed. ``seen_by`` is push (the answer to a request of ours) or
    reading. Payments are stored before invoices, because an invoice's balance is compared with the payments that settle
    it.

    Returns:
        The number of documents that have a new version.
    """
    if not versions:
        return 0
    changed = 0
    connection.execute(queries["one_at_a_time"], {"firm_id": firm_id})
    seen = {version.customer_id: version.customer_name for version in versions if version.customer_name}
    names.store(connection, firm_id, seen, now=now)
    for kind in (Kind.PAYMENT, Kind.INVOICE, "credit_memo", "journal_entry"):
        rows = [asdict(version) for version in versions if version.kind == kind]
        if rows:
            parameters = {"firm_id": firm_id, "versions": json.dumps(rows), "seen_by": seen_by, "now": now}
            connection.execute(queries["close"], parameters)
            changed += connection.execute(queries["add"], parameters).rowcount
            if kind == Kind.PAYMENT:
                connection.execute(queries["settle"], parameters)
                connection.execute(queries["detail"], parameters)
    return changed


@dataclass(frozen=True, slots=True)
class MirroredDocument:
    """A document of ours that QuickBooks holds, as the work list has it. Its amount is in cents."""

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

    def documents(self, kind: Kind, quickbooks_ids: Collection[str]) -> list[MirroredDocument]:
        """Return our documents with these QuickBooks Ids."""
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
        deposits: Sequence[BankDeposit] = (),
        customer_names: Mapping[str, str] = MappingProxyType({}),
        cursor: datetime,
        now: datetime,
    ) -> int:
        """Store a reading together with its cursor. Return the number of documents that have a new version.

        ``customer_names``: the names of the customers that changed, keyed by Id.

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
            names.rename(connection, self._firm_id, customer_names, now=now)
            bank_deposits.see(connection, self._firm_id, deposits, now=now)
            connection.execute(queries["drop_drift"], parameters)
            connection.execute(queries["add_drift"], parameters)
            cursors.save(connection, self._firm_id, cursors.MIRROR, cursor)
        return changed

    def cursor(self) -> datetime | None:
        """Return the instant, by QuickBooks' clock, up to which changes were read, or None before the first reading."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.MIRROR)

    def seen(self, kind: MirrorKind, tokens: Mapping[str, int]) -> set[str]:
        """Return those of these QuickBooks Ids that were read in this version or in a newer one. ``tokens`` are the
        SyncTokens, keyed by Id."""
        values = {"firm_id": self._firm_id, "kind": kind}
        with self._engine.connect() as connection:
            ids = {"quickbooks_ids": list(tokens), "sync_tokens": list(tokens.values())}
            return set(connection.scalars(queries["seen"], values | ids))

    def customers_of_entries(self, quickbooks_ids: Collection[str]) -> dict[str, set[str]]:
        """Return the customers (``customer_key``) whose receivables these journal entries moved when they were last
        read, keyed by the entry's Id."""
        found: dict[str, set[str]] = {}
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "quickbooks_ids": list(quickbooks_ids)}
            for row in connection.execute(queries["entries"], values):
                found.setdefault(row.quickbooks_id, set()).add(row.customer_key)
        return found

    def living_deposits(self) -> list[str]:
        """Return the QuickBooks Ids of the bank deposits that existed when they were last read."""
        with self._engine.connect() as connection:
            return bank_deposits.living(connection, self._firm_id)

    def living(self, kind: Kind | MirrorKind) -> list[str]:
        """Return the QuickBooks Ids of the documents that existed when they were last read, void or not."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["living"], {"firm_id": self._firm_id, "kind": kind}))

    def unseen(self, kind: Kind) -> list[str]:
        """Return the QuickBooks Ids on the work list that have no version yet, such as those of adopted documents."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["unseen"], {"firm_id": self._firm_id, "kind": kind}))
