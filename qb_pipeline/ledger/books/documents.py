"""The work list (staging table): every document that the pipeline knows, each in exactly one state.

Belongs here: reading the list, and the changes of state that no request to QuickBooks causes. Does not belong here:
requests in flight (``attempts``).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pandas as pd
import sqlalchemy as sa

from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import DOCUMENTS, NEEDS_A_PERSON, SENT, UNDER_WAY, Kind, Operation, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books import cursors

queries = Queries(Path(__file__).with_suffix(".sql"))

MANY_ROWS = 1_000
"""When a chunk moves at least this many rows, the list is analyzed, because PostgreSQL's planner needs new
statistics."""

DRAFT = "draft"
"""The status of an invoice in billing that is not issued, or is a draft again."""

STICKY = (
    Problem.TOTAL_DIFFERS, Problem.DRIFT, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED, Problem.COPIED,
    Problem.CONFLICT, Problem.SOURCE_GONE,
)  # fmt: skip
"""Reasons that planning the same document again cannot clear. A document with such a reason stays held until billing
changes it or a person answers."""

IN_QUICKBOOKS = (
    Problem.TOTAL_DIFFERS, Problem.DRIFT, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED, Problem.COPIED,
    Problem.CONFLICT, Problem.CREDIT_HALF,
)  # fmt: skip
"""Reasons on QuickBooks' side. They are kept when billing's content is found unchanged."""


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """An invoice of ours that had, or has, a number in QuickBooks. ``source_id`` is billing's id."""

    number: str
    source_id: str
    quickbooks_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One row of the work list. Money is in cents. A missing text is "". ``document_date`` is None for a customer or an
    item.

    ``part`` (partial application) is the applied date of a payment from credit; ``source_status`` is issued, draft (of
    an invoice that was issued once) or void;
    ``source_hash`` is the hash of billing's content, ``sent_fingerprint`` (content hash) that of the content last sent
    to QuickBooks; ``reviewed_token`` is the SyncToken of the version that a person has decided to write over.
    """

    document_id: int
    kind: Kind
    source_id: str
    part: str
    state: State
    reason: str
    generation: int
    number: str
    document_date: date | None
    payer_id: str
    amount_cents: int
    forwarded_cents: int
    payment_kind: str
    source_status: str
    eligibility: str
    source_hash: str
    sent_fingerprint: str
    customer_id: str
    quickbooks_id: str
    sync_token: str
    reviewed_token: str


WORK_COLUMNS = [column.name for column in fields(WorkItem)]


def work_items(frame: pd.DataFrame) -> list[WorkItem]:
    """Return the rows of a frame with ``WORK_COLUMNS``, in the order of the frame."""
    found = []
    for document_id, kind, source_id, part, state, *rest in frame[WORK_COLUMNS].itertuples(index=False, name=None):
        found.append(WorkItem(document_id, Kind(kind), source_id, part, State(state), *rest))
    return found


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """An invoice or payment that waits for a person, and its payer."""

    document_id: int
    kind: str
    source_id: str
    payer_id: str


@dataclass(frozen=True, slots=True)
class ChosenDocument:
    """The date, state and reason of a document that a person chose."""

    document_date: date
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan's decision about one document. ``operation`` is create, update, void, skip, hold, wait or close. A close
    without a reason makes the document ``voided``, because billing voids it and QuickBooks has it void already.

    ``forwarded_cents`` None keeps the known value. A decision with ``source_hash`` (from the work list) counts only
    until billing replaces the content that it is about. ``detail`` is logged beside the reason. It holds ids and sums,
    never texts.
    """

    document_id: int
    operation: Operation
    reason: str
    amount_cents: int
    forwarded_cents: int | None = None
    source_hash: str = ""
    detail: str = ""


