"""The mirror: what QuickBooks holds of our documents, in versions, each from when we saw it.

Belongs here: keeping what an answer said. Does not belong here: asking (``sync.reconcile``), and what a difference
means (``sql/reporting``).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.mirror import Version
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


def see(connection: sa.Connection, firm_id: str, versions: Sequence[Version], *, seen_by: str, now: datetime) -> int:
    """Keep what an answer said; what says the same as before, or is older than what is known, makes no version.

    Of one document only its newest snapshot may be given. ``seen_by`` is push (the answer to a request of ours) or
    reading. Payments come before invoices, so that what settles an invoice is known when its balance is looked at.

    Returns:
        How many documents have a new version.
    """
    if not versions:
        return 0
    changed = 0
    connection.execute(queries["one_at_a_time"], {"firm_id": firm_id})
    for kind in ("payment", "invoice"):
        rows = [asdict(version) for version in versions if version.kind == kind]
        if rows:
            parameters = {"firm_id": firm_id, "versions": json.dumps(rows), "seen_by": seen_by, "now": now}
            connection.execute(queries["close"], parameters)
            changed += connection.execute(queries["add"], parameters).rowcount
            if kind == "payment":
                connection.execute(queries["settle"], parameters)
    return changed


class Mirror:
    """The mirror of one firm's company."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def living(self, kind: str) -> list[str]:
        """Ids of what was there when it was last seen, void or not."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["living"], {"firm_id": self._firm_id, "kind": kind}))

    def unseen(self, kind: str) -> list[str]:
        """Ids in QuickBooks that the work list names and nobody has looked at, such as those of adopted documents."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["unseen"], {"firm_id": self._firm_id, "kind": kind}))
