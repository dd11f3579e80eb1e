"""The program that writes some pages of ``docs/`` from code and SQL: ``python docs/write_pages.py``. A test compares
them."""

import ast
import inspect
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.billing import contract
from qb_pipeline.billing.contract import CONTRACT
from qb_pipeline.core import states
from qb_pipeline.core.states import MOVES, Event, State
from qb_pipeline.database import with_driver
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.embedded.homes import temporary_home

DOCS = Path(__file__).parent

DESCRIBED = sa.text("""
select c.relname as relation, coalesce(obj_description(c.oid, 'pg_class'), '') as about, a.attname as "column",
       replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz') as type,
       coalesce(col_description(c.oid, a.attnum), '') as meaning
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = cast(:schema as regnamespace) and c.relkind in ('r', 'v')
order by c.relname, a.attnum
""")


def meanings(enumeration: type) -> dict[str, str]:
    """Return the sentence below each member of an enumeration of ``core.states``, keyed by value; "" for no
    sentence."""
    [body] = [
        node.body
        for node in ast.parse(inspect.getsource(states)).body
        if isinstance(node, ast.ClassDef) and node.name == enumeration.__name__
    ]
    found: dict[str, str] = {}
    value = ""
    for node in body:
        if isinstance(node, ast.Assign):
            value = str(ast.literal_eval(node.value))
            found[value] = ""
        elif isinstance(node, ast.Expr) and value:
            found[value] = str(ast.literal_eval(node.value))
    return found


def states_page() -> str:
    """Return the page about the states of a document and the moves between them, as a diagram and as tables."""
    edges: dict[tuple[str, str], list[str]] = {}
    for move in sorted(MOVES, key=lambda move: (move.before or "", move.after, move.event)):
        edges.setdefault((move.before or "[*]", move.after), []).append(move.event.replace("_", " "))
    events = []
    for event, meaning in meanings(Event).items():
        moves = [move for move in MOVES if move.event == event]
        events.append(f"| {event.replace('_', ' ')} | {meaning} | {_list(moves, 'before')} | {_list(moves, 'after')} |")
    return "\n".join(
        [
            "# States of a document",
            "",
            "`docs/write_pages.py` writes this page from `qb_pipeline/core/states.py`. Staying in a state is no move.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            *(f"    {before} --> {after}: {', '.join(said)}" for (before, after), said in edges.items()),
            "```",
            "",
            "| State | What it says |",
            "|---|---|",
            *(f"| `{state}` | {meaning} |" for state, meaning in meanings(State).items()),
            "",
            "| Event | What happens | From | To |",
            "|---|---|---|---|",
            *events,
            "",
        ]
    )


def _list(moves: list[states.Move], side: str) -> str:
    found = {getattr(move, side) for move in moves}
    ordered = (["not listed"] if None in found else []) + [f"`{state}`" for state in State if state in found]
    return ", ".join(ordered)


def views_page(engine: sa.Engine) -> str:
    """Return the page about the views that analysts read, from the comments of the database."""
    sections = []
    index = []
    for view, rows in described(engine, "reporting").items():
        about, grain = rows[0].about.split(" Grain: ", 1)
        index.append(f"| [`{view}`](#reporting{view}) | {about} |")
        sections += [
            f"## `reporting.{view}`",
            "",
            f"{about} Grain: {grain}",
            "",
            "| Column | Type | Meaning |",
            "|---|---|---|",
            *(f"| `{row.column}` | {row.type} | {_cell(row.meaning)} |" for row in rows),
            "",
        ]
    for path in schema.function_files():
        described_as, columns = schema.describe_function(path)
        about, grain = described_as.split(" Grain: ", 1)
        index.append(f"| [`{path.stem}(day)`](#reporting{path.stem}) | {about} |")
        sections += [
            f"## `reporting.{path.stem}`",
            "",
            f"A function: `reporting.{path.stem}('2026-03-31')` stands in place of a view. {about} Grain: {grain}",
            "",
            "| Column | Type | Meaning |",
            "|---|---|---|",
            *(f"| `{column}` | {type_} | {_cell(meaning)} |" for column, type_, meaning in columns),
            "",
        ]
    return "\n".join(
        [
            "# Reporting views",
            "",
            "`docs/write_pages.py` writes this page from the comments in the database (`\\d+`, `\\df+` in psql); they",
            "stand in `sql/reporting/`. Who may read, and as of when: [interfaces.md](interfaces.md#reporting-views).",
            "",
            "| View | Answers |",
            "|---|---|",
            *index,
            "",
            *sections,
        ]
    )


