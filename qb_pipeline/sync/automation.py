"""When a sync should start by itself. Decisions only: they ask nobody and start nothing."""

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
"""A run that names its documents names at most so many: they stand in its configuration, for people to read."""

ANEW = timedelta(hours=1)
"""A run that failed is asked for again after so long; until then its key keeps it from starting once more."""

LAST_LOOK = time(23, 45)
"""The last tick of a firm's day: a tick comes each quarter of an hour in UTC, and all time zones keep to quarters."""

AGAIN = timedelta(minutes=15)
"""The second run of a firm's day may come at once, the third after so long, the fourth after three times as long …"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that should start: exactly these documents (by their exact names), dated within ``first`` and ``last``.

    ``run_key`` is equal for equal work: whoever forgot that it was asked for asks for the same run.
    """

    firm_id: str
    first: date
    last: date
    invoice_ids: tuple[str, ...]
    payment_ids: tuple[str, ...]
    run_key: str


def due_daily(firms: Iterable[Firm], now: datetime) -> list[tuple[Firm, date]]:
    """Active firms whose local ``daily_sync_at`` has passed today, each with its local date.

    A firm stays due until midnight: the ledger remembers its day (``choose_turn``), and a daemon that was down at six
    catches up when it is back. A firm that is set to a later time than the day's last tick is due at that tick. In the
    night of a clock change the firm's own wall clock counts.
    """
    due = []
    for firm in firms:
        local = now.astimezone(ZoneInfo(firm.time_zone))
        if firm.state == "active" and local.time() >= min(firm.settings.daily_sync_at, LAST_LOOK):
            due.append((firm, local.date()))
    return due


class Turn(StrEnum):
    """What a tick does about a firm's day."""

    REST = "rest"  # it is done, asked for, given up by a person, or nothing has changed since it failed
    ASK = "ask"  # look, and ask for a run; one that fails in red where the firm cannot be read
    TRY = "try"  # it failed in red already: look quietly, and ask for a run only where the firm can be read


@dataclass(frozen=True, slots=True)
class DayRun:
    """A run that was asked for a day. ``ended_at`` is None while it waits or works."""

    run_id: str
    ended_at: datetime | None
    was_canceled: bool


def choose_turn(day: FirmDay | None, runs: Sequence[DayRun], now: datetime) -> Turn:
    """Say what to do about a firm's day, from what the ledger remembers and what became of its runs.

    A run whose process died said nothing: its day is asked for again. A run that failed by itself is the day's red
    run; after it the day begins once its cause is gone (``Cause``). With each run that the day has had, the next one
    comes later: a cause that seems gone each time makes no red run each time.
    """
    if any(run.ended_at is None for run in runs) or (day is not None and day.outcome is DayOutcome.DONE):
        return Turn.REST
    if _was_stopped(day, runs):
        return Turn.REST  # they begin it when they want it
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
    """Whether a person stopped the run that works on the day; where no run works on it, whether one was stopped."""
    works = day.run_id if day is not None and day.outcome is DayOutcome.RUNNING else ""
    return any(run.was_canceled for run in runs if not works or run.run_id == works)


def _next_turn(runs: Sequence[DayRun], now: datetime) -> datetime:
    """When a day that has had these runs may have another one; ``now`` where it had none."""
    ended = [run.ended_at for run in runs if run.ended_at is not None]
    return max(ended) + AGAIN * (2 ** (len(runs) - 1) - 1) if ended else now


def cause_of(error: Exception, *, is_open: bool) -> Cause:
    """Why a firm's day failed. ``is_open``: its workplace could be opened, so that work had begun."""
    if not is_open or isinstance(error, BillingError | ContractBroken):
        return Cause.UNREAD
    if isinstance(error, TransientError | AuthorizationLostError | CompanyFaultError | BusyError | UnfinishedError):
        return Cause.UNANSWERED
    return Cause.OTHER


def choose_sync_again(firm: Firm, pending: Iterable[PendingDocument], now: datetime) -> list[Wanted]:
    """Runs for invoices that changed in billing after they were sent, and for nothing else.

    What a run then holds leaves ``revised``, and is not asked for again before billing changes it.
    """
    if firm.state != "active":
        return []
    due = [row for row in pending if row.kind == Kind.INVOICE and row.state in (State.REVISED, State.VOID_PENDING)]
    return _runs(firm, due, now)


def choose_auto_payments(
    firm: Firm, pending: Iterable[PendingDocument], now: datetime, *, last_invoice_at: datetime | None
) -> list[Wanted]:
    """Runs for payments, where the firm lets them go by themselves; a payment on an unsent invoice waits in its run.

    One that waited for an invoice is due when an invoice has arrived in QuickBooks since (``last_invoice_at``).
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
    """One run per stretch of dates without long gaps, and of no more documents than it can name.

    The same documents in the same state are asked for once in each ``turn``; by default it ends each time ``ANEW`` has
    passed since the newest of them came into its state.
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
