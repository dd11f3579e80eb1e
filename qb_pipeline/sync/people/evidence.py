"""The facts about one document: both sides, the operation that a sync would choose now, and its whole history.

Belongs here: gathering them, with one read of QuickBooks if the document's Id there is known, and two more if the
document must be searched for. Does not belong here: any decision. The values are the client's data: they are shown to
the person who asked, and never logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.payloads import Content, customer_content, read_fee_items, read_payers
from qb_pipeline.core.markers import marker, read_marker
from qb_pipeline.core.money import JsonObject, loads, to_dollars
from qb_pipeline.core.planning.plan import Field, side_by_side
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import UNDER_WAY, Kind, Operation
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.history import PastActivity, PastDocument, PastRequest, PastRun
from qb_pipeline.ledger.books.received import PostedOnInvoice
from qb_pipeline.ledger.books.refusals import Standing
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.mapping.references import new_item
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.plan.possible_duplicates import (
    PossibleDuplicate,
    first_creates,
    hold_possible_duplicates,
)
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.foreign_documents import note_foreign
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided
from qb_pipeline.sync.send.settle import made_since
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import DRY_RUN
from qb_pipeline.sync.session.learned import NOTHING

DOUBTFUL = frozenset(
    {Problem.COPIED, Problem.CONFLICT, Problem.NUMBER_TAKEN, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED}
)
"""The reasons for which other documents in QuickBooks matter beside the document itself."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts about one document.

    ``operation`` and ``problem`` are those that a sync would choose now. ``standing`` is the state in QuickBooks under
    the document's Id: there, void, deleted, never sent, not known, or not read. ``others`` are further documents in
    QuickBooks that have its marker or its number, or may be the same. ``fields`` compare ``basis`` (billing now, or the
    last request) with the document in QuickBooks. ``received``: payments that QuickBooks received on the invoice (Model
    2), the recent ones marked.
    """

    document: PastDocument
    operation: Operation | None
    problem: str
    content: Content | None
    standing: str
    entity: Entity | None
    others: Sequence[Entity]
    basis: str
    fields: Sequence[Field]
    log: Sequence[PastActivity]
    attempts: Sequence[PastRequest]
    runs: Sequence[PastRun]
    received: Sequence[PostedOnInvoice] = ()
    not_read: str = ""
    refused: Standing | None = None
    """QuickBooks' last refusal of the document."""
    candidates: Sequence[PossibleDuplicate] = ()
    """Documents that somebody else wrote and that may be the same."""
    applications: tuple[Application, ...] = ()
    """The shares of invoices that a payment would pay."""

    @property
    def last_sent_at(self) -> datetime | None:
        """The time at which the last request of this document left, or None before the first."""
        return max((row.last_sent_at for row in self.attempts), default=None)


def gather(session: FirmSession, document_id: int) -> Evidence:
    """Read both sides and the history of one document. Nothing is sent, and no document changes its state."""
    document = session.history.document(document_id)
    kind = document.kind
    operation: Operation | None = None
    problem, content = "", None
    entity: Entity | None = None
    others: list[Entity] = []
    candidates: Sequence[PossibleDuplicate] = ()
    applications: tuple[Application, ...] = ()
    not_read = ""
    try:
        plan = Plan()
        if kind not in PLANNERS:
            content = _reference_content(session, document)
        elif document.source_hash:  # a document that billing has lost cannot be planned
            plan = PLANNERS[kind](session, session.documents.read([document_id]), NOTHING, DRY_RUN)
            content = plan.contents.get(document_id)
            candidates, applications = _find_candidates(session, plan, document_id)
            decision = next((d for d in plan.decisions if d.document_id == document_id), None)
            operation, problem = (decision.operation, decision.reason) if decision else (None, "")
        if document_id in plan.remote:
            entity = plan.remote[document_id].entity
        elif document.quickbooks_id:
            entity = _read(session, kind, document.quickbooks_id)
        if kind in PLANNERS and (document.reason in DOUBTFUL or not document.quickbooks_id):
            others = _others(session, document, candidates)
    except QuickBooksError as error:
        not_read = str(error)
    attempts = session.history.attempts(document_id)
    log = session.history.log(document_id)
    basis, fields = _fields(session, document, content, entity)
    return Evidence(
        document=document,
        operation=operation,
        problem=problem,
        content=content,
        standing="not read" if not_read else _standing(document, entity),
        entity=entity,
        others=others,
        basis=basis,
        fields=fields,
        log=log,
        attempts=attempts,
        runs=session.history.runs(sorted({row.run_id for row in log} | {row.run_id for row in attempts})),
        received=session.received.on_document(document_id),
        not_read=not_read,
        refused=session.refusals.of([document_id]).get(document_id),
        candidates=candidates,
        applications=applications,
    )


