"""Bindings (connection fingerprints): the company, billing database and ledger that a firm was connected with.

Belongs here: storing and comparing a binding, and linking documents that the ledger has forgotten. Does not belong
here: asking QuickBooks (``sync.verify.binding``, ``sync.verify.recovery``), and the witness (send counter) outside the
database (``witness``).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.setup.firms import SetUpError

queries = Queries(Path(__file__).with_suffix(".sql"))


class BindingError(SetUpError):
    """The company or a database is not the one that the firm was connected with. Nothing is sent. The message ends with
    the remedy."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The identities of the ledger's database and of its history. After a restore the history has another identity."""

    database: str
    history: str


@dataclass(frozen=True, slots=True)
class Binding:
    """The company and databases that a firm was connected with. ``company`` is "" before QuickBooks was asked for it.
    ``reconcile_first`` is the reason for which sending is stopped, or ""."""

    company: str
    company_checked_at: datetime
    billing: str
    ledger: str
    ledger_history: str
    reconcile_first: str


@dataclass(frozen=True, slots=True)
class LastSend:
    """The number of write requests that have left for a company, and the id of the witness that noted the last one."""

    sequence: int
    witness_id: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A document of QuickBooks that carries our marker."""

    kind: str
    source_id: str
    part: str
    generation: int
    quickbooks_id: str
    sync_token: str
    customer_id: str
    total_cents: int | None
    number: str
    document_date: date | None
    is_void: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """The amount, in cents, that a payment in QuickBooks pays of an invoice there (LinkedTxn). Payment and invoice are
    named by their QuickBooks Ids."""

    payment_id: str
    quickbooks_invoice_id: str
    amount_cents: int


class Bindings:
    """The binding of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def ledger(self) -> Ledger:
        """Return the identity of the database that we are connected to now."""
        with self._engine.connect() as connection:
            return Ledger(*connection.execute(queries["ledger"]).one())

    def read(self) -> Binding | None:
        """Read the firm's binding. The result is None before the firm was connected."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["binding"], {"firm_id": self._firm_id}).one_or_none()
        return Binding(*row) if row else None

    def bind(self, *, company: str, billing: str, now: datetime, reconcile_first: str = "") -> None:
        """Store the binding of the firm to this company, this billing database and the ledger that we are connected
        to."""
        ledger = self.ledger()
        self._change(
            "bind",
            company=company,
            billing=billing,
            ledger=ledger.database,
            history=ledger.history,
            reconcile_first=reconcile_first,
            now=now,
        )

    def company_checked(self, company: str, *, now: datetime) -> None:
        """Record that QuickBooks was asked and named this company."""
        self._change("company_checked", company=company, now=now)

    def history_checked(self, history: str) -> None:
        """Record the ledger's new history, after a check that it still knows all our documents that QuickBooks
        holds."""
        self._change("history_checked", history=history)

    def stop(self, reason: str) -> None:
        """Record the reason for which nothing is sent for the firm until all our documents in QuickBooks are linked."""
        self._change("stop", reason=reason)

    def last_send(self, realm_id: str) -> LastSend | None:
        """Read the number of the last request that left and the id of its witness, as the ledger has them. The result
        is None before the first request."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["witness"], {"realm_id": realm_id}).one_or_none()
        return LastSend(*row) if row else None

    def last_sent_at(self, realm_id: str) -> datetime | None:
        """Return the time (UTC) at which the last request to the company left, or None before the first."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["last_sent_at"], {"realm_id": realm_id})
        return found

    def forgotten(self, marked: Sequence[Marked]) -> int:
        """Return the number of these documents, which carry our marker in QuickBooks, that the ledger does not know to
        be in QuickBooks or on their way there."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "marked": _json(marked)}
            return int(connection.scalar(queries["forgotten"], values) or 0)

    def former(self) -> list[str]:
        """Return the ids of installations that a person declared gone for good."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["former"]))

    def declare_former(self, installations: Collection[str], *, now: datetime) -> None:
        """Record installations as gone for good. From now on, the documents that they sent count as ours."""
        with self._engine.begin() as connection:
            connection.execute(queries["declare_former"], {"installations": list(installations), "now": now})

    def sent_invoices(self) -> list[str]:
        """Return billing's ids of the 50 invoices that were sent last."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["sent_invoices"], {"firm_id": self._firm_id}))

    def take_over(self, realm_id: str, *, sequence: int, witness_id: str, now: datetime) -> int:
        """Set this home's witness (send counter) as the valid one, and return the number that it must note."""
        with self._engine.begin() as connection:
            values = {"realm_id": realm_id, "sequence": sequence, "witness_id": witness_id, "now": now}
            return int(connection.scalar(queries["take_over"], values) or 0)

    def link(
        self, marked: Sequence[Marked], applications: Sequence[Applied], *, run: log.Run, now: datetime
    ) -> dict[str, int]:
        """Link documents that the ledger has forgotten, in one transaction.

        Returns:
            The number of linked documents, keyed by the state that they have now.
        """
        with self._engine.begin() as connection:
            values = {"firm_id": self._firm_id, "marked": _json(marked), "now": now}
            linked = connection.execute(queries["link"], values).all()
            connection.execute(
                queries["link_applications"],
                {
                    "firm_id": self._firm_id,
                    "applications": _json(applications),
                    "document_ids": [row.document_id for row in linked],
                },
            )
            entries = [
                log.Entry("adopted", row.document_id, row.reason, "", row.amount_cents, row.quickbooks_id)
                for row in linked
            ]
            log.write(connection, self._firm_id, run, entries, now=now)
        counts: dict[str, int] = {}
        for row in linked:
            counts[row.state] = counts.get(row.state, 0) + 1
        return counts

    def _change(self, query: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(queries[query], {"firm_id": self._firm_id, **values})


def _json(rows: Sequence[Marked] | Sequence[Applied]) -> str:
    return json.dumps([asdict(row) for row in rows], default=str)
