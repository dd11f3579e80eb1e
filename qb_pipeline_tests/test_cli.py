"""The door: every command is there, has help, and answers a wrong word with exit code 2."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from qb_pipeline_tests.commands.terminal import Terminal, app, typer_main

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
