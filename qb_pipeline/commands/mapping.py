"""The mapping utility: ``mapping export``, ``suggest``, ``import``."""

import csv
import os
from collections.abc import Mapping, Sequence
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

TELLING_APART = ("score", "why", "differs", "email", "city", "open_balance", "last_invoice", "taken_by")
SUGGESTED = (*COLUMNS, *TELLING_APART)
TARGET = {"quickbooks_id": "", "quickbooks_name": ""}
TO_JUDGE = (*(f"suggested_{name}" for name in TARGET), *TELLING_APART)
"""The columns of a file of suggestions that an exported file does not have."""


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
    """Suggest QuickBooks objects for everything that is not mapped, and list the income accounts. Applies nothing."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping.csv_file import list_income_accounts
    from qb_pipeline.sync.mapping.suggestions import suggest_rows

    with working() as (_, _, deployment):
        with deployment.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as session:
            found = suggest_rows(session)
            accounts = list_income_accounts(session)
        rows = [asdict(row) for row in found]
        listed = [dict.fromkeys(TELLING_APART) | asdict(row) for row in accounts]
        if file is not None:
            # Suggestions have columns of their own, so that a file which nobody has checked maps nothing.
            suggested = [row | {f"suggested_{name}": row[name] for name in TARGET} | TARGET for row in rows]
            _write(file, [*COLUMNS, *TO_JUDGE], [*suggested, *listed])
        if as_json:
            table([*rows, *listed], SUGGESTED, as_json=True)
            return
        print_suggested(rows, empty="Nothing is left to map, or QuickBooks has no name that is near.")
        if rows:
            say(
                "Look at each. Write the Id of what is right in the column quickbooks_id of a CSV file (export, or "
                f"suggest --csv), then: qb-pipeline mapping import {key} FILE.csv"
            )
        table(
            [{"Id": row.quickbooks_id, "account": row.quickbooks_name, "now": row.origin} for row in accounts],
            ["Id", "account", "now"],
            title="Accounts that fit income_account",
            empty="No account of the company fits income_account: it wants one of type Income or Other Income.",
        )
        if accounts:
            say(f"Choose one by Id or name: qb-pipeline firm set {key} income_account=NAME")


def print_suggested(rows: Sequence[Mapping[str, object]], *, title: str = "", empty: str = "") -> None:
    """Print suggestions. Leave out each column beyond ``COLUMNS`` that is empty in every row."""
    said = [name for name in SUGGESTED if name in COLUMNS or any(row[name] not in (None, "") for row in rows)]
    table(rows, said, title=title, empty=empty)


@app.command("import")
def import_file(key: Firm, file: File, as_json: Json = False, actor: As = "") -> None:
    """Store the mappings of a CSV file; all of them, or none when a row is wrong. For a payer, the word new may replace
    the Id."""
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
        new = sum(row.is_new for row in rows)
        stored = sum(bool(row.quickbooks_id) and row.kind != INCOME_ACCOUNT for row in rows) - new
        if as_json:
            return
        for finding in findings:
            say(str(finding))
        told = f"{stored} mappings are stored" + (f", {new} payers are new clients" if new else "")
        say(f"{told}. Next step: {firm.next_step or f'qb-pipeline sync {key}'}")


def write_file(file: Path, rows: "Sequence[Row]") -> None:
    """Write rows to a CSV file of which no spreadsheet computes a cell. The file appears whole or not at all."""
    _write(file, COLUMNS, [asdict(row) for row in rows])


def _write(file: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    from qb_pipeline.core.csv_cells import to_cell

    draft = file.with_name(file.name + ".new")
    try:
        with draft.open("w", newline="", encoding="utf-8") as output:
            writer = csv.writer(output)
            writer.writerow(columns)
            for row in rows:
                values = (row.get(name) for name in columns)
                writer.writerow(["" if value is None else to_cell(str(value)) for value in values])
        os.replace(draft, file)
    except OSError as error:
        raise fail(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error


def read_file(file: Path) -> "list[Row]":
    """Read a CSV file. A file that cannot be read or lacks one of our columns ends the command with exit code 2."""
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
