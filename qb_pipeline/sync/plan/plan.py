"""What a plan is, and the decisions that invoices and payments share.

Belongs here: turning reasons into decisions, remembering them. Does not belong here: the rules (``core``), sending
(``push``).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.markers import marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import Operation, State
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.documents import Decision, WorkItem
from qb_pipeline.sync.mapping.references import References
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.documents import Remote
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

OPERATION = {
    State.HELD: Operation.HOLD,
    State.REFUSED: Operation.HOLD,
    State.WAITING: Operation.WAIT,
    State.CLOSED: Operation.CLOSE,
}
"""What a reason's state makes of a document. One that needs something whose outcome is unknown is left as it is."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The customers and items that a plan's documents need, and the rows of their payers
    (``core.schemas.Payers``)."""

    customers: References
    items: References
    payers: pd.DataFrame


@dataclass(slots=True)
class Plan:
    """Decisions on documents of one kind, and what is ready to leave. Built chunk by chunk.

    ``contents`` is what billing says now of each sound document, sent or not; ``remote`` what QuickBooks holds of those
    that are to be changed. Both by document id. ``learned``: what was known before, and what planning found out.
    ``hangs_on``: of payments, the invoices by billing's id that they pay, older ones that these carry forward included.
    ``gone``: documents that vanished from billing since they were listed. ``lost_invoices``: invoices, by billing's id,
    that a person took out of the books, as their payments show. Nothing of it is stored yet (``decisions.store``).
    """

    decisions: list[Decision] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    contents: dict[int, Content] = field(default_factory=dict)
    remote: dict[int, Remote] = field(default_factory=dict)
    learned: Learned = NOTHING
    needs: Needs | None = None
    hangs_on: dict[int, frozenset[str]] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    lost_invoices: dict[str, Problem] = field(default_factory=dict)

    def stop(
        self, work: Iterable[WorkItem], problems: Mapping[int, Problem], details: Mapping[int, str] | None = None
    ) -> None:
        """Hold, close or let wait each document that has a problem, by document id; ``details`` go into the log."""
        for row in work:
            problem = problems.get(row.document_id)
            if problem is None:
                continue
            if PROBLEMS[problem].state == State.CLOSED and row.quickbooks_id:
                problem = Problem.SOURCE_GONE  # what stands in QuickBooks is never closed behind its back
            operation = OPERATION.get(PROBLEMS[problem].state)
            if operation:
                self.decide(row, operation, problem, (details or {}).get(row.document_id, ""))

    def withdraw(self, problems: Mapping[int, Problem], details: Mapping[int, str] | None = None) -> None:
        """Hold, or let wait, documents that were ready to leave, by document id; ``details`` go into the log."""
        self.ready = [item for item in self.ready if item.document_id not in problems]
        self.decisions = [
            replace(
                decision,
                operation=OPERATION[PROBLEMS[problem].state],
                reason=problem,
                detail=(details or {}).get(decision.document_id, decision.detail),
            )
            if (problem := problems.get(decision.document_id))
            else decision
            for decision in self.decisions
        ]

    def followed(self, leaving: Iterable[Ready] = ()) -> set[tuple[str, str]]:
        """The payments (id, part) that others of this plan wait for, among those that are changed by it or leave with
        it: when these have left what they pay, the others can go."""
        waits_for = {each.detail for each in self.decisions if each.reason == Problem.OTHER_STILL_APPLIED}
        return {
            (item.source_id, item.part)
            for item in (*self.ready, *leaving)
            if item.source_id in waits_for and item.operation != Operation.CREATE
        }

    def take_out(self, document_ids: Collection[int]) -> None:
        """Forget what was decided about documents: they are planned anew."""
        self.ready = [item for item in self.ready if item.document_id not in document_ids]
        self.decisions = [decision for decision in self.decisions if decision.document_id not in document_ids]

    def add(self, later: "Plan") -> None:
        """Take over what was decided about other documents."""
        self.ready += later.ready
        self.decisions += later.decisions
        self.contents |= later.contents
        self.remote |= later.remote
        self.hangs_on |= later.hangs_on
        self.learned |= later.learned
        self.gone += later.gone
        self.lost_invoices |= later.lost_invoices

    def decide(self, row: WorkItem, operation: Operation, reason: str = "", detail: str = "") -> None:
        """Say what becomes of one row of the work list, as long as billing does not replace its content."""
        self.decisions.append(
            Decision(
                row.document_id, operation, reason, row.amount_cents, int(row.forwarded_cents), row.source_hash, detail
            )
        )


def make_ready(
    session: FirmSession,
    row: WorkItem,
    operation: Operation,
    content: Content,
    body: JsonObject,
    applications: tuple[Application, ...] = (),
) -> Ready:
    """Make one row of the work list ready to leave; ``body`` has Id and SyncToken where it changes something."""
    return Ready(
        document_id=row.document_id,
        kind=row.kind,
        source_id=row.source_id,
        part=row.part,
        operation=operation,
        former_state=row.state,
        source_hash=row.source_hash,
        marker=marker_of(session, row),
        body=body,
        fingerprint=content.fingerprint,
        total_cents=content.total_cents,
        applications=applications,
        notices=content.notices,
    )


def marker_of(session: FirmSession, row: WorkItem) -> str:
    """The marker of one row of the work list."""
    return marker(session.installation, session.firm.firm_id, row.kind, row.source_id, row.part, row.generation)
