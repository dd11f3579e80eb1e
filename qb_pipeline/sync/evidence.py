"""What is known of one document: both sides, what a sync would do now, and its whole history.

Belongs here: gathering, with one read of QuickBooks where its document is known, and two more where it has to be looked
for. Does not belong here: any decision. Values are the client's: for the eyes of who asked, not for a log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qb_pipeline.core import schemas
from qb_pipeline.core.markers import Kind, find_marker, marker
from qb_pipeline.core.money import loads, to_dollars
from qb_pipeline.core.payloads import Content, customer_content, item_content
from qb_pipeline.core.plan import Field, side_by_side
from qb_pipeline.core.problems import Problem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.invoices import plan_invoices
from qb_pipeline.sync.living import read_living
from qb_pipeline.sync.outcomes import ENTITY, is_voided
from qb_pipeline.sync.payments import plan_payments
from qb_pipeline.sync.plan import Plan
from qb_pipeline.sync.scan import Selection, scan
from qb_pipeline.sync.settle import made_since
from qb_pipeline.sync.workplace import Workplace

PLANNERS = {"invoice": plan_invoices, "payment": plan_payments}

DOUBTFUL = frozenset(
    {Problem.COPIED, Problem.CONFLICT, Problem.NUMBER_TAKEN, Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED}
)
"""Reasons for which it matters what else QuickBooks holds beside the document itself."""


class NotNamedError(Exception):
    """The word names no document, or several; the message lists what it may mean."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one document.

    ``operation`` and ``problem`` are what a sync would do now. ``standing`` says what QuickBooks holds under its Id:
    there, void, deleted, never sent, or not read. ``others`` are further documents in QuickBooks that have its marker
    or its number; ``fields`` put ``basis`` (billing now, or what was last sent) beside what QuickBooks holds.
    ``received``: payments that QuickBooks received on the invoice (Model 2), the recent ones marked.
    """

    document: Mapping[str, Any]
    operation: str
    problem: str
    content: Content | None
    standing: str
    entity: Entity | None
    others: Sequence[Entity]
    basis: str
    fields: Sequence[Field]
    log: Sequence[Any]
    attempts: Sequence[Any]
    runs: Sequence[Any]
    received: Sequence[Any] = ()
    not_read: str = ""

    @property
    def last_sent_at(self) -> datetime | None:
        """When a request of this document last left."""
        return max((row["last_sent_at"] for row in self.attempts), default=None)


def find_document(place: Workplace, word: str) -> int:
    """Which document a person means: ``kind:ID``, ``kind:ID@part``, or an invoice number, a reference, an id.

    Billing is read first, so that the work list knows its current version.

    Raises:
        NotNamedError: none, or several.
    """
    kind, _, rest = word.partition(":")
    if kind not in ENTITY or not rest:
        kind, rest = "", word
    source_id, _, part = rest.partition("@") if kind == "payment" else (rest, "", "")
    if kind in ("", *PLANNERS):
        if not kind and not place.history.named(source_id):  # a number that the work list has not seen yet
            scan(place, Selection())
        named = {name: {source_id} if kind in ("", name) else set() for name in PLANNERS}
        for row in place.history.named(source_id, kind=kind, part=part):
            named[row["kind"]].add(row["source_id"])
        scan(place, Selection(invoice_ids=sorted(named["invoice"]), payment_ids=sorted(named["payment"])))
    found = place.history.named(source_id, kind=kind, part=part)
    if len(found) == 1:
        return int(found[0]["document_id"])
    if not found:
        raise NotNamedError(
            f"{word} names no document of {place.firm.firm_id}. Try: qb-pipeline list {place.firm.firm_id}, "
            "or name it as invoice:ID, payment:ID, customer:ID or item:ID with billing's id"
        )
    names = "\n".join(f"  {name_of(row)}  (number {row['number']}, {row['document_date']})" for row in found)
    raise NotNamedError(f"{word} names {len(found)} documents; say which:\n{names}")


def name_of(row: Mapping[str, Any]) -> str:
    """How a person names a document: ``payment:17@2026-01-31``."""
    return f"{row['kind']}:{row['source_id']}" + (f"@{row['part']}" if row["part"] else "")


def gather(place: Workplace, document_id: int) -> Evidence:
    """Read both sides and the history of one document; nothing is sent, and nothing moves."""
    document = place.history.document(document_id)
    kind = document["kind"]
    operation, problem, content = "", "", None
    entity: Entity | None = None
    others: list[Entity] = []
    not_read = ""
    try:
        plan = Plan()
        if kind not in PLANNERS:
            content = _reference_content(place, document)
        elif document["source_hash"]:  # what billing lost cannot be planned
            plan = PLANNERS[kind](place, place.documents.read([document_id]), dry=True)
            content = plan.contents.get(document_id)
            decision = next((d for d in plan.decisions if d.document_id == document_id), None)
            operation, problem = (decision.operation, decision.reason) if decision else ("", "")
        if document_id in plan.remote:
            entity = plan.remote[document_id].entity
        elif document["quickbooks_id"]:
            entity = _read(place, kind, document["quickbooks_id"])
        if kind in PLANNERS and (document["reason"] in DOUBTFUL or not document["quickbooks_id"]):
            others = [row for row in look_around(place, document) if row["Id"] != document["quickbooks_id"]]
    except QuickBooksError as error:
        not_read = str(error)
    attempts = place.history.attempts(document_id)
    log = place.history.log(document_id)
    basis, fields = _fields(place, document, content, entity)
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
        runs=place.history.runs(sorted({row["run_id"] for row in (*log, *attempts)})),
        received=place.received.on_document(document_id),
        not_read=not_read,
    )


def look_around(place: Workplace, document: Mapping[str, Any]) -> list[Entity]:
    """Documents in QuickBooks that have this one's marker or, as invoices, its number; one query each.

    PrivateNote cannot be searched: of what was made since the first send, those with the marker are taken.
    """
    kind = document["kind"]
    found: dict[str, Entity] = {}
    if kind == "invoice" and document["number"]:
        found |= {row["Id"]: row for row in place.quickbooks.find("Invoice", "DocNumber", [document["number"]])}
    attempts = place.history.attempts(document["document_id"])
    if attempts:  # under whatever customer: a bookkeeper may have changed or merged it
        rows = made_since(place, kind, attempts[0]["first_sent_at"])
        found |= {row["Id"]: row for row in rows if is_marked(place, document, row)}
    return sorted(found.values(), key=lambda row: int(row["Id"]))


def is_marked(place: Workplace, document: Mapping[str, Any], entity: Entity) -> bool:
    """Whether a document of QuickBooks carries this one's marker, of whatever generation."""
    found = find_marker(str(entity.get("PrivateNote", "")))
    return found is not None and (found.installation, found.firm, found.kind, found.source_id, found.part) == (
        place.installation, document["firm_id"], document["kind"], document["source_id"], document["part"],
    )  # fmt: skip


