"""Operations of documents: the same rules for every kind, and a look at QuickBooks before a change."""

from dataclasses import replace
from typing import Any

import pytest

from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.plan.decide import Changes, Meant, decide
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

CHANGED = Content({"DocNumber": "N-1c", "CustomerMemo": {"value": "ours"}}, 10_000, "another fingerprint", ())
AS_IT_IS = Changes(
    Kind.INVOICE,
    objection=lambda _meant, _operation, _entity: None,
    merge=lambda body, _entity: body,
    void={"sparse": True},
)


def decided(
    law_firm: LawFirm, content: Content | None, *, is_void: bool = False, changes: Changes = AS_IT_IS
) -> tuple[list[tuple[str, str]], list[dict[str, Any]], list[Problem]]:
    """Decide about the one invoice: operations with their reasons, bodies that are ready, problems."""
    with law_firm.deployment.open(FIRM, Run("look", "test", PARTNER)) as session:
        ids = session.documents.expected()
        [row] = work_items(session.documents.read([ids["invoice", "1", ""]]))
        plan, problems = Plan(), dict[int, Problem]()
        decide(session, plan, changes, [Meant(row, content, is_void=is_void)], problems)
        reads = session.quickbooks.requests
    assert (reads.writing, [each for each in problems if each != row.document_id]) == (0, [])
    return (
        [(each.operation, each.reason) for each in plan.decisions],
        [each.body for each in plan.ready],
        list(problems.values()),
    )


@pytest.fixture
def posted(law_firm: LawFirm) -> dict[str, Any]:
    """The one invoice as QuickBooks holds it."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [entity] = law_firm.books.ours("Invoice")
    return entity


def test_a_document_that_was_never_sent_is_created_as_it_is_meant(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.map("payer", "1", "77")
    law_firm.sync(steps=("work_list",))

    assert decided(law_firm, CHANGED) == ([("create", "")], [CHANGED.body], [])


def test_a_change_carries_the_identity_of_what_quickbooks_holds_and_leaves_the_memo_to_the_bookkeeper(
    law_firm: LawFirm, posted: dict[str, Any]
) -> None:
    body = {"Id": posted["Id"], "SyncToken": posted["SyncToken"], "sparse": True, "DocNumber": "N-1c"}

    assert decided(law_firm, CHANGED) == ([("update", "")], [body], [])


def test_a_void_says_nothing_but_which_document(law_firm: LawFirm, posted: dict[str, Any]) -> None:
    body = {"Id": posted["Id"], "SyncToken": posted["SyncToken"], "sparse": True}

    assert decided(law_firm, None, is_void=True) == ([("void", "")], [body], [])


def test_a_document_that_a_person_voided_already_is_closed(law_firm: LawFirm, posted: dict[str, Any]) -> None:
    law_firm.books.do("void", entity="Invoice", id=posted["Id"])

    assert decided(law_firm, None, is_void=True) == ([("close", "")], [], [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (replace(AS_IT_IS, objection=lambda _meant, _operation, _entity: Problem.DEPOSITED), Problem.DEPOSITED),
        (replace(AS_IT_IS, merge=lambda _body, _entity: None), Problem.DRIFT),
    ],
)
def test_a_change_that_quickbooks_version_forbids_is_a_problem_and_is_not_ready(
    law_firm: LawFirm, posted: dict[str, Any], changes: Changes, problem: Problem
) -> None:
    assert (posted["DocNumber"], decided(law_firm, CHANGED, changes=changes)) == ("N-1", ([], [], [problem]))


def test_the_objection_hears_of_the_operation_and_of_quickbooks_version(
    law_firm: LawFirm, posted: dict[str, Any]
) -> None:
    heard: list[tuple[Operation, str]] = []

    def hear(_meant: Meant, operation: Operation, entity: dict[str, Any]) -> None:
        heard.append((operation, entity["Id"]))

    decided(law_firm, CHANGED, changes=replace(AS_IT_IS, objection=hear))

    assert heard == [(Operation.UPDATE, posted["Id"])]
