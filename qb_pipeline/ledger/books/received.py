"""The inbox (change data capture) of payments that QuickBooks received (Model 2), and the postings that billing is to
get for them.

Belongs here: storing snapshots with their cursor, appending postings, recording the postings that billing has. Does not
belong here: reading QuickBooks, writing to billing, and the judgement of a payment (``core.documents.received``).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from qb_pipeline.core.documents.received import (
    CREDIT,
    OurInvoice,
    Posting,
    Received,
    Standing,
    choose_method,
    compare_postings,
    external_id,
    judge,
)
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books import cursors
from qb_pipeline.ledger.setup.firms import Firm

queries = Queries(Path(__file__).with_suffix(".sql"))


class Due(NamedTuple):
    """A payment whose postings in billing are missing or out of date. ``has_failed`` tells whether billing refused one
    of them before."""

    payment_id: str
    payment_date: date
    sync_token: int
    status: str
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Count:
    """The number of payments in a state, and their money that is not applied to an invoice yet, in cents."""

    payments: int
    unapplied_cents: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A payment that needs a person: refused (it cannot be taken over) or failed (billing refuses it)."""

    payment_id: str
    payment_date: date
    state: str
    error: str


@dataclass(frozen=True, slots=True)
class PostedInRun:
    """The postings of one kind (payment, credit_application, reversal) that billing got in a run. ``cents`` is the sum
    of their amounts."""

    kind: str
    rows: int
    cents: int


@dataclass(frozen=True, slots=True)
class PostedOnInvoice:
    """A posting on an invoice that is not reversed. ``is_recent`` tells whether its payment came lately (setting
    ``recent_payment_days``)."""

    payment_date: date
    kind: str
    method: str
    amount_cents: int
    external_id: str
    posted_at: datetime | None
    is_recent: bool


