"""How rows and sentences fit a terminal."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qb_pipeline.commands.terminal.layout import block, fold, units, widths
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.people.test_resolve import drift

SENTENCES = st.lists(
    st.sampled_from(
        ["Map", "the", "payer.", "`mapping import`,", "qb-pipeline sync one --plan plan-1.", "1,234.50", "律師事務所",
         "3f1c9a52-0f61-4b0e-9d8b-0d8f0c6e7a11", "2026-03-02 12:30:01"]
    ),
    max_size=12,
).map(" ".join)  # fmt: skip


@given(SENTENCES, st.integers(1, 120))
def test_folding_breaks_nothing_that_is_copied_and_no_line_is_too_long_that_could_be_shorter(
    text: str, width: int
) -> None:
    lines = fold(text, width)

    assert " ".join(lines) == text
    assert [unit for line in lines for unit in units(line)] == units(text)
    assert all(cell_len(line) <= width or len(units(line)) == 1 for line in lines)


def test_a_command_ends_with_its_sentence() -> None:
    text = "Send it: qb-pipeline sync one --from 2026-01-31, then look: `firm show one`. Or qb-pipeline list one   Why"

    assert [unit for unit in units(text) if " " in unit] == [
        "qb-pipeline sync one --from 2026-01-31,", "`firm show one`.", "qb-pipeline list one",
    ]  # fmt: skip


def test_a_folded_line_keeps_its_indent() -> None:
    assert fold("  one two three", 9) == ["  one two", "  three"]


def test_prose_takes_what_whole_columns_leave_and_a_row_without_room_becomes_a_block() -> None:
    row = {
        "id": "invoice:1234",
        "amount": "1,234.50",
        "remedy": "Map the payer to one of them, then run the sync again",
    }

    assert widths([row], list(row), 80) == {"id": 12, "amount": 8, "remedy": 53}
    assert widths([row], list(row), 60) == {"id": 12, "amount": 8, "remedy": 34}
    assert widths([row], list(row), 40) is None
    assert block(row, list(row), 40) == [
        "id      invoice:1234",
        "amount  1,234.50",
        "remedy  Map the payer to one of them,",
        "        then run the sync again",
    ]


@pytest.fixture
def busy(law_firm: LawFirm, terminal: Terminal) -> Terminal:
    """A firm with long numbers and names, a drift, held documents of several reasons, and a history."""
    drift(law_firm)
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("a-rather-long-id-0123456789", "1234567.00", payer_id="P2")
    law_firm.invoice("3", "10.00")
    law_firm.payment("payment-0123456789", applied={"3": "4.00"}, reference="reference-of-a-bank-0123456789")
    law_firm.change("update invoices set invoice_number = 'NUMBER-0123456789' where invoice_id = '3'")
    law_firm.sync()
    return terminal


TABLES = (
    ("firm list",), ("firm show", "one"), ("list", "one"), ("log", "one"), ("log", "one", "--errors"),
    ("show", "one", "invoice:1"), ("show", "one", "customer:P1"), ("adopt", "one"), ("mapping suggest", "one"),
    ("billing check",), ("doctor",), ("census", "one"), ("reconcile", "one", "--as-of", "TODAY"),
)  # fmt: skip

OTHERWISE = {"fault", "detail", "reason"}
"""Heads of columns; a block leaves out what is empty."""


def words(text: str) -> set[str]:
    """What must come out whole: everything but rules."""
    return {unit for unit in units(text) if unit.strip("─ ")}


@pytest.mark.slow
def test_every_table_at_80_columns_has_every_word_of_a_wide_one_whole(busy: Terminal, law_firm: LawFirm) -> None:
    too_long: dict[str, Any] = {}
    broken: dict[str, Any] = {}
    local = law_firm.time.now().astimezone(ZoneInfo("America/New_York")).date()
    for name, *rest in TABLES:
        told = [str(local) if word == "TODAY" else word for word in rest]
        wide = busy.screen(*name.split(), *told, columns=2_000)
        narrow = busy.screen(*name.split(), *told, columns=80)
        lines = narrow.splitlines()
        if missing := {word for word in words(wide) if not any(word in line for line in lines)} - OTHERWISE:
            broken[name] = missing
        if long := [line for line in lines if cell_len(line.rstrip()) > 80 and len(units(line)) > 2]:
            too_long[name] = long
        assert words(wide), name
    broken["doctor"] = {word for word in broken.get("doctor", ()) if not word[0].isdigit()}  # free memory moves

    assert (broken, too_long) == ({"doctor": set()}, {})


@pytest.mark.slow
def test_a_sync_and_a_plan_at_80_columns_keep_run_and_plan_whole(busy: Terminal, law_firm: LawFirm) -> None:
    law_firm.invoice("5", "12.00")

    planned = busy.screen("plan", "one", columns=80, code=3)
    sent = busy.screen("sync", "one", columns=80, code=3)

    [plan_id] = [row["plan_id"] for row in [busy.json("plan", "one", code=3)] if row]
    run_ids = {row["run_id"] for row in busy.json("log", "one") if row["trigger"] == "cli"}
    assert any(run_id and f"run {run_id}" in sent for run_id in run_ids)
    assert len(plan_id) == len("plan-01234567")
    for text in (planned, sent):
        assert [line for line in text.splitlines() if cell_len(line.rstrip()) > 80 and len(units(line)) > 2] == []
    assert any(line.strip().startswith("qb-pipeline sync one --plan plan-") for line in planned.splitlines())


def test_elsewhere_than_on_a_terminal_the_run_is_a_column(busy: Terminal) -> None:
    rows = busy.json("log", "one")

    lines = busy.run("log", "one").out.splitlines()

    assert all(any(row["run_id"] in line and row["activity"] in line for line in lines) for row in rows)
