"""The census (post-write verification): the documents that it counts, and the counts.

Belongs here: reading the documents that the ledger believes to be in QuickBooks, and storing counts. Does not belong
here: reading QuickBooks (``sync.verify.census``) and the judgement (``core.planning.census``).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.states import Kind
from qb_pipeline.database import Queries
from qb_pipeline.ledger.log import Run

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """A document that QuickBooks accepted, as the ledger believes QuickBooks to hold it. Money is in cents.

    ``total_cents`` is QuickBooks' total, ``amount_cents`` billing's amount.
    """

    document_id: int
    kind: str
    source_id: str
    part: str
    quickbooks_id: str
    total_cents: int
    sync_token: str
    state: str
    reason: str
    source_hash: str
    amount_cents: int


FAULTS = ("duplicates", "missing", "differing", "foreigners", "strays")
"""The counts that are faults. A copy and a person's change are no faults."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which a request that may have created a document could take effect."""

    document_id: int
    first_sent_at: datetime
    last_sent_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one census for one kind. ``reads`` is the number of requests that it took.

    ``is_whole`` tells whether everything that we ever sent was counted. ``duplicates`` to ``changed`` are the numbers
    of findings of ``core.planning.census``. ``missing`` includes void documents.
    """

    kind: str
    is_whole: bool
    documents: int
    living: int
    duplicates: int
    copies: int
    missing: int
    differing: int
    foreigners: int
    strays: int
    changed: int
    reads: int

    @property
    def is_sound(self) -> bool:
        """Whether the census found no fault (``FAULTS``)."""
        return not any(getattr(self, name) for name in FAULTS)


class Censuses:
    """The censuses of one firm."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def written(self, kinds: Sequence[Kind], *, whole: bool = False) -> list[WrittenDocument]:
        """Return the documents of these kinds that QuickBooks accepted since they were last counted. With ``whole``,
        return all documents of ours that QuickBooks holds."""
        return [WrittenDocument(**row) for row in self._rows("written", kinds=list(kinds), whole=whole)]

    def named(self, kind: str, source_ids: Sequence[str]) -> list[WrittenDocument]:
        """Return the documents with these billing ids. ``quickbooks_id`` is "" for a document that QuickBooks does not
        hold."""
        return [WrittenDocument(**row) for row in self._rows("named", kind=kind, source_ids=list(source_ids))]

    def windows(self, document_ids: Sequence[int]) -> list[Window]:
        """Return, for each request that may have created one of these documents, the times of its first and last
        send."""
        return [Window(**row) for row in self._rows("windows", document_ids=list(document_ids))]

    def first_sent(self, document_ids: Sequence[int]) -> datetime | None:
        """Return the earliest first send among these documents' last accepted requests, or None when no request was
        accepted."""
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(queries["first_sent"], {"document_ids": list(document_ids)})
        return found

    def set_aside(self, kind: str) -> set[str]:
        """Return the Ids in QuickBooks that a person declared not to be ours."""
        return {row["quickbooks_id"] for row in self._rows("set_aside", kind=kind)}

    def record(self, run: Run, counts: Sequence[Counts], *, now: datetime) -> None:
        """Store counts, one of each kind. The next census counts from ``now`` on."""
        with self._engine.begin() as connection:
            for row in counts:
                connection.execute(
                    queries["record"], {"firm_id": self._firm_id, "run_id": run.run_id, "at": now, **asdict(row)}
                )

    def of_run(self, run: Run) -> list[Counts]:
        """Return the counts of a run, one of each kind."""
        return [Counts(**row) for row in self._rows("of_run", run_id=run.run_id)]

    def _rows(self, query: str, **parameters: object) -> Sequence[sa.RowMapping]:
        with self._engine.connect() as connection:
            return connection.execute(queries[query], {"firm_id": self._firm_id, **parameters}).mappings().all()
