"""Faults of a firm's company as a whole, kept from QuickBooks' first such answer until a write succeeds."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class StandingFault:
    """A fault of the company that still applies. QuickBooks answered it first at ``since`` and last at ``seen_at``, and
    has accepted nothing of ours since."""

    code: str
    sentence: str
    remedy: str
    since: datetime
    seen_at: datetime
    intuit_tid: str

    def __str__(self) -> str:
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (self.since, self.seen_at))
        again = "" if last == first else f", last at {last}"
        return f"{self.sentence} Fault {self.code} since {first} UTC{again}; nothing was written since"


def remember(engine: sa.Engine, firm_id: str, code: str, *, intuit_tid: str, run: Run, now: datetime) -> None:
    """Store a fault of the company that QuickBooks has just answered."""
    advice = COMPANY_FAULTS[code]
    values = {"firm_id": firm_id, "code": code, "sentence": advice.sentence, "remedy": advice.remedy, "now": now}
    with engine.begin() as connection:
        connection.execute(queries["remember"], values | {"run_id": run.run_id, "intuit_tid": intuit_tid})


def standing(engine: sa.Engine, firm_id: str) -> StandingFault | None:
    """Return the company's fault that still applies. The result is None when QuickBooks has accepted something since,
    or never answered such a fault."""
    with engine.connect() as connection:
        row = connection.execute(queries["standing"], {"firm_id": firm_id}).one_or_none()
    return StandingFault(*row) if row else None


def forget(connection: sa.Connection, firm_id: str) -> None:
    """Delete the fault because a write has succeeded, in the transaction that records the write."""
    connection.execute(queries["forget"], {"firm_id": firm_id})
