"""The door: every command is there, has help, and answers a wrong word with exit code 2."""

import inspect
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_pipeline import config
from qb_pipeline_tests.commands.typed import Terminal, app, typer_main
from qb_pipeline_tests.embedded.homes import temporary_home

COMMANDS = [
    "billing check", "billing init", "connect", "db check", "db upgrade", "demo", "dev", "disconnect", "doctor",
    "emulator", "firm activate", "firm add", "firm list", "firm model", "firm pause", "firm resume", "firm set",
    "firm show", "firm subscribe", "list", "log", "sync",
]  # fmt: skip
"""What this issue promises; later ones add to it."""


def commands(group: typer_main.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, typer_main.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def every_command() -> list[str]:
    root = typer_main.get_command(app)
    assert isinstance(root, typer_main.TyperGroup)
    return sorted(" ".join(path) for path in commands(root))


@pytest.fixture
def shell() -> Terminal:
    """No database, no emulator, nothing to start."""
    return Terminal({"COLUMNS": "120", "QB_PIPELINE_DATABASE_URL": "nonsense"})


def test_every_promised_command_is_there() -> None:
    assert set(COMMANDS) <= set(every_command())


@pytest.mark.parametrize("command", ["", "db", "billing", "firm", *COMMANDS])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_says_what_a_command_does(shell: Terminal, command: str, option: str) -> None:
    out = shell.run(*command.split(), option).out

    assert f"Usage: qb-pipeline {command}".strip() in out
    assert len(out.splitlines()) > 4


def test_every_command_of_the_interface_that_prints_a_table_prints_json_too() -> None:
    """By its source: whoever calls ``table`` takes ``--json``. The demo is a show."""
    root = typer_main.get_command(app)
    for name in set(every_command()) - {"demo"}:
        command = root
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        if re.search(r"\btable\(", inspect.getsource(inspect.unwrap(command.callback))):  # type: ignore[arg-type]
            assert "--json" in {option for parameter in command.params for option in parameter.opts}, name


def test_every_command_has_a_sentence_of_help() -> None:
    root = typer_main.get_command(app)
    for name in every_command():
        command = root
        for word in name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        assert (command.help or "").strip().endswith((".", ").")), name


def test_completion_can_be_installed_and_completes_commands() -> None:
    environment = os.environ | {
        "_QB_PIPELINE_COMPLETE": "complete_bash", "COMP_WORDS": "qb-pipeline doc", "COMP_CWORD": "1",
    }  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-c", "from qb_pipeline.cli import app; app(prog_name='qb-pipeline')"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout.split() == ["doctor"]


@pytest.mark.parametrize("arguments", [["nothing"], ["firm", "nothing"], ["sync"], ["sync", "one", "--nothing"]])
def test_a_wrong_word_is_bad_usage(shell: Terminal, arguments: list[str]) -> None:
    assert shell.run(*arguments, code=2).out == ""


@pytest.mark.slow
def test_help_opens_quickly() -> None:
    """0.6 s on an idle machine; what is measured is the processor's time, the fastest of three."""

    def seconds() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "qb_pipeline.cli", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    assert min(seconds() for _ in range(3)) < 1.2


@pytest.mark.slow
def test_on_a_fresh_machine_commands_bring_their_services_along() -> None:
    """In processes of their own, with warnings as errors: an empty home, and nothing configured."""
    with temporary_home() as home:
        unset = [name for name in os.environ if name.startswith(("QB_PIPELINE_", "QUICKBOOKS_", "DAGSTER_"))]
        fresh = Terminal(dict.fromkeys(unset, "") | {"QB_PIPELINE_HOME": str(home), "COLUMNS": "200"})

        def run(*arguments: str, code: int = 0) -> tuple[str, str]:
            process = fresh.start(*arguments)
            out, err = process.communicate(timeout=120)
            assert process.returncode == code, f"{arguments}: exit {process.returncode}\n{out}\n{err}"
            return out, err

        ill, _ = run("doctor", "--json", code=1)
        run("db", "upgrade")
        run("billing", "init")
        well, said = run("doctor", "--json")
        nobody = run("firm", "add", "nobody", "--super-user", "ana", code=1)

        broken = {row["part"] for row in json.loads(ill) if row["verdict"] == "broken"}
        assert broken == {"pipeline schema", "billing contract"}
        assert [(row["part"], row["verdict"]) for row in json.loads(well) if row["verdict"] != "ok"] == [
            ("Dagster daemon", "warning"),  # none has ever run here
        ]
        assert said == ""
        assert nobody == (
            "", "Error: billing has no firm nobody. Try: look at billing.firms, or qb-pipeline billing check\n",
        )  # fmt: skip
        assert (home / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_version_is_told(shell: Terminal) -> None:
    assert re.fullmatch(r"qb-pipeline \d+\.\d+\.\d+\n", shell.run("--version").out)


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [(["snyc"], "qb-pipeline sync"), (["firm", "shw"], "qb-pipeline firm show"), (["qqq"], "qb-pipeline --help")],
)
def test_a_misspelt_command_gets_one_suggestion(shell: Terminal, typed: list[str], nearest: str) -> None:
    printed = shell.run(*typed, code=2)

    assert printed.err == f"Error: there is no command '{typed[-1]}'. Try: {nearest}\n"


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["firm", "nothing"], ["sync"], ["sync", "one", "--nothing"], ["list", "one", "--from", "soon"],
     ["firm", "model", "one", "7"], ["resolve", "one", "x"], ["webhook", "--port", "x"]],
)  # fmt: skip
def test_bad_usage_with_json_is_one_document_on_standard_output(shell: Terminal, arguments: list[str]) -> None:
    printed = shell.run(*arguments, "--json", code=2)

    [(name, error)] = json.loads(printed.out).items()
    assert (name, set(error), printed.err) == ("error", {"message", "remedy"}, "")
    assert all(error.values())


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(["dev"], "--port"), (["demo", "--ui"], "--port"), (["emulator"], "--port"), (["webhook"], "--port"),
     (["connect", "one"], "--port")],
)  # fmt: skip
def test_a_taken_port_is_named_with_the_option_that_helps_before_anything_starts(
    tmp_path: Path, arguments: list[str], option: str
) -> None:
    nothing_started = tmp_path / "home"
    shell = Terminal({config.HOME: str(nothing_started)})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        printed = shell.run(*arguments, "--port", port, code=1)

    assert printed.err == (
        f"Error: port {port} is taken: another program listens there. "
        f"Try: qb-pipeline {arguments[0]} {option} N, with a free port\n"
    )
    assert (printed.out, nothing_started.exists()) == ("", False)
