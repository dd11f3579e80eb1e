"""The final decisions of a run's plan for the stages that send: complete documents, and the plan's basis
(preconditions).

Belongs here: storing and reading. A document that has moved since is not returned. Does not belong here: the check that
the basis still holds (``sync.plan.keep``). Unlike a plan (``plans``), these decisions are deleted when the run ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Operation
from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run, forget_plan

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis (preconditions) of a run's plan as a whole, and the payers and fee items that its documents need.

    ``planned_at`` is the time when the plan began to read. ``epoch`` (fencing token) is the company's at that time, or
    that of this run's stage which sent last. ``rules_sha256`` is a digest of the settings, ``mapped_sha256`` a digest
    of the mappings that people made.
    """

    planned_at: datetime
    epoch: int
    rules_sha256: str
    mapped_sha256: str
    payer_ids: Sequence[str] = ()
    fee_item_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """The final decision about one document. ``ready`` is the content to be sent, "" where nothing is to be sent."""

    document_id: int
    operation: Operation
    source_hash: str
    ready: str = ""


class PlannedDocuments:
    """The final decisions that runs of one firm keep for their stages."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def keep_basis(self, run: Run, basis: Basis) -> None:
        """Store the basis of a run's plan. If the plan is made again, the documents of the former one are deleted."""
        with self._engine.begin() as connection:
            forget_plan(connection, self._firm_id, run)
            connection.execute(
                queries["keep_basis"],
                {
                    "run_id": run.run_id,
                    "firm_id": self._firm_id,
                    "planned_at": basis.planned_at,
                    "epoch": basis.epoch,
                    "rules_sha256": basis.rules_sha256,
                    "mapped_sha256": basis.mapped_sha256,
                    "payer_ids": list(basis.payer_ids),
                    "fee_item_ids": list(basis.fee_item_ids),
                },
            )

    def need(self, run: Run, payer_ids: Iterable[str], fee_item_ids: Iterable[str]) -> None:
        """Store, in the basis of a run's plan, the payers and fee items that the plan's documents need."""
        parameters = {"payer_ids": sorted(payer_ids), "fee_item_ids": sorted(fee_item_ids)}
        with self._engine.begin() as connection:
            connection.execute(queries["need"], {"run_id": run.run_id, "firm_id": self._firm_id, **parameters})

    def move_epoch(self, run: Run, epoch: int) -> None:
        """Record that a stage of this very run has sent under this epoch (fencing token)."""
        with self._engine.begin() as connection:
            connection.execute(queries["move_epoch"], {"run_id": run.run_id, "firm_id": self._firm_id, "epoch": epoch})

    def basis(self, run: Run) -> Basis | None:
        """Return the basis of a run's plan, or None when the run has none."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["basis"], {"run_id": run.run_id, "firm_id": self._firm_id}).one_or_none()
        return Basis(**row._mapping) if row is not None else None

    def keep(self, run: Run, documents: Sequence[PlannedDocument]) -> None:
        """Store final decisions. Each is valid as long as its document keeps its present content, state and reason."""
        if not documents:
            return
        with self._engine.begin() as connection:
            connection.execute(
                queries["keep"],
                {
                    "run_id": run.run_id,
                    "document_ids": [document.document_id for document in documents],
                    "operations": [document.operation for document in documents],
                    "hashes": [document.source_hash for document in documents],
                    "ready": [document.ready for document in documents],
                },
            )
        crash_point("keep what is planned: committed")

    def unmoved(self, run: Run, document_ids: Sequence[int]) -> dict[int, PlannedDocument]:
        """Return the run's final decisions about these documents, keyed by document id. Decisions about documents that
        have moved since are left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["unmoved"], {"run_id": run.run_id, "document_ids": list(document_ids)}
            ).all()
        return {
            row.document_id: PlannedDocument(row.document_id, Operation(row.operation), row.source_hash, row.ready)
            for row in rows
        }

    def forget(self, run: Run) -> None:
        """Delete all final decisions of a run, so that its stages plan again."""
        with self._engine.begin() as connection:
            forget_plan(connection, self._firm_id, run)

    def mapped(self) -> str:
        """Return a digest of the mappings that people made."""
        with self._engine.connect() as connection:
            return str(connection.scalar(queries["mapped"], {"firm_id": self._firm_id}))

    def epoch(self, realm_id: str) -> int | None:
        """Return the epoch (fencing token) under which a company was last written to: 0 before the first write, None
        while somebody may be writing to it."""
        with self._engine.connect() as connection:
            found: int | None = connection.scalar(queries["epoch"], {"realm_id": realm_id})
        return found
