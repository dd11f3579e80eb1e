"""Cells that a spreadsheet leaves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.csv_cells import FORMULA_STARTS, from_cell, to_cell


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_what_looks_like_a_formula_becomes_text(text: str) -> None:
    assert to_cell(text) == "'" + text


@given(st.text())
def test_every_text_comes_back_and_no_cell_starts_a_formula(text: str) -> None:
    cell = to_cell(text)

    assert from_cell(cell) == text
    assert not cell.startswith(FORMULA_STARTS)
