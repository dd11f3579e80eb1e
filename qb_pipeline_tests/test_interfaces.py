"""``docs/interfaces.md`` names what people and programs hold on to: all of it, and nothing that is not there.

The columns of views and of the billing contract stand on pages of their own, which ``docs/write_pages.py`` writes.
A name that is in the code and not on the page, or the other way round, fails; the message shows the row to write, or
says which one to take out. What later versions bring stands under "Not there yet", and must not be there.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, time

import pytest
import sqlalchemy as sa

from qb_pipeline import config
from qb_pipeline.billing.contract import CONTRACT, WANTED
from qb_pipeline.config import PROJECT
from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.definitions import defs
from qb_pipeline.defs import assets, checks
from qb_pipeline.defs.partitions import build_date_by_firm, range_tags
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.commands.typed import app, console, typer_main
from qb_pipeline_tests.conftest import NOON
from qb_pipeline_tests.test_cli import every_command

PAGE = PROJECT / "docs" / "interfaces.md"

PROMISED_COMMANDS = (
    "demo", "dev", "db upgrade", "db check", "billing init", "billing check", "firm add", "firm list", "firm show",
    "firm subscribe", "firm model", "firm activate", "firm set", "firm pause", "firm resume", "connect", "disconnect",
    "mapping export", "mapping suggest", "mapping import", "list", "plan", "sync", "pull", "log", "show", "resolve",
    "adopt", "webhook", "reconcile", "emulator", "doctor",
)  # fmt: skip
PROMISED_VIEWS = (
    "firm_status", "unsynced_invoices", "unsynced_payments", "held_documents", "sync_log", "enter_by_hand",
    "invoice_reconciliation", "payment_reconciliation", "customer_receivables", "daily_control_totals",
    "recent_quickbooks_payments", "drift", "field_mapping",
)  # fmt: skip
PROMISED_IN_DAGSTER = (
    "sync", "pull_payments", "reconcile", "daily_sync", "sync_again", "auto_sync_payments", "received_payments",
    "alert_on_failure",
)  # fmt: skip


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its rank."""
    rank = heading.split(" ", maxsplit=1)[0]
    text = PAGE.read_text()
    assert f"\n{heading}\n" in text, f"{PAGE.name} has no heading {heading!r}: write it"
    rest = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^{rank} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    table = section(heading).split("\n| ", 1)[1].split("\n\n", 1)[0]
    lines = [f"| {line}" if not line.startswith("|") else line for line in table.splitlines()]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines[2:]]


def code(cell: str) -> list[str]:
    """What a cell writes in code type."""
    return re.findall(r"`([^`]+)`", cell)


