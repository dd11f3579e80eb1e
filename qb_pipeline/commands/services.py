"""The commands for services and databases: ``dev``, ``db``, ``billing``, ``emulator``, ``doctor``."""

from typing import TYPE_CHECKING, Annotated

import typer

from qb_pipeline.commands.terminal.console import Json, Port, errors, fail, listen, say, set_environment, table, working

if TYPE_CHECKING:
    from qb_pipeline.embedded.services import Services

database_app = typer.Typer(help="The pipeline's own database.", no_args_is_help=True, suggest_commands=False)
billing_app = typer.Typer(help="The firm's billing database.", no_args_is_help=True, suggest_commands=False)

UI_PORT = 3000


def dev(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Port of the Dagster UI, on this machine only.")
    ] = UI_PORT,
) -> None:
    """Run the services and the Dagster UI until Ctrl-C. Loads no data."""
    listen(port).close()
    with working() as (_, found, _):
        run_dagster(found, port)


def run_dagster(found: "Services", port: int = UI_PORT) -> None:
    """Run the Dagster UI and the one daemon in the foreground, on loopback only, until this process is told to end."""
    from qb_pipeline.commands.processes import dagster_processes
    from qb_pipeline.commands.processes.only_daemon import AnotherDaemonError, only_daemon
    from qb_pipeline.stopping import Told

    def ready() -> None:
        say(f"Dagster UI: http://127.0.0.1:{port}  (Ctrl-C ends it)")

    try:
        with only_daemon(found.dagster_url):
            say(f"Dagster UI: starting on port {port}; its address follows when it answers …")
            dagster_processes.run(found.home, port, ready=ready)
    except Told:
        say("Dagster UI: ended.")
    except (AnotherDaemonError, dagster_processes.DagsterError) as error:
        raise fail(str(error)) from error


@database_app.command("upgrade")
def database_upgrade() -> None:
    """Migrate the pipeline's database and Dagster's to the newest schema. A current database stays unchanged."""
    from datetime import UTC, datetime

    from qb_pipeline import config, database
    from qb_pipeline.defs.launch import upgrade_storage
    from qb_pipeline.embedded import services
    from qb_pipeline.ledger.setup import schema

    with errors(), services.use(config.load()) as found:
        revision = schema.upgrade(database.engine(found.database_url), now=datetime.now(UTC))
        say(f"the pipeline's database is at revision {revision}")
        set_environment(found)
        say(f"Dagster's storage is at revision {upgrade_storage()}")


@database_app.command("check")
def database_check() -> None:
    """Check whether the pipeline's database is current; exit code 1 when it is not."""
    from qb_pipeline import config, database
    from qb_pipeline.embedded import services
    from qb_pipeline.ledger.setup import schema

    with errors(), services.use(config.load()) as found:
        engine = database.engine(found.database_url)
        has, needs = schema.revision(engine) or "none", schema.newest_revision()
        if has != needs:
            raise fail(
                f"the pipeline's database is at revision {has}, this code needs {needs}. Try: qb-pipeline db upgrade"
            )
        if not schema.is_current(engine):
            raise fail("the reporting views are of another release. Try: qb-pipeline db upgrade")
        say(f"current: revision {has}")


@billing_app.command("init")
def billing_init() -> None:
    """Create the reference billing schema in an empty database."""
    from qb_pipeline import config, database
    from qb_pipeline.billing import contract
    from qb_pipeline.embedded import services

    with errors(), services.use(config.load()) as found:
        contract.install(database.engine(found.billing_url))
        say("the reference billing schema is there. Next step: qb-pipeline billing check")


@billing_app.command("guard")
def billing_guard() -> None:
    """Install the Model 2 guard in a billing database of your own: its trigger refuses payments of guarded firms."""
    from qb_pipeline import config, database
    from qb_pipeline.billing import contract
    from qb_pipeline.embedded import services

    with errors(), services.use(config.load()) as found:
        contract.install_guard(database.engine(found.billing_url))
        say("the guard is there; it holds for each firm from its `qb-pipeline firm model KEY 2` on")


@billing_app.command("check")
def billing_check(as_json: Json = False) -> None:
    """Compare the billing database with the contract, column by column; exit code 1 when the database breaks it."""
    from qb_pipeline import config, database
    from qb_pipeline.billing import contract
    from qb_pipeline.embedded import services

    with errors(), services.use(config.load()) as found:
        violations = contract.check_contract(database.engine(found.billing_url))
        rows = [
            {"relation": v.relation, "column": v.column, "problem": v.problem, "remedy": v.remedy} for v in violations
        ]
        table(rows, ["relation", "column", "problem", "remedy"], as_json=as_json, empty="The contract is met.")
        if violations:
            raise typer.Exit(1)


def emulator(
    port: Port = 8780,
    state: Annotated[str, typer.Option(metavar="FILE", help="Keep the companies in this file.")] = "",
) -> None:
    """Run the local QuickBooks by itself, until Ctrl-C."""
    from pathlib import Path

    from qb_pipeline.emulator.serving.app import make_state, serve
    from qb_pipeline.stopping import Told

    with listen(port) as listener:
        try:
            companies = make_state(Path(state) if state else None, None)
        except (OSError, ValueError) as error:
            raise fail(f"{state} cannot be used: {error}", remedy="name another file with --state") from error
        try:
            serve(companies, listener=listener)
        except Told:
            return


def doctor(as_json: Json = False) -> None:
    """Check every part and show a remedy for each fault; exit code 1 when a part is broken."""
    from qb_pipeline.commands.checkup import examine

    with errors():
        findings = list(examine())
    rows = [{"part": f.part, "verdict": f.verdict, "found": f.found, "remedy": f.remedy} for f in findings]
    table(rows, ["part", "verdict", "found", "remedy"], as_json=as_json)
    bad = [finding for finding in findings if finding.verdict != "ok"]
    if not as_json:  # only the faulty parts, once more at the end, where a person looks first
        for finding in sorted(bad, key=lambda each: each.verdict):
            say(f"{finding.verdict}: {finding.part}: {finding.found}\n  {finding.remedy}")
        say("" if bad else "Everything is in order.")
    if any(finding.verdict == "broken" for finding in bad):
        raise typer.Exit(1)
