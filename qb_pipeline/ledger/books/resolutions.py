"""People's answers about single documents, recorded with person and time in the transaction that changes the document.

Belongs here: moving a document to the state that an answer demands. Does not belong here: the choice of allowed answers
(``core.planning.resolutions``), and the proof that an answer needs (``sync.people.resolve``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.words import DocumentName
from qb_pipeline.database import Queries
from qb_pipeline.ledger import log
from qb_pipeline.ledger.books import client_credit, foreign_documents, links, refusals
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.ledger.books.history import PastDocument
from qb_pipeline.ledger.setup.firms import Firms

queries = Queries(Path(__file__).with_suffix(".sql"))


MOVED = "the document has moved since it was looked at; look again with show, then answer"


class MovedError(Exception):
    """The document has moved since the person saw it. The person must read its present state before answering."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """An answer, and the evidence that was read in QuickBooks for it.

    ``reviewed_token`` is the SyncToken that the person has seen. With ``again``, billing's version is sent although it
    was sent before. ``fingerprint`` (content hash) is that of billing's present content, when the person accepts
    QuickBooks' version in its place; None when the person accepts nothing. ``quickbooks_id`` links a document that was
    found; ``set_aside`` are Ids that are no longer ours; ``others`` are Ids that the person calls other documents.
    ``applied`` are the cents that a payment pays in QuickBooks, as the person accepts them, keyed by the invoice's Id.
    """

    answer: Answer
    reviewed_token: str = ""
    again: bool = False
    fingerprint: str | None = None
    total_cents: int | None = None
    customer_id: str = ""
    quickbooks_id: str | None = None
    set_aside: Sequence[str] = ()
    others: Sequence[str] = ()
    applied: Mapping[str, int] | None = None


def record(engine: sa.Engine, document: PastDocument, resolution: Resolution, *, run: log.Run, now: datetime) -> None:
    """Store an answer and move the document. ``document`` is the document as the person saw it (``History.document``).

    Raises:
        SetUpError: the person is no super user of the firm.
        MovedError: the document has moved since then. Nothing was changed.
    """
    identity = {
        "kind": document.kind, "source_id": document.source_id, "part": document.part,
        "answer": str(resolution.answer), "state": document.state, "reason": document.reason,
        "quickbooks_id": document.quickbooks_id,
    }  # fmt: skip
    seen = {name: getattr(document, name) for name in ("document_id", "state", "reason", "source_hash")}
    values: dict[str, dict[str, str | int | bool | None]] = {
        "reopen": {
            "reviewed_token": resolution.reviewed_token, "again": resolution.again,
            "quickbooks_id": resolution.quickbooks_id,
        },
        "keep": {
            "reviewed_token": resolution.reviewed_token, "is_accepted": resolution.fingerprint is not None,
            "fingerprint": resolution.fingerprint, "total_cents": resolution.total_cents,
            "customer_id": resolution.customer_id,
        },
        "recreate": {},
        "void": {"reviewed_token": resolution.reviewed_token},
    }  # fmt: skip
    query = "reopen" if resolution.answer in (Answer.RETRY, Answer.NEW) else str(resolution.answer)
    with Firms(engine).answering(document.firm_id, actor=run.actor, now=now, detail=identity) as connection:
        if connection.execute(queries[query], {**seen, **values[query], "now": now}).rowcount != 1:
            raise MovedError(MOVED)
        connection.execute(refusals.queries["forget"], {"document_ids": [document.document_id]})
        if resolution.applied is not None:
            links.keep(connection, document.document_id, resolution.applied)
        if document.reason == Problem.CREDIT_HALF:
            _answer_entry(connection, document, resolution.answer, now=now)
        if resolution.set_aside:
            parameters = {"document_id": document.document_id, "quickbooks_ids": list(resolution.set_aside)}
            connection.execute(queries["set_aside"], {**parameters, "actor": run.actor, "now": now})
        if resolution.others:
            name = DocumentName(document.kind, document.source_id, document.part)
            pairs = [Pair(name, quickbooks_id) for quickbooks_id in resolution.others]
            foreign_documents.answer(connection, document.firm_id, pairs, "new", actor=run.actor, now=now)
        entry = log.Entry(
            "resolved",
            document.document_id,
            document.reason,
            detail=str(resolution.answer),
            amount_cents=document.amount_cents,
            quickbooks_id=resolution.quickbooks_id or document.quickbooks_id,
        )
        log.write(connection, document.firm_id, run, [entry], now=now)


def _answer_entry(connection: sa.Connection, document: PastDocument, answer: Answer, *, now: datetime) -> None:
    """Apply an answer to one half of a payment from credit to its journal entry, in the caller's transaction. ``retry``
    has an entry created anew that somebody deleted in QuickBooks. Any other answer closes a held or refused entry,
    which a person corrects by hand. The stored refusals of the entry are deleted."""
    values = {"document_id": document.document_id, "now": now}
    connection.execute(client_credit.queries["remake" if answer is Answer.RETRY else "leave"], values)
    entries = connection.scalars(client_credit.queries["entry_of"], {"document_id": document.document_id}).all()
    connection.execute(refusals.queries["forget"], {"document_ids": list(entries)})
