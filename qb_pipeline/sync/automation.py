"""The choice of the syncs that start by themselves. This module makes no request and starts no run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from zoneinfo import ZoneInfo

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.date_ranges import spans
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.core.states import UNSENT, Kind, State
from qb_pipeline.ledger.books.firm_days import Cause, DayOutcome, FirmDay
from qb_pipeline.ledger.books.listing import PendingDocument
from qb_pipeline.ledger.sending.lease import BusyError
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.quickbooks.errors import AuthorizationLostError, CompanyFaultError, TransientError
from qb_pipeline.sync.failures import UnfinishedError

IDS_PER_RUN = 500
"""The greatest number of documents that a run names. Their names are part of its configuration, which people read."""

ANEW = timedelta(hours=1)
"""The time after which a failed run is requested again. Until then its run key prevents a second start."""

LAST_LOOK = time(23, 45)
"""The last tick of a firm's day. A tick comes each quarter of an hour in UTC, and every time zone differs from UTC by
whole quarters."""

AGAIN = timedelta(minutes=15)
"""The wait before the third run of a firm's day. The second run may start at once, the fourth after three times this
wait, and so on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that should start, for exactly these documents (by their exact names), dated from ``first`` to ``last``.

    ``run_key`` is equal for equal work, so that a repeated request is a request for the same run.
    """

    firm_id: str
    first: date
    last: date
    invoice_ids: tuple[str, ...]
    payment_ids: tuple[str, ...]
    run_key: str


def due_daily(firms: Iterable[Firm], now: datetime) -> list[tuple[Firm, date]]:
    """Return the active firms whose local ``daily_sync_at`` has passed today, each with its local date.

    A firm stays due until midnight. The ledger remembers the firm's day (``choose_turn``), so that a daemon which was
    down at the set time catches up later. A firm that is set to a later time than the day's last tick is due at that
    tick. In the night of a clock change the firm's own wall clock counts.
    """
    due = []
    for firm in firms:
        local = now.astimezone(ZoneInfo(firm.time_zone))
        if firm.state == "active" and local.time() >= min(firm.settings.daily_sync_at, LAST_LOOK):
            due.append((firm, local.date()))
    return due


class Turn(StrEnum):
    """The action of a tick for a firm's day."""

    REST = "rest"  # the day is done, requested, stopped by a person, or unchanged since its run failed
    ASK = "ask"  # read the firm and request a run, which fails visibly (red) if the firm cannot be read
    TRY = "try"  # a red run exists: read the firm, and request a run only if the firm can be read


@dataclass(frozen=True, slots=True)
class DayRun:
    """A run that was requested for a firm's day. ``ended_at`` is None while the run waits or works."""

    run_id: str
    ended_at: datetime | None
    was_canceled: bool


def choose_turn(day: FirmDay | None, runs: Sequence[DayRun], now: datetime) -> Turn:
    """Return the action for a firm's day, from the ledger's record of the day and the ends of its runs.

    A run whose process died recorded no outcome, and its day is requested again. A run that failed by itself is the
    day's red run; after it, the day is requested only once its cause is gone (``Cause``). The wait grows with each run
    of the day, so that a cause which seems gone at every tick does not make a red run at every tick.
    """
    if any(run.ended_at is None for run in runs) or (day is not None and day.outcome is DayOutcome.DONE):
        return Turn.REST
    if _was_stopped(day, runs):
        return Turn.REST  # the person who stopped it starts it again
    failed = day if day is not None and day.outcome is DayOutcome.FAILED else None
    if failed is not None and failed.changed:
        return Turn.TRY
    if now < _next_turn(runs, now):
        return Turn.REST
    if failed is None:
        return Turn.ASK
    is_mended = failed.cause is Cause.UNREAD or (failed.cause is Cause.UNANSWERED and failed.answered)
    return Turn.TRY if is_mended else Turn.REST


def _was_stopped(day: FirmDay | None, runs: Sequence[DayRun]) -> bool:
    """Whether a person stopped the run that works on the day or, if no run works on it, any of its runs."""
    works = day.run_id if day is not None and day.outcome is DayOutcome.RUNNING else ""
    return any(run.was_canceled for run in runs if not works or run.run_id == works)


