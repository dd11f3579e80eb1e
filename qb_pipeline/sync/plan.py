"""What a plan is, and the decisions that invoices and payments share.

Belongs here: turning reasons into decisions, remembering them. Does not belong here: the rules (``core``), sending
(``push``).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from qb_pipeline.core.markers import marker
from qb_pipeline.core.payloads import Content
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.ledger.attempts import Application
from qb_pipeline.ledger.documents import Decision
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.push import Ready
from qb_pipeline.sync.remote import Remote
from qb_pipeline.sync.workplace import Workplace

OPERATION = {"held": "hold", "refused": "hold", "waiting": "wait", "closed": "close"}
"""What a reason's state makes of a document. One that needs something whose outcome is unknown is left as it is."""


@dataclass(slots=True)
class Plan:
    """Decisions on documents of one kind, and what is ready to leave. Built chunk by chunk.

    ``contents`` is what billing says now of each sound document, sent or not; ``remote`` what QuickBooks holds of those
    that are to be changed. Both by document id.
    """

    decisions: list[Decision] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    contents: dict[int, Content] = field(default_factory=dict)
    remote: dict[int, Remote] = field(default_factory=dict)

    def stop(
        self, work: pd.DataFrame, problems: Mapping[int, Problem], details: Mapping[int, str] | None = None
    ) -> None:
        """Hold, close or let wait each document that has a problem, by document id; ``details`` go into the log."""
        for row in rows(work):
            problem = problems.get(row.document_id)
            if problem is None:
                continue
            if PROBLEMS[problem].state == "closed" and row.quickbooks_id:
                problem = Problem.SOURCE_GONE  # what stands in QuickBooks is never closed behind its back
            operation = OPERATION.get(PROBLEMS[problem].state)
            if operation:
                self.decide(row, operation, problem, (details or {}).get(row.document_id, ""))

    def decide(self, row: Any, operation: str, reason: str = "", detail: str = "") -> None:
        """Say what becomes of one row of the work list, as long as billing does not replace its content."""
        self.decisions.append(
            Decision(
                row.document_id, operation, reason, row.amount_cents, int(row.forwarded_cents), row.source_hash, detail
            )
        )


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """How many documents and cents each operation has, by kind; kept while the chunks go by."""

    documents: Counter[tuple[str, str]] = field(default_factory=Counter)
    cents: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, kind: str, decisions: Sequence[Decision]) -> None:
        """Count decisions."""
        for decision in decisions:
            self.documents[kind, decision.operation] += 1
            self.cents[kind, decision.operation] += decision.amount_cents


def make_ready(
    place: Workplace,
    row: Any,
    operation: str,
    content: Content,
    body: dict[str, Any],
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
        marker=marker_of(place, row),
        body=body,
        fingerprint=content.fingerprint,
        total_cents=content.total_cents,
        applications=applications,
        notices=content.notices,
    )


def marker_of(place: Workplace, row: Any) -> str:
    """The marker of one row of the work list."""
    return marker(place.installation, place.firm.firm_id, row.kind, row.source_id, row.part, row.generation)


def without_gone(place: Workplace, work: pd.DataFrame, gone: Collection[str]) -> pd.DataFrame:
    """Leave out, and hold or close, what vanished from billing since it was listed; never voids anything."""
    is_gone = work["source_id"].isin(list(gone))
    if is_gone.any():
        place.documents.gone(list(work.loc[is_gone, "document_id"]), run=place.run, now=place.clock())
    return work[~is_gone]


def remember(place: Workplace, kind: str, plan: Plan, summary: PlanSummary) -> None:
    """Store what was decided, and move held, waiting and closed documents to their state."""
    place.documents.record_decisions(plan.decisions, run=place.run, now=place.clock())
    summary.add(kind, plan.decisions)
