"""How commands print and end: tables for people, JSON for programs, exit codes, errors that say what to try."""

import getpass
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qb_pipeline.config import Config
    from qb_pipeline.embedded.services import Services
    from qb_pipeline.sync.companies import Companies

DONE, FAILED, USAGE, HELD = 0, 1, 2, 3
WIDEST = 2_000
STYLES = {"broken": "red", "warning": "yellow"}

As = Annotated[str, typer.Option("--as", metavar="USER", help="Who you are, for the audit. Default: your system user.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Firm = Annotated[str, typer.Argument(metavar="KEY", help="The firm's key: billing's firm_id.")]


def who(actor: str) -> str:
    """The acting person: ``--as``, else the operating system's user."""
    return actor or getpass.getuser()


def say(text: str = "") -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(message: str, *, code: int = FAILED) -> typer.Exit:
    """Print an error; the caller raises what comes back."""
    sys.stderr.write(f"Error: {message}\n")
    return typer.Exit(code)


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool = False,
    title: str = "",
    empty: str = "",
) -> None:
    """Print rows: a table on a terminal, aligned plain text elsewhere, or JSON. Amounts are right-aligned."""
    if as_json:
        say(json.dumps([{name: row[name] for name in columns} for row in rows], default=_plain, indent=2))
        return
    if not rows:
        if empty:
            say(empty)
        return
    import rich.box
    from rich.console import Console
    from rich.table import Table

    # Elsewhere than on a terminal a row is a line, however long: for grep and for less -S.
    terminal = Console(soft_wrap=False, width=None if sys.stdout.isatty() else WIDEST)
    shown = Table(title=title or None, title_justify="left", box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        said = [row[name] for row in rows if row[name] not in (None, "")]
        numeric = bool(said) and all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in said)
        shown.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_text(row[name]) for name in columns), style=STYLES.get(str(row.get("verdict", ""))))
    terminal.print(shown)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    from rich.markup import escape

    return escape(str(value))


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


@contextmanager
def working() -> Iterator[tuple["Config", "Services", "Companies"]]:
    """Have the services up, the environment set for Dagster, and the companies at hand.

    Errors that a person can mend end the command with exit code 1 and their message.
    """
    from qb_pipeline import config
    from qb_pipeline.embedded import services

    with errors():
        settings = config.load()
        with services.use(settings) as found:
            from qb_pipeline import database
            from qb_pipeline.defs.resources import open_companies
            from qb_pipeline.ledger import schema

            set_environment(found)
            companies = open_companies(settings, found)
            if not schema.is_current(database.engine(found.database_url)):
                if settings.database_url:
                    raise fail("the pipeline's database is not up to date. Try: qb-pipeline db upgrade")
                schema.upgrade(database.engine(found.database_url), now=companies.clock())
            yield settings, found, companies


@contextmanager
def errors() -> Iterator[None]:
    """Turn errors that a person can mend into a message and exit code 1."""
    import sqlalchemy.exc

    from qb_pipeline.billing.errors import BillingError
    from qb_pipeline.config import ConfigurationError
    from qb_pipeline.embedded import EmbeddedError
    from qb_pipeline.ledger.resolutions import MovedError
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.sync.evidence import NotNamedError
    from qb_pipeline.sync.resolve import AnswerRefusedError
    from qb_pipeline.sync.run import FIRM_ERRORS
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
    """An error ends with what to try: its own advice, or the command that looks at every part."""
    if re.search(r"Try:|Next step:|qb-pipeline |[Rr]un:", message):
        return message
    return f"{message.rstrip('. ')}. Try: qb-pipeline doctor"


def set_environment(found: "Services") -> None:
    """Let Dagster in this process and its children find the databases, the emulator and its own home."""
    from qb_pipeline.config import API_URL, PROJECT
    from qb_pipeline.database import with_driver

    for name, url in found.environment().items():
        os.environ[name] = with_driver(url)
    if found.emulator_url:
        os.environ[API_URL] = found.emulator_url
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")  # a range of a year: 7 s per asset instead of 15
    if "DAGSTER_HOME" not in os.environ:
        home = found.home / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        link = home / "dagster.yaml"
        if not link.exists():
            link.unlink(missing_ok=True)  # it leads nowhere: the project was moved
            with suppress(FileExistsError):  # another command was faster
                link.symlink_to(PROJECT / "dagster.yaml")
        os.environ["DAGSTER_HOME"] = str(home)
