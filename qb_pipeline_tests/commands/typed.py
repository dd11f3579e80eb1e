"""The command line as a person uses it, in this process or in one of its own.

Belongs here: typing commands. Does not belong here: what they must do.
"""

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from qb_pipeline import config
from qb_pipeline_tests.law_firm import LawFirm

with warnings.catch_warnings():
    # typer below 0.26 imports what click 8.5 calls deprecated; pyproject.toml says why it is not newer.
    warnings.filterwarnings("ignore", "'click.utils", DeprecationWarning)
    import typer.main as typer_main

    from qb_pipeline.cli import app
    from qb_pipeline.commands.terminal import console

__all__ = ["KEY", "Printed", "Terminal", "app", "console", "environment_of", "typer_main"]

DAGSTER_YAML = "telemetry: {enabled: false}\n"
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
KEY = "a secret of this test"
"""What ``LawFirm`` encrypts tokens with."""


@dataclass(frozen=True)
class Printed:
    """What a command printed."""

    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """A shell with an environment of its own."""

    env: dict[str, str]

    def run(self, *arguments: str, code: int = 0, typed: str = "") -> Printed:
        """Run ``qb-pipeline`` in this process, which is fast; ``code`` is the exit code that is expected."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.env),
            patch.object(sys, "stdin", io.StringIO(typed)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                app(list(arguments), prog_name="qb-pipeline")
            except SystemExit as end:
                ended = end.code or 0
        assert ended == code, f"{arguments}: exit {ended}\n{out.getvalue()}\n{err.getvalue()}"
        return Printed(out.getvalue(), err.getvalue())

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command that prints JSON, and nothing else."""
        return json.loads(self.run(*arguments, "--json", code=code).out, parse_float=Decimal)

    def screen(self, *arguments: str, columns: int, code: int = 0) -> str:
        """Run a command on a pseudo-terminal so many columns wide; gives what it wrote there, without colours."""
        master, slave = pty.openpty()
        written: list[bytes] = []

        def read() -> None:
            with suppress(OSError):  # the other side is closed
                while part := os.read(master, 65536):
                    written.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        sized = {**self.env, "COLUMNS": str(columns), "TERM": "xterm"}
        with (
            os.fdopen(slave, "w") as tty,
            patch.dict(os.environ, sized),
            redirect_stdout(tty),
            redirect_stderr(tty),
            pytest.raises(SystemExit) as ended,
        ):
            app(list(arguments), prog_name="qb-pipeline")
        reader.join()
        os.close(master)
        text = COLOURS.sub("", b"".join(written).decode()).replace("\r\n", "\n")
        assert (ended.value.code or 0) == code, text
        return text

    def start(self, *arguments: str, **how: Any) -> subprocess.Popen[str]:
        """Start ``qb-pipeline`` in a process of its own, and go on."""
        command = [sys.executable, "-W", "error", "-W", "ignore:'click.utils", "-m", "qb_pipeline.cli", *arguments]
        return subprocess.Popen(
            command, env={**os.environ, **self.env}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how
        )


def environment_of(law_firm: LawFirm, home: Path, dagster_home: Path) -> dict[str, str]:
    """Everything configured: the firm's databases and its company in the emulator; no embedded service is needed.

    Whatever a command puts into the environment itself is named here too, so that it is taken out again.
    """
    pipeline, billing = (
        engine.url.render_as_string(hide_password=False) for engine in (law_firm.ledger, law_firm.billing)
    )
    return {
        config.HOME: str(home),
        config.DATABASE_URL: pipeline,
        config.BILLING_URL: billing,
        config.DAGSTER_URL: pipeline,
        config.ENVIRONMENT: "emulator",
        config.API_URL: law_firm.books.url,
        config.SECRET_KEY: KEY,
        "DAGSTER_HOME": str(dagster_home),
        **config.DAGSTER_SWITCHES,
        "COLUMNS": "200",
    }
