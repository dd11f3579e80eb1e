"""``docs/cookbook.md``: every query of the page is run as an analyst runs it, and must answer what the page says."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.config import PROJECT
from qb_pipeline_tests.ledger.desk import Desk
from qb_pipeline_tests.ledger.month_end import happen

PAGE = (PROJECT / "docs" / "cookbook.md").read_text()
FIRST, *QUESTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
TEXT = re.compile(r"```text\n(.*?)```", re.DOTALL)


@pytest.fixture
def firm(desk: Desk) -> Desk:
    """The firm of the page."""
    happen(desk)
    return desk


def answer(desk: Desk, block: str) -> str:
    """What a block of statements prints, asked as an analyst; the settings before it are those of the page's top."""
    [before] = SQL.findall(FIRST)
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("set local role qb_analyst")
        for statement in filter(str.strip, (before + block).split(";\n")):
            found = connection.execute(sa.text(statement.replace("set reporting", "set local reporting")))
        return printed(list(found.keys()), [tuple(row) for row in found])


def printed(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """A table as text: numbers to the right."""
    cells = [columns, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    numeric = [all(isinstance(row[n], int | Decimal) or row[n] is None for row in rows) for n in range(len(columns))]
    lines = [
        " | ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:], ""])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value)


def test_every_query_of_the_cookbook_answers_what_the_page_says(firm: Desk) -> None:
    for question in QUESTIONS:
        [query] = SQL.findall(question)
        [said] = TEXT.findall(question)

        found = answer(firm, query)

        title = question.splitlines()[0]
        assert found == said, f"docs/cookbook.md, {title!r} must say:\n{found}"
        assert len(found.splitlines()) > 2, f"{title}: an example without a row explains nothing"


def test_there_are_fifteen_questions_and_each_is_one() -> None:
    titles = [question.splitlines()[0] for question in QUESTIONS]

    assert len(titles) >= 15
    assert all(re.fullmatch(r"\d+\. .+\?", title) for title in titles)


def test_amounts_stay_exact_in_pandas_as_the_page_reads_them(firm: Desk) -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", FIRST, re.DOTALL)
    address = re.compile(r"sa\.create_engine\(.*\)")
    assert len(address.findall(snippet)) == 1
    names: dict[str, Any] = {"given": firm.engine}

    exec(address.sub("given", snippet), names)  # noqa: S102 - the page's own words, on the test's database

    [row] = firm.query("select sum(open) as open from reporting.customer_receivables where firm_id = 'one'")
    assert isinstance(names["owed"]["open"].sum(), Decimal)
    assert names["owed"]["open"].sum() == row["open"] > 0
    assert set(names["owed"]["customer_name"]) >= {"Acme Corporation", "Ana Diaz"}


def test_what_settles_and_what_differs_in_the_example_is_explained(firm: Desk) -> None:
    assert {row["residual"] for row in firm.query("select residual from reporting.reconciliation")} == {Decimal("0.00")}