def columns_of(page: str) -> dict[str, dict[str, list[str]]]:
    """The relations that a page describes: each column with the other cells of its row."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in (PAGE.parent / page).read_text().splitlines():
        if heading := re.fullmatch(r"## `(\w+\.\w+)`", line):
            columns = found.setdefault(heading[1], {})
        elif found and (row := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line)):
            columns[row[1]] = row[2].split(" | ")
    return found


def compare(heading: str, on_page: set[str], in_code: set[str], *, page: str = PAGE.name) -> None:
    """Fail with what to write and what to take out."""
    missing, gone = sorted(in_code - on_page), sorted(on_page - in_code)
    advice = [f"under {heading!r} in docs/{page}"]
    advice += [f"  write:    {name}" for name in missing]
    advice += [f"  take out: {name} (the code has none; names are promises: is that meant?)" for name in gone]
    if missing or gone:
        pytest.fail("\n".join(advice), pytrace=False)


def not_there_yet() -> set[str]:
    table = rows("## Not there yet") if "\n| " in section("## Not there yet") else []
    return {name for row in table for name in code(row[0])}


# Commands


def options_of(command: str) -> set[str]:
    found = typer_main.get_command(app)
    for word in command.split():
        found = found.commands[word]  # type: ignore[attr-defined]
    return {
        option for parameter in found.params if parameter.name != "help"
        for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("-")
    }  # fmt: skip


def arguments_of(command: str) -> list[str]:
    found = typer_main.get_command(app)
    for word in command.split():
        found = found.commands[word]  # type: ignore[attr-defined]
    return [parameter.metavar or "" for parameter in found.params if parameter.param_type_name == "argument"]


def documented_commands() -> dict[str, tuple[str, set[str]]]:
    """Command to how it is written and its options."""
    found = {}
    for name, options, _does in rows("## Commands"):
        [written] = code(name)
        words = [word for word in re.split(r"[ \\|]+", written) if re.fullmatch("[a-z]+(-[a-z]+)*", word)]
        found[" ".join(words)] = (written, {option.split()[0] for option in code(options)})
    return found


def test_every_command_is_on_the_page() -> None:
    compare("## Commands", set(documented_commands()), set(every_command()))


@pytest.mark.parametrize("command", every_command())
def test_every_option_of_a_command_is_on_the_page(command: str) -> None:
    written, options = documented_commands()[command]

    compare(f"## Commands: {command}", options, options_of(command))
    assert written == " ".join([command, *arguments_of(command)]).replace("|", "\\|")


def test_exit_codes_are_those_of_the_page() -> None:
    assert [code(row[0])[0] for row in rows("### Exit codes")] == [
        str(number) for number in (console.DONE, console.FAILED, console.USAGE, console.HELD)
    ]


def test_every_environment_variable_is_on_the_page() -> None:
    sources = [path for path in (PROJECT / "qb_pipeline").rglob("*.py") if "emulator" not in path.parts]
    text = "\n".join(path.read_text() for path in sources)
    in_code = set(re.findall(r"\"((?:QB_PIPELINE|QUICKBOOKS)_[A-Z_]+)\"", text)) - {"QUICKBOOKS_OWNED"}

    compare("## Environment", {code(row[0])[0] for row in rows("## Environment")}, in_code)


def test_the_defaults_of_the_environment_are_those_of_the_page() -> None:
    defaults = {code(row[0])[0]: row[2] for row in rows("## Environment")}
    found = config.load({})

    assert defaults[config.FIRST_DATE] == str(found.first_date)
    assert defaults[config.ENVIRONMENT] == f"`{found.environment}`"


# Billing


def test_the_billing_contract_is_that_of_the_page() -> None:
    """Names, types, what may be null, and the values that a column may hold."""
    expected = {
        f"billing.{name}.{column}: {WANTED[family]}, "
        + ("never null" if column in (*relation.key, *relation.required) else "may be null")
        + "".join(f", {value}" for value in relation.values.get(column, ()))
        for name, relation in CONTRACT.items()
        for column, family in relation.columns.items()
    }
    found = {
        f"{relation}.{column}: {type_}, " + {"no": "never null", "yes": "may be null"}[null]
        + "".join(f", {value}" for value in code(meaning.split(". One of ")[1] if ". One of " in meaning else ""))
        for relation, columns in columns_of("billing-contract.md").items()
        for column, (type_, null, meaning) in columns.items()
    }  # fmt: skip

    compare("## `billing.…`", found, expected, page="billing-contract.md")


# Dagster


def test_every_asset_is_on_the_page_with_its_group() -> None:
    expected = {
        f"{spec.key.to_user_string()} ({spec.group_name})"
        for spec in (
            *assets.billing_tables,
            assets.mappings,
            *assets.SYNC_SPECS,
            assets.PULL_SPEC,
            assets.RECONCILE_SPEC,
        )
    }
    found = {f"{code(row[0])[0]} ({row[1]})" for row in rows("### Assets")}

    compare("### Assets", found, expected)


def test_jobs_schedules_sensors_and_checks_are_on_the_page() -> None:
    found = defs()
    jobs = {job.name for job in found.resolve_all_job_defs() if not job.name.startswith("__")}
    expected = {f"job {name}" for name in jobs}
    expected |= {f"schedule {schedule.name}" for schedule in found.schedules or ()}
    expected |= {f"sensor {sensor.name}" for sensor in found.sensors or ()}
    expected |= {f"check {spec.name}" for spec in (*checks.SYNC_CHECKS, *checks.PULL_CHECKS, *checks.RECONCILE_CHECKS)}

    compare(
        "### Jobs, schedules, sensors, checks",
        {f"{row[0]} {code(row[1])[0]}" for row in rows("### Jobs, schedules, sensors, checks")},
        expected,
    )


def test_partitions_run_tags_and_run_config_are_on_the_page() -> None:
    text = section("### Partitions and run configuration")
    tags = {*range_tags("one", NOON.date(), NOON.date()), "firm/KEY", "trigger", "actor", "result"}
    for name in (
        *(f"`{dimension.name}`" for dimension in build_date_by_firm(NOON.date()).partitions_defs),
        *(f"`{tag}`" for tag in tags),
        *(f"`{field}`" for field in ChosenDocuments.model_fields),
        "`resources`", "`chosen`", "`config`",
    ):  # fmt: skip
        assert name in text, f"write {name} under 'Partitions and run configuration' in docs/interfaces.md"


# States, reasons, settings


def test_states_are_those_of_the_page(ledger_engine: sa.Engine) -> None:
    with ledger_engine.connect() as connection:
        definition = connection.exec_driver_sql(
            "select string_agg(pg_get_constraintdef(oid), ' ') from pg_constraint"
            " where conrelid = 'sync.document'::regclass and conname = 'document_state_check'"
        ).scalar_one()

    compare("## States", {code(row[0])[0] for row in rows("## States")}, set(re.findall(r"'(\w+)'", definition)))


def test_every_reason_code_is_on_the_page_in_the_words_of_the_code() -> None:
    expected = {
        f"| `{code_}` | {advice.state} | {advice.sentence} | {advice.remedy} |" for code_, advice in PROBLEMS.items()
    }

    compare("## Reason codes", {f"| {' | '.join(row)} |" for row in rows("## Reason codes")}, expected)


def shown(value: object) -> str:
    """A setting's value as ``firm set`` takes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, datetime) or value is None:
        return "all"
    return str(value)


