"""The search for a document that somebody else wrote already, before ours is created for the first time.

Belongs here: comparing billing's documents with the index, and reading by Id the documents that it suggests. Does not
belong here: the rules (``core.planning.possible_duplicates``), keeping the index (``sync.remote.foreign_documents``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.planning.possible_duplicates import Document, Likeness, compare, describe, differing
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, Kind, Operation
from qb_pipeline.core.text import number_key
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.foreign_documents import Asked, DuplicateAnswer, Pair
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.foreign_documents import as_document, find_free
from qb_pipeline.sync.remote.outcomes import ENTITY
from qb_pipeline.sync.session.firm_session import FirmSession

SHOWN = 3
"""The number of candidates that the detail of a document names."""


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """A document of QuickBooks that may be the one of billing, as a read by its Id shows it. ``text`` describes the
    differences."""

    entity: Entity
    likeness: Likeness
    text: str


def first_creates(ready: Iterable[Ready]) -> list[Ready]:
    """Return the invoices and payments that would be created for the first time. A document that is created anew is
    left out, because a person has answered about it."""
    return [
        item
        for item in ready
        if item.operation == Operation.CREATE
        and item.kind in DOCUMENTS
        and (mark := find_marker(item.marker)) is not None
        and mark.generation == 1
    ]


def hold_possible_duplicates(session: FirmSession, plan: Plan) -> dict[int, list[PossibleDuplicate]]:
    """Take out of a plan the documents that may be in QuickBooks already.

    Return their candidates, keyed by document id. The detail of each document names its candidates. An invoice leaves
    with its number if a person has called it another one than the invoices with that number.

    Raises:
        QuickBooksError: a candidate could not be read; nothing was concluded.
    """
    creates = first_creates(plan.ready)
    if not creates:
        return {}
    answers = session.foreign_documents.answers(creates[0].kind, [_name(item) for item in creates])
    found = _find(session, creates, answers)
    problems, details = {}, {}
    for document_id, candidates in found.items():
        alike = [each for each in candidates if each.likeness.problem is Problem.MAYBE_THERE] or candidates
        problems[document_id] = alike[0].likeness.problem
        more = [f"and {len(alike) - SHOWN} more"] if len(alike) > SHOWN else []
        details[document_id] = " | ".join([*(each.text for each in alike[:SHOWN]), *more])
    plan.withdraw(problems, details)
    others = {pair.document for pair, answer in answers.items() if answer == "new"}
    plan.ready = [
        replace(item, shares_number=True) if item.kind == Kind.INVOICE and _name(item) in others else item
        for item in plan.ready
    ]
    return found


def _find(
    session: FirmSession, creates: Sequence[Ready], answers: Mapping[Pair, DuplicateAnswer]
) -> dict[int, list[PossibleDuplicate]]:
    kind = creates[0].kind
    ours = {item.document_id: _as_document(item) for item in creates}
    names = {item.document_id: _name(item) for item in creates}
    suspected = suspect(session, kind, ours, names, answers)
    ids = sorted({quickbooks_id for found in suspected.values() for quickbooks_id in found})
    if not ids:
        return {}
    there = find_free(session, kind, session.quickbooks.find(ENTITY[kind], "Id", ids))
    found: dict[int, list[PossibleDuplicate]] = {}
    for document_id, quickbooks_ids in suspected.items():
        for quickbooks_id in quickbooks_ids:
            if quickbooks_id not in there:
                continue
            theirs = as_document(kind, there[quickbooks_id])
            likeness = compare(kind, ours[document_id], theirs)
            if Pair(names[document_id], quickbooks_id) in answers:  # adoption asks about any difference
                likeness = Likeness(Problem.MAYBE_THERE, differing(kind, ours[document_id], theirs))
            if likeness is not None:
                text = describe(kind, ours[document_id], theirs, likeness.differs)
                found.setdefault(document_id, []).append(PossibleDuplicate(there[quickbooks_id], likeness, text))
    return found


def _name(item: Ready) -> DocumentName:
    return DocumentName(item.kind, item.source_id, item.part)


def suspect(
    session: FirmSession,
    kind: Kind,
    ours: Mapping[int, Document],
    names: Mapping[int, DocumentName],
    answers: Mapping[Pair, DuplicateAnswer],
) -> dict[int, list[str]]:
    """Return the QuickBooks Ids that the index, or adoption, suggests for documents, without those that a person has
    called another document. Keyed by document id."""
    asked = {document_id: _asked(kind, document) for document_id, document in ours.items()}
    by_number: dict[str, list[Document]] = {}
    by_amount: dict[tuple[str, int], list[Document]] = {}
    for row in session.foreign_documents.find(kind, set(asked.values())):
        document = Document(
            row.quickbooks_id, row.number, row.customer_id, row.document_date, row.total_cents, frozenset(row.pays)
        )
        by_number.setdefault(row.number, []).append(document)
        by_amount.setdefault((row.customer_id, row.total_cents), []).append(document)
    suspected: dict[int, list[str]] = {}
    for document_id, document in ours.items():
        alike = (
            by_number.get(asked[document_id].number, ())
            if kind == Kind.INVOICE
            else by_amount.get((document.customer_id, document.total_cents), ())
        )
        ids = [each.id for each in alike if compare(kind, document, each) is not None]
        ids += _asked_by_adoption(names[document_id], answers)
        ids = [each for each in dict.fromkeys(ids) if answers.get(Pair(names[document_id], each)) != "new"]
        if ids:
            suspected[document_id] = ids
    return suspected


def _asked_by_adoption(name: DocumentName, answers: Mapping[Pair, DuplicateAnswer]) -> Collection[str]:
    return [pair.quickbooks_id for pair, answer in answers.items() if pair.document == name and answer != "new"]


def _asked(kind: Kind, document: Document) -> Asked:
    if kind == Kind.INVOICE:
        return Asked(number_key(document.number), "", 0)
    return Asked("", document.customer_id, document.total_cents)


def _as_document(item: Ready) -> Document:
    body = item.body
    dated = str(body.get("TxnDate", ""))
    return Document(
        id="",
        number=str(body.get("DocNumber" if item.kind == Kind.INVOICE else "PaymentRefNum") or ""),
        customer_id=str(body.get("CustomerRef", {}).get("value", "")),
        document_date=date.fromisoformat(dated) if dated else None,
        total_cents=item.total_cents,
        pays=frozenset(each.quickbooks_invoice_id for each in item.applications),
    )
