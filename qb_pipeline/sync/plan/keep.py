"""The decisions that a run's plan stores for the stages that send, and the check whether they are still valid.

A stage sends a planned document only while its basis is unmoved: the rows of billing, the mappings, the settings, and
the objects in QuickBooks. The other documents are planned anew. No stored decision is used after its run.

Belongs here: storing decisions, and judging whether they are valid. Does not belong here: planning and sending.
"""

from collections.abc import Collection, Set
from dataclasses import dataclass, field
from itertools import chain

import pandas as pd

from qb_pipeline.core.mapping.mapping_targets import read_references
from qb_pipeline.core.money import dumps, loads
from qb_pipeline.core.planning.plan_freshness import hash_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import SENT, Kind, Operation
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.documents import Decision, WorkItem, work_items
from qb_pipeline.ledger.books.planned import Basis, PlannedDocument
from qb_pipeline.sync.mapping.references import has_unmade
from qb_pipeline.sync.plan.plan import Plan, marker_of
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.session.firm_session import FirmSession


@dataclass(slots=True)
class Ahead:
    """The changes that the plan so far would make. A document that depends on one of them is decided about after the
    change."""

    voids: set[Kind] = field(default_factory=set)
    """The kinds of which a document is to be voided. A void releases money, numbers and versions."""
    invoices: set[str] = field(default_factory=set)
    """Billing's ids of the invoices that are to be sent or paid."""
    numbers: set[str] = field(default_factory=set)
    """The numbers of these invoices."""

    def undecided(self, plan: Plan, work: pd.DataFrame, *, voids: bool) -> set[int]:
        """Return the ids of those documents in ``work`` (one chunk) whose final decision must wait for a later stage.

        ``voids``: whether the plan is about documents that are to be void.
        """
        items = {row.document_id: row for row in work_items(work)}
        ready = {item.document_id: item for item in plan.ready}
        found_now = _found_now(plan)
        found = {
            decision.document_id
            for decision in plan.decisions
            if decision.reason == Problem.OTHER_STILL_APPLIED  # this run may release it
            or decision.document_id in plan.along  # payments are taken off it first
            or self._hangs_on_more(items[decision.document_id], plan, voids=voids)
            or ((item := ready.get(decision.document_id)) is not None and not _is_complete(item, found_now))
        }
        return found | _beside(found, plan)

    def _hangs_on_more(self, row: WorkItem, plan: Plan, *, voids: bool) -> bool:
        if voids:
            return row.kind == Kind.INVOICE and Kind.PAYMENT in self.voids
        if self.voids:
            return True
        if row.kind == Kind.INVOICE:
            return row.number in self.numbers
        return not self.invoices.isdisjoint(plan.hangs_on.get(row.document_id, ()))

    def add(self, plan: Plan, work: pd.DataFrame, *, voids: bool) -> None:
        """Add the changes that one chunk would make."""
        items = {row.document_id: row for row in work_items(work)}
        for decision in plan.decisions:
            row = items[decision.document_id]
            if decision.operation not in SENT:
                continue
            if voids and decision.operation == Operation.VOID:
                self.voids.add(row.kind)
            if row.kind == Kind.INVOICE:
                self.invoices.add(row.source_id)
                self.numbers.add(row.number)
            else:
                self.invoices |= plan.hangs_on.get(row.document_id, frozenset())


def _beside(undecided: Set[int], plan: Plan) -> set[int]:
    """Return the ids of the payments that pay the same invoices as these, directly or through further payments. All of
    them are divided together."""
    found: set[int] = set()
    invoices = {invoice for document_id in undecided for invoice in plan.hangs_on.get(document_id, ())}
    while more := {
        document_id
        for document_id, paid in plan.hangs_on.items()
        if document_id not in found and not paid.isdisjoint(invoices)
    }:
        found |= more
        invoices |= {invoice for document_id in more for invoice in plan.hangs_on[document_id]}
    return found


def _found_now(plan: Plan) -> set[tuple[str, str]]:
    """Return the customers and items that this plan itself has found by name and that are not stored yet, as (kind,
    Id)."""
    if plan.needs is None:
        return set()
    return {(link.kind, link.quickbooks_id) for link in (*plan.needs.customers.links, *plan.needs.items.links)}


def _is_complete(item: Ready, found_now: Set[tuple[str, str]]) -> bool:
    customer_id = str(item.body.get("CustomerRef", {}).get("value", "0"))
    ids = [customer_id, *(application.quickbooks_invoice_id for application in item.applications)]
    if has_unmade(item.body) or not all(each.isdigit() for each in ids):
        return False
    return not found_now or found_now.isdisjoint(read_references(item.body))