def _read(place: Workplace, kind: str, quickbooks_id: str) -> Entity | None:
    if kind in PLANNERS:
        return read_living(place, kind, quickbooks_id)
    found = place.quickbooks.find(ENTITY[kind], "Id", [quickbooks_id], where="Active IN (true, false)")
    return next(iter(found), None)


def _standing(document: Mapping[str, Any], entity: Entity | None) -> str:
    if not document["quickbooks_id"]:
        return "never sent" if document["state"] not in ("sending", "unknown") else "not known"
    if entity is None:
        return "deleted"
    return "void" if document["kind"] in PLANNERS and is_voided(entity) else "there"


def _fields(
    place: Workplace, document: Mapping[str, Any], content: Content | None, entity: Entity | None
) -> tuple[str, list[Field]]:
    body, basis = (content.body, "billing now") if content else (_sent(place, document), "last sent")
    if not body:
        return "", []
    fields = side_by_side(body, entity or {})
    if content and document["kind"] == "invoice":  # QuickBooks adds it up: no body says it
        fields += side_by_side({"TotalAmt": to_dollars(content.total_cents)}, entity or {})
    return basis, fields


def _sent(place: Workplace, document: Mapping[str, Any], *, accepted: bool = True) -> dict[str, Any]:
    """What the last request said of it; empty when there was none."""
    found = place.history.last_body([document["document_id"]], accepted=accepted).get(document["document_id"])
    if found is None:
        return {}
    body, b_id = found
    sent: dict[str, Any] = loads(body)
    if "BatchItemRequest" not in sent:
        return sent
    items = (item for item in sent["BatchItemRequest"] if item["bId"] == b_id)
    return dict(next(items)[ENTITY[document["kind"]]])


def _reference_content(place: Workplace, document: Mapping[str, Any]) -> Content | None:
    """What billing says now of a payer or a fee item; None when it no longer has it."""
    source_id, sent = document["source_id"], _sent(place, document)
    kind: Kind = document["kind"]
    if kind == "item":
        items = place.billing.fetch_fee_items([source_id])
        account = place.firm.settings.income_account
        return item_content(items.iloc[0], income_account_id=account) if len(items) else None
    payers = schemas.validate(schemas.Payers, place.billing.fetch_payers([source_id]))
    mark = marker(place.installation, place.firm.firm_id, kind, source_id)
    name = str(sent.get("DisplayName", ""))
    return customer_content(payers.iloc[0], display_name=name, marker=mark) if len(payers) else None
