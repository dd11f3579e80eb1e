"""A fault of the company is told from one of a document, whatever else an answer says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS, find_company_fault, speaks_of_company

ALWAYS = {"130", "140", "150", "6190"}
WHEN_WHOLE = {"5020", "5030"}
"""Of the company only where nothing else was answered; else of a feature that some documents need."""

answers = st.lists(st.lists(st.sampled_from([*sorted(ALWAYS | WHEN_WHOLE), "6140", "610"]), max_size=3), max_size=5)


def test_which_codes_speak_of_the_company_wherever_they_stand() -> None:
    assert COMPANY_FAULTS.keys() == ALWAYS | WHEN_WHOLE
    assert {code for code in [*COMPANY_FAULTS, "6140", ""] if speaks_of_company(code)} == ALWAYS


def test_every_fault_has_a_sentence_of_quickbooks_and_a_remedy_for_a_person() -> None:
    for fault in COMPANY_FAULTS.values():
        assert "QuickBooks" in fault.sentence
        assert (fault.sentence[-1], fault.remedy[-1]) == (".", ".")
        assert fault.remedy.startswith(("Wait", "Open", "Connect", "See", "Renew"))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([], ""),
        ([[]], ""),
        ([["6140"]], ""),
        ([["6190"]], "6190"),
        ([[], ["6140"], ["6190"]], "6190"),
        ([["6140", "150"], ["6190"]], "150"),
        ([["5030"]], "5030"),
        ([["5030"], ["5020"]], "5030"),
        ([["5030"], []], ""),
        ([["5030"], ["6140"]], ""),
        ([["6140", "5030"], ["5030"]], "5030"),
        ([["5030"], ["5030", "130"]], "130"),
    ],
)
def test_the_code_with_which_an_answer_speaks_of_the_company(answer: list[list[str]], code: str) -> None:
    assert find_company_fault(answer) == code


@given(answers)
def test_an_answer_speaks_of_the_company_in_any_order_of_its_items_alike(answer: list[list[str]]) -> None:
    code = find_company_fault(answer)

    assert bool(code) == bool(find_company_fault(reversed(answer)))
    assert code in {"", *(each for item in answer for each in item if each in COMPANY_FAULTS)}


@given(answers)
def test_one_accepted_item_more_leaves_only_what_is_always_the_company_s(answer: list[list[str]]) -> None:
    assert bool(find_company_fault([[], *answer])) == any(code in ALWAYS for item in answer for code in item)
