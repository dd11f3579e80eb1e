"""The command line: one door, whose rooms are ``commands``."""

import typer

from qb_pipeline.commands import (
    adopt,
    demo,
    documents,
    firms,
    mapping,
    plan,
    pull,
    reconcile,
    recovery,
    services,
    sync,
)

app = typer.Typer(
    name="qb-pipeline",
    help="Keeps a law firm's billing database and QuickBooks Online in step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback may show a client's data; errors that a person can mend are caught
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