def find_basis(session: FirmSession) -> Basis | None:
    """Return the basis of a plan that begins now, or None while another run may be writing to the company."""
    epoch = session.planned.epoch(session.quickbooks.realm_id)
    if epoch is None:
        return None
    return Basis(
        planned_at=session.billing.horizon(patience_seconds=0),
        epoch=epoch,
        rules_sha256=_digest_rules(session),
        mapped_sha256=session.planned.mapped(),
    )


def stands(session: FirmSession, epoch: int) -> bool:
    """Whether a stage that holds the lease under this epoch may send the documents that this run has planned."""
    basis = session.planned.basis(session.run)
    return (
        basis is not None
        and basis.epoch + 1 == epoch
        and basis.rules_sha256 == _digest_rules(session)
        and basis.mapped_sha256 == session.planned.mapped()
    )


def _digest_rules(session: FirmSession) -> str:
    return hash_body({"rules": repr(session.rules), "company": repr(session.company.settings)})


def keep(session: FirmSession, plan: Plan, undecided: Collection[int], *, named: bool = False) -> None:
    """Store the decisions of a plan for the later stages of the run, except for the document ids in ``undecided``.

    ``named``: store also the decision to send a document that is in ``undecided``, without its body. A run that applies
    a stored plan compares these decisions with that plan, to see that nothing has changed.
    """
    ready = {item.document_id: item for item in plan.ready}
    kept: list[PlannedDocument] = []
    for decision in plan.decisions:
        item = ready.get(decision.document_id)
        if decision.document_id not in undecided:
            kept.append(_planned(decision, write_ready(item) if item is not None else ""))
        elif named and decision.operation in SENT:
            kept.append(_planned(decision, ""))
    session.planned.keep(session.run, kept)


def _planned(decision: Decision, ready: str) -> PlannedDocument:
    return PlannedDocument(decision.document_id, decision.operation, decision.source_hash, ready)


@dataclass(frozen=True, slots=True)
class Kept:
    """The decisions of a run about some documents that are still valid: the documents that are ``ready`` to leave, and
    the ids of the ``decided`` documents (these, and those that are not to be sent)."""

    ready: tuple[Ready, ...] = ()
    decided: frozenset[int] = frozenset()


def take(session: FirmSession, work: pd.DataFrame) -> Kept:
    """Return the decisions of this run about these rows of the work list, except those whose row moved, here or in
    billing, since they were made."""
    rows = {row.document_id: row for row in work_items(work)}
    found = session.planned.unmoved(session.run, list(rows))
    basis = session.planned.basis(session.run) if found else None
    if basis is None:
        return Kept()
    since, eligible_since = basis.planned_at, session.firm.eligible_since
    moved = session.documents.moved(
        chain(
            session.billing.headers(updated_since=since, eligible_since=eligible_since),
            session.billing.draft_headers(updated_since=since, eligible_since=eligible_since),
        )
    )
    kept = {
        document_id: planned
        for document_id in rows  # in the order of the work list
        if (planned := found.get(document_id)) is not None
        and (planned.ready or planned.operation not in SENT)
        and document_id not in moved
    }
    ready = [read_ready(session, rows[document_id], planned) for document_id, planned in kept.items() if planned.ready]
    return Kept(tuple(ready), frozenset(kept))


def write_ready(item: Ready) -> str:
    """Return the content that is sent for one document, as JSON with every digit of its numbers."""
    return dumps(
        {
            "body": item.body,
            "fingerprint": item.fingerprint,
            "total_cents": item.total_cents,
            "applications": [
                [each.invoice_id, each.quickbooks_invoice_id, each.amount_cents] for each in item.applications
            ],
            "notices": list(item.notices),
            "shares_number": item.shares_number,
        }
    ).decode()


def read_ready(session: FirmSession, row: WorkItem, planned: PlannedDocument) -> Ready:
    """Return one document as it was planned (``write_ready``)."""
    kept = loads(planned.ready)
    return Ready(
        document_id=row.document_id,
        kind=row.kind,
        source_id=row.source_id,
        part=row.part,
        operation=planned.operation,
        former_state=row.state,
        source_hash=row.source_hash,
        marker=marker_of(session, row),
        body=kept["body"],
        fingerprint=kept["fingerprint"],
        total_cents=kept["total_cents"],
        applications=tuple(Application(*each) for each in kept["applications"]),
        notices=tuple(kept["notices"]),
        shares_number=kept["shares_number"],
    )
