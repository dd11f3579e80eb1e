"""What a plan holds, before anything is sent."""

import pandas as pd

from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.documents import Decision
from qb_pipeline.sync.plan import Plan, PlanSummary


def work(*quickbooks_ids: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "document_id": range(1, len(quickbooks_ids) + 1),
            "quickbooks_id": quickbooks_ids,
            "amount_cents": 100,
            "forwarded_cents": 0,
            "source_hash": "hash",
        }
    )


def test_a_problem_holds_lets_wait_or_closes_a_document() -> None:
    plan = Plan()

    plan.stop(
        work("", "", "", ""), {1: Problem.NO_LINES, 2: Problem.INVOICE_NOT_SENT, 3: Problem.REFUND, 4: Problem.REFUSED}
    )

    assert plan.decisions == [
        Decision(1, "hold", "NO_LINES", 100, 0, "hash"),
        Decision(2, "wait", "INVOICE_NOT_SENT", 100, 0, "hash"),
        Decision(3, "close", "REFUND", 100, 0, "hash"),
        Decision(4, "hold", "REFUSED", 100, 0, "hash"),
    ]


def test_what_stands_in_quickbooks_is_held_where_another_is_closed() -> None:
    plan = Plan()

    plan.stop(work("77"), {1: Problem.CREDIT_DEPOSIT})

    assert plan.decisions == [Decision(1, "hold", "SOURCE_GONE", 100, 0, "hash")]


def test_what_needs_something_unknown_is_left_as_it_is() -> None:
    plan = Plan()

    plan.stop(work("", ""), {1: Problem.OUTCOME_UNKNOWN})

    assert plan.decisions == []


def test_a_summary_counts_documents_and_money() -> None:
    summary = PlanSummary()

    summary.add("invoice", [Decision(1, "create", "", 100), Decision(2, "create", "", 50), Decision(3, "hold", "X", 7)])

    assert (dict(summary.documents), dict(summary.cents)) == (
        {("invoice", "create"): 2, ("invoice", "hold"): 1}, {("invoice", "create"): 150, ("invoice", "hold"): 7},
    )  # fmt: skip
