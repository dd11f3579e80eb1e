"""Attempts (outbox entries): requests written down before they leave, and their outcomes.

This module keeps the promise of the pipeline. Bytes, order and ids of an attempt are committed before its first byte
leaves, and never change. A document is in at most one open attempt, which a unique index enforces. A holder of the
lease (distributed lock) that was succeeded cannot record its late answer.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.documents.mirror import Version
from qb_pipeline.core.markers import request_id
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books import company_faults, documents, mirror, refusals
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.sending import lease

queries = Queries(Path(__file__).with_suffix(".sql"))

ONE_OPEN_ATTEMPT = "one_open_attempt_per_document"
"""The unique index that keeps a document from being in two requests at once."""


class NotReservedError(Exception):
    """A document has moved between plan and reservation, or is in another open request. The next run plans it again."""


@dataclass(frozen=True, slots=True)
class Item:
    """One document of an attempt. ``former_state`` is the state that it returns to when nothing of it was sent.

    ``is_release``: it only takes a payment off its invoices; accepted, the payment is still to be sent as billing has
    it.
    """

    document_id: int
    b_id: str
    kind: Kind
    operation: Operation
    marker: str
    fingerprint: str
    source_hash: str
    total_cents: int
    former_state: State
    number: str = ""
    customer_id: str = ""
    quickbooks_id: str = ""
    applications: tuple[Application, ...] = ()
    is_release: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, whose content never changes. ``body`` is sent as it is here, the first time and in every
    repetition."""

    attempt_id: str
    endpoint: str
    operation: Operation
    request_id: str
    body: bytes
    items: tuple[Item, ...]
    first_sent_at: datetime
    last_sent_at: datetime
    sends: int = 1


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """The outcome of one item.

    ``outcome`` is accepted, refused, missing (proved absent after an unknown outcome) or not_sent. ``state`` and
    ``reason`` are the document's next ones. ``quickbooks_id``, ``sync_token``, ``customer_id`` and ``total_cents`` come
    from QuickBooks' answer and are empty unless accepted; ``version`` is the part of that answer that the mirror
    (replica) keeps. For a refusal (Fault) that stands, ``refused_sha256`` is the digest of the refused body and
    ``named`` the entity that the fault named; ``is_looked_at`` is False when reading the fault's cause failed;
    ``detail`` says in the log what the look has found: ids and sums.
    """

    document_id: int
    outcome: str
    state: State
    reason: str = ""
    quickbooks_id: str = ""
    sync_token: str = ""
    customer_id: str = ""
    total_cents: int | None = None
    fault_code: str = ""
    activity: str = ""
    version: Version | None = None
    named: str = ""
    is_looked_at: bool = True
    refused_sha256: str = ""
    detail: str = ""


