"""Applications (LinkedTxn): the amounts that our payments pay of invoices in QuickBooks, and the amounts that went
back.

Belongs here: reading these amounts, both those in QuickBooks and those that a run has planned. Does not belong here:
dividing a payment over its invoices (``core.documents.payments``), and the applications in billing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class AppliedShare:
    """The amount that a part (partial application) of a payment pays of an invoice in QuickBooks. ``quickbooks_id`` is
    the payment's Id, "" while it is unknown.

    ``is_kept``: a person left the payment there as it is; ``document_id`` is the payment's on the work list.
    """

    payment_id: str
    part: str
    invoice_id: str
    quickbooks_invoice_id: str
    amount_cents: int
    quickbooks_id: str
    is_kept: bool
    document_id: int


@dataclass(frozen=True, slots=True)
class Application:
    """The amount that a payment pays of one invoice (LinkedTxn), in cents."""

    invoice_id: str
    quickbooks_invoice_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund or rejection of billing (``source_id``) that is not in QuickBooks, and the payment that it takes back.

    ``customer_id`` is that payment's customer in QuickBooks. ``left_cents`` is the part of that payment that has not
    gone back yet.
    """

    document_id: int
    source_id: str
    payment_kind: str
    amount_cents: int
    payment_id: str
    customer_id: str
    left_cents: int


class Applications:
    """The applications of one firm's payments in QuickBooks."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def invoices_known(self, invoice_ids: Sequence[str]) -> pd.DataFrame:
        """Return these invoices, to which payments apply, as the ledger knows them.

        The columns are invoice_id, state, reason, quickbooks_id, customer_id, open_cents (total in QuickBooks less the
        amounts of our payments, those in flight included), document_date.
        """
        columns = ["invoice_id", "state", "reason", "quickbooks_id", "customer_id", "open_cents", "document_date"]
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["invoices_known"], {"firm_id": self._firm_id, "invoice_ids": list(invoice_ids)}
            ).all()
        return pd.DataFrame(rows, columns=columns).astype({"open_cents": "int64"})

    def applied(self, document_ids: Sequence[int]) -> dict[tuple[str, str, str], int]:
        """Return the cents that these payments pay of invoices in QuickBooks, keyed by (payment_id, part,
        invoice_id)."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["applied"], {"document_ids": list(document_ids)})
            return {(row.source_id, row.part, row.invoice_id): row.amount_cents for row in rows}

    def applied_to(self, quickbooks_invoice_ids: Sequence[str], *, voided_by: str = "") -> list[AppliedShare]:
        """Return the amounts that our payments pay of these invoices in QuickBooks, or may pay. ``voided_by`` is the
        run whose planned voids count as done."""
        if not quickbooks_invoice_ids:
            return []
        values = {
            "firm_id": self._firm_id,
            "quickbooks_ids": list(quickbooks_invoice_ids),
            "voided_by": voided_by,
        }
        with self._engine.connect() as connection:
            return [AppliedShare(*row) for row in connection.execute(queries["applied_to"], values)]

    def standing_parts(self, payment_ids: Sequence[str]) -> dict[tuple[str, str], int]:
        """Return the cents of all parts of these payments that are in QuickBooks, or may be there, keyed by
        (payment_id, part)."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["standing_parts"], {"firm_id": self._firm_id, "payment_ids": list(payment_ids)}
            )
            return {(row.source_id, row.part): row.cents for row in rows}

    def planned_creates(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return the invoices that this run's plan would create: payer and cents, keyed by invoice id."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["planned_creates"],
                {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)},
            )
            return {row.source_id: (row.payer_id, row.cents) for row in rows}

    def planned_payers(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, str]:
        """Return the payers that billing has for those of these invoices that this run's plan would change, keyed by
        invoice id."""
        values = {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)}
        with self._engine.connect() as connection:
            return {row.source_id: row.payer_id for row in connection.execute(queries["planned_payers"], values)}

    def planned_changes(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, int]:
        """Return the cents by which this run's plan would change the open balance of invoices, keyed by invoice id. The
        plan revises these invoices, and voids payments on them."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["planned_changes"],
                {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)},
            )
            return {row.invoice_id: row.cents for row in rows}

    def planned_voids(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, int]:
        """Return the cents that payments pay of these invoices, keyed by invoice id. Only payments count that this
        run's plan would void."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)}
            return {row.invoice_id: row.cents for row in connection.execute(queries["planned_voids"], values)}

    def open_rejections(self, invoice_ids: Sequence[str]) -> dict[str, str]:
        """Return the ids of rejected payments that still pay these invoices in QuickBooks, keyed by invoice id."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["open_rejections"], {"firm_id": self._firm_id, "invoice_ids": list(invoice_ids)}
            )
            return {row.invoice_id: row.payment_id for row in rows}

    def refunds_since(self) -> datetime | None:
        """Return the time when the firm last switched ``record_refunds`` on, or None when it never did."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["refunds_since"], {"firm_id": self._firm_id})
        return found

    def refunds_to_record(
        self, since: datetime, *, first: date | None, last: date | None, payment_ids: Sequence[str]
    ) -> list[Refund]:
        """Return the refunds and rejections created since ``since`` that are still to be recorded in QuickBooks and
        whose payments are there, oldest first."""
        values = {
            "firm_id": self._firm_id,
            "since": since,
            "first": first,
            "last": last,
            "any_id": not payment_ids,
            "payment_ids": list(payment_ids),
        }
        with self._engine.connect() as connection:
            return [Refund(*row) for row in connection.execute(queries["refunds_to_record"], values)]

    def taken_back(self, payment_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the cents of payments that went back to clients, keyed by payment id and then by the Id of the journal
        entry in QuickBooks, oldest entry first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["taken_back"], {"firm_id": self._firm_id, "payment_ids": list(payment_ids)}
            )
            found: dict[str, dict[str, int]] = {}
            for row in rows:
                found.setdefault(row.payment_id, {})[row.entry_id] = row.cents
            return found

    def plan_payments_again(self, *, now: datetime) -> int:
        """Set payments to ``revised`` if money of them went back since they were sent, or if such a refund was voided
        since. Return their number."""
        with self._engine.begin() as connection:
            return connection.execute(queries["plan_payments_again"], {"firm_id": self._firm_id, "now": now}).rowcount
