"""The history of one document: its log, its requests, its runs.

Belongs here: reading it, for a person who asks why, and for code that must know the content last sent. Does not belong
here: the list of documents (``documents``), and the log of a firm or a run (``log``).
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.core.states import DOCUMENTS
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class History:
    """The past of one firm's documents."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def named(self, words: Collection[str], *, kinds: Sequence[str] = DOCUMENTS) -> list[Any]:
        """Documents of these kinds whose id, number or reference is one of the words, in the order of their dates.

        Rows document_id, kind, source_id, part, number, document_date, state, reason, quickbooks_id ("" before it has
        one), may_be_there (a request of it may have reached QuickBooks).
        """
        return self._rows("named", words=sorted(words), kinds=list(kinds), firm_id=self._firm_id)

    def names(self, kinds: Sequence[str] = DOCUMENTS) -> list[Any]:
        """The names of all documents of these kinds: kind, source_id, part, number."""
        return self._rows("names", kinds=list(kinds), firm_id=self._firm_id)

    def document(self, document_id: int) -> Any:
        """One document with all that the ledger says of it, and the sentence and remedy of its reason."""
        return self._rows("document", document_id=document_id)[0]

    def log(self, document_id: int) -> list[Any]:
        """Its activities, oldest first: at, trigger, actor, activity, reason, detail, amount_cents, quickbooks_id,
        intuit_tid, run_id."""
        return self._rows("log", document_id=document_id)

    def attempts(self, document_id: int) -> list[Any]:
        """The requests that carried it, oldest first: operation, request_id, state, outcome, fault_code, sends,
        first_sent_at, last_sent_at, http_status, intuit_tid, run_id, total_cents."""
        return self._rows("attempts", document_id=document_id)

    def runs(self, run_ids: Sequence[str]) -> list[Any]:
        """Runs, oldest first: run_id, trigger, actor, started_at, finished_at, outcome."""
        return self._rows("runs", firm_id=self._firm_id, run_ids=list(run_ids))

    def last_body(self, document_ids: Sequence[int], *, accepted: bool = True) -> dict[int, tuple[bytes, str]]:
        """By document id: the body of the last request that QuickBooks accepted, and the document's bId in it.

        With ``accepted`` False: of the last request, whatever its outcome.
        """
        rows = self._rows("last_body", document_ids=list(document_ids), accepted=accepted)
        return {row["document_id"]: (bytes(row["body"]), row["b_id"]) for row in rows}

    def owns(self, kind: str, quickbooks_ids: Sequence[str]) -> list[str]:
        """Those of these QuickBooks Ids that are, or were, documents of ours."""
        rows = self._rows("owns", firm_id=self._firm_id, kind=kind, quickbooks_ids=list(quickbooks_ids))
        return [row["quickbooks_id"] for row in rows]

    def _rows(self, query: str, **parameters: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(queries[query], parameters).mappings())
