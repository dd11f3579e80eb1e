"""``docs/requirements.md`` lists every requirement once, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from qb_pipeline.config import PROJECT

PAGE = PROJECT / "docs" / "requirements.md"
TESTS = Path(__file__).parent

ARTICLES = (1, 2, 3, 5, 8, *range(10, 26), 27, 30, 31, 32, 35, 37, *range(39, 45), 46, 47, *range(49, 56), 57, 58, 60)
BEYOND = (1, 2, 3, 4, 5, 8, 10, 11, 13, 14, 15)
FOUND_BY_USE = range(1, 55)
EVERY_ID = (
    {f"A-{number:02}" for number in ARTICLES}
    | {f"D-{number}" for number in BEYOND}
    | {f"E-{number:02}" for number in FOUND_BY_USE}
)

FIRST = {
    f"A-{number:02}"
    for number in (
        *(n for n in ARTICLES if n <= 13), *range(16, 26), 27, 31, 35, 37, 41, 42, 46, 47, 49, 50, 51, 57, 58, 60,
    )
} | {"D-5"}  # fmt: skip
"""What the first version, the main job, shows in full."""


def rows() -> list[list[str]]:
    """Id, requirement, state and tests of each row."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| [ADER]-\d", line)]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_stands_there_once() -> None:
    ids = [row[0] for row in rows()]

    assert sorted(ids) == sorted(set(ids))
    assert {identity for identity in ids if not identity.startswith("R-")} == EVERY_ID


def test_a_row_says_its_state_and_what_is_not_there_yet_names_no_test() -> None:
    for identity, requirement, state, tests in rows():
        assert requirement
        assert state in ("done", "partly", "later"), identity
        assert bool(named(tests)) == (state != "later"), f"{identity} is {state}: does a test show it or not?"


@pytest.mark.parametrize("link", sorted({link for row in rows() for link in named(row[3])}))
def test_a_test_that_is_named_exists(link: str) -> None:
    path, _, name = link.partition("::")

    assert (TESTS / path).is_file(), f"docs/requirements.md names {path}; link the file that it became"
    assert name in names_in(TESTS / path), f"{path} has no {name}; link the test that shows this now"


def test_the_main_job_is_shown_in_full() -> None:
    assert {row[0] for row in rows() if row[2] == "done"} >= FIRST
