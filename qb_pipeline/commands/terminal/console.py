"""Output of commands: tables for people, JSON for programs, exit codes, errors with advice."""

import errno
import getpass
import itertools
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import click
import typer

if TYPE_CHECKING:
    from qb_pipeline.config import Config
    from qb_pipeline.embedded.services import Services
    from qb_pipeline.sync.deployment import Deployment

DONE, FAILED, USAGE, HELD = 0, 1, 2, 3
WIDEST = 2_000
STYLES = {"broken": "red", "warning": "yellow"}
ADVICE = (
    "add|answer|bring|check|choose|clear|compare|connect|copy|correct|delete|drop|end|enter|fetch|fill|give|install|leave|"
    "let|look|make|map|move|name|put|remove|restart|restore|run|say|send|set|start|stop|try|unset|use|wait|write"
)
"""The verbs that begin a clause of advice."""

As = Annotated[str, typer.Option("--as", metavar="USER", help="Who you are, for the audit. Default: your system user.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port on this machine; 0 takes a free one.")]
Firm = Annotated[str, typer.Argument(metavar="KEY", help="The firm's key: billing's firm_id.")]


def who(actor: str) -> str:
    """Return the acting person: the value of ``--as``, else the operating system's user."""
    return actor or getpass.getuser()


def say(text: str = "") -> None:
    """Print lines. On a terminal, long lines fold between words; ids, amounts and commands stay whole."""
    if text and sys.stdout.isatty() and not wants_json():
        from qb_pipeline.commands.terminal.layout import fold

        text = "\n".join(part for line in text.splitlines() for part in fold(line, _room()))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def wants_json() -> bool:
    """Whether the command that runs was asked for ``--json``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.params.get("as_json"))


def fail(message: str, *, remedy: str = "", code: int = FAILED) -> typer.Exit:
    """Print an error: a line on standard error, or with ``--json`` the one document on standard output.

    Args:
        message: the problem. Without ``remedy`` it may end with the advice: "… Try: …", "… Next step: …".
        remedy: the advice.
        code: the exit code.

    Returns:
        The exception that the caller raises. With ``--json`` nothing else is printed, neither before nor after.
    """
    as_json = wants_json()
    if as_json and code == USAGE and not remedy and not split_remedy(message)[1]:
        remedy = f"{_here()} --help"
    show_error(message, remedy, as_json=as_json)
    return typer.Exit(code)


def show_error(message: str, remedy: str = "", *, as_json: bool) -> None:
    """Print an error with its remedy. Usage errors use this function directly, because no command runs yet."""
    if as_json:
        if not remedy:
            message, remedy = split_remedy(message)
        error = {"message": message, "remedy": remedy or "qb-pipeline doctor"}
        sys.stdout.write(json.dumps({"error": error}, indent=2) + "\n")
        return
    text = f"Error: {message.rstrip('.')}. Try: {remedy}" if remedy else f"Error: {message}"
    if sys.stderr.isatty():
        from qb_pipeline.commands.terminal.layout import fold

        text = "\n".join(part for line in text.splitlines() for part in fold(line, _room()))
    sys.stderr.write(text + "\n")


def split_remedy(message: str) -> tuple[str, str]:
    """Split an error into the problem and the advice; the advice is "" when the error contains none.

    The advice follows a label ("Try:", "Next step:"), or is a clause that begins with a verb of ``ADVICE``.
    """
    found = re.search(
        rf"[.;:,]?\s+(?:(?:Try|[Nn]ext step|[Rr]un):\s*)(?P<marked>.+)$|[.;:]\s+(?P<told>(?i:{ADVICE})\b.+)$",
        message,
        re.DOTALL,
    )
    if found is None:
        return message, ""
    return message[: found.start()], found["marked"] or found["told"]


def listen(port: int, option: str = "--port") -> socket.socket:
    """Open a listening socket on this port of 127.0.0.1 (0: a free port), before anything is started.

    Raises:
        typer.Exit: the port cannot be used; the error names the port and the option for another port.
    """
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "is taken: another program listens there" if is_taken else f"cannot be listened on ({error.strerror})"
        raise fail(f"port {port} {why}.", remedy=f"{_here()} {option} N, with a free port") from error


def _here() -> str:
    context = click.get_current_context(silent=True)
    return context.command_path if context else "qb-pipeline"


def table(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    *,
    as_json: bool = False,
    title: str = "",
    empty: str = "",
    by: str = "",
) -> None:
    """Print rows: as a table on a terminal, as aligned plain text elsewhere, or as JSON. Amounts are right-aligned.

    On a terminal no value that a person copies is broken over lines: prose folds, and rows that still do not fit are
    written as blocks. With ``by``, consecutive rows with the same value of that column stand under one heading there.
    Elsewhere a row is one line with all its columns, however long, for grep and ``less -S``. ``empty`` is printed when
    there are no rows.
    """
    if as_json:
        say(json.dumps([{name: row[name] for name in columns} for row in rows], default=_plain, indent=2))
        return
    if not rows:
        if empty:
            say(empty)
        return
    if not sys.stdout.isatty():
        _print_table(rows, columns, None, title=title)
    elif not by:
        _print_rows(rows, columns, title=title)
    else:
        rest = [name for name in columns if name != by]
        if title:
            say(title)
        for value, following in itertools.groupby(rows, key=lambda row: row[by]):
            _print_rows(list(following), rest, title=f"{by.replace('_', ' ')} {value}" if value else "")


def _print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, title: str) -> None:
    """Print rows on a terminal: as a table if it fits, else each row as a block."""
    from qb_pipeline.commands.terminal.layout import block, widths

    texts = [{name: _text(row[name]) for name in columns} for row in rows]
    room = _room()
    if (width := widths(texts, columns, room)) is not None:
        _print_table(rows, columns, width, title=title)
        return
    lines = [title] if title else []
    for row in texts:
        lines += ["", *block(row, columns, room)]
    sys.stdout.write("\n".join([*lines, "", ""]))
    sys.stdout.flush()


def _print_table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], width: Mapping[str, int] | None, *, title: str
) -> None:
    import rich.box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from qb_pipeline.commands.terminal.layout import PROSE, fold

    terminal = Console(soft_wrap=False, width=WIDEST if width is None else _room())
    if title:
        say(title)  # a table's own title would be folded to the width of the table
    shown = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        said = [row[name] for row in rows if row[name] not in (None, "")]
        numeric = bool(said) and all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in said)
        shown.add_column(
            name.replace("_", " "), justify="right" if numeric else "left", overflow="fold",
            width=width[name] if width else None,
        )  # fmt: skip
    for row in rows:
        cells = [
            "\n".join(fold(_text(row[name]), width[name])) if width and name in PROSE else _text(row[name])
            for name in columns
        ]
        shown.add_row(*map(escape, cells), style=STYLES.get(str(row.get("verdict", ""))))
    terminal.print(shown)


def _room() -> int:
    return shutil.get_terminal_size().columns


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return re.sub(r"[\r\n\t]+", " ", str(value))


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


@contextmanager
def working() -> Iterator[tuple["Config", "Services", "Deployment"]]:
    """Start the services, set the environment for Dagster, and yield the settings, the services and the deployment.

    Errors that a person can mend end the command with exit code 1 and their message. A configured database that is not
    up to date is such an error; an embedded database is upgraded.
    """
    from qb_pipeline import config
    from qb_pipeline.embedded import services

    with errors():
        settings = config.load()
        with services.use(settings) as found:
            from qb_pipeline import database
            from qb_pipeline.defs.resources import open_deployment
            from qb_pipeline.ledger.setup import schema

            set_environment(found)
            deployment = open_deployment(settings, found)
            if not schema.is_current(database.engine(found.database_url)):
                if settings.database_url:
                    raise fail("the pipeline's database is not up to date. Try: qb-pipeline db upgrade")
                schema.upgrade(database.engine(found.database_url), now=deployment.clock())
            yield settings, found, deployment


@contextmanager
def errors() -> Iterator[None]:
    """Turn errors that a person can mend into a message and exit code 1."""
    import sqlalchemy.exc

    from qb_pipeline.billing.errors import BillingError
    from qb_pipeline.config import ConfigurationError
    from qb_pipeline.core.words import NotNamedError
    from qb_pipeline.embedded import EmbeddedError
    from qb_pipeline.ledger.books.resolutions import MovedError
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.sync.failures import FIRM_ERRORS
    from qb_pipeline.sync.people.resolve import AnswerRefusedError
    from qb_pipeline.web.callback import ConsentError

    try:
        yield
    except (
        *FIRM_ERRORS, AnswerRefusedError, ConfigurationError, ConsentError, EmbeddedError, MovedError, NotNamedError,
        ValueError,
    ) as error:  # fmt: skip
        from_outside = isinstance(error, QuickBooksError | BillingError | EmbeddedError)
        raise fail(_with_advice(str(error)) if from_outside else str(error)) from error
    except sqlalchemy.exc.OperationalError as error:
        raise fail(f"a database cannot be used: {str(error.orig).strip()} Try: qb-pipeline doctor") from error


def _with_advice(message: str) -> str:
    """Return a message with advice: one without advice gets the command that checks every part (``doctor``)."""
    if re.search(r"Try:|Next step:|qb-pipeline |[Rr]un:", message):
        return message
    return f"{message.rstrip('. ')}. Try: qb-pipeline doctor"


def set_environment(found: "Services") -> None:
    """Set the variables by which Dagster, in this process and its children, finds the databases, the emulator and its
    home."""
    from qb_pipeline.config import API_URL, DAGSTER_SWITCHES, PROJECT
    from qb_pipeline.database import with_driver

    for name, url in found.environment().items():
        os.environ[name] = with_driver(url)
    if found.emulator_url:
        os.environ[API_URL] = found.emulator_url
    for name, value in DAGSTER_SWITCHES.items():
        os.environ.setdefault(name, value)
    if "DAGSTER_HOME" not in os.environ:
        home = found.home / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        link = home / "dagster.yaml"
        if not link.exists():
            link.unlink(missing_ok=True)  # the link is broken: the project was moved
            with suppress(FileExistsError):  # another command was faster
                link.symlink_to(PROJECT / "dagster.yaml")
        os.environ["DAGSTER_HOME"] = str(home)
