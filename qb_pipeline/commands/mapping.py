"""The mapping utility: ``mapping export``, ``suggest``, ``import``."""

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qb_pipeline.commands.terminal.console import FAILED, USAGE, As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.sync.mapping.csv_file import Row

app = typer.Typer(
    help="Map payers, fee items, methods, terms to QuickBooks.", no_args_is_help=True, suggest_commands=False
)

File = Annotated[Path, typer.Argument(metavar="FILE.csv", dir_okay=False)]

HOW_TO_SAVE = "save the sheet as CSV in UTF-8, or begin again: qb-pipeline mapping export KEY FILE.csv"

COLUMNS = ("kind", "billing_id", "billing_name", "quickbooks_id", "quickbooks_name")


@app.command("export")
def export_file(key: Firm, file: File, actor: As = "") -> None:
    """Write everything that can be mapped, and the income accounts, to a CSV file, to be filled in and imported."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping.csv_file import list_income_accounts, read_rows

    with working() as (_, _, deployment):
        with deployment.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as session:
            rows = read_rows(session)
            accounts = list_income_accounts(session)
        write_file(file, [*rows, *accounts])
        mapped = sum(bool(row.quickbooks_id) for row in rows)
        say(f"{len(rows)} rows, {mapped} of them mapped, are in {file}. Next step: qb-pipeline mapping suggest {key}")


@app.command()
def suggest(
    key: Firm,
    file: Annotated[Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write them to a file too.")] = None,
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Suggest what the unmapped may be in QuickBooks, and list the income accounts. None is applied."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping.csv_file import list_income_accounts, suggest_rows

    with working() as (_, _, deployment):
        with deployment.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as session:
            rows = suggest_rows(session)
            accounts = list_income_accounts(session)
        if file is not None:
            write_file(file, [*rows, *accounts])
        if as_json:
            table([asdict(row) for row in [*rows, *accounts]], [*COLUMNS, "score"], as_json=True)
            return
        table(
            [asdict(row) for row in rows],
            [*COLUMNS, "score"],
            empty="Nothing is left to map, or QuickBooks has no name that is near.",
        )
        if rows:
            say(f"Look at each, keep what is right in a CSV file, then: qb-pipeline mapping import {key} FILE.csv")
        table(
            [{"Id": row.quickbooks_id, "account": row.quickbooks_name, "now": row.origin} for row in accounts],
            ["Id", "account", "now"],
            title="Accounts that fit income_account",
            empty="No account of the company fits income_account: it wants one of type Income or Other Income.",
        )
        if accounts:
            say(f"Choose one by Id or name: qb-pipeline firm set {key} income_account=NAME")


@app.command("import")
def import_file(key: Firm, file: File, as_json: Json = False, actor: As = "") -> None:
    """Store the mappings of a CSV file; all of them, or none when a row is wrong."""
    from qb_pipeline.core.mapping.mapping_targets import INCOME_ACCOUNT
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping.csv_file import import_rows
    from qb_pipeline.sync.verify.preflight import examine_deposits

    with working() as (_, _, deployment):
        deployment.firms.get(key)
        rows = read_file(file)
        with deployment.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as session:
            errors = import_rows(session, rows)
            has_accounts = any(row.kind == "deposit_account" and row.quickbooks_id for row in rows)
            findings = examine_deposits(session) if has_accounts and not errors else []
        if errors or as_json:
            table([asdict(error) for error in errors], ["line", "reason", "remedy"], as_json=as_json)
        if errors:
            raise typer.Exit(FAILED) if as_json else fail(f"{len(errors)} rows of {file} are wrong; nothing was stored")
        firm = deployment.firms.mapped(key, actor=who(actor), now=deployment.clock())
        stored = sum(bool(row.quickbooks_id) and row.kind != INCOME_ACCOUNT for row in rows)
        if as_json:
            return
        for finding in findings:
            say(str(finding))
        say(f"{stored} mappings are stored. Next step: {firm.next_step or f'qb-pipeline sync {key}'}")


def write_file(file: Path, rows: "Sequence[Row]") -> None:
    """Write rows so that no spreadsheet computes a cell; the file appears whole or not at all."""
    from qb_pipeline.core.csv_cells import to_cell

    draft = file.with_name(file.name + ".new")
    try:
        with draft.open("w", newline="", encoding="utf-8") as output:
            writer = csv.writer(output)
            writer.writerow(COLUMNS)
            for row in rows:
                writer.writerow([to_cell(str(getattr(row, name))) for name in COLUMNS])
        os.replace(draft, file)
    except OSError as error:
        raise fail(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error


def read_file(file: Path) -> "list[Row]":
    """Read a CSV file; ends the command with exit code 2 when one of our columns is missing."""
    from qb_pipeline.core.csv_cells import from_cell
    from qb_pipeline.sync.mapping.csv_file import Row

    try:
        with file.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.DictReader(source)
            missing = ", ".join(sorted({"kind", "billing_id", "quickbooks_id"} - set(reader.fieldnames or [])))
            if missing:
                raise fail(f"{file} has no column {missing}. Try: qb-pipeline mapping export KEY FILE.csv", code=2)
            return [
                Row(
                    kind=from_cell(line["kind"] or "").strip(),
                    billing_id=from_cell(line["billing_id"] or "").strip(),
                    billing_name="",
                    quickbooks_id=from_cell(line["quickbooks_id"] or "").strip(),
                )
                for line in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise fail(f"{file} cannot be read: {why}", remedy=HOW_TO_SAVE, code=USAGE) from error
