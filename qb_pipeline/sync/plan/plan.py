"""The plan, and the decisions that invoices and payments share.

Belongs here: turning problems into decisions, and collecting these. Does not belong here: the rules (``core``), sending
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
from qb_pipeline.ledger.books.invoice_lines import LinesOfInvoice
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
"""The operation of a document with a problem, keyed by the problem's state. A document that needs something whose
outcome is unknown has no operation, and stays as it is."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The customers and items that a plan's documents need, and the rows of their payers
    (``core.schemas.Payers``)."""

    customers: References
    items: References
    payers: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Along:
    """The payments (document ids) that go to another customer with their invoice, and the requests that take them off
    it first."""

    payments: tuple[int, ...] = ()
    releases: tuple[Ready, ...] = ()


@dataclass(slots=True)
class Plan:
    """Decisions about documents of one kind, and the documents that are ready to leave. A plan is built chunk by chunk.

    Keyed by document id: ``contents``, the present content in billing of each sound document, sent or not; ``remote``,
    QuickBooks' versions of the documents that are to be changed; ``hangs_on``, billing's ids of the invoices that a
    payment pays, including older ones that these carry forward; ``along``, the payments that go with an invoice to
    another customer; ``lines``, the lines of sound invoices, for reports. ``learned``: the facts known before, and
    those that planning found out. ``gone``: ids of documents that vanished from billing since they were listed.
    ``lost_invoices``: the problems of invoices that a person took out of the books, as their payments show, keyed by
    billing's id. Nothing of the plan is stored yet (``decisions.store``).
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
    along: dict[int, Along] = field(default_factory=dict)
    lines: dict[int, LinesOfInvoice] = field(default_factory=dict)

    def stop(
        self, work: Iterable[WorkItem], problems: Mapping[int, Problem], details: Mapping[int, str] | None = None
    ) -> None:
        """Hold or close each document that has a problem, or let it wait. ``problems`` and ``details`` are keyed by
        document id; details go into the log."""
        for row in work:
            problem = problems.get(row.document_id)
            if problem is None:
                continue
            if PROBLEMS[problem].state == State.CLOSED and row.quickbooks_id:
                problem = Problem.SOURCE_GONE  # a document that QuickBooks holds is never closed here
            operation = OPERATION.get(PROBLEMS[problem].state)
            if operation:
                self.decide(row, operation, problem, (details or {}).get(row.document_id, ""))

    def withdraw(self, problems: Mapping[int, Problem], details: Mapping[int, str] | None = None) -> None:
        """Hold documents that were ready to leave, or let them wait. ``problems`` and ``details`` are keyed by document
        id; details go into the log."""
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
        """Return the payments (id, part) that other payments of this plan wait for, among those that this plan changes
        or that leave with it. When they have left the invoices that they pay, the others can be sent."""
        waits_for = {each.detail for each in self.decisions if each.reason == Problem.OTHER_STILL_APPLIED}
        return {
            (item.source_id, item.part)
            for item in (*self.ready, *leaving)
            if item.source_id in waits_for and item.operation != Operation.CREATE
        }

    def take_out(self, document_ids: Collection[int]) -> None:
        """Remove the decisions about documents that are to be planned anew."""
        self.ready = [item for item in self.ready if item.document_id not in document_ids]
        self.decisions = [decision for decision in self.decisions if decision.document_id not in document_ids]
        self.along = {key: along for key, along in self.along.items() if key not in document_ids}

    def add(self, later: "Plan") -> None:
        """Add the decisions of a later plan about other documents."""
        self.ready += later.ready
        self.decisions += later.decisions
        self.contents |= later.contents
        self.remote |= later.remote
        self.hangs_on |= later.hangs_on
        self.learned |= later.learned
        self.gone += later.gone
        self.lost_invoices |= later.lost_invoices
        self.along |= later.along
        self.lines |= later.lines

    def decide(self, row: WorkItem, operation: Operation, reason: str = "", detail: str = "") -> None:
        """Add the decision about one row of the work list. It counts as long as billing does not replace the row's
        content."""
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
    """Build the document of one row of the work list that is ready to leave. ``body`` has Id and SyncToken if it
    changes a document."""
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
    """Return the marker of one row of the work list."""
    return marker(session.installation, session.firm.firm_id, row.kind, row.source_id, row.part, row.generation)
