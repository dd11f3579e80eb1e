"""Plans (dry runs): their decisions, kept to be shown and applied. A plan's id is that of its run.

Belongs here: storing and reading. Does not belong here: whether a plan is still valid
(``core.planning.plan_freshness``, ``sync.plan.approval``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.core.planning.plan_freshness import Planned
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run

queries = Queries(Path(__file__).with_suffix(".sql"))


class Plans:
    """The plans of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def detail(self, run: Run, items: Sequence[tuple[Planned, Mapping[str, Any]]]) -> None:
        """Add to a dry run's decisions the content that they would send, with before_cents, after_cents and changes."""
        rows = [asdict(planned) | dict(shown) for planned, shown in items]
        with self._engine.begin() as connection:
            connection.execute(queries["detail"], {"run_id": run.run_id, "items": json.dumps(rows)})

    def is_plan(self, plan_id: str) -> bool:
        """Whether a dry run of this firm has this id."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(queries["is_dry"], {"run_id": plan_id, "firm_id": self._firm_id}))

    def newest(self, limit: int = 5) -> list[str]:
        """Ids of the newest plans, newest first."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["newest"], {"firm_id": self._firm_id, "limit": limit}))

    def decided(self, run_id: str) -> set[DocumentName]:
        """The documents about which a run has decided anything."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["decided"], {"run_id": run_id, "firm_id": self._firm_id})
            return {DocumentName(Kind(row.kind), row.source_id, row.part) for row in rows}

    def counted(self, run_id: str) -> list[Any]:
        """What a run decided last: kind, operation, documents, cents."""
        with self._engine.connect() as connection:
            parameters = {"run_id": run_id, "firm_id": self._firm_id}
            return list(connection.execute(queries["counted"], parameters).mappings())

    def documents(self, plan_id: str) -> list[Any]:
        """The decisions of a plan, in the order of dates: document_id, kind, source_id, part, number, document_date,
        operation, reason, remedy, amount_cents, before_cents, after_cents, changes, and the fields of ``Planned``."""
        with self._engine.connect() as connection:
            parameters = {"run_id": plan_id, "firm_id": self._firm_id}
            return list(connection.execute(queries["documents"], parameters).mappings())
