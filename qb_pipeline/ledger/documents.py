"""The work list: every document that the pipeline knows, with its one state.

Belongs here: reading the list, and the state changes that no request to QuickBooks causes. Does not belong here: what
is in flight (``attempts``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import sqlalchemy as sa

from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger import cursors, log

queries = Queries(Path(__file__).with_suffix(".sql"))

DAYS_AHEAD = 31
"""A document dated further ahead waits: date partitions end there (interfaces.md, Dagster)."""

MANY_ROWS = 1_000
"""After so many moved rows of one chunk the planner's figures of the list are taken anew."""

STICKY = (
    Problem.TOTAL_DIFFERS, Problem.DRIFT, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED, Problem.COPIED,
    Problem.CONFLICT, Problem.SOURCE_GONE, Problem.DEPOSITED,
)  # fmt: skip
"""What a new look at the same document cannot clear: it stays held until billing changes or a person answers."""

IN_QUICKBOOKS = (
    Problem.TOTAL_DIFFERS, Problem.DRIFT, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED, Problem.COPIED,
    Problem.CONFLICT,
)  # fmt: skip
"""What is wrong on QuickBooks' side: finding billing's content unchanged does not mend it."""

WORK_COLUMNS = [
    "document_id", "kind", "source_id", "part", "state", "reason", "generation", "number", "document_date", "payer_id",
    "amount_cents", "forwarded_cents", "payment_kind", "source_status", "eligibility", "source_hash",
    "sent_fingerprint", "customer_id", "quickbooks_id", "sync_token", "reviewed_token",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What a plan says of one document. ``operation`` is create, update, void, skip, hold, wait or close. Closed
    without a reason is ``voided``: billing voids what QuickBooks has voided already.

    ``forwarded_cents`` None leaves what is known. With ``source_hash``, that of the work list, the decision counts only
    while billing has not replaced the content that it is about. ``detail`` goes into the log beside the reason: ids and
    sums, never texts.
    """

    document_id: int
    operation: str
    reason: str
    amount_cents: int
    forwarded_cents: int | None = None
    source_hash: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A payer's customer as we know it. ``fingerprint`` of the payer's details, when QuickBooks last had them from us
    or when we first saw the customer; empty while neither.
    """

    document_id: int
    quickbooks_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund or rejection that is not in QuickBooks: ``source_id`` in billing, and the payment that it takes back.

    ``customer_id``: of that payment in QuickBooks; ``left_cents``: what of it did not go back yet.
    """

    document_id: int
    source_id: str
    payment_kind: str
    amount_cents: int
    payment_id: str
    customer_id: str
    left_cents: int


class Documents:
    """The work list of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def see(
        self, chunks: Iterable[pd.DataFrame], *, today: date, first_date: date, run: log.Run, now: datetime,
        cursor: datetime | None = None,
    ) -> dict[str, int]:  # fmt: skip
        """Bring the work list up to date with headers of billing (``core.schemas.Headers``).

        What is new is listed; what changed since it was sent becomes ``revised`` or ``void_pending``; what is unchanged
        costs nothing. Each chunk is a transaction, so that nobody waits long for a row of it. ``cursor`` is saved after
        the last one: it never runs ahead of the rows.

        Returns:
            Counts: seen (headers read), changed (rows that moved).
        """
        seen = changed = 0
        dates = {"firm_id": self._firm_id, "first_date": first_date, "last_date": today + timedelta(days=DAYS_AHEAD)}
        for chunk in chunks:
            headers = msgspec.json.encode(chunk.to_dict("records")).decode()
            with self._engine.begin() as connection:
                rows = connection.execute(
                    queries["see"], dates | {"headers": headers, "remote": _codes(IN_QUICKBOOKS), "now": now}
                ).all()
                self._log(connection, rows, run, now)
                crash_point("see a chunk: before its commit")
            crash_point("see a chunk: committed")
            if len(rows) >= MANY_ROWS:
                with self._engine.begin() as connection:
                    connection.execute(queries["analyze"])
            seen += len(chunk)
            changed += len(rows)
        with self._engine.begin() as connection:
            self._log(connection, connection.execute(queries["release_dated"], dates | {"now": now}).all(), run, now)
            if cursor is not None:
                cursors.save(connection, self._firm_id, cursors.BILLING, cursor)
        return {"seen": seen, "changed": changed}

    def _log(self, connection: sa.Connection, rows: Sequence[Any], run: log.Run, now: datetime) -> None:
        entries = [log.Entry(_activity(row.state), row.document_id, row.reason, "", row.amount_cents) for row in rows]
        log.write(connection, self._firm_id, run, entries, now=now)

    def cursor(self) -> datetime | None:
        """Up to which instant billing was read, or None when it never was."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.BILLING)

    def swept_at(self) -> datetime | None:
        """When the open period of billing was last read as a whole, or None."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.BILLING_SWEPT)

    def swept(self, *, now: datetime) -> None:
        """It was read as a whole."""
        with self._engine.begin() as connection:
            cursors.save(connection, self._firm_id, cursors.BILLING_SWEPT, now)

    def choose(
        self,
        kind: str,
        *,
        first: date | None,
        last: date | None,
        source_ids: Sequence[str] = (),
        chunk: int = 3000,
    ) -> Iterator[pd.DataFrame]:
        """Documents that need action, oldest first, in chunks (columns ``WORK_COLUMNS``).

        Held and refused documents are looked at again, unless their reason stays until a person answers it.
        """
        # The list is fixed before the first chunk is worked on: work moves documents, and a moving list is not paged.
        parameters = {
            "firm_id": self._firm_id,
            "kind": kind,
            "first": first,
            "last": last,
            "any_id": not source_ids,
            "source_ids": list(source_ids),
            "sticky": _codes(STICKY),
        }
        with self._engine.connect() as connection:
            ids = list(connection.scalars(queries["choose"], parameters))
        for start in range(0, len(ids), chunk):
            yield self.read(ids[start : start + chunk])

    def why_not_chosen(self, kind: str, source_id: str, first: date | None, last: date | None) -> str:
        """One sentence: why a document that a person chose is not worked on."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["chosen"], {"firm_id": self._firm_id, "kind": kind, "source_id": source_id}
            ).all()
        if not rows:
            return (
                f"{kind} {source_id} is not available: billing does not have it, it is a draft, or it is not eligible"
            )
        row = rows[0]
        if (first and row.document_date < first) or (last and row.document_date > last):
            return f"{kind} {source_id} is dated {row.document_date}, outside the chosen dates"
        needs = "waits for a person" if row.state in ("held", "refused") else "needs nothing"
        return f"{kind} {source_id} {needs}: it is {row.state}" + (f" ({row.reason})" if row.reason else "")

    def read(self, document_ids: Sequence[int]) -> pd.DataFrame:
        """Documents by id, oldest first (columns ``WORK_COLUMNS``); what QuickBooks has not given yet is empty."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["read"], {"document_ids": list(document_ids)}).all()
        frame = pd.DataFrame(rows, columns=WORK_COLUMNS).astype({"document_id": "int64", "amount_cents": "int64"})
        # Never null: beside a text, pandas reads null as nan, which is true.
        return frame.fillna(dict.fromkeys(("sent_fingerprint", "customer_id", "quickbooks_id", "sync_token"), ""))

    def dates_with_work(self, kinds: Sequence[str] = ("invoice", "payment")) -> list[date]:
        """Document dates on which something waits for action, ascending."""
        with self._engine.connect() as connection:
            return list(
                connection.scalars(
                    queries["dates_with_work"],
                    {"firm_id": self._firm_id, "kinds": list(kinds), "sticky": _codes(STICKY)},
                )
            )

    def date_range(self, kind: str, source_ids: Sequence[str]) -> tuple[date, date] | None:
        """First and last date of chosen documents; None when none of them is on the list."""
        with self._engine.connect() as connection:
            row = connection.execute(
                queries["date_range"], {"firm_id": self._firm_id, "kind": kind, "source_ids": list(source_ids)}
            ).one()
        return (row.first, row.last) if row.first else None

    def record_decisions(self, decisions: Sequence[Decision], *, run: log.Run, now: datetime) -> None:
        """Store a plan: held, waiting and closed documents move to their state; what is to be sent stays as it is.

        Billing's content found unchanged makes a document ``synced``, unless it was held for what is wrong in
        QuickBooks: then it is held again.
        """
        if not decisions:
            return
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], {"document_ids": [decision.document_id for decision in decisions]})
            rows = connection.execute(
                queries["record_decisions"],
                {
                    "run_id": run.run_id,
                    "now": now,
                    "remote": _codes(IN_QUICKBOOKS),
                    "decisions": json.dumps([asdict(decision) for decision in decisions]),
                },
            ).all()
            details = {decision.document_id: decision.detail for decision in decisions}
            entries = [
                log.Entry(_DECIDED[row.state], row.document_id, row.reason, details[row.document_id], row.amount_cents)
                for row in rows
                if row.operation in ("hold", "wait", "close", "skip")
            ]
            log.write(connection, self._firm_id, run, entries, now=now)
            crash_point("record decisions: before its commit")
        crash_point("record decisions: committed")

    def invoices_known(self, invoice_ids: Sequence[str]) -> pd.DataFrame:
        """What the ledger knows of invoices that payments apply to.

        Columns invoice_id, state, reason, quickbooks_id, customer_id, open_cents (total in QuickBooks less what our
        payments pay, those in flight included), document_date.
        """
        columns = ["invoice_id", "state", "reason", "quickbooks_id", "customer_id", "open_cents", "document_date"]
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["invoices_known"], {"firm_id": self._firm_id, "invoice_ids": list(invoice_ids)}
            ).all()
        return pd.DataFrame(rows, columns=columns).astype({"open_cents": "int64"})

    def of_customer(self, customer_id: str, *, limit: int) -> dict[str, list[str]]:
        """QuickBooks ids, by kind, of the newest documents that we know under a customer."""
        values = {"firm_id": self._firm_id, "customer_id": customer_id, "limit": limit}
        found: dict[str, list[str]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(queries["of_customer"], values):
                found.setdefault(row.kind, []).append(row.quickbooks_id)
        return found

    def numbers_taken(self, numbers: Sequence[str]) -> dict[str, str]:
        """Of invoice numbers: the source id of our living document that bears each."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["numbers_taken"], {"firm_id": self._firm_id, "numbers": list(numbers)})
            return {row.number: row.source_id for row in rows}

    def applied(self, document_ids: Sequence[int]) -> dict[tuple[str, str, str], int]:
        """Cents that QuickBooks holds of payments, by (payment_id, part, invoice_id)."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["applied"], {"document_ids": list(document_ids)})
            return {(row.source_id, row.part, row.invoice_id): row.amount_cents for row in rows}

    def standing_parts(self, payment_ids: Sequence[str]) -> dict[tuple[str, str], int]:
        """Cents by (payment_id, part) of all parts of payments that stand in QuickBooks, or may."""
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

    def open_rejections(self, invoice_ids: Sequence[str]) -> dict[str, str]:
        """Of invoices: those that a rejected payment still fills in QuickBooks, and that payment."""
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
        """Refunds and rejections created since then, of payments that stand in QuickBooks; oldest first."""
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
        """Cents of payments that went back to clients, as far as QuickBooks holds it."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["taken_back"], {"firm_id": self._firm_id, "payment_ids": list(payment_ids)}
            )
            return {row.payment_id: row.cents for row in rows}

    def plan_payments_again(self, *, now: datetime) -> int:
        """Put payments of which money went back since they were sent on the list again; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(queries["plan_payments_again"], {"firm_id": self._firm_id, "now": now}).rowcount

    def ensure(self, kind: str, source_ids: Sequence[str], *, now: datetime) -> dict[str, int]:
        """Document ids of customers or items that are about to be created, listed if they are not yet."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                queries["ensure"],
                {"firm_id": self._firm_id, "kind": kind, "source_ids": list(source_ids), "now": now},
            )
            return {row.source_id: row.document_id for row in rows}

    def expected(
        self,
        *,
        first: date | None = None,
        last: date | None = None,
        invoice_ids: Sequence[str] = (),
        payment_ids: Sequence[str] = (),
    ) -> dict[tuple[str, str, str], int]:
        """Document ids by (kind, source_id, part) of what billing must show in these dates, or under these ids."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["expected"],
                {
                    "firm_id": self._firm_id,
                    "first": first,
                    "last": last,
                    "any_id": not (invoice_ids or payment_ids),
                    "invoice_ids": list(invoice_ids),
                    "payment_ids": list(payment_ids),
                },
            )
            return {(row.kind, row.source_id, row.part): row.document_id for row in rows}

    def release(self, document_ids: Sequence[int], *, run: log.Run, now: datetime) -> None:
        """Take held documents for synced again: QuickBooks was just seen to hold each once, as it was sent."""
        with self._engine.begin() as connection:
            rows = connection.execute(queries["release"], {"document_ids": list(document_ids), "now": now}).all()
            entries = [
                log.Entry("notice", row.document_id, detail="it stands in QuickBooks once, as it was sent")
                for row in rows
            ]
            log.write(connection, self._firm_id, run, entries, now=now)

    def gone(self, document_ids: Sequence[int], *, run: log.Run, now: datetime) -> int:
        """Hold what stands in QuickBooks and is not in billing any more; close what was never sent. Never voids.

        Returns:
            How many documents moved; what is under way is left to a later look.
        """
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], {"document_ids": list(document_ids)})
            rows = connection.execute(queries["gone"], {"document_ids": list(document_ids), "now": now}).all()
            log.write(
                connection,
                self._firm_id,
                run,
                [
                    log.Entry(row.state, row.document_id, row.reason, "gone from billing", row.amount_cents)
                    for row in rows
                ],
                now=now,
            )
        return len(rows)

    def made(self, kind: str, source_ids: Sequence[str]) -> dict[str, str]:
        """QuickBooks ids of customers or items that we made, by billing id."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["made"], {"firm_id": self._firm_id, "kind": kind, "source_ids": list(source_ids)}
            )
            return {row.source_id: row.quickbooks_id for row in rows}

    def customers(self, payer_ids: Sequence[str]) -> dict[str, KnownCustomer]:
        """Customers of payers, by payer; those in flight are left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["customers"], {"firm_id": self._firm_id, "payer_ids": list(payer_ids)})
            return {row.source_id: KnownCustomer(row.document_id, row.quickbooks_id, row.fingerprint) for row in rows}

    def remember_customers(self, seen: Mapping[str, tuple[str, str]], *, now: datetime) -> None:
        """Keep, by payer, the QuickBooks id of its customer and the fingerprint of its details."""
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
        """Payers with invoices or payments on the list."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["payer_ids"], {"firm_id": self._firm_id}))

    def held_for(self, reasons: Iterable[Problem]) -> list[Any]:
        """Invoices and payments that are held for one of these reasons: document_id, kind, source_id, payer_id."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "reasons": _codes(reasons)}
            return list(connection.execute(queries["held_for"], parameters))

    def look_again(
        self, document_ids: Sequence[int], reasons: Iterable[Problem], *, run: log.Run, now: datetime
    ) -> int:
        """Put documents that are still held for one of these reasons back on the list; says how many."""
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], {"document_ids": list(document_ids)})
            parameters = {"document_ids": list(document_ids), "reasons": _codes(reasons), "now": now}
            rows = connection.execute(queries["look_again"], parameters).all()
            entries = [log.Entry("mapped", row.document_id, detail=row.state) for row in rows]
            log.write(connection, self._firm_id, run, entries, now=now)
        return len(rows)

    def payers_held_in(self, run_id: str, reason: str) -> set[str]:
        """Payers of the documents that a run held, or saw refused, for a reason."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "run_id": run_id, "reason": reason}
            return set(connection.scalars(queries["payers_held_in"], parameters))

    def pending(self, kinds: Sequence[str]) -> list[Any]:
        """What may need a run by itself: kind, source_id, document_date, state, reason, since; oldest first."""
        with self._engine.connect() as connection:
            return list(connection.execute(queries["pending"], {"firm_id": self._firm_id, "kinds": list(kinds)}))

    def last_invoice_at(self) -> datetime | None:
        """When an invoice last reached QuickBooks; None when none has."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["last_invoice_at"], {"firm_id": self._firm_id})
        return found

    def held_by_reason(self) -> list[dict[str, Any]]:
        """Held and refused documents: kind, reason, documents, amount (dollars), sentence, remedy; most money first."""
        with self._engine.connect() as connection:
            return [
                dict(row)
                for row in connection.execute(queries["held_by_reason"], {"firm_id": self._firm_id}).mappings()
            ]

    def in_quickbooks_totals(self) -> dict[str, tuple[int, Decimal]]:
        """Per kind: how many documents of ours QuickBooks holds, and their sum in dollars, as we believe."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["in_quickbooks_totals"], {"firm_id": self._firm_id})
            return {row.kind: (row.documents, row.amount) for row in rows}

    def listing(
        self,
        kind: str | None,
        *,
        first: date | None = None,
        last: date | None = None,
        state: str | None = None,
    ) -> list[Any]:
        """The work list for a person: what is not in QuickBooks, or what is in ``state``; oldest first."""
        with self._engine.connect() as connection:
            return list(
                connection.execute(
                    queries["listing"],
                    {"firm_id": self._firm_id, "kind": kind, "first": first, "last": last, "state": state},
                ).mappings()
            )


_DECIDED = {"held": "held", "waiting": "waiting", "closed": "closed", "voided": "closed", "synced": "skipped"}


def _activity(state: str) -> str:
    return {"new": "seen", "sending": "changed", "unknown": "changed"}.get(state, state)


def _codes(problems: Iterable[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def state_of(problem: Problem) -> str:
    """The state that a reason puts a document in: held, waiting, closed or refused."""
    return PROBLEMS[problem].state
