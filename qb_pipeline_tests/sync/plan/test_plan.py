"""What a plan holds, before anything is sent."""

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, State
from qb_pipeline.ledger.books.documents import Decision, WorkItem
from qb_pipeline.sync.plan.plan import Plan


def work(*quickbooks_ids: str) -> list[WorkItem]:
    return [
        WorkItem(
            document_id=number, kind=Kind.INVOICE, source_id=str(number), part="", state=State.NEW, reason="",
            generation=0, number="", document_date=None, payer_id="", amount_cents=100, forwarded_cents=0,
            payment_kind="", source_status="issued", eligibility="eligible", source_hash="hash", sent_fingerprint="",
            customer_id="", quickbooks_id=quickbooks_id, sync_token="", reviewed_token="",
        )
        for number, quickbooks_id in enumerate(quickbooks_ids, 1)
    ]  # fmt: skip


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
