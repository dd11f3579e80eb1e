"""How commands print and end."""

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
import typer

from qb_pipeline import config
from qb_pipeline.commands.terminal import console
from qb_pipeline.embedded import EmbeddedError
from qb_pipeline.embedded.services import Services
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline_tests.commands.typed import Terminal

ROW = {
    "number": "N-1 [bold]",
    "amount": Decimal("1234.50"),
    "day": date(2026, 3, 2),
    "at": datetime(2026, 3, 2, 12, 30, 1, tzinfo=UTC),
    "missing": None,
}


def printed(rows: list[dict[str, object]], **options: object) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        console.table(rows, list(ROW), **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_table_is_for_people() -> None:
    head, _line, row = [line for line in printed([ROW]).splitlines() if line.strip()]

    assert head.split() == list(ROW)
    assert row.split() == ["N-1", "[bold]", "1,234.50", "2026-03-02", "2026-03-02", "12:30:01"]


def test_json_is_for_programs_and_money_is_exact() -> None:
    assert json.loads(printed([ROW], as_json=True)) == [
        {
            "number": "N-1 [bold]",
            "amount": "1234.50",
            "day": "2026-03-02",
            "at": "2026-03-02T12:30:01+00:00",
            "missing": None,
        }
    ]
    assert json.loads(printed([], as_json=True, empty="nothing")) == []


def test_no_rows_say_what_that_means() -> None:
    assert (printed([], empty="Everything is there."), printed([])) == ("Everything is there.\n", "")


def test_amounts_stand_on_the_right() -> None:
    rows = [{**ROW, "amount": Decimal(amount)} for amount in ("1.00", "1000.00")]

    lines = printed(rows).splitlines()

    ends = {line.index(amount) + len(amount) for line in lines for amount in (" 1.00", "1,000.00") if amount in line}
    assert len(ends) == 1


class Tty(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_whose_owner_wants_them(no_color: str, is_coloured: bool) -> None:
    out = Tty()
    rows = [{"part": "clock", "verdict": "broken"}]
    with patch.dict(os.environ, {"NO_COLOR": no_color, "TERM": "xterm", "COLUMNS": "80"}), redirect_stdout(out):
        if not no_color:
            del os.environ["NO_COLOR"]
        console.table(rows, ["part", "verdict"])
    plain = io.StringIO()
    with redirect_stdout(plain):
        console.table(rows, ["part", "verdict"])

    assert ("\x1b[31m" in out.getvalue()) == is_coloured
    assert "\x1b" not in plain.getvalue()


def test_elsewhere_than_on_a_terminal_a_row_is_one_line() -> None:
    long = "x" * 700
    lines = [line for line in printed([{**ROW, "number": long}]).splitlines() if line.strip()]

    assert len(lines) == 3
    assert long in lines[2]


def test_the_actor_is_who_was_named_or_the_systems_user() -> None:
    assert console.who("ana") == "ana"
    with patch.dict(os.environ, {"LOGNAME": "somebody"}):
        assert console.who("") == "somebody"


def test_an_error_goes_to_standard_error_and_carries_its_exit_code() -> None:
    err = io.StringIO()
    with redirect_stderr(err):
        ended = console.fail("that is wrong", code=console.USAGE)

    assert (ended.exit_code, err.getvalue()) == (2, "Error: that is wrong\n")


@pytest.mark.parametrize(
    "error",
    [SetUpError("do this"), config.ConfigurationError("do this"), ValueError("do this")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_person_can_mend_ends_with_1_and_its_message(error: Exception) -> None:
    err = io.StringIO()

    with redirect_stderr(err), pytest.raises(typer.Exit) as ended, console.errors():
        raise error

    assert (ended.value.exit_code, err.getvalue()) == (1, "Error: do this\n")


def test_an_error_from_outside_names_the_doctor() -> None:
    err = io.StringIO()

    with redirect_stderr(err), pytest.raises(typer.Exit), console.errors():
        raise EmbeddedError("it did not start.")

    assert err.getvalue() == "Error: it did not start. Try: qb-pipeline doctor\n"


@pytest.mark.parametrize("advice", ["Try: that", "Next step: qb-pipeline connect one", "see its log; run: make dev"])
def test_an_error_that_says_what_to_try_keeps_its_own_advice(advice: str) -> None:
    err = io.StringIO()

    with redirect_stderr(err), pytest.raises(typer.Exit), console.errors():
        raise EmbeddedError(advice)

    assert err.getvalue() == f"Error: {advice}\n"


def test_a_lost_database_names_the_doctor() -> None:
    err = io.StringIO()

    with redirect_stderr(err), pytest.raises(typer.Exit), console.errors():
        raise sa.exc.OperationalError("select", {}, Exception("connection refused"))

    assert err.getvalue() == "Error: a database cannot be used: connection refused Try: qb-pipeline doctor\n"


def test_an_error_of_ours_is_not_hidden() -> None:
    with pytest.raises(KeyError), console.errors():
        raise KeyError("a mistake")


@pytest.fixture
def found(tmp_path: Path) -> Services:
    return Services(tmp_path, "postgresql://a/1", "postgresql://a/2", "postgresql://a/3", "http://127.0.0.1:9")


def test_dagsters_processes_find_databases_with_their_driver_the_emulator_and_a_home(found: Services) -> None:
    with patch.dict(os.environ, {"PATH": "/usr/bin"}, clear=True):
        console.set_environment(found)

        assert {name: value for name, value in os.environ.items() if name != "PATH"} == {
            config.DATABASE_URL: "postgresql+psycopg2://a/1",
            config.BILLING_URL: "postgresql+psycopg2://a/2",
            config.DAGSTER_URL: "postgresql+psycopg2://a/3",
            config.API_URL: "http://127.0.0.1:9",
            **config.DAGSTER_SWITCHES,
            "DAGSTER_HOME": str(found.home / "dagster"),
        }
        assert (found.home / "dagster" / "dagster.yaml").read_text() == (config.PROJECT / "dagster.yaml").read_text()


def test_a_home_of_dagster_that_a_person_chose_is_kept(found: Services) -> None:
    with patch.dict(os.environ, {"DAGSTER_HOME": "/elsewhere"}, clear=True):
        console.set_environment(found)

        assert os.environ["DAGSTER_HOME"] == "/elsewhere"
    assert not (found.home / "dagster").exists()


def test_a_project_that_moved_is_found_again(found: Services) -> None:
    """The home outlives the checkout: its link then leads nowhere, and is made anew."""
    folder = found.home / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").symlink_to(found.home / "gone" / "dagster.yaml")

    with patch.dict(os.environ, {"PATH": "/usr/bin"}, clear=True):
        console.set_environment(found)

    assert (folder / "dagster.yaml").exists()


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("one is paused. Next step: qb-pipeline firm resume one", ("one is paused", "qb-pipeline firm resume one")),
        ("there is none. Try: a, or b. Else c", ("there is none", "a, or b. Else c")),
        ("it is 'x'; write a date as 2023-01-31", ("it is 'x'", "write a date as 2023-01-31")),
        ("billing is another. Correct A; or, next step: b", ("billing is another", "Correct A; or, next step: b")),
        ("/home can be read by others; run: chmod 600 /home", ("/home can be read by others", "chmod 600 /home")),
        ("3 rows are wrong; nothing was stored", ("3 rows are wrong; nothing was stored", "")),
    ],
)
def test_an_error_is_parted_into_what_is_wrong_and_what_to_do(message: str, parts: tuple[str, str]) -> None:
    assert console.split_remedy(message) == parts


REFUSED = (
    ("firm", "show", "nobody"), ("list", "nobody"), ("plan", "nobody"), ("sync", "nobody"), ("pull", "nobody"),
    ("log", "nobody"), ("show", "nobody", "N-1"), ("resolve", "nobody", "N-1", "--keep"), ("adopt", "nobody"),
    ("census", "nobody"), ("reconcile", "nobody"), ("mapping", "suggest", "nobody"),
)  # fmt: skip
"""Every command of a firm that takes ``--json``."""


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_a_refusal_with_json_is_one_document_on_standard_output(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    plain = terminal.run(*arguments, code=1)
    printed = terminal.run(*arguments, "--json", code=1)

    assert json.loads(printed.out) == {
        "error": {
            "message": "There is no firm nobody",
            "remedy": "qb-pipeline firm add nobody --super-user YOUR-NAME",
        }
    }
    assert (printed.err, plain.out) == ("", "")
    assert plain.err == (
        "Error: There is no firm nobody. Next step: qb-pipeline firm add nobody --super-user YOUR-NAME\n"
    )
