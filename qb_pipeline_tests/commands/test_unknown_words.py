"""Every command × every word that it takes: one that names nothing, or several, ends with 1 and changes nothing.

``UNKNOWN`` and ``SEVERAL`` are the tables: a command that takes a firm, a document, a run, a plan, a state, a kind or a
reason has a row of that word, or ``test_no_command_is_left_out`` fails. Each row holds with ``--json`` too, where the
command has it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline_tests.commands.typed import Terminal, app, typer_main
from qb_pipeline_tests.law_firm import LawFirm

TAKES = {
    "key": "firm", "document": "document", "invoice": "document", "payment": "document", "run": "run", "plan": "plan",
    "state": "state", "kind": "kind", "reason": "reason",
}  # fmt: skip
"""What each parameter of a command, by its name, names."""


@dataclass(frozen=True)
class Row:
    """A command line in which ``word`` names nothing, or several; what is told, whole or from its beginning."""

    word: str
    parameter: str
    line: str
    says: str

    @property
    def command(self) -> str:
        """The command without its arguments."""
        first, *rest = self.line.split()
        return f"{first} {rest[0]}" if first in ("firm", "mapping", "db") else first

    def __str__(self) -> str:
        return self.line


NO_FIRM = "There is no firm onne. Firms here: one. Next step: qb-pipeline firm add onne --super-user YOUR-NAME"
NO_INVOICE = "N-nowhere names no invoice of one. Try: qb-pipeline list one"
NO_PAYMENT = "nowhere names no payment of one. Try: qb-pipeline list one"
NO_DOCUMENT = "nowhere names no document of one. Try: qb-pipeline list one"
NO_DRAFT = "invoice:draft is a draft in billing. Nothing was sent. Try: issue the invoice in billing"
STATES = "new, waiting, held, sending, unknown, synced, revised, void_pending, voided, refused, closed"
REASONS = "Try one of these. Every reason: " + ", ".join(
    problem for problem, advice in PROBLEMS.items() if advice.state in ("held", "refused")
)

UNKNOWN = [
    *(
        Row("firm", "key", line, NO_FIRM)
        for line in (
            "firm show onne", "firm subscribe onne", "firm model onne 1", "firm activate onne", "firm pause onne",
            "firm resume onne", "firm set onne tax_policy=none", "connect onne --no-browser", "disconnect onne",
            "mapping export onne never.csv", "mapping suggest onne", "mapping import onne mapping.csv", "list onne",
            "plan onne", "sync onne", "pull onne", "census onne", "log onne", "show onne 1", "resolve onne 1 --keep",
            "adopt onne", "reconcile onne", "db reconcile-first onne", "sync onne --invoice N-1",
            "log onne --run x", "reconcile onne --as-of 2026-01-31", "adopt onne --approve",
            "resolve onne --reason REFUSED --retry",
        )
    ),
    Row("firm", "key", "firm add onne --super-user me", "billing has no firm onne. It has: one. Try: look at"),
    Row("document", "invoice", "sync one --invoice N-nowhere", NO_INVOICE),
    Row("document", "payment", "sync one --payment nowhere", NO_PAYMENT),
    Row("document", "invoice", "sync one --invoice N-1 --invoice N-nowhere", NO_INVOICE),
    Row("document", "invoice", "sync one --from 2026-01-01 --invoice N-nowhere", NO_INVOICE),
    Row("document", "invoice", "sync one --invoice draft", NO_DRAFT),
    Row("document", "invoice", "sync one --invoice payment:p", "payment:p is no invoice. Try: name it as payment"),
    Row("document", "payment", "sync one --payment payment:p@2026-01-31", "payment:p@2026-01-31 names no payment"),
    Row("document", "invoice", "sync one --invoice N-10", "N-10 names no invoice of one. Near it: invoice:1 ("),
    Row("document", "invoice", "plan one --invoice N-nowhere", NO_INVOICE),
    Row("document", "payment", "plan one --payment nowhere", NO_PAYMENT),
    Row("document", "invoice", "plan one --invoice draft", NO_DRAFT),
    Row("document", "invoice", "log one --invoice N-nowhere", NO_INVOICE),
    Row("document", "payment", "log one --payment nowhere", NO_PAYMENT),
    Row("document", "document", "show one nowhere", NO_DOCUMENT),
    Row("document", "document", "show one customer:nobody", "customer:nobody names no customer of one."),
    Row("document", "document", "show one draft", "invoice:draft is a draft in billing, so it is not on the work list"),
    Row("document", "document", "resolve one nowhere --keep --as partner", NO_DOCUMENT),
    Row("run", "run", "log one --run nope", "one has no run nope. Try: one of the newest\n"),
    Row("plan", "plan", "sync one --plan nope", "one has no plan nope. Newest plans of one: plan-"),
    Row("state", "state", "list one --state sinced", f"'sinced' is no state. Try: synced. Every state: {STATES}"),
    Row("kind", "kind", "list one --kind bill", "'bill' is no kind. Try one of these. Every kind: invoice, payment"),
    Row("reason", "reason", "resolve one --reason NOSUCH --retry", f"'NOSUCH' is no reason. {REASONS}"),
    Row("reason", "reason", "resolve one --reason refusd --retry", "'refusd' is no reason. Try: REFUSED. Every reason"),
    Row("reason", "reason", "resolve one --reason INVOICE_NOT_SENT --retry", "'INVOICE_NOT_SENT' is no reason. Try"),
]  # fmt: skip

TWICE = "names 2 documents; say which:\n  {}"
SEVERAL = [
    Row("document", "invoice", "sync one --invoice same", "same " + TWICE.format("invoice:a")),
    Row("document", "payment", "sync one --payment cash", "cash " + TWICE.format("payment:q")),
    Row("document", "payment", "sync one --payment credit", "credit " + TWICE.format("payment:credit@2026-01-31")),
    Row("document", "payment", "sync one --payment payment:credit", "payment:credit names 2 documents; say which:"),
    Row("document", "invoice", "plan one --invoice same", "same " + TWICE.format("invoice:a")),
    Row("document", "payment", "plan one --payment cash", "cash " + TWICE.format("payment:q")),
    Row("document", "invoice", "log one --invoice same", "same " + TWICE.format("invoice:a")),
    Row("document", "payment", "log one --payment cash", "cash " + TWICE.format("payment:q")),
    Row("document", "document", "show one same", "same " + TWICE.format("invoice:a")),
    Row("document", "document", "resolve one same --keep --as partner", "same " + TWICE.format("invoice:a")),
    Row("run", "run", "log one --run plan-", "plan- names 2 runs of one; say which:\n  plan-"),
]  # fmt: skip


@pytest.fixture
def office(law_firm: LawFirm, terminal: Terminal) -> Terminal:
    """A firm that has sent something, with drafts, numbers and references that two share, and two plans."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "10.00"}, reference="check 9")
    law_firm.sync()
    law_firm.invoice("draft", "1.00", status="draft")
    for name in ("a", "b"):
        law_firm.invoice(name, "20.00", invoice_number="same")
    for name in ("q", "r"):
        law_firm.payment(name, applied={"1": "1.00"}, reference="cash")
    law_firm.payment("credit", amount="2.00", kind="credit_application", method="credit")
    for day in ("2026-01-31", "2026-02-01"):
        law_firm.apply("credit", "1", "1.00", law_firm.today.fromisoformat(day))
    for _ in range(2):
        terminal.run("plan", "one", "--invoice", "a")
    return terminal