@dataclass
class ReceivedPayments:
    """The inbox and the postings of one firm.

    A pull holds the firm's ``pull_turn.turn``, but correctness does not depend on that turn. Snapshots carry their
    order with them, postings are appended under the lock of their payment's row, and an external id exists once.
    """

    engine: sa.Engine
    firm: Firm

    # The inbox

    def cursor(self) -> datetime | None:
        """Return the instant at which the next reading of changes begins, or None before the first reading."""
        with self.engine.connect() as connection:
            return cursors.read(connection, self.firm.firm_id, cursors.RECEIVED_PAYMENTS)

    def known_ids(self, first: date | None = None, last: date | None = None) -> set[str]:
        """Return the Ids of payments that were read and are not known to be deleted: all, or those of inclusive
        dates."""
        with self.engine.connect() as connection:
            return set(connection.scalars(queries["known_ids"], self._key(first=first, last=last)))

    def store(
        self, received: Iterable[Received], deleted_ids: Sequence[str], *, cursor: datetime | None, now: datetime
    ) -> int:
        """Store snapshots and deletions of payments, and move the cursor in the same transaction. A snapshot that is
        stored already changes nothing.

        Returns:
            The number of payments that are new or changed.
        """
        rows = [_as_row(each) for each in received]
        with self._writing("store received payments") as connection:
            added = list(connection.scalars(queries["add"], self._key(rows=_json(rows), now=now)))
            touched = [*{*added, *(row["payment_id"] for row in rows)}]
            deleted = list(connection.scalars(queries["delete"], self._key(payment_ids=[*deleted_ids], now=now)))
            ids = self._key(payment_ids=[*touched, *deleted], now=now)
            connection.execute(queries["supersede"], ids)
            connection.execute(queries["open_newest"], ids)
            if cursor is not None:
                cursors.save(connection, self.firm.firm_id, cursors.RECEIVED_PAYMENTS, cursor)
        return len({*added, *deleted})

    def method_names(self) -> dict[str, str]:
        """Return QuickBooks' names of its payment methods, keyed by Id, as far as a stored payment names them."""
        with self.engine.connect() as connection:
            rows = connection.execute(queries["method_names"], self._key())
            return {row.method_id: row.method_name for row in rows}

    def due(self, first: date | None = None, last: date | None = None) -> list[Due]:
        """Return the payments whose postings in billing are missing or out of date, oldest first: all, or those of
        inclusive dates."""
        with self.engine.connect() as connection:
            return [Due(*row) for row in connection.execute(queries["due"], self._key(first=first, last=last))]

    def counts(self, first: date | None = None, last: date | None = None) -> dict[str, Count]:
        """Return the number of payments and their unapplied money, keyed by state."""
        with self.engine.connect() as connection:
            rows = connection.execute(queries["counts"], self._key(first=first, last=last))
            return {row.state: Count(row.payments, row.unapplied_cents) for row in rows}

    def troubles(self, first: date | None = None, last: date | None = None) -> list[Trouble]:
        """Return the payments that need a person, oldest first."""
        with self.engine.connect() as connection:
            return [Trouble(*row) for row in connection.execute(queries["troubles"], self._key(first=first, last=last))]

    # Postings

    def append(self, payment_ids: Sequence[str], *, methods: Mapping[str, str], run: log.Run, now: datetime) -> None:
        """Judge payments by their newest snapshots, and append the postings and reversals that are missing.

        Nothing is written to billing here. ``unposted`` returns the postings that must be written there. ``methods``
        holds billing's payment method, keyed by QuickBooks' Id, where the firm mapped it.
        """
        with self._writing("append postings") as connection:
            ids = self._key(payment_ids=[*payment_ids])
            newest = [_received(row) for row in connection.execute(queries["newest"], ids).mappings()]
            since = self.firm.cut_over_at or self.firm.activated_at or now
            ours = self._our_invoices(connection, newest, since)
            own = set(connection.scalars(queries["own_payments"], ids))
            unknown = bool(connection.scalar(queries["is_anything_unknown"], ids))
            standing = self._standing(connection, ids)
            rows = connection.execute(queries["revisions"], ids)
            revisions: dict[tuple[str, str], int] = defaultdict(
                int, {(row.payment_id, row.quickbooks_invoice_id): row.revision for row in rows}
            )
            for received in newest:
                verdict = judge(
                    received,
                    ours,
                    own_payments=own,
                    is_anything_unknown=unknown,
                    was_posted=any(payment_id == received.payment_id for payment_id, _ in revisions),
                    currency=self.firm.currency,
                    since=since,
                )
                if verdict.shares is not None:
                    difference = compare_postings(received, verdict.shares, standing[received.payment_id])
                    facts = {"run_id": run.run_id, "now": now}
                    for each in difference.reversed:
                        connection.execute(
                            queries["append_reversal"],
                            facts
                            | {"posting_id": each.posting_id}
                            | self._next(revisions, received.payment_id, each.quickbooks_invoice_id),
                        )
                    for invoice_id, kind, cents in difference.added:
                        connection.execute(
                            queries["append"],
                            facts
                            | ours[invoice_id]._asdict()
                            | self._next(revisions, received.payment_id, invoice_id)
                            | self._key(
                                payment_id=received.payment_id,
                                quickbooks_invoice_id=invoice_id,
                                kind=kind,
                                amount_cents=cents,
                                payment_date=received.payment_date,
                                method_id=received.method_id,
                                method="credit" if kind == CREDIT else choose_method(received, methods),
                                reference=received.reference,
                                note=received.note,
                            ),
                        )
                connection.execute(
                    queries["move"],
                    self._key(
                        payment_id=received.payment_id,
                        state=verdict.state,
                        error=verdict.error,
                        has_foreign=not received.links.keys() <= ours.keys(),
                        now=now,
                    ),
                )

    def _our_invoices(
        self, connection: sa.Connection, received: Iterable[Received], since: datetime
    ) -> dict[str, OurInvoice]:
        invoice_ids = sorted({invoice_id for each in received for invoice_id in each.links})
        rows = connection.execute(queries["invoices"], self._key(invoice_ids=invoice_ids, since=since))
        return {quickbooks_id: OurInvoice(*values) for quickbooks_id, *values in rows}

    def _standing(self, connection: sa.Connection, ids: Mapping[str, object]) -> dict[str, list[Standing]]:
        standing: dict[str, list[Standing]] = defaultdict(list)
        for payment_id, *values in connection.execute(queries["standing"], ids):
            standing[payment_id].append(Standing(*values))
        return standing

    def _next(self, revisions: dict[tuple[str, str], int], payment_id: str, invoice_id: str) -> dict[str, int | str]:
        revisions[payment_id, invoice_id] += 1
        revision = revisions[payment_id, invoice_id]
        return {
            "revision": revision,
            "external_id": external_id(self.firm.realm_id or "", payment_id, invoice_id, revision),
        }

    def unposted(self, payment_ids: Sequence[str]) -> list[Posting]:
        """Return the postings of these payments that billing may not have yet, in the order in which billing must get
        them."""
        with self.engine.connect() as connection:
            rows = connection.execute(queries["unposted"], self._key(payment_ids=[*payment_ids]))
            return [Posting(**row) for row in rows.mappings()]

    def record_posted(self, posting: Posting, *, run: log.Run, now: datetime) -> None:
        """Record that billing has this posting."""
        with self._writing("record a posting") as connection:
            row = connection.execute(queries["posted"], {"posting_id": posting.posting_id, "now": now}).one_or_none()
            connection.execute(queries["recover"], self._key(payment_id=posting.payment_id))
            if row is not None:
                activity = "reversed" if row.kind == "reversal" else "received"
                entry = log.Entry(
                    activity, row.document_id, amount_cents=row.amount_cents, quickbooks_id=row.payment_id,
                    detail=row.kind,
                )  # fmt: skip
                log.write(connection, self.firm.firm_id, run, [entry], now=now)

    def record_failed(self, posting: Posting, error: str, *, code: str, run: log.Run, now: datetime) -> None:
        """Record that billing refused this posting, and its error message. A later pull tries again. The log gets only
        the code."""
        with self._writing("record a failed posting") as connection:
            connection.execute(queries["fail"], self._key(payment_id=posting.payment_id, error=error, now=now))
            entry = log.Entry(
                "failed", posting.document_id, detail=code, amount_cents=posting.amount_cents,
                quickbooks_id=posting.payment_id,
            )  # fmt: skip
            log.write(connection, self.firm.firm_id, run, [entry], now=now)

    def posted(self, payment_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return the postings of these payments that billing holds, as the ledger believes: kind and cents, keyed by
        external id."""
        with self.engine.connect() as connection:
            rows = connection.execute(queries["standing_in_billing"], self._key(payment_ids=[*payment_ids]))
            return {row.external_id: (row.kind, row.amount_cents) for row in rows}

    def postings(self) -> int:
        """Return the number of postings, including those that billing may not have yet."""
        with self.engine.connect() as connection:
            return int(connection.scalar(queries["postings"], self._key()) or 0)

    def recall(self, rows: Sequence[Mapping[str, object]], *, run: log.Run, now: datetime) -> int:
        """Store postings that billing holds and that a restored ledger has forgotten. The cursor is deleted, so that
        the next pull reads the whole company.

        Returns:
            The number of postings that were stored. A row whose invoice the ledger does not know has to wait for the
            invoice.
        """
        with self._writing("recall postings") as connection:
            values = self._key(realm_id=self.firm.realm_id, rows=_json(rows), run_id=run.run_id, now=now)
            learned = [
                payment_id
                for reversals in (False, True)
                for payment_id in connection.scalars(queries["recall"], values | {"reversals": reversals})
            ]
            if learned:
                touched = self._key(payment_ids=sorted(set(learned)), now=now)
                connection.execute(queries["recall_payment"], touched)
                connection.execute(queries["reopen"], touched)
                connection.execute(queries["forget_cursor"], self._key(name=cursors.RECEIVED_PAYMENTS))
                entry = log.Entry("recalled", detail=f"{len(learned)} postings that billing holds")
                log.write(connection, self.firm.firm_id, run, [entry], now=now)
        return len(learned)

    def posted_in_run(self, run_id: str) -> list[PostedInRun]:
        """Return the postings that billing got in a run, counted by kind."""
        with self.engine.connect() as connection:
            return [PostedInRun(*row) for row in connection.execute(queries["posted_in_run"], self._key(run_id=run_id))]

    def record_comparison(
        self, payment_ids: Sequence[str], differing: Mapping[str, str], *, run: log.Run, now: datetime
    ) -> None:
        """Record the postings of these payments that differ in billing from the ones that we posted. ``differing``
        holds payment ids, keyed by external id."""
        rows = [{"external_id": external_id, "payment_id": each} for external_id, each in differing.items()]
        with self.engine.begin() as connection:
            connection.execute(queries["forget_differences"], self._key(payment_ids=[*payment_ids]))
            values = self._key(rows=_json(rows), run_id=run.run_id, now=now)
            connection.execute(queries["keep_differences"], values)
            cursors.save(connection, self.firm.firm_id, cursors.BILLING_COMPARED, now)

    def recent_invoices(self) -> int:
        """Return the number of invoices that have a recent payment. The firm's setting ``recent_payment_days`` is the
        limit."""
        with self.engine.connect() as connection:
            return int(connection.scalar(queries["recent_invoices"], self._key()) or 0)

    def on_document(self, document_id: int) -> list[PostedOnInvoice]:
        """Return the postings on an invoice that are not reversed, oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(queries["on_document"], self._key(document_id=document_id))
            return [PostedOnInvoice(*row) for row in rows]

    @contextmanager
    def _writing(self, what: str) -> Iterator[sa.Connection]:
        with self.engine.begin() as connection:
            yield connection
            crash_point(f"{what}: not committed yet")
        crash_point(f"{what}: is committed")

    def _key(self, **values: object) -> dict[str, object]:
        return {"firm_id": self.firm.firm_id, **values}


def _as_row(received: Received) -> dict[str, object]:
    return {
        "payment_id": received.payment_id,
        "sync_token": received.sync_token,
        "status": received.status,
        "payment_date": received.payment_date,
        "created_at": received.created_at,
        "currency": received.currency,
        "total_cents": received.total_cents,
        "credit_cents": received.credit_cents,
        "links": [{"invoice": invoice_id, "cents": cents} for invoice_id, cents in received.links.items()],
        "method_id": received.method_id,
        "method_name": received.method_name,
        "reference": received.reference,
        "note": received.note,
        "is_marked": received.is_marked,
        "problem": received.problem,
    }


def _received(row: sa.RowMapping) -> Received:
    values = {name: value for name, value in row.items() if name not in ("links", "is_marked")}
    return Received(**values, links={link["invoice"]: link["cents"] for link in row["links"]})


def _json(rows: Sequence[Mapping[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()
