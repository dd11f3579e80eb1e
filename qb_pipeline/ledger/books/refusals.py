"""The last refusal (Fault) of each document, until QuickBooks accepts the document or a person answers.

Belongs here: storing a refusal with digests of the sent body and of its evidence, the objects that the fault is about.
Does not belong here: finding these objects (``core.planning.refusals``), and finding their changes
(``sync.remote.standing``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Standing:
    """The last refusal of a document. ``evidence_sha256`` is "" until its evidence has been read. ``times`` is the
    number of times in a row that the same body was refused."""

    document_id: int
    operation: Operation
    fault_code: str
    reason: str
    named: str
    body_sha256: str
    evidence_sha256: str
    times: int
    refused_at: datetime


class Refusals:
    """The refusals of one firm's documents."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def of(self, document_ids: Sequence[int]) -> dict[int, Standing]:
        """Return the last refusals of documents, keyed by document id. A document without a refusal is left out."""
        with self._engine.connect() as connection:
            rows = connection.execute(queries["standing"], {"document_ids": list(document_ids)})
            return {row.document_id: Standing(*row) for row in rows}

    def of_sources(self, kind: Kind, source_ids: Sequence[str]) -> dict[str, Standing]:
        """Return the last refusals of documents of one kind, keyed by the document's id in billing. A document without
        a refusal is left out."""
        values = {"firm_id": self._firm_id, "kind": kind, "source_ids": list(source_ids)}
        with self._engine.connect() as connection:
            return {row[0]: Standing(*row[1:]) for row in connection.execute(queries["standing_of"], values)}

    def note_evidence(self, evidence: Mapping[int, str], *, refused_at: datetime) -> None:
        """Store digests of evidence, keyed by document id, for the refusals of exactly this moment. A later refusal has
        its own evidence."""
        rows = [{"document_id": document_id, "sha256": sha256} for document_id, sha256 in evidence.items()]
        with self._engine.begin() as connection:
            connection.execute(queries["note_evidence"], {"evidence": json.dumps(rows), "refused_at": refused_at})


def keep(connection: sa.Connection, outcomes: Sequence[Mapping[str, object]], *, now: datetime) -> None:
    """Store refusals, and delete those of accepted documents, in the transaction that records the outcomes.

    Each of ``outcomes`` has the keys document_id, outcome, operation, fault_code, reason, named and refused_sha256.
    Without a digest ("") no refusal is stored.
    """
    connection.execute(queries["keep"], {"outcomes": json.dumps(list(outcomes)), "now": now})