def _next_turn(runs: Sequence[DayRun], now: datetime) -> datetime:
    """Return the time from which a day that has had these runs may have another one; ``now`` if it has had none."""
    ended = [run.ended_at for run in runs if run.ended_at is not None]
    return max(ended) + AGAIN * (2 ** (len(runs) - 1) - 1) if ended else now


def cause_of(error: Exception, *, is_open: bool) -> Cause:
    """Return the cause of a failed day. ``is_open``: whether the firm's session was opened, so that work had begun."""
    if not is_open or isinstance(error, BillingError | ContractBroken):
        return Cause.UNREAD
    if isinstance(error, TransientError | AuthorizationLostError | CompanyFaultError | BusyError | UnfinishedError):
        return Cause.UNANSWERED
    return Cause.OTHER


def choose_sync_again(firm: Firm, pending: Iterable[PendingDocument], now: datetime) -> list[Wanted]:
    """Return the runs for invoices that changed in billing after they were sent, and for no other documents.

    A document that such a run holds leaves ``revised``. It is not requested again before billing changes it.
    """
    if firm.state != "active":
        return []
    due = [row for row in pending if row.kind == Kind.INVOICE and row.state in (State.REVISED, State.VOID_PENDING)]
    return _runs(firm, due, now)


def choose_auto_payments(
    firm: Firm, pending: Iterable[PendingDocument], now: datetime, *, last_invoice_at: datetime | None
) -> list[Wanted]:
    """Return the runs for payments of a firm that has them sent automatically (``auto_sync_payments``).

    A payment on an unsent invoice waits in its run. A payment that waited for an invoice is due when an invoice has
    arrived in QuickBooks since (``last_invoice_at``).
    """
    if firm.state != "active" or firm.model != 1 or not firm.settings.auto_sync_payments:
        return []
    arrived = last_invoice_at.isoformat() if last_invoice_at else ""
    payments = [row for row in pending if row.kind == Kind.PAYMENT]
    due = [row for row in payments if row.state in UNSENT.values()]
    freed = [
        row
        for row in payments
        if row.state == State.WAITING
        and row.reason == Problem.INVOICE_NOT_SENT
        and last_invoice_at
        and row.since < last_invoice_at
    ]
    return _runs(firm, due, now) + _runs(firm, freed, now, arrived)


def _runs(firm: Firm, due: Sequence[PendingDocument], now: datetime, turn: str = "") -> list[Wanted]:
    """Return one run per stretch of dates without long gaps.

    A stretch of more than ``IDS_PER_RUN`` documents gets several runs. The same documents in the same state are
    requested once in each ``turn``. By default a turn ends each time ``ANEW`` has passed since the newest of them
    entered its state.
    """
    runs = []
    for first, last in spans(row.document_date for row in due):
        rows = sorted(
            (row for row in due if first <= row.document_date <= last),
            key=lambda row: (row.document_date, row.source_id, row.part),
        )
        for start in range(0, len(rows), IDS_PER_RUN):
            named = rows[start : start + IDS_PER_RUN]
            runs.append(
                Wanted(
                    firm.firm_id,
                    named[0].document_date,
                    named[-1].document_date,
                    _ids(named, Kind.INVOICE),
                    _ids(named, Kind.PAYMENT),
                    _run_key(firm.firm_id, named, turn or str((now - max(row.since for row in named)) // ANEW)),
                )
            )
    return runs


def _ids(rows: Iterable[PendingDocument], kind: Kind) -> tuple[str, ...]:
    return tuple(sorted({str(row.name) for row in rows if row.kind == kind}))


def _run_key(firm_id: str, rows: Iterable[PendingDocument], turn: str) -> str:
    parts = sorted(f"{row.name}|{row.state}|{row.since.isoformat()}" for row in rows)
    return f"{firm_id}:{sha256(chr(10).join([turn, *parts]).encode()).hexdigest()[:24]}"
