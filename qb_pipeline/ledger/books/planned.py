"""What a run's plan keeps for the stages that send: complete documents, and what the plan rests on.

Belongs here: storing and reading; a document that has moved since is not in the answer. Does not belong here: whether
what the plan rests on as a whole still stands (``sync.plan.keep``). Other than a plan (``plans``), this is gone when
the run ends.
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
    """What a run's plan rests on as a whole, and the payers and fee items that its documents need.

    ``planned_at``: when the plan began to read. ``epoch``: the fencing token of the company then, or that of this run's
    stage which sent last. Two digests: the settings, and the mappings that people made.
    """

    planned_at: datetime
    epoch: int
    rules_sha256: str
    mapped_sha256: str
    payer_ids: Sequence[str] = ()
    fee_item_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """What was decided for good about one document; ``ready`` is what is sent, "" where nothing is."""

    document_id: int
    operation: Operation
    source_hash: str
    ready: str = ""


class PlannedDocuments:
    """What runs of one firm have decided for their stages."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def keep_basis(self, run: Run, basis: Basis) -> None:
        """Store what the plan of a run rests on; a plan that is made again forgets the documents of the former one."""
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
        """Add the payers and fee items that the documents of a run's plan need."""
        parameters = {"payer_ids": sorted(payer_ids), "fee_item_ids": sorted(fee_item_ids)}
        with self._engine.begin() as connection:
            connection.execute(queries["need"], {"run_id": run.run_id, "firm_id": self._firm_id, **parameters})

    def move_epoch(self, run: Run, epoch: int) -> None:
        """Note that a stage of this very run has sent under this fencing token."""
        with self._engine.begin() as connection:
            connection.execute(queries["move_epoch"], {"run_id": run.run_id, "firm_id": self._firm_id, "epoch": epoch})

    def basis(self, run: Run) -> Basis | None:
        """What the plan of a run rests on; None where the run has none."""
        with self._engine.connect() as connection:
            row = connection.execute(queries["basis"], {"run_id": run.run_id, "firm_id": self._firm_id}).one_or_none()
        return Basis(**row._mapping) if row is not None else None

    def keep(self, run: Run, documents: Sequence[PlannedDocument]) -> None:
        """Keep decisions; they count while their documents stand as they stand now."""
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
        """Of these documents what the run has decided for good, by id, as long as they stand as they stood then."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                queries["unmoved"], {"run_id": run.run_id, "document_ids": list(document_ids)}
            ).all()
        return {
            row.document_id: PlannedDocument(row.document_id, Operation(row.operation), row.source_hash, row.ready)
            for row in rows
        }

    def forget(self, run: Run) -> None:
        """Forget all that a run has decided: its stages plan anew."""
        with self._engine.begin() as connection:
            forget_plan(connection, self._firm_id, run)

    def mapped(self) -> str:
        """A digest of the mappings that people made."""
        with self._engine.connect() as connection:
            return str(connection.scalar(queries["mapped"], {"firm_id": self._firm_id}))

    def epoch(self, realm_id: str) -> int | None:
        """The fencing token under which a company was written to last; None while somebody may be writing to it."""
        with self._engine.connect() as connection:
            found: int | None = connection.scalar(queries["epoch"], {"realm_id": realm_id})
        return found
