"""Payers and their customers in QuickBooks, as the ledger knows them.

Belongs here: the customer of a payer, and the documents of a payer. Does not belong here: finding the customer
(``sync.mapping``), and mappings that a person made (``mappings``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Kind
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A payer's customer as we know it. ``fingerprint`` (content hash) is the hash of the payer's details when we last
    sent them to QuickBooks, or when we first saw the customer. It is "" before both."""

    document_id: int
    quickbooks_id: str
    fingerprint: str


class Payers:
    """The payers of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def customers(self, payer_ids: Sequence[str]) -> dict[str, KnownCustomer]:
        """Return the customers of payers, keyed by payer id. Customers in flight are left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["customers"], {"firm_id": self._firm_id, "payer_ids": list(payer_ids)})
            return {row.source_id: KnownCustomer(row.document_id, row.quickbooks_id, row.fingerprint) for row in rows}

    def remember_customers(self, seen: Mapping[str, tuple[str, str]], *, now: datetime) -> None:
        """Store the customers of payers. ``seen`` holds, keyed by payer id, the customer's QuickBooks Id and the
        fingerprint (content hash) of the payer's details. A customer that belongs to another payer already is not
        stored."""
        if not seen:
            return
        with self._engine.begin() as connection:
            connection.execute(
                queries["remember_customers"],
                {
                    "firm_id": self._firm_id,
                    "payer_ids": list(seen),
                    "quickbooks_ids": [quickbooks_id for quickbooks_id, _ in seen.values()],
                    "fingerprints": [print_ for _, print_ in seen.values()],
                    "now": now,
                },
            )

    def payer_ids(self) -> list[str]:
        """Return the ids of payers with invoices or payments on the list."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["payer_ids"], {"firm_id": self._firm_id}))

    def waiting_for_payer(self, payer_id: str) -> list[int]:
        """Return the ids of a payer's documents that are held because the payer may be a customer already, and of the
        payer's payments that wait for an invoice."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "payer_id": payer_id}
            return list(connection.scalars(queries["waiting_for_payer"], parameters))

    def payers_held_in(self, run_id: str, reason: str, kinds: Sequence[Kind]) -> set[str]:
        """Return the ids of payers whose documents of these kinds were held or refused in a run for this reason."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run_id, "reason": reason, "kinds": list(kinds)}
            return set(connection.scalars(queries["payers_held_in"], parameters))

    def of_customer(self, customer_id: str, *, limit: int) -> dict[Kind, list[str]]:
        """Return the QuickBooks Ids of the newest documents that we know under a customer, keyed by kind. ``limit``
        counts all kinds together."""
        values = {"firm_id": self._firm_id, "customer_id": customer_id, "limit": limit}
        found: dict[Kind, list[str]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(queries["of_customer"], values):
                found.setdefault(row.kind, []).append(row.quickbooks_id)
        return found