class Documents:
    """The work list of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def see(
        self, chunks: Iterable[pd.DataFrame], *, today: date, first_date: date, run: log.Run, now: datetime,
        cursor: datetime | None = None, voids_withdrawn: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        """Bring the work list up to date with headers of billing (``core.schemas.Headers``, and drafts).

        A new document is listed, unless it is a draft. A document that changed since it was sent becomes ``revised`` or
        ``void_pending``. A draft that was sent becomes ``void_pending`` if the firm voids withdrawn invoices
        (``voids_withdrawn``), and ``revised`` otherwise. An unchanged document is not touched. Each chunk is a
        transaction, so that no other process waits long for a row of it. ``cursor`` is saved after the last chunk, and
        so never runs ahead of the rows.

        Returns:
            Counts: seen (headers read, drafts aside), changed (rows that moved).
        """
        seen = changed = 0
        dates = {"firm_id": self._firm_id, "first_date": first_date, "last_date": today + timedelta(days=DAYS_AHEAD)}
        with self._engine.begin() as connection:
            connection.execute(queries["begin_records"], {"firm_id": self._firm_id, "now": now})
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
            seen += int((chunk["status"] != DRAFT).sum())
            changed += len(rows)
        with self._engine.begin() as connection:
            if voids_withdrawn:
                withdrawn = {"firm_id": self._firm_id, "now": now}
                self._log(connection, connection.execute(queries["void_withdrawn"], withdrawn).all(), run, now)
            self._log(connection, connection.execute(queries["release_dated"], dates | {"now": now}).all(), run, now)
            if cursor is not None:
                cursors.save(connection, self._firm_id, cursors.BILLING, cursor)
        return {"seen": seen, "changed": changed}

    def moved(self, chunks: Iterable[pd.DataFrame]) -> set[int]:
        """Return the ids of the documents whose header in billing differs from the work list's. No document changes its
        state."""
        found: set[int] = set()
        for chunk in chunks:
            headers = msgspec.json.encode(chunk.to_dict("records")).decode()
            with self._engine.connect() as connection:
                found |= set(connection.scalars(queries["moved"], {"firm_id": self._firm_id, "headers": headers}))
        return found

    def _log(
        self,
        connection: sa.Connection,
        rows: Sequence[sa.Row[tuple[int, State, str, int]]],
        run: log.Run,
        now: datetime,
    ) -> None:
        entries = [log.Entry(_activity(row.state), row.document_id, row.reason, "", row.amount_cents) for row in rows]
        log.write(connection, self._firm_id, run, entries, now=now)

    def cursor(self) -> datetime | None:
        """Return the instant up to which billing was read, or None when it never was."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.BILLING)

    def swept_at(self) -> datetime | None:
        """Return the time when the open period of billing was last read as a whole, or None when it never was."""
        with self._engine.connect() as connection:
            return cursors.read(connection, self._firm_id, cursors.BILLING_SWEPT)

    def swept(self, *, now: datetime) -> None:
        """Record that the open period of billing was read as a whole."""
        with self._engine.begin() as connection:
            cursors.save(connection, self._firm_id, cursors.BILLING_SWEPT, now)

    def choose(
        self,
        kind: Kind,
        *,
        first: date | None,
        last: date | None,
        chosen: Sequence[DocumentName] | None = None,
        chunk: int = 3000,
    ) -> Iterator[pd.DataFrame]:
        """Yield the documents that need action, oldest first, in chunks (columns ``WORK_COLUMNS``).

        With ``chosen``, only these documents are yielded. Held and refused documents are yielded too, unless their
        reason stays until a person answers it (``STICKY``). Payments that are to be applied again after a change of
        payer are always among them.
        """
        # All ids are read before the first chunk is worked on: work moves documents, and paging through a list that
        # changes would miss some of them.
        parameters = {
            "firm_id": self._firm_id,
            "kind": kind,
            "first": first,
            "last": last,
            "any_id": chosen is None,
            "source_ids": [name.source_id for name in chosen or ()],
            "parts": [name.part for name in chosen or ()],
            "sticky": _codes(STICKY),
        }
        with self._engine.connect() as connection:
            ids = list(connection.scalars(queries["choose"], parameters))
        for start in range(0, len(ids), chunk):
            yield self.read(ids[start : start + chunk])

    def chosen(self, names: Sequence[DocumentName]) -> dict[DocumentName, ChosenDocument]:
        """Return the chosen documents that are on the list, keyed by name, oldest first."""
        parameters = {
            "firm_id": self._firm_id,
            "kinds": [name.kind for name in names],
            "source_ids": [name.source_id for name in names],
            "parts": [name.part for name in names],
        }
        with self._engine.connect() as connection:
            return {
                DocumentName(row.kind, row.source_id, row.part): ChosenDocument(
                    row.document_date, State(row.state), row.reason
                )
                for row in connection.execute(queries["chosen"], parameters)
            }

    def why_not_worked_on(self, names: Sequence[DocumentName]) -> list[str]:
        """Describe the states of chosen documents that a run does not work on, in one sentence for each document."""
        found = self.chosen(names)
        told = []
        for name in names:
            row = found[name]
            if row.state in NEEDS_A_PERSON:
                what = "waits for a person"
            elif row.state in UNDER_WAY:
                what = "is under way"
            else:
                what = "waits" if row.state == State.WAITING else "needs nothing"
            told.append(f"{name} {what}: it is {row.state}" + (f" ({row.reason})" if row.reason else ""))
        return told

    def read(self, document_ids: Sequence[int]) -> pd.DataFrame:
        """Read documents by id, oldest first (columns ``WORK_COLUMNS``). A value that QuickBooks has not given yet is
        ""."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["read"], {"document_ids": list(document_ids)}).all()
        frame = pd.DataFrame(rows, columns=WORK_COLUMNS).astype({"document_id": "int64", "amount_cents": "int64"})
        # Never null: beside a text, pandas reads null as nan, which is true.
        return frame.fillna(dict.fromkeys(("sent_fingerprint", "customer_id", "quickbooks_id", "sync_token"), ""))

    def dates_with_work(self, kinds: Sequence[str] = DOCUMENTS) -> list[date]:
        """Return the dates of documents that wait for action or are under way, ascending."""
        with self._engine.connect() as connection:
            return list(
                connection.scalars(
                    queries["dates_with_work"],
                    {"firm_id": self._firm_id, "kinds": list(kinds), "sticky": _codes(STICKY)},
                )
            )

    def record_decisions(
        self, decisions: Sequence[Decision], *, run: log.Run, now: datetime, is_logged: bool = True
    ) -> None:
        """Store the decisions of a plan. Documents that are held, wait or are closed move to that state. Documents that
        are to be sent keep their state.

        A skip (billing's content is unchanged) makes a document ``synced``. If its reason is on QuickBooks' side
        (``IN_QUICKBOOKS``), the document is held again instead.
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
                if is_logged and row.operation not in SENT
            ]
            log.write(connection, self._firm_id, run, entries, now=now)
            crash_point("record decisions: before its commit")
        crash_point("record decisions: committed")

    def note_decisions(self, decisions: Sequence[Decision], *, run: log.Run) -> None:
        """Store preliminary decisions of a plan. No document changes its state, and a later stage of the run makes the
        final decision."""
        if decisions:
            with self._engine.begin() as connection:
                rows = json.dumps([asdict(decision) for decision in decisions])
                connection.execute(queries["note_decisions"], {"run_id": run.run_id, "decisions": rows})

    def not_created(self, run_id: str) -> dict[tuple[Kind, str], tuple[str, str]]:
        """Return the customers and items whose creation QuickBooks has refused in a run: reason and fault code, keyed
        by kind and id in billing."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["not_created"], {"firm_id": self._firm_id, "run_id": run_id})
            return {(Kind(row.kind), row.source_id): (row.reason, row.fault_code) for row in rows}

    def numbers_taken(self, numbers: Sequence[str]) -> dict[str, str]:
        """Return billing's ids of our invoices, keyed by the number that they bear. Only invoices count that are in
        QuickBooks or on their way there, and are not voided."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["numbers_taken"], {"firm_id": self._firm_id, "numbers": list(numbers)})
            return {row.number: row.source_id for row in rows}

    def former_holders(self, numbers: Sequence[str]) -> list[NumberHolder]:
        """Return our invoices with these numbers that may no longer use them in QuickBooks: voided by us, voided or
        deleted there by a person, or gone from billing."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["former_holders"], {"firm_id": self._firm_id, "numbers": list(numbers)})
            return [NumberHolder(*row) for row in rows]

    def ensure(self, kind: Kind, source_ids: Sequence[str], *, now: datetime) -> dict[str, int]:
        """Return the document ids of customers or items that are about to be created, keyed by billing's id. Missing
        ones are added to the list."""
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
        """Return the ids of the documents that billing must have for these dates or ids, keyed by (kind, source_id,
        part)."""
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
        """Set held documents back to ``synced``, after QuickBooks was found to hold each of them once, as it was
        sent."""
        with self._engine.begin() as connection:
            rows = connection.execute(queries["release"], {"document_ids": list(document_ids), "now": now}).all()
            entries = [
                log.Entry("notice", row.document_id, detail="it stands in QuickBooks once, as it was sent")
                for row in rows
            ]
            log.write(connection, self._firm_id, run, entries, now=now)

    def gone(self, document_ids: Sequence[int], *, run: log.Run, now: datetime) -> int:
        """Hold documents that are in QuickBooks and no longer in billing, and close those that were never sent. Nothing
        is voided.

        Returns:
            The number of documents that moved. Documents in flight are left to a later read.
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

    def made(self, kind: Kind, source_ids: Sequence[str]) -> dict[str, str]:
        """Return the QuickBooks Ids of customers or items on the work list, keyed by billing's id. Those without an Id
        are left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["made"], {"firm_id": self._firm_id, "kind": kind, "source_ids": list(source_ids)}
            )
            return {row.source_id: row.quickbooks_id for row in rows}

    def held_for(self, reasons: Iterable[Problem]) -> list[HeldDocument]:
        """Return the invoices and payments that are held or refused for one of these reasons."""
        with self._engine.connect() as connection:
            parameters = {"firm_id": self._firm_id, "reasons": _codes(reasons)}
            return [HeldDocument(**row) for row in connection.execute(queries["held_for"], parameters).mappings()]

    def take_along(self, document_ids: Sequence[int], *, now: datetime) -> None:
        """Set payments on invoices that go to another customer to ``revised``. Payments in flight keep their state."""
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], {"document_ids": list(document_ids)})
            connection.execute(queries["take_along"], {"document_ids": list(document_ids), "now": now})

    def look_again(
        self, document_ids: Sequence[int], reasons: Iterable[Problem], *, run: log.Run, now: datetime
    ) -> int:
        """Set documents that are still held for one of these reasons to a state in which they are planned again. Return
        their number."""
        with self._engine.begin() as connection:
            connection.execute(queries["lock"], {"document_ids": list(document_ids)})
            parameters = {"document_ids": list(document_ids), "reasons": _codes(reasons), "now": now}
            rows = connection.execute(queries["look_again"], parameters).all()
            entries = [log.Entry("mapped", row.document_id, detail=row.state) for row in rows]
            log.write(connection, self._firm_id, run, entries, now=now)
        return len(rows)


_DECIDED = {
    State.HELD: "held",
    State.REFUSED: "held",
    State.WAITING: "waiting",
    State.CLOSED: "closed",
    State.VOIDED: "closed",
    State.SYNCED: "skipped",
}


def _activity(state: State) -> str:
    return {State.NEW: "seen", State.SENDING: "changed", State.UNKNOWN: "changed"}.get(state, state)


def _codes(problems: Iterable[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def state_of(problem: Problem) -> State:
    """Return the state that a reason puts a document in: held, waiting, closed or refused."""
    return PROBLEMS[problem].state
