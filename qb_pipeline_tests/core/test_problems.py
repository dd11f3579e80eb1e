import pytest

from qb_pipeline.core.problems import PROBLEMS, Problem

STATES = {"held", "waiting", "closed", "refused", "unknown"}


def test_every_problem_has_its_advice_and_no_advice_is_left_over() -> None:
    assert set(PROBLEMS) == set(Problem)


@pytest.mark.parametrize("problem", Problem)
def test_a_problem_says_one_thing_and_one_remedy(problem: Problem) -> None:
    advice = PROBLEMS[problem]

    assert problem.value == problem.name
    for text in (advice.sentence, advice.remedy):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
        assert len(text) < 130
    assert advice.sentence != advice.remedy
    assert advice.state in STATES


def test_what_goes_by_itself_waits_and_what_never_goes_is_closed() -> None:
    by_state = {state: {problem for problem in Problem if PROBLEMS[problem].state == state} for state in STATES}

    assert by_state["waiting"] == {
        Problem.DATED_AHEAD, Problem.INVOICE_NOT_SENT, Problem.INVOICE_DRAFT, Problem.OTHER_STILL_APPLIED,
    }  # fmt: skip
    assert by_state["refused"] == {Problem.REFUSED}
    assert by_state["unknown"] == {Problem.OUTCOME_UNKNOWN}
    assert by_state["closed"] == {
        Problem.NOTHING_TO_BILL, Problem.NOTHING_TO_PAY, Problem.CREDIT_DEPOSIT, Problem.REFUND, Problem.REJECTION,
        Problem.REVERSAL, Problem.FROM_QUICKBOOKS, Problem.VOID_BEFORE_SENT, Problem.INELIGIBLE,
    }  # fmt: skip


def test_no_two_problems_say_the_same() -> None:
    sentences = [advice.sentence for advice in PROBLEMS.values()]

    assert len(set(sentences)) == len(sentences)
