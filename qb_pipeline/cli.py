"""The command line: one entry point for the commands in ``commands``."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from qb_pipeline import stopping
from qb_pipeline.commands import adopt, demo, documents, firms, mapping, plan, pull, reconcile, recovery, services, sync
from qb_pipeline.commands.terminal import console

SIGNALLED = 128
"""The exit code of a command that a signal ended is this number plus the signal's number, as in shells."""


class Door(TyperGroup):
    """The group of all commands, which shows a usage error as every other error is shown.

    That is one line, or one JSON document with ``--json``.
    """

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run a command and end with its exit code."""
        args = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in args
        try:
            with stopping.told_by_signals():
                sys.exit(super().main(args, *more, **{**options, "standalone_mode": False}) or 0)
        except stopping.Told as told:
            message = f"the command was told to end ({told}): the work in progress is recorded, no new work was begun."
            console.show_error(message, "run it again", as_json=as_json)
            sys.exit(SIGNALLED + told.number)
        except click.exceptions.NoArgsIsHelpError as error:
            error.ctx.get_help()  # typer prints it
            sys.exit(error.exit_code)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "qb-pipeline"
            message, remedy = error.format_message(), f"{path} --help"
            if isinstance(error, click.exceptions.NoSuchCommand):
                message = f"there is no command {error.command_name!r}."
                remedy = f"{path} {error.possibilities[0]}" if error.possibilities else remedy
            console.show_error(message, remedy, as_json=as_json)
            sys.exit(console.USAGE)
        except click.Abort:
            console.show_error(
                "nobody answered the question; nothing was changed.", "answer it on a terminal", as_json=as_json
            )
            sys.exit(console.FAILED)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        console.say(f"qb-pipeline {version('qb-pipeline')}")
        raise typer.Exit


app = typer.Typer(
    name="qb-pipeline",
    cls=Door,
    suggest_commands=False,  # click suggests instead: one command for each misspelt one
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback may show a client's data; errors that a person can mend are caught
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Keeps a law firm's billing database and QuickBooks Online in step."""


app.command()(demo.demo)
app.command()(services.dev)
services.database_app.command("reconcile-first")(recovery.reconcile_first)
app.add_typer(services.database_app, name="db")
app.add_typer(services.billing_app, name="billing")
app.add_typer(firms.app, name="firm")
app.add_typer(mapping.app, name="mapping")
app.command()(firms.connect)
app.command()(firms.disconnect)
app.command("list")(sync.list_documents)
app.command()(plan.plan)
app.command()(sync.sync)
app.command()(pull.pull)
app.command()(pull.webhook)
app.command()(sync.census)
app.command()(sync.log)
app.command()(documents.show)
app.command()(documents.resolve)
app.command()(adopt.adopt)
app.command()(reconcile.reconcile)
app.command()(services.emulator)
app.command()(services.doctor)


def main() -> None:
    """Run a command."""
    app()


if __name__ == "__main__":
    main()