def billing_page(engine: sa.Engine) -> str:
    """Return the page about the relations that the pipeline reads from billing, from the contract and the database's
    comments."""
    sections = []
    found = described(engine, contract.SCHEMA)
    for relation, wanted in CONTRACT.items():
        keys = [("Key", wanted.key), *(("Unique", columns) for columns in wanted.unique)]
        sections += [
            f"## `billing.{relation}`",
            "",
            " ".join([f"{found[relation][0].about}.", *(f"{word}: {_code(columns)}." for word, columns in keys)]),
            "",
            "| Column | Type | May be null | Meaning |",
            "|---|---|---|---|",
        ]
        for row in found[relation]:
            type_ = contract.WANTED[wanted.columns[row.column]]
            null = "no" if row.column in (*wanted.key, *wanted.required) else "yes"
            values = wanted.values.get(row.column, ())
            meaning = _cell(row.meaning) + (f". One of {_code(values)}" if values else "")
            sections.append(f"| `{row.column}` | {type_} | {null} | {meaning} |")
        sections.append("")
    return "\n".join(
        [
            "# Billing contract",
            "",
            "`docs/write_pages.py` writes this page from `qb_pipeline/billing/contract.py` and the comments in",
            "`sql/billing/`. What may stand behind these names, and when rows must move:",
            "[interfaces.md](interfaces.md#billing-contract), [billing-database.md](billing-database.md).",
            "",
            *sections,
        ]
    )


def described(engine: sa.Engine, schema_name: str) -> dict[str, list[sa.Row[tuple[str, ...]]]]:
    """Return the columns of each relation of a schema with type and comment, keyed by relation, in the database's
    order."""
    with engine.connect() as connection:
        rows = connection.execute(DESCRIBED, {"schema": schema_name}).all()
    return {relation: list(of_it) for relation, of_it in groupby(rows, key=lambda row: row.relation)}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def pages(engine: sa.Engine) -> dict[str, str]:
    """Return the text of each page, keyed by file name.

    The database has the pipeline's newest schema and the reference schema of billing.
    """
    return {
        "billing-contract.md": billing_page(engine),
        "states.md": states_page(),
        "views.md": views_page(engine),
    }


def promises(page: str) -> set[str]:
    """Return the names at the beginning of the rows of a page's tables, each behind the heading above it."""
    found = set()
    heading = ""
    for line in page.splitlines():
        heading = line.lstrip("# ") if line.startswith("#") else heading
        if name := re.match(r"\| \[?(`\w+`)", line):
            found.add(f"{heading}: {name[1]}")
    return found


def broken_promises(before: dict[str, str], after: dict[str, str]) -> Iterable[str]:
    """Yield the names that a page has in ``before`` and no longer has in ``after``."""
    for name, text in before.items():
        yield from (f"{name}: {promise}" for promise in sorted(promises(text) - promises(after[name])))


def main() -> None:
    """Write all pages, from a database that is made for them. When a name would vanish, write none and end with an
    error."""
    with temporary_home() as home, postgres.temporary_server(home) as url:
        engine = sa.create_engine(with_driver(url))
        schema.upgrade(engine, now=datetime.now(UTC))
        contract.install(engine)
        after = pages(engine)
        engine.dispose()
    before = {name: (DOCS / name).read_text() for name in after if (DOCS / name).exists()}
    if gone := list(broken_promises(before, after)):
        raise SystemExit("\n".join(["Names are promises. If these may go, take their rows out first:", *gone]))
    for name, text in after.items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
