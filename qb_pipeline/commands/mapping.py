"""The mapping utility: ``mapping export``, ``suggest``, ``import``."""

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qb_pipeline.commands.console import As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.sync.mapping import Row

app = typer.Typer(help="Map payers, fee items, methods, terms to QuickBooks.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE.csv", dir_okay=False)]

COLUMNS = ("kind", "billing_id", "billing_name", "quickbooks_id", "quickbooks_name")


@app.command("export")
def export_file(key: Firm, file: File, actor: As = "") -> None:
    """Write everything that can be mapped to a CSV file, to be filled in and imported."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping import read_rows

    with working() as (_, _, companies):
        with companies.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as place:
            rows = read_rows(place)
        write_file(file, rows)
        mapped = sum(bool(row.quickbooks_id) for row in rows)
        say(f"{len(rows)} rows, {mapped} of them mapped, are in {file}. Next step: qb-pipeline mapping suggest {key}")


@app.command()
def suggest(
    key: Firm,
    file: Annotated[Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write them to a file too.")] = None,
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Suggest what the unmapped may be in QuickBooks. Suggestions are for your eyes; none is applied."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping import suggest_rows

    with working() as (_, _, companies):
        with companies.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as place:
            rows = suggest_rows(place)
        if file is not None:
            write_file(file, rows)
        table(
            [asdict(row) for row in rows],
            [*COLUMNS, "score"],
            as_json=as_json,
            empty="Nothing is left to map, or QuickBooks has no name that is near.",
        )
        if rows and not as_json:
            say(f"Look at each, keep what is right in a CSV file, then: qb-pipeline mapping import {key} FILE.csv")


@app.command("import")
def import_file(key: Firm, file: File, as_json: Json = False, actor: As = "") -> None:
    """Store the mappings of a CSV file; all of them, or none when a row is wrong."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping import import_rows

    with working() as (_, _, companies):
        rows = read_file(file)
        with companies.open(key, Run("mapping", "cli", who(actor)), setting_up=True) as place:
            errors = import_rows(place, rows)
        if errors or as_json:
            table([asdict(error) for error in errors], ["line", "reason", "remedy"], as_json=as_json)
        if errors:
            raise fail(f"{len(errors)} rows of {file} are wrong; nothing was stored")
        firm = companies.firms.mapped(key, actor=who(actor), now=companies.clock())
        stored = sum(bool(row.quickbooks_id) for row in rows)
        if as_json:
            return
        say(f"{stored} mappings are stored. Next step: {firm.next_step or f'qb-pipeline sync {key}'}")


def write_file(file: Path, rows: "Sequence[Row]") -> None:
    """Write rows so that no spreadsheet computes a cell; the file appears whole or not at all."""
    from qb_pipeline.core.cells import to_cell

    draft = file.with_name(file.name + ".new")
    with draft.open("w", newline="", encoding="utf-8") as output:
        writer = csv.writer(output)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([to_cell(str(getattr(row, name))) for name in COLUMNS])
    os.replace(draft, file)


def read_file(file: Path) -> "list[Row]":
    """Read a CSV file; ends the command with exit code 2 when it is none of ours."""
    from qb_pipeline.core.cells import from_cell
    from qb_pipeline.sync.mapping import Row

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
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file} cannot be read: {error}", code=2) from error
