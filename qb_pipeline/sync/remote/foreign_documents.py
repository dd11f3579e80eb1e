"""The index of documents that others wrote in the company.

It is in the ledger, and one reading of the changes keeps it up to date.

Belongs here: reading QuickBooks for it. Does not belong here: comparing it with documents of billing
(``sync.plan.possible_duplicates``).
"""

from collections.abc import Iterable
from datetime import date

from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.planning.possible_duplicates import Document
from qb_pipeline.core.states import DOCUMENTS, Kind
from qb_pipeline.core.text import number_key
from qb_pipeline.ledger.books.foreign_documents import ForeignDocument
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.changes import read_changes
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided, read_applied, read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession


def note_foreign(session: FirmSession) -> None:
    """Refresh the ledger's index of the invoices and payments that others wrote in QuickBooks, once in a run.

    Costs one read. The first time it costs one read for each page of invoices and payments. Deleted documents stay in
    the index, so a caller must read a document by its Id before it relies on it.

    Raises:
        QuickBooksError: a request was not answered; the index is unchanged.
    """
    if session.company.has_read_foreign:
        return
    entities = {ENTITY[kind]: kind for kind in DOCUMENTS}
    index = session.foreign_documents
    reading = read_changes(
        session.quickbooks, list(entities), index.cursor(), known_ids=lambda _entity: (), now=session.clock()
    )
    written, ended = [], []
    for name, kind in entities.items():
        for entity in reading.objects[name]:
            if is_foreign(entity):
                written.append(_row(kind, entity))
            else:
                ended.append((kind, entity["Id"]))
    index.note(written, ended, cursor=reading.cursor)
    session.company.has_read_foreign = True


def is_foreign(entity: Entity) -> bool:
    """Whether a document is not void and carries no marker. It may be linked to a document of ours all the same."""
    return not is_voided(entity) and read_marker(entity) is None


def find_free(session: FirmSession, kind: Kind, found: Iterable[Entity]) -> dict[str, Entity]:
    """Return the documents that are not void, carry no marker and are linked to no document of ours, keyed by Id."""
    rows = [row for row in found if is_foreign(row)]
    owned = set(session.history.owns(kind, [row["Id"] for row in rows]))
    return {row["Id"]: row for row in rows if row["Id"] not in owned}


def as_document(kind: Kind, entity: Entity) -> Document:
    """Return the fields of a document of QuickBooks that are compared."""
    dated = str(entity.get("TxnDate", ""))
    return Document(
        id=entity["Id"],
        number=str(entity.get("DocNumber" if kind == Kind.INVOICE else "PaymentRefNum") or ""),
        customer_id=read_customer(entity),
        document_date=date.fromisoformat(dated) if dated else None,
        total_cents=read_cents(entity, "TotalAmt"),
        pays=frozenset(read_applied(entity)) if kind == Kind.PAYMENT else frozenset(),
    )


def _row(kind: Kind, entity: Entity) -> ForeignDocument:
    found = as_document(kind, entity)
    return ForeignDocument(
        kind, found.id, number_key(found.number), found.customer_id, found.document_date, found.total_cents,
        tuple(sorted(found.pays)),
    )  # fmt: skip