class Attempts:
    """The attempts of one firm, written under its lease."""

    def __init__(self, engine: sa.Engine, held: lease.Lease) -> None:
        self._engine = engine
        self._lease = held

    def reserve(
        self, endpoint: str, operation: Operation, body: bytes, items: Sequence[Item], *, run: log.Run, now: datetime
    ) -> Attempt:
        """Record a request and commit it, before it leaves.

        Raises:
            NotReservedError: one of the documents is in flight already or has moved. Nothing was written.
            LeaseLostError: a successor has taken over.
        """
        attempt_id = uuid.uuid4()  # random: a sequence would repeat itself after a restored backup
        attempt = Attempt(
            str(attempt_id), endpoint, operation, request_id(attempt_id, body), body, tuple(items), now, now
        )
        try:
            with self._writing("reserve") as connection:
                self._lock(connection, attempt)
                connection.execute(
                    queries["reserve"],
                    {
                        "attempt_id": attempt.attempt_id,
                        "firm_id": self._lease.firm_id,
                        "realm_id": self._lease.realm_id,
                        "epoch": self._lease.epoch,
                        "endpoint": endpoint,
                        "operation": operation,
                        "request_id": attempt.request_id,
                        "body": body,
                        "body_sha256": hashlib.sha256(body).hexdigest(),
                        "run_id": run.run_id,
                        "now": now,
                    },
                )
                moved = connection.execute(
                    queries["reserve_items"],
                    {
                        "attempt_id": attempt.attempt_id,
                        "now": now,
                        "items": json.dumps(
                            [asdict(item) | {"position": position} for position, item in enumerate(items)]
                        ),
                    },
                ).rowcount
                if moved != len(items):
                    raise NotReservedError(
                        f"{len(items) - moved} of {len(items)} documents moved since they were planned"
                    )
        except sa.exc.IntegrityError as error:
            if ONE_OPEN_ATTEMPT not in str(error.orig):
                raise
            raise NotReservedError("a document of this request is in another open request") from error
        return attempt

    def sending_again(self, attempt: Attempt, *, now: datetime) -> None:
        """Commit the time of a repetition before it leaves, because the quarantine (settling time) counts from the last
        send."""
        with self._writing("sending_again") as connection:
            connection.execute(queries["sending_again"], {"attempt_id": attempt.attempt_id, "now": now})

    def leaving(self, attempt: Attempt, *, witness_id: str, now: datetime) -> int:
        """Commit the time at which a reserved request really leaves, after it waited for its turn. This does not count
        as a further send.

        Returns:
            The number that the witness (send counter) must note before the first byte leaves.
        """
        with self._writing("leaving") as connection:
            connection.execute(queries["leaving"], {"attempt_id": attempt.attempt_id, "now": now})
            values = {"realm_id": self._lease.realm_id, "witness_id": witness_id, "now": now}
            return int(connection.scalar(queries["count_for_witness"], values) or 0)

    def unknown(self, attempt: Attempt, *, run: log.Run, now: datetime, detail: str, intuit_tid: str = "") -> None:
        """Record that the request left and its answer was lost, so that QuickBooks may have carried it out."""
        with self._writing("unknown") as connection:
            self._lock(connection, attempt)
            moved = set(connection.scalars(queries["unknown"], {"attempt_id": attempt.attempt_id, "now": now}))
            log.write(
                connection,
                self._lease.firm_id,
                run,
                [
                    log.Entry(
                        "unknown",
                        item.document_id,
                        "OUTCOME_UNKNOWN",
                        detail=detail,
                        amount_cents=item.total_cents,
                        attempt_id=attempt.attempt_id,
                        intuit_tid=intuit_tid,
                    )
                    for item in attempt.items
                    if item.document_id in moved
                ],
                now=now,
            )

    def record(
        self,
        attempt: Attempt,
        outcomes: Sequence[ItemOutcome],
        *,
        run: log.Run,
        now: datetime,
        http_status: int | None = None,
        intuit_tid: str = "",
    ) -> None:
        """Store the outcomes of items. The attempt is closed when all its items have an outcome.

        Raises:
            LeaseLostError: a successor has taken over. The items stay open, and the successor settles them.
        """
        items = {item.document_id: item for item in attempt.items}
        with self._writing("record") as connection:
            self._lock(connection, attempt)
            parameters = {
                "attempt_id": attempt.attempt_id,
                "now": now,
                "http_status": http_status,
                "intuit_tid": intuit_tid,
                "outcomes": json.dumps([asdict(outcome) for outcome in outcomes]),
            }
            recorded = {row.document_id: row for row in connection.execute(queries["record_documents"], parameters)}
            connection.execute(queries["record_applications"], parameters)
            connection.execute(queries["record_items"], parameters)
            connection.execute(queries["close_attempt"], parameters)
            written = [
                asdict(outcome) | {"operation": items[outcome.document_id].operation}
                for outcome in outcomes
                if outcome.document_id in recorded
            ]
            refusals.keep(connection, written, now=now)
            if any(outcome.outcome == "accepted" and outcome.activity != "adopted" for outcome in outcomes):
                company_faults.forget(connection, self._lease.firm_id)
            entries = []
            for outcome in outcomes:
                if outcome.document_id in recorded:
                    became = recorded[outcome.document_id]
                    entries += _entries(attempt, items[outcome.document_id], outcome, became, intuit_tid)
            log.write(connection, self._lease.firm_id, run, entries, now=now)
            versions = [outcome.version for outcome in outcomes if outcome.version is not None]
            mirror.see(connection, self._lease.firm_id, versions, seen_by="push", now=now)

    def open(self) -> list[Attempt]:
        """Return the attempts whose outcome is not known, oldest first, with their items that have no outcome yet."""
        return open_attempts(self._engine, self._lease.firm_id)

    @contextmanager
    def _writing(self, what: str) -> Iterator[sa.Connection]:
        """Open a transaction that only the current holder of the lease can commit.

        Raises:
            LeaseLostError: a successor has taken over. The transaction is rolled back.
        """
        with self._engine.begin() as connection:
            lease.require_epoch(connection, self._lease.realm_id, self._lease.epoch)
            yield connection
            crash_point(f"{what}: before its commit")
        crash_point(f"{what}: committed")

    def _lock(self, connection: sa.Connection, attempt: Attempt) -> None:
        ids = [item.document_id for item in attempt.items]
        connection.execute(documents.queries["lock"], {"document_ids": ids})


def open_attempts(engine: sa.Engine, firm_id: str) -> list[Attempt]:
    """Return a firm's attempts whose outcome is not known, oldest first, with their items that have no outcome yet."""
    with engine.connect() as connection:
        attempts = connection.execute(queries["open_attempts"], {"firm_id": firm_id}).all()
        found = []
        for row in attempts:
            items = connection.execute(queries["open_items"], {"attempt_id": row.attempt_id}).all()
            found.append(
                Attempt(
                    str(row.attempt_id),
                    row.endpoint,
                    row.operation,
                    row.request_id,
                    bytes(row.body),
                    tuple(_item(item) for item in items),
                    row.first_sent_at,
                    row.last_sent_at,
                    row.sends,
                )
            )
    return found


def _entries(
    attempt: Attempt, item: Item, outcome: ItemOutcome, became: sa.Row[tuple[int, str, str]], intuit_tid: str
) -> list[log.Entry]:
    """Return the log entries of an outcome: one for QuickBooks' act, and a second one when we hold a document that
    QuickBooks accepted."""
    entry = log.Entry(
        outcome.activity or _activity(outcome, item),
        item.document_id,
        outcome.reason,
        detail=": ".join(filter(None, (outcome.fault_code and f"fault {outcome.fault_code}", outcome.detail))),
        amount_cents=item.total_cents,
        quickbooks_id=outcome.quickbooks_id,
        attempt_id=attempt.attempt_id,
        intuit_tid=intuit_tid,
    )
    if outcome.outcome != "accepted" or became.state != State.HELD:
        return [entry]
    return [replace(entry, reason=""), replace(entry, activity="held", reason=became.reason)]


def _activity(outcome: ItemOutcome, item: Item) -> str:
    if outcome.outcome == "accepted":
        if item.is_release:
            return "released"
        return {Operation.CREATE: "created", Operation.UPDATE: "updated", Operation.VOID: "voided"}[item.operation]
    return {"refused": "refused", "missing": "absent", "not_sent": "not sent"}[outcome.outcome]


def _item(row: sa.Row[tuple[object, ...]]) -> Item:
    values = row._asdict()
    applications = tuple(Application(**application) for application in values.pop("applications"))
    return Item(applications=applications, **values)