def everything(law_firm: LawFirm) -> dict[str, Any]:
    """All rows of both databases, and how often QuickBooks was asked."""
    found: dict[str, Any] = {"requests": law_firm.books.statistics()["requests"]}
    for engine, schema in ((law_firm.ledger, "sync"), (law_firm.billing, "billing")):
        tables = sa.inspect(engine).get_table_names(schema=schema)
        with engine.connect() as connection:
            for table in tables:
                rows = connection.execute(sa.text(f"select t::text from {schema}.{table} t order by 1"))  # noqa: S608
                found[f"{schema}.{table}"] = list(rows.scalars())
    return found


@pytest.mark.parametrize("table", [UNKNOWN, SEVERAL], ids=["unknown", "several"])
def test_a_word_that_names_nothing_or_several_ends_with_1_and_changes_nothing(
    law_firm: LawFirm, office: Terminal, table: list[Row]
) -> None:
    before = everything(law_firm)

    for row in table:
        printed = office.run(*row.line.split(), code=1)

        assert printed.err.startswith(f"Error: {row.says}"), row.line
        assert printed.out == "", row.line
        assert everything(law_firm) == before, row.line


@pytest.mark.parametrize("table", [UNKNOWN, SEVERAL], ids=["unknown", "several"])
def test_with_json_the_error_is_the_one_document_on_standard_output(
    law_firm: LawFirm, office: Terminal, table: list[Row]
) -> None:
    """Message and remedy are the two ends of the line that is printed without ``--json``."""
    takes_json = {name for name, parameters in commands(typer_main.get_command(app)) if "as_json" in parameters}
    before = everything(law_firm)

    for row in table:
        if row.command not in takes_json:
            continue
        line = office.run(*row.line.split(), code=1).err
        printed = office.run(*row.line.split(), "--json", code=1)

        document = json.loads(printed.out)
        message, remedy = document["error"]["message"], document["error"]["remedy"]
        assert document == {"error": {"message": message, "remedy": remedy}}, row.line
        assert re.fullmatch(f"Error: {re.escape(message)}[.,;]?( Try:| Next step:)? {re.escape(remedy)}\n", line), (
            row.line
        )
        assert printed.err == "", row.line
        assert everything(law_firm) == before, row.line


