"""Which answers a document takes."""

import pytest

from qb_pipeline.core.planning.resolutions import MEANING, Answer, allowed_answers, overrides_quickbooks
from qb_pipeline.core.problems import PROBLEMS, Problem


@pytest.mark.parametrize("problem", [problem for problem, advice in PROBLEMS.items() if advice.state == "held"])
def test_whatever_holds_a_document_a_person_can_end_it(problem: Problem) -> None:
    answers = allowed_answers("held", problem)

    assert answers[:2] == (Answer.RETRY, Answer.KEEP)
    assert set(answers) <= set(MEANING)


@pytest.mark.parametrize(
    ("state", "reason", "answers"),
    [
        ("held", "REMOTE_DELETED", ("retry", "keep", "recreate")),
        ("held", "SOURCE_GONE", ("retry", "keep", "void")),
        ("refused", "REFUSED", ("retry", "keep")),
        ("unknown", "OUTCOME_UNKNOWN", ("retry",)),
        ("sending", "", ("retry",)),
        ("waiting", "INVOICE_NOT_SENT", ("retry",)),
        ("closed", "REMOTE_VOIDED", ("retry", "recreate")),
        ("closed", "MISSING_NAME", ("retry",)),
        ("held", "WITHDRAWN", ("retry", "keep", "void")),
        ("closed", "WITHDRAWN", ("retry", "void")),
        ("closed", "REFUND", ("entered",)),
        ("closed", "NOTHING_TO_BILL", ()),
        ("synced", "", ()),
        ("new", "", ()),
        ("voided", "", ()),
    ],
)
def test_a_state_and_its_reason_say_which_answers_fit(state: str, reason: str, answers: tuple[str, ...]) -> None:
    assert allowed_answers(state, reason) == answers


def test_only_what_quickbooks_holds_otherwise_is_sent_again_unchanged() -> None:
    assert [problem for problem in Problem if overrides_quickbooks(problem)] == ["DRIFT", "TOTAL_DIFFERS", "CONFLICT"]
