"""When a sync should start by itself. Decisions only: they ask nobody and start nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.scopes import spans
from qb_pipeline.ledger.firms import Firm

IDS_PER_RUN = 500
"""A run that names its documents names at most so many: they stand in its configuration, for people to read."""

ANEW = timedelta(hours=1)
"""A run that failed is asked for again after so long; until then its key keeps it from starting once more."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One invoice or payment on the work list that may need a run. ``since``: when it came into its state."""

    kind: str
    source_id: str
    document_date: date
    state: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that should start: exactly these documents, dated within ``first`` and ``last``.

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

    A firm stays due until midnight: the run key of firm and date keeps it from starting twice, and a daemon that was
    down at six catches up when it is back. In the night of a clock change the firm's own wall clock counts.
    """
    due = []
    for firm in firms:
        local = now.astimezone(ZoneInfo(firm.time_zone))
        if firm.state == "active" and local.time() >= firm.settings.daily_sync_at:
            due.append((firm, local.date()))
    return due


def choose_sync_again(firm: Firm, pending: Iterable[Pending], now: datetime) -> list[Wanted]:
    """Runs for invoices that changed in billing after they were sent, and for nothing else.

    What a run then holds leaves ``revised``, and is not asked for again before billing changes it.
    """
    if firm.state != "active":
        return []
    due = [row for row in pending if row.kind == "invoice" and row.state in ("revised", "void_pending")]
    return _runs(firm, due, _turn(now))


def choose_auto_payments(
    firm: Firm, pending: Iterable[Pending], now: datetime, *, last_invoice_at: datetime | None
) -> list[Wanted]:
    """Runs for payments, where the firm lets them go by themselves; a payment on an unsent invoice waits in its run.

    One that waited for an invoice is due when an invoice has arrived in QuickBooks since (``last_invoice_at``).
    """
    if firm.state != "active" or firm.model != 1 or not firm.settings.auto_sync_payments:
        return []
    arrived = last_invoice_at.isoformat() if last_invoice_at else ""
    payments = [row for row in pending if row.kind == "payment"]
    due = [row for row in payments if row.state in ("new", "revised", "void_pending")]
    freed = [
        row
        for row in payments
        if row.state == "waiting"
        and row.reason == Problem.INVOICE_NOT_SENT
        and last_invoice_at
        and row.since < last_invoice_at
    ]
    return _runs(firm, due, _turn(now)) + _runs(firm, freed, arrived)


def _turn(now: datetime) -> str:
    return str(int(now.timestamp() // ANEW.total_seconds()))


def _runs(firm: Firm, due: Sequence[Pending], turn: str) -> list[Wanted]:
    """One run per stretch of dates without long gaps, and of no more documents than it can name.

    The same documents in the same state are asked for once in each ``turn``.
    """
    runs = []
    for first, last in spans(row.document_date for row in due):
        rows = sorted(
            (row for row in due if first <= row.document_date <= last),
            key=lambda row: (row.document_date, row.source_id),
        )
        for start in range(0, len(rows), IDS_PER_RUN):
            named = rows[start : start + IDS_PER_RUN]
            runs.append(
                Wanted(
                    firm.firm_id,
                    named[0].document_date,
                    named[-1].document_date,
                    _ids(named, "invoice"),
                    _ids(named, "payment"),
                    _run_key(firm.firm_id, named, turn),
                )
            )
    return runs


def _ids(rows: Iterable[Pending], kind: str) -> tuple[str, ...]:
    return tuple(sorted({row.source_id for row in rows if row.kind == kind}))


def _run_key(firm_id: str, rows: Iterable[Pending], turn: str) -> str:
    parts = sorted(f"{row.kind}|{row.source_id}|{row.state}|{row.since.isoformat()}" for row in rows)
    return f"{firm_id}:{sha256(chr(10).join([turn, *parts]).encode()).hexdigest()[:24]}"
