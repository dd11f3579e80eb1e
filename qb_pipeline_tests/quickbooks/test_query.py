"""Statements say what was meant, whatever a name holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.quickbooks.query import MAX_CONDITION_CHARACTERS, MAX_IN_VALUES, conditions_in, escape, select

LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
"""A text between quotes as QuickBooks' parser reads it: a backslash takes the next character as it is."""


def literals(statement: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", found, flags=re.DOTALL) for found in LITERAL.findall(statement)]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("O'Brien", r"O\'Brien"), ("a\\b", r"a\\b"), ("\\'", r"\\\'"), ("' OR Id > '0", r"\' OR Id > \'0"), ("", "")],
)
def test_quotes_and_backslashes_are_escaped(text: str, escaped: str):
    assert escape(text) == escaped


@given(text=st.text())
def test_a_literal_reads_back_as_the_text_and_never_ends_early(text: str):
    literal = f"'{escape(text)}'"
    assert LITERAL.fullmatch(literal)
    assert literals(literal) == [text]


@given(values=st.lists(st.text(max_size=40), max_size=900))
def test_every_value_is_asked_for_once_in_statements_of_bounded_length(values: list[str]):
    conditions = list(conditions_in("DocNumber", values))
    assert [value for condition in conditions for value in literals(condition)] == list(dict.fromkeys(values))
    for condition in conditions:
        assert condition.startswith("DocNumber IN (")
        assert len(literals(condition)) <= MAX_IN_VALUES
        assert len(condition) <= MAX_CONDITION_CHARACTERS + 200


def test_no_value_makes_no_condition():
    assert list(conditions_in("Id", [])) == []


def test_a_page_is_always_in_the_order_of_id():
    assert select("Invoice") == "SELECT * FROM Invoice ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
    assert select("Customer", columns="Id", where="Active IN (true, false)", start=1000, page=500) == (
        "SELECT Id FROM Customer WHERE Active IN (true, false) ORDERBY Id STARTPOSITION 1000 MAXRESULTS 500"
    )