def test_every_firm_setting_is_on_the_page_with_its_default() -> None:
    expected = {
        f"{setting.name} = {shown(getattr(FirmSettings(), setting.name))}".strip() for setting in fields(FirmSettings)
    }
    found = {f"{code(row[0])[0]} = {' '.join(code(row[2]))}".strip() for row in rows("## Firm settings")}

    compare("## Firm settings", found, expected)


# Reporting


@pytest.fixture
def views(ledger_engine: sa.Engine) -> dict[str, dict[str, str]]:
    """Each view of the real database: its columns and what their comments say."""
    inspector = sa.inspect(ledger_engine)
    return {
        name: {column["name"]: str(column["comment"]) for column in inspector.get_columns(name, "reporting")}
        for name in inspector.get_view_names("reporting")
    }


def test_every_reporting_view_is_on_the_page(views: dict[str, dict[str, str]]) -> None:
    on_page = set(columns_of("views.md"))
    functions = {path.stem for path in schema.function_files()}

    compare("# Reporting views", on_page, {f"reporting.{name}" for name in {*views, *functions}}, page="views.md")


def test_every_function_gives_the_columns_of_the_page(ledger_engine: sa.Engine) -> None:
    on_page = columns_of("views.md")
    with ledger_engine.connect() as connection:
        for path in schema.function_files():
            found = connection.execute(sa.text(f"select * from reporting.{path.stem}('2026-03-31')"))  # noqa: S608

            assert list(found.keys()) == list(on_page[f"reporting.{path.stem}"])


def test_every_view_says_on_the_page_what_it_says_in_the_database(views: dict[str, dict[str, str]]) -> None:
    """Columns, their order and their meaning: the database keeps them as comments."""
    on_page = columns_of("views.md")
    for name, expected in views.items():
        found = [(column, cells[-1]) for column, cells in on_page[f"reporting.{name}"].items()]

        assert found == list(expected.items()), f"reporting.{name}: run python docs/write_pages.py"


# What is promised and not there yet


def test_what_is_promised_is_there_or_stands_under_not_there_yet(
    views: dict[str, dict[str, str]],
) -> None:
    found = defs()
    in_dagster = {job.name for job in found.resolve_all_job_defs()}
    in_dagster |= {schedule.name for schedule in found.schedules or ()} | {s.name for s in found.sensors or ()}

    expected = {f"qb-pipeline {name}" for name in set(PROMISED_COMMANDS) - set(every_command())}
    expected |= {f"reporting.{name}" for name in set(PROMISED_VIEWS) - set(views)}
    expected |= {f"dagster {name}" for name in set(PROMISED_IN_DAGSTER) - in_dagster}
    expected |= {"qb-pipeline sync --plan"} - {f"qb-pipeline sync {option}" for option in options_of("sync")}

    compare("## Not there yet", not_there_yet(), expected)


def lines() -> Iterator[str]:
    yield from PAGE.read_text().splitlines()


def test_the_page_can_be_read() -> None:
    """Every row of a table has as many cells as its head."""
    width = 0
    for line in lines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells == width or not (cells and width), f"a row of another width: {line}"
        width = cells
