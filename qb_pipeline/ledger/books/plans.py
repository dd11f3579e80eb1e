"""Plans (dry runs): their decisions, stored to be shown and applied. A plan has the id of its run.

Belongs here: storing and reading. Does not belong here: the check that a plan is still valid
(``core.planning.plan_freshness``, ``sync.plan.approval``).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.planning.plan_freshness import Planned
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class PlanLine:
    """The decision of a plan about one document, as it is shown. Money is in cents.

    ``amount_cents`` is billing's amount. ``before_cents`` and ``after_cents`` are QuickBooks' total, None where nothing
    would be sent. ``changes`` holds the fields that change in QuickBooks, each with field, before and after.
    """

    kind: Kind
    source_id: str
    part: str
    number: str
    document_date: date
    operation: Operation
    reason: str
    remedy: str
    amount_cents: int
    before_cents: int | None
    after_cents: int | None
    changes: list[dict[str, str]]

    @property
    def name(self) -> DocumentName:
        """The exact name of the document."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """One document of a stored plan: the line that a person is shown, and the decision with the digests that it rests
    on."""

    line: PlanLine
    planned: Planned


@dataclass(frozen=True, slots=True)
class Shown:
    """The facts that a plan shows beside a decision: QuickBooks' total before and after, in cents, and the fields that
    change."""

    before_cents: int
    after_cents: int
    changes: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class PlannedCount:
    """The documents of one kind for which a run has planned one operation. ``cents`` is the sum of their amounts."""

    kind: str
    operation: str
    documents: int
    cents: int


class Plans:
    """The plans of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def detail(self, run: Run, items: Sequence[tuple[Planned, Shown]]) -> None:
        """Add to a dry run's decisions the digests of the content that they would send, and the changes that this
        content would make in QuickBooks."""
        rows = [asdict(planned) | asdict(shown) for planned, shown in items]
        with self._engine.begin() as connection:
            connection.execute(queries["detail"], {"run_id": run.run_id, "items": json.dumps(rows)})

    def is_plan(self, plan_id: str) -> bool:
        """Return whether a dry run of this firm has this id."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(queries["is_dry"], {"run_id": plan_id, "firm_id": self._firm_id}))

    def newest(self, limit: int = 5) -> list[str]:
        """Return the ids of the newest plans, newest first."""
        with self._engine.connect() as connection:
            return list(connection.scalars(queries["newest"], {"firm_id": self._firm_id, "limit": limit}))

    def decided(self, run_id: str) -> set[DocumentName]:
        """Return the names of the documents about which a run has decided anything."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["decided"], {"run_id": run_id, "firm_id": self._firm_id})
            return {DocumentName(Kind(row.kind), row.source_id, row.part) for row in rows}

    def counted(self, run_id: str) -> list[PlannedCount]:
        """Return the last decisions of a run, counted by kind and operation."""
        with self._engine.connect() as connection:
            parameters = {"run_id": run_id, "firm_id": self._firm_id}
            return [PlannedCount(**row) for row in connection.execute(queries["counted"], parameters).mappings()]

    def documents(self, plan_id: str) -> list[PlanDocument]:
        """Return the decisions of a plan, in the order of document dates."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["documents"], {"run_id": plan_id, "firm_id": self._firm_id})
            return [_plan_document(row) for row in rows.mappings()]


def _plan_document(row: sa.RowMapping) -> PlanDocument:
    typed = {**row, "kind": Kind(row["kind"]), "operation": Operation(row["operation"])}
    line = PlanLine(**{column.name: typed[column.name] for column in fields(PlanLine)})
    return PlanDocument(line, Planned(**{column.name: typed[column.name] for column in fields(Planned)}))
