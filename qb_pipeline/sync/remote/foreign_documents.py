"""What others wrote in the company: an index in the ledger, kept by one reading of what changed.

Belongs here: reading QuickBooks for it. Does not belong here: which of it is like a document of billing
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
    """Bring the index up to date, once in a run: one read, or every page of invoices and payments the first time.

    What is deleted stays in the index: whoever finds something in it reads that by its Id before it counts.

    Raises:
        QuickBooksError: something was not answered; the index is as it was.
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
    """Whether a document lives and carries no mark; it may be linked to one of ours all the same."""
    return not is_voided(entity) and read_marker(entity) is None


def find_free(session: FirmSession, kind: Kind, found: Iterable[Entity]) -> dict[str, Entity]:
    """What lives, carries no mark and is linked to nothing, by Id."""
    rows = [row for row in found if is_foreign(row)]
    owned = set(session.history.owns(kind, [row["Id"] for row in rows]))
    return {row["Id"]: row for row in rows if row["Id"] not in owned}


def as_document(kind: Kind, entity: Entity) -> Document:
    """The fields of a document of QuickBooks that are compared."""
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
