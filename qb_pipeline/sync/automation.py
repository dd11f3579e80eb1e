"""When a sync should start by itself. Decisions only: they ask nobody and start nothing."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from qb_pipeline.ledger.firms import Firm


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