def commands(command: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every command with the names of its parameters."""
    for word, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, [parameter.name for parameter in command.params]


def test_no_command_is_left_out() -> None:
    taken = {
        (name, parameter)
        for name, parameters in commands(typer_main.get_command(app))
        for parameter in parameters
        if parameter in TAKES and (name, parameter) != ("emulator", "state")  # a file
    }

    assert {(row.command, row.parameter) for row in UNKNOWN} == taken
    assert all(TAKES[row.parameter] == row.word for row in (*UNKNOWN, *SEVERAL))


def test_every_name_of_a_document_will_do_for_every_command_that_takes_one(law_firm: LawFirm, office: Terminal) -> None:
    for word in ("N-1", "1", "invoice:1"):
        assert office.json("show", "one", word)["source_id"] == "1"
        assert {row["id"] for row in office.json("log", "one", "--invoice", word)} == {"1"}
        assert office.json("plan", "one", "--invoice", word)["notices"] == ["invoice:1 needs nothing: it is synced"]
        assert (
            "invoice:1 is synced: it needs no answer"
            in office.run("resolve", "one", word, "--keep", "--as", "partner", code=1).err
        )
    for word in ("check 9", "p", "payment:p"):
        assert {row["id"] for row in office.json("log", "one", "--payment", word)} == {"p"}
        assert office.json("plan", "one", "--payment", word)["notices"] == ["payment:p needs nothing: it is synced"]
    assert law_firm.books.statistics()["requests"] > 0


def test_a_run_may_be_named_by_how_its_id_begins(law_firm: LawFirm, office: Terminal) -> None:
    [run] = law_firm.query("select run_id from sync.run where trigger = 'test'")

    rows = office.json("log", "one", "--run", run["run_id"][:12])

    assert {row["run_id"] for row in rows} == {run["run_id"]}


@pytest.mark.slow
def test_a_number_is_enough_to_sync_and_what_is_synced_already_says_so(law_firm: LawFirm, office: Terminal) -> None:
    law_firm.invoice("7", "70.00", days_ago=9)

    sent = office.json("sync", "one", "--invoice", "N-7", "--from", str(law_firm.today))
    again = office.run("sync", "one", "--invoice", "invoice:7")
    part = office.json("sync", "one", "--payment", "credit@2026-02-01")

    assert [row["documents"] for row in sent["activities"] if row["kind"] == "invoice"] == [1]
    assert "invoice:7 needs nothing: it is synced" in again.out
    assert len(part["runs"]) == 1
    assert law_firm.states("payment")["credit@2026-02-01"] == ("synced", "")
    assert "credit@2026-01-31" not in law_firm.in_quickbooks("payment")


@pytest.mark.slow
def test_sync_and_plan_of_everything_notice_what_billing_deleted(law_firm: LawFirm, terminal: Terminal) -> None:
    """Nothing else changed, the invoice is not of today, and the day's sweep was an hour ago."""
    law_firm.activate()
    for name, days in (("1", 30), ("2", 20)):
        law_firm.invoice(name, "10.00", days_ago=days)
    terminal.run("sync", "one")
    for relation in ("invoice_lines", "invoices"):
        law_firm.remove(relation, invoice_id="1")

    plan = terminal.json("plan", "one", code=3)
    law_firm.remove("invoice_lines", invoice_id="2")
    law_firm.remove("invoices", invoice_id="2")
    synced = terminal.json("sync", "one", code=3)

    assert [(row["document"], row["operation"], row["reason"]) for row in plan["documents"]] == [
        ("invoice:1", "hold", "SOURCE_GONE")
    ]
    assert sorted((row["id"], row["reason"]) for row in synced["held"]) == [("1", "SOURCE_GONE"), ("2", "SOURCE_GONE")]
    assert len(law_firm.books.ours("Invoice")) == 2
    until = str(law_firm.today - timedelta(days=40))
    assert terminal.json("plan", "one", "--to", until)["documents"] == []