def _find_candidates(
    session: FirmSession, plan: Plan, document_id: int
) -> tuple[Sequence[PossibleDuplicate], tuple[Application, ...]]:
    """Return the documents that may be the same as one that would be created, and the shares that it would pay. Such
    candidates hold the document."""
    if not first_creates(plan.ready):
        return (), ()
    note_foreign(session)
    applications = plan.ready[0].applications
    return hold_possible_duplicates(session, plan).get(document_id, ()), applications


def _others(session: FirmSession, document: PastDocument, candidates: Sequence[PossibleDuplicate]) -> list[Entity]:
    near = {row["Id"]: row for row in (*look_around(session, document), *(each.entity for each in candidates))}
    return [row for row in near.values() if row["Id"] != document.quickbooks_id]


def look_around(session: FirmSession, document: PastDocument) -> list[Entity]:
    """Return the documents in QuickBooks that have this one's marker or, for an invoice, its number.

    Costs one query for each. PrivateNote cannot be searched. So the documents made since the first send are read, and
    those with the marker are chosen.
    """
    kind = document.kind
    found: dict[str, Entity] = {}
    if kind == Kind.INVOICE and document.number:
        found |= {row["Id"]: row for row in session.quickbooks.find("Invoice", "DocNumber", [document.number])}
    attempts = session.history.attempts(document.document_id)
    if attempts:  # of any customer: a bookkeeper may have changed or merged the customer
        rows = made_since(session, kind, attempts[0].first_sent_at)
        found |= {row["Id"]: row for row in rows if is_marked(session, document, row)}
    return sorted(found.values(), key=lambda row: int(row["Id"]))


def is_marked(session: FirmSession, document: PastDocument, entity: Entity) -> bool:
    """Whether a document of QuickBooks carries this one's marker, of whatever generation."""
    found = read_marker(entity)
    return found is not None and (found.installation, found.firm, found.kind, found.source_id, found.part) == (
        session.installation, document.firm_id, document.kind, document.source_id, document.part,
    )  # fmt: skip


def _read(session: FirmSession, kind: Kind, quickbooks_id: str) -> Entity | None:
    if kind in PLANNERS:
        return read_current(session, kind, quickbooks_id)
    found = session.quickbooks.find(ENTITY[kind], "Id", [quickbooks_id], where="Active IN (true, false)")
    return next(iter(found), None)


def _standing(document: PastDocument, entity: Entity | None) -> str:
    if not document.quickbooks_id:
        return "never sent" if document.state not in UNDER_WAY else "not known"
    if entity is None:
        return "deleted"
    return "void" if document.kind in PLANNERS and is_voided(entity) else "there"


def _fields(
    session: FirmSession, document: PastDocument, content: Content | None, entity: Entity | None
) -> tuple[str, list[Field]]:
    body, basis = (content.body, "billing now") if content else (_sent(session, document), "last sent")
    if not body:
        return "", []
    fields = side_by_side(body, entity or {})
    if content and document.kind == Kind.INVOICE:  # QuickBooks computes the total: no body contains it
        fields += side_by_side({"TotalAmt": to_dollars(content.total_cents)}, entity or {})
    return basis, fields


def _sent(session: FirmSession, document: PastDocument, *, accepted: bool = True) -> JsonObject:
    """Return the document as the last request sent it; empty if it was never sent."""
    found = session.history.last_body([document.document_id], accepted=accepted).get(document.document_id)
    if found is None:
        return {}
    body, b_id = found
    sent: JsonObject = loads(body)
    if "BatchItemRequest" not in sent:
        return sent
    items = (item for item in sent["BatchItemRequest"] if item["bId"] == b_id)
    return dict(next(items)[ENTITY[document.kind]])


def _reference_content(session: FirmSession, document: PastDocument) -> Content | None:
    """Return the content that billing has now for a payer or a fee item, or None if billing no longer has it."""
    source_id, sent = document.source_id, _sent(session, document)
    kind = document.kind
    if kind == Kind.ITEM:
        items = read_fee_items(session.billing.fetch_fee_items([source_id]))
        return new_item(session, items[0]) if items else None
    payers = read_payers(schemas.validate(schemas.Payers, session.billing.fetch_payers([source_id])))
    mark = marker(session.installation, session.firm.firm_id, kind, source_id)
    name = str(sent.get("DisplayName", ""))
    return customer_content(payers[0], display_name=name, marker=mark) if payers else None
