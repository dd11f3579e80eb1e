"""Mappings (crosswalk): the customer of a payer, the item of a fee item, and the smaller mappings.

A mapping is made by a person, found by name (``matched``) or made by us in QuickBooks (``created``). A person's mapping
takes precedence.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger.books import customer_names, foreign_documents
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.ledger.setup.firms import SetUpError

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Mapping:
    """One row of a mapping. ``origin`` is person, matched or created."""

    kind: str
    source_id: str
    quickbooks_id: str
    quickbooks_name: str
    origin: str


class Mappings:
    """The mappings of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def links(self, kind: str) -> dict[str, str]:
        """Return QuickBooks Ids of one kind of mapping, keyed by billing's id."""
        return {mapping.source_id: mapping.quickbooks_id for mapping in self.all(kind)}

    def all(self, kind: str) -> list[Mapping]:
        """Return every mapping of one kind, in the order of billing's ids."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["mappings"], {"firm_id": self._firm_id, "kind": kind})
            return [Mapping(kind, row.source_id, row.quickbooks_id, row.quickbooks_name, row.origin) for row in rows]

    def follow(self, gone_id: str, survivor_id: str, *, actor: str, now: datetime) -> int:
        """Move the mappings and documents of a customer that was merged into another one to the surviving customer.

        A person merged both customers, so that two payers may share the survivor.

        Returns:
            The number of mappings and documents that moved, 0 when the merge was known.
        """
        values = {"firm_id": self._firm_id, "gone_id": gone_id, "survivor_id": survivor_id, "actor": actor, "now": now}
        with self._engine.begin() as connection:
            return sum(
                connection.execute(queries[name], values).rowcount for name in ("follow_mappings", "follow_documents")
            )

    def remember(
        self, mappings: Iterable[Mapping], *, others: Collection[Pair] = (), actor: str, now: datetime
    ) -> None:
        """Store mappings. Only a person's mapping replaces a person's mapping.

        ``others`` are pairs of a payer and a customer that a person told apart. They are stored in the same
        transaction.

        Raises:
            SetUpError: a QuickBooks customer would get two payers. Nothing was stored, and the message names the next
                step.
        """
        found = list(mappings)
        if not found and not others:
            return
        try:
            with self._engine.begin() as connection:
                store(connection, self._firm_id, found, actor=actor, now=now)
                foreign_documents.answer(connection, self._firm_id, others, "new", actor=actor, now=now)
                crash_point("remember a mapping: before its commit")
            crash_point("remember a mapping: committed")
        except sa.exc.IntegrityError as error:
            ids = ", ".join(sorted(mapping.source_id for mapping in found))
            raise SetUpError(
                f"{self._firm_id}: a QuickBooks customer would get two payers: one of {ids}, and another. "
                f"Map the payer that it belongs to: qb-pipeline mapping import {self._firm_id} FILE.csv"
            ) from error


def store(connection: sa.Connection, firm_id: str, mappings: Iterable[Mapping], *, actor: str, now: datetime) -> None:
    """Store mappings in the caller's transaction; as ``Mappings.remember``."""
    found = list(mappings)
    rows = [
        {
            "firm_id": firm_id,
            "kind": mapping.kind,
            "source_id": mapping.source_id,
            "quickbooks_id": mapping.quickbooks_id,
            "quickbooks_name": mapping.quickbooks_name,
            "origin": mapping.origin,
            "actor": actor,
            "now": now,
        }
        for mapping in found
    ]
    if rows:
        connection.execute(queries["remember"], rows)
    names = {mapping.quickbooks_id: mapping.quickbooks_name for mapping in found if mapping.kind == "payer"}
    customer_names.store(connection, firm_id, names, now=now)
