"""Payments that QuickBooks received, written into billing (Model 2).

Belongs here: writing these rows, each exactly once. Does not belong here: the choice of rows
(``core.documents.received``), and their record in the ledger, which stores a row before billing does, since billing may
be on another server.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.billing.errors import BillingError, translated_errors
from qb_pipeline.billing.source import IDS, IDS_PER_QUERY
from qb_pipeline.core.documents.received import Posting
from qb_pipeline.core.money import to_cents, to_dollars
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class PostingRefusedError(BillingError):
    """Billing refused one row, for example because of a closed month, a rule of its own or an invoice that is gone.
    Other rows are still posted.

    The message is for the firm's people. ``code`` (SQLSTATE or the kind of error) may be logged.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class BillingPayments:
    """The received payments of one firm in its billing database."""

    engine: sa.Engine
    firm_id: str
    currency: str

    def post(self, posting: Posting, *, now: datetime) -> None:
        """Write one row, with its application, in one transaction. A row that exists already is left as it is.

        Raises:
            PostingRefusedError: billing refused this row. Try again when the cause is gone.
            BillingUnavailableError: it is not known whether the row was written. Post it again.
        """
        try:
            with translated_errors(), _refusals(), self.engine.begin() as connection:
                found = self._find(connection, posting.external_id)
                if found is None:
                    self._add(connection, posting, now)
                elif (found.kind, to_cents(Decimal(str(found.amount)))) != (posting.kind, posting.amount_cents):
                    raise PostingRefusedError("billing holds another row under this external id", "taken")
                crash_point("post into billing: not committed yet")
        except PostingRefusedError:
            # If another process has written the same row meanwhile, this posting is done.
            if self.held([posting.external_id]) != {posting.external_id: (posting.kind, posting.amount_cents)}:
                raise
        crash_point("post into billing: is committed")

    def _add(self, connection: sa.Connection, posting: Posting, now: datetime) -> None:
        reversed_row = self._find(connection, posting.reverses_external_id) if posting.reverses_external_id else None
        if posting.reverses_external_id and reversed_row is None:
            raise PostingRefusedError("the payment that is to be taken back is no longer in billing", "gone")
        values: dict[str, Any] = {
            "firm_id": self.firm_id,
            "payment_id": posting.external_id.replace(":", "-"),
            "payer_id": posting.payer_id,
            "kind": posting.kind,
            "method": posting.method,
            "reference": posting.reference or None,
            "payment_date": posting.payment_date,
            "amount": str(to_dollars(posting.amount_cents)),  # as text: a driver may turn a Decimal into a float
            "currency": self.currency,
            "memo": posting.note or None,
            "reverses_payment_id": reversed_row.payment_id if reversed_row else None,
            "external_id": posting.external_id,
            "now": now if self._is_postgresql else now.astimezone(UTC).replace(tzinfo=None),
        }
        connection.execute(_typed(queries["add_payment"]), values)
        if posting.kind == "reversal":
            return  # the payment that it takes back keeps its applications, as with refunds and rejections
        written = self._find(connection, posting.external_id)  # a view may have given it an id of its own
        if written is None:
            raise PostingRefusedError("billing took the payment and does not show it", "hidden")
        connection.execute(
            _typed(queries["add_application"]),
            {name: values[name] for name in ("firm_id", "payment_date", "amount")}
            | {"payment_id": written.payment_id, "invoice_id": posting.invoice_id},
        )

    def held(self, external_ids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Read those of these rows that billing really holds: kind and cents, keyed by external id."""
        wanted = sorted(external_ids)
        found = {}
        with translated_errors(), self.engine.connect() as connection:
            for start in range(0, len(wanted), IDS_PER_QUERY):
                statement = queries["find_all"].bindparams(IDS)
                ids = wanted[start : start + IDS_PER_QUERY]
                for row in connection.execute(statement, {"firm_id": self.firm_id, "ids": ids}):
                    found[row.external_id] = (row.kind, to_cents(Decimal(str(row.amount))))
        return found

    def count(self) -> int:
        """Return the number of rows of received payments that billing holds, corrections and reversals included."""
        with translated_errors(), self.engine.connect() as connection:
            return int(connection.scalar(queries["count_all"], {"firm_id": self.firm_id}) or 0)

    def all(self) -> list[dict[str, Any]]:
        """Read all rows of received payments, as one dict each. A missing value is "".

        Keys: external_id, payer_id, kind, method, reference, note, payment_date (ISO text), amount_cents, invoice_id,
        reverses_external_id.
        """
        with translated_errors(), self.engine.connect() as connection:
            found = connection.execute(queries["all"], {"firm_id": self.firm_id}).mappings().all()
        return [
            {
                **{name: row[name] or "" for name in ("external_id", "payer_id", "kind", "method", "reference")},
                "note": row["memo"] or "",
                "payment_date": str(row["received_date"])[:10],
                "amount_cents": to_cents(Decimal(str(row["amount"]))),
                "invoice_id": row["invoice_id"] or "",
                "reverses_external_id": row["reverses_external_id"] or "",
            }
            for row in found
        ]

    def _find(self, connection: sa.Connection, external_id: str) -> Any:
        return connection.execute(queries["find"], {"firm_id": self.firm_id, "external_id": external_id}).one_or_none()

    @property
    def _is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"


def _typed(statement: sa.TextClause) -> sa.TextClause:
    """Declare the types of the dates and times that a statement binds, because not every driver knows them by
    itself."""
    types = {"payment_date": sa.Date(), "now": sa.DateTime(timezone=True)}
    names = statement.compile().params
    return statement.bindparams(
        *(sa.bindparam(name, type_=type_) for name, type_ in types.items() if name in names)  # type: ignore[arg-type]
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise ``PostingRefusedError`` when billing's own rules refuse a row. The error of a database that is down passes
    through."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.InternalError, sa.exc.NotSupportedError) as error:
        code = getattr(error.orig, "pgcode", None) or type(error).__name__
        raise PostingRefusedError(
            f"billing refused the payment: {str(error.orig).partition(chr(10))[0]}", code
        ) from error
