"""``docs/model-2.md`` names every failure that was thought of, the tests that show it, and every state."""

import re

import pytest

from qb_pipeline.config import PROJECT, SQL
from qb_pipeline_tests.test_requirements import TESTS, named, names_in

PAGE = (PROJECT / "docs" / "model-2.md").read_text()
ROWS = [[cell.strip() for cell in line[1:-1].split("|")] for line in PAGE.splitlines() if re.match(r"\| G\d", line)]


def test_every_failure_has_its_row_and_a_test() -> None:
    assert [row[0] for row in ROWS] == [f"G{number}" for number in range(1, 22)]
    assert all(named(row[3]) for row in ROWS)


@pytest.mark.parametrize("link", sorted({link for row in ROWS for link in named(row[3])}))
def test_a_test_that_is_named_exists(link: str) -> None:
    path, _, name = link.partition("::")

    assert name in names_in(TESTS / path)


def test_every_state_of_a_received_payment_is_on_the_page() -> None:
    table = (SQL / "migrations" / "versions" / "0005_received_payments.sql").read_text()
    states = set(re.findall(r"'(\w+)'", table.split("check (state in (")[1].split("))")[0]))

    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == states - {"superseded"} | {"failed"}
