"""What other processes do in tests: refresh a token, hold a lease, upgrade a database."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.setup import schema
from qb_pipeline.ledger.setup.tokens import TokenStore

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Granted:
    """An OAuth answer."""

    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime = START + timedelta(days=100)
    refresh_hard_expires_at: datetime | None = None


def ask_for_token(url: str, rounds: int, start: Barrier, refreshes: Path, answers: Connection) -> None:
    """Ask for a token in every round, each an hour after the one before, at the same moment as the other processes."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    store = TokenStore(engine, ["key"], refreshes.parent)
    for number in range(1, rounds + 1):
        now = START + timedelta(hours=number)

        def refresh(old: str, now: datetime = now) -> Granted:
            with refreshes.open("a") as file:
                file.write(f"{old}\n")
            time.sleep(0.02)  # as long as a fast answer of Intuit: time enough for the others to come
            name = old.removeprefix("refresh-")
            return Granted(f"access-{name}+", f"refresh-{name}+", now + timedelta(hours=1))

        start.wait(30)
        answers.send(store.access_token("one", refresh=refresh, now=lambda now=now: now, lost=KeyError))  # type: ignore[misc]


def hold_lease(url: str, holding: Connection) -> None:
    """Hold the lease until killed."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with lease.hold(engine, firm_id="one", realm_id="9130", run_id="run-other", now=lambda: START) as held:
        holding.send(held.epoch)
        time.sleep(60)


def upgrade(url: str, start: Barrier, done: Connection) -> None:
    """Upgrade a database at the same moment as the other processes."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    start.wait(30)
    done.send(schema.upgrade(engine, now=START))
