"""Applications (LinkedTxn): what our payments pay of which invoice in QuickBooks, and what went back of them.

Belongs here: reading these sums, of what stands and of what a run has planned. Does not belong here: dividing a
payment over its invoices (``core.documents.payments``), and what billing applies.
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
    """What a part of a payment pays of an invoice in QuickBooks; ``quickbooks_id`` is the payment's, "" while unknown.

    ``is_kept``: a person left the payment there as it is.
    """

    payment_id: str
    part: str
    invoice_id: str
    quickbooks_invoice_id: str
    amount_cents: int
    quickbooks_id: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Application:
    """The amount that a payment pays of one invoice (LinkedTxn), in cents."""

    invoice_id: str
    quickbooks_invoice_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund or rejection of billing (``source_id``) that is not in QuickBooks, and the payment that it takes back.

    ``customer_id`` is that payment's customer in QuickBooks; ``left_cents`` is the part of that payment that has not
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
    """What the payments of one firm pay in QuickBooks."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def invoices_known(self, invoice_ids: Sequence[str]) -> pd.DataFrame:
        """The invoices that payments apply to, as the ledger knows them.

        Columns invoice_id, state, reason, quickbooks_id, customer_id, open_cents (total in QuickBooks less the amounts
        of our payments, those in flight included), document_date.
        """
        columns = ["invoice_id", "state", "reason", "quickbooks_id", "customer_id", "open_cents", "document_date"]
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["invoices_known"], {"firm_id": self._firm_id, "invoice_ids": list(invoice_ids)}
            ).all()
        return pd.DataFrame(rows, columns=columns).astype({"open_cents": "int64"})

    def applied(self, document_ids: Sequence[int]) -> dict[tuple[str, str, str], int]:
        """Cents that these payments pay of invoices in QuickBooks, by (payment_id, part, invoice_id)."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["applied"], {"document_ids": list(document_ids)})
            return {(row.source_id, row.part, row.invoice_id): row.amount_cents for row in rows}

    def applied_to(self, quickbooks_invoice_ids: Sequence[str], *, voided_by: str = "") -> list[AppliedShare]:
        """What our payments pay of these invoices in QuickBooks, or may pay; ``voided_by``: the run whose planned voids
        count as done."""
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
        """Cents by (payment_id, part) of all parts of these payments that are in QuickBooks, or may be."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["standing_parts"], {"firm_id": self._firm_id, "payment_ids": list(payment_ids)}
            )
            return {(row.source_id, row.part): row.cents for row in rows}

    def planned_creates(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Invoices that this run's plan would create: payer and cents, by invoice id."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["planned_creates"],
                {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)},
            )
            return {row.source_id: (row.payer_id, row.cents) for row in rows}

    def planned_changes(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, int]:
        """By how many cents this run's plan would change the open balance of invoices, by invoice id: it revises the
        invoices, and voids payments on them."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["planned_changes"],
                {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)},
            )
            return {row.invoice_id: row.cents for row in rows}

    def planned_voids(self, run_id: str, invoice_ids: Sequence[str]) -> dict[str, int]:
        """Cents that payments pay of these invoices which this run's plan would void, by invoice id."""
        with self._engine.connect() as connection:
            values = {"firm_id": self._firm_id, "run_id": run_id, "invoice_ids": list(invoice_ids)}
            return {row.invoice_id: row.cents for row in connection.execute(queries["planned_voids"], values)}

    def open_rejections(self, invoice_ids: Sequence[str]) -> dict[str, str]:
        """Invoices that a rejected payment still pays in QuickBooks: that payment's id by invoice id."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["open_rejections"], {"firm_id": self._firm_id, "invoice_ids": list(invoice_ids)}
            )
            return {row.invoice_id: row.payment_id for row in rows}

    def refunds_since(self) -> datetime | None:
        """When the firm switched ``record_refunds`` on last; None when it never did."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["refunds_since"], {"firm_id": self._firm_id})
        return found

    def refunds_to_record(
        self, since: datetime, *, first: date | None, last: date | None, payment_ids: Sequence[str]
    ) -> list[Refund]:
        """Refunds and rejections created since ``since``, of payments that are in QuickBooks; oldest first."""
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

    def taken_back(self, payment_ids: Sequence[str]) -> dict[str, int]:
        """Cents of payments that went back to clients, by payment id, as far as QuickBooks holds the refund's journal
        entry."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["taken_back"], {"firm_id": self._firm_id, "payment_ids": list(payment_ids)}
            )
            return {row.payment_id: row.cents for row in rows}

    def plan_payments_again(self, *, now: datetime) -> int:
        """Make a payment ``revised`` when money of it went back since it was sent; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(queries["plan_payments_again"], {"firm_id": self._firm_id, "now": now}).rowcount
