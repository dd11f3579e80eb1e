"""The history of one document: its log, its requests, its runs.

Belongs here: reading the history, for a person and for code that needs the content last sent. Does not belong here: the
list of documents (``documents``), and the log of a firm or a run (``log``).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from qb_pipeline.core.states import DOCUMENTS, Kind, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A document of the work list that a word names. ``document_date`` is None for a customer or an item.

    ``quickbooks_id`` is "" before the document has one. ``may_be_there`` tells whether the document is in QuickBooks,
    or a request for it may have reached QuickBooks.
    """

    document_id: int
    kind: Kind
    source_id: str
    part: str
    number: str
    document_date: date | None
    state: State
    reason: str
    quickbooks_id: str
    may_be_there: bool

    @property
    def name(self) -> DocumentName:
        """The exact name of the document."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class PastDocument:
    """The facts that the ledger has about one document. Money is in cents. ``sentence`` and ``remedy`` are those of its
    reason.

    ``document_date`` is None for a customer or an item. ``quickbooks_total_cents`` is QuickBooks' own total.
    """

    firm_id: str
    document_id: int
    kind: Kind
    source_id: str
    part: str
    number: str
    document_date: date | None
    payer_id: str
    amount_cents: int
    forwarded_cents: int
    source_status: str
    state: State
    reason: str
    state_since: datetime
    generation: int
    source_hash: str
    sent_total_cents: int | None
    quickbooks_total_cents: int | None
    customer_id: str
    quickbooks_id: str
    sync_token: str
    synced_at: datetime | None
    sentence: str
    remedy: str

    @property
    def name(self) -> DocumentName:
        """The exact name of the document."""
        return DocumentName(self.kind, self.source_id, self.part)


@dataclass(frozen=True, slots=True)
class PastActivity:
    """One activity of a document, as the log has it."""

    at: datetime
    trigger: str
    actor: str
    activity: str
    reason: str
    detail: str
    amount_cents: int | None
    quickbooks_id: str
    intuit_tid: str
    run_id: str


@dataclass(frozen=True, slots=True)
class PastRequest:
    """A request that carried a document, with the document's outcome. ``total_cents`` is the total that the document
    was to get."""

    operation: str
    request_id: UUID
    state: str
    outcome: str
    fault_code: str
    sends: int
    first_sent_at: datetime
    last_sent_at: datetime
    http_status: int | None
    intuit_tid: str
    run_id: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that worked on a document."""

    run_id: str
    trigger: str
    actor: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str


class History:
    """The past of one firm's documents."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def named(self, words: Collection[str], *, kinds: Sequence[str] = DOCUMENTS) -> list[NamedDocument]:
        """Return the documents of these kinds whose id, number or reference is one of the words, in the order of their
        dates."""
        rows = self._rows("named", words=sorted(words), kinds=list(kinds), firm_id=self._firm_id)
        return [NamedDocument(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])}) for row in rows]

    def names(self, kinds: Sequence[str] = DOCUMENTS) -> list[tuple[DocumentName, str]]:
        """Return the names and numbers of all documents of these kinds."""
        rows = self._rows("names", kinds=list(kinds), firm_id=self._firm_id)
        return [(DocumentName(Kind(row["kind"]), row["source_id"], row["part"]), row["number"]) for row in rows]

    def document(self, document_id: int) -> PastDocument:
        """Return one document with the facts that the ledger has about it, and the sentence and remedy of its
        reason."""
        [row] = self._rows("document", document_id=document_id)
        return PastDocument(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])})

    def log(self, document_id: int) -> list[PastActivity]:
        """Return the activities of a document, oldest first."""
        return [PastActivity(**row) for row in self._rows("log", document_id=document_id)]

    def attempts(self, document_id: int) -> list[PastRequest]:
        """Return the requests that carried a document, oldest first."""
        return [PastRequest(**row) for row in self._rows("attempts", document_id=document_id)]

    def runs(self, run_ids: Sequence[str]) -> list[PastRun]:
        """Return these runs, oldest first."""
        return [PastRun(**row) for row in self._rows("runs", firm_id=self._firm_id, run_ids=list(run_ids))]

    def last_body(self, document_ids: Sequence[int], *, accepted: bool = True) -> dict[int, tuple[bytes, str]]:
        """Return, keyed by document id, the body of the last request that QuickBooks accepted, and the document's bId
        in that body.

        With ``accepted`` False it is the last request, whatever its outcome. For an adopted document that was not sent
        since, it is the content that was found equal on both sides, with bId "".
        """
        rows = self._rows("last_body", document_ids=list(document_ids), accepted=accepted)
        return {row["document_id"]: (bytes(row["body"]), row["b_id"]) for row in rows}

    def taken_like(self, pattern: str) -> Iterator[tuple[Kind, bytes, list[tuple[int, str]]]]:
        """Yield the bodies of requests of which QuickBooks accepted at least one item, if the pattern is found in the
        body. Case does not count.

        Each body comes with its kind and with the accepted documents, as document id and bId. Bodies are read one after
        the other, since they are many.
        """
        with self._engine.connect().execution_options(yield_per=100) as connection:
            for row in connection.execute(queries["taken_like"], {"firm_id": self._firm_id, "pattern": pattern}):
                yield Kind(row.kind), bytes(row.body), list(zip(row.document_ids, row.b_ids, strict=True))

    def taken_bodies(self, document_ids: Sequence[int]) -> list[tuple[DocumentName, bytes, str]]:
        """Return the bodies that QuickBooks accepted for these documents, each with the document's name and its bId in
        the body. Documents that are no longer in QuickBooks are left out. The bodies of each document are in the order
        of their sends."""
        rows = self._rows("taken_bodies", document_ids=list(document_ids))
        return [
            (DocumentName(Kind(row["kind"]), row["source_id"], row["part"]), bytes(row["body"]), row["b_id"])
            for row in rows
        ]

    def owns(self, kind: str, quickbooks_ids: Sequence[str]) -> list[str]:
        """Return those of these QuickBooks Ids that are, or were, documents of ours."""
        rows = self._rows("owns", firm_id=self._firm_id, kind=kind, quickbooks_ids=list(quickbooks_ids))
        return [row["quickbooks_id"] for row in rows]

    def _rows(self, query: str, **parameters: object) -> Sequence[sa.RowMapping]:
        with self._engine.connect() as connection:
            return connection.execute(queries[query], parameters).mappings().all()
