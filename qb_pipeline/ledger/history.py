"""What was done with one document: its log, its requests, its runs.

Belongs here: reading, for a person who asks why, and for whoever must know what was last sent. Does not belong here:
the list of documents (``documents``), and the log of a firm or a run (``log``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class History:
    """The past of one firm's documents."""

    def __init__(self, engine: sa.Engine, firm_id: str) -> None:
        self._engine = engine
        self._firm_id = firm_id

    def named(self, word: str, *, kind: str = "", part: str = "") -> list[Any]:
        """Documents that a person may mean.

        Without ``kind``: invoices and payments whose number, reference or id is the word; else those of the kind with
        this id. Rows document_id, kind, source_id, part, number, document_date, amount_cents, state.
        """
        parameters = {"word": word, "kind": kind, "part": part, "firm_id": self._firm_id}
        return self._rows("named", **parameters)

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
        """Of documents: the body of the last request that QuickBooks accepted, and the item's bId in it.

        Not ``accepted``: of the last request at all.
        """
        rows = self._rows("last_body", document_ids=list(document_ids), accepted=accepted)
        return {row["document_id"]: (bytes(row["body"]), row["b_id"]) for row in rows}

    def owns(self, kind: str, quickbooks_ids: Sequence[str]) -> list[str]:
        """Of Ids in QuickBooks: those that are, or were, documents of ours."""
        rows = self._rows("owns", firm_id=self._firm_id, kind=kind, quickbooks_ids=list(quickbooks_ids))
        return [row["quickbooks_id"] for row in rows]

    def _rows(self, query: str, **parameters: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(queries[query], parameters).mappings())
