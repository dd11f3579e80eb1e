"""``list``, ``sync`` and ``log``."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm


def ours(law_firm: LawFirm, entity: str = "Invoice") -> list[str]:
    return sorted(row.get("DocNumber", row["Id"]) for row in law_firm.books.ours(entity))


def test_the_work_list_shows_what_is_not_in_quickbooks_and_changes_nothing_there(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"}, reference="1234")
    before = law_firm.books.statistics()["requests"]

    rows = terminal.json("list", "one")

    yesterday, today = str(law_firm.today - timedelta(days=1)), str(law_firm.today)
    common = {"state": "new", "action": "sync_now", "recent_payment": None, "reason": "", "remedy": None}
    common["refused_at"] = None
    assert rows == [
        {"kind": "invoice", "id": "1", "number": "N-1", "document_date": yesterday, "amount": "100.00", **common},
        {"kind": "payment", "id": "p", "number": "1234", "document_date": today, "amount": "40.00", **common},
    ]
    assert law_firm.books.statistics()["requests"] == before


def test_the_work_list_is_filtered_by_kind_inclusive_dates_and_state(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    for days_ago in range(5):
        law_firm.invoice(str(days_ago), "10.00", days_ago=days_ago)
    law_firm.payment("p", applied={"0": "5.00"})
    first, last = (str(law_firm.today - timedelta(days=n)) for n in (3, 1))

    def ids(*options: str) -> list[str]:
        return [row["id"] for row in terminal.json("list", "one", *options)]

    assert ids("--from", first, "--to", last) == ["3", "2", "1"]
    assert ids("--to", last) == ["4", "3", "2", "1"]
    assert ids("--kind", "payment") == ["p"]
    assert ids("--state", "held") == []
    assert "5 documents" not in terminal.run("list", "one", "--kind", "payment").out


def test_on_a_terminal_the_list_says_once_what_clears_a_reason(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    for name in ("1", "2"):
        law_firm.invoice(name, "10.00", payer_id="P2")
    law_firm.sync()

    printed = terminal.run("list", "one").out
    logged = terminal.run("log", "one", "--errors").out

    assert (printed.count("invoice:1"), printed.count("MISSING_NAME")) == (1, 3)
    assert printed.count("Complete the payer's name in billing,") == 1
    assert (logged.count("invoice:1"), logged.count("MISSING_NAME")) == (1, 2)


def test_the_table_ends_with_its_sum(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1000.00")
    law_firm.invoice("2", "234.56")

    assert terminal.run("list", "one").out.splitlines()[-1] == "2 documents, 1,234.56"


def test_everything_is_sent_and_a_second_sync_sends_nothing(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("old", "10.00", days_ago=200)
    law_firm.payment("p", applied={"1": "40.00"})

    outcome = terminal.json("sync", "one")
    again = terminal.run("sync", "one")

    assert ours(law_firm) == ["N-1", "N-old"]
    assert len(law_firm.books.ours("Payment")) == 1
    assert len(outcome["runs"]) == 2  # two hundred days between them are no partitions of one run
    assert sorted(
        (row["kind"], row["documents"], row["amount"])
        for row in outcome["activities"]
        if row["activity"] == "created" and row["kind"] in ("invoice", "payment")
    ) == [("invoice", 1, "10.00"), ("invoice", 1, "100.00"), ("payment", 1, "40.00")]
    assert again.out == "one: nothing to send. QuickBooks has everything that billing has.\n"
    assert terminal.json("list", "one") == []
    assert terminal.run("list", "one").out == "Everything is in QuickBooks.\n"


@pytest.mark.slow
def test_a_range_of_dates_is_inclusive(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    for days_ago in range(4):
        law_firm.invoice(str(days_ago), "10.00", days_ago=days_ago)
    first, last = (str(law_firm.today - timedelta(days=n)) for n in (2, 1))

    terminal.run("sync", "one", "--from", first, "--to", last)

    assert ours(law_firm) == ["N-1", "N-2"]


@pytest.mark.slow
def test_chosen_documents_are_sent_alone(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    for name in ("1", "2", "3"):
        law_firm.invoice(name, "10.00")
        law_firm.payment(f"p{name}", applied={name: "5.00"})

    terminal.run("sync", "one", "--invoice", "1", "--invoice", "3", "--payment", "p3")

    assert ours(law_firm) == ["N-1", "N-3"]
    assert len(law_firm.books.ours("Payment")) == 1


@pytest.mark.slow
def test_held_documents_end_the_command_with_3(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "10.00", payer_id="P2")

    printed = terminal.run("sync", "one", code=3)

    assert "MISSING_NAME" in printed.out
    assert ours(law_firm) == ["N-1"]


@pytest.mark.slow
def test_a_document_that_waits_for_a_person_ends_the_command_with_3_each_time(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    """Its reason stays until somebody answers, so that no run looks at it again: it is held all the same."""
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    terminal.run("sync", "one")
    with law_firm.billing.begin() as connection:
        connection.execute(sa.text("delete from billing.invoices"))
    day = str(law_firm.today - timedelta(days=1))

    terminal.run("sync", "one", "--from", day, "--to", day, code=3)
    again = terminal.run("sync", "one", code=3)

    assert law_firm.states() == {"1": ("held", "SOURCE_GONE")}
    assert "SOURCE_GONE" in again.out
    tomorrow = str(law_firm.today + timedelta(days=1))
    terminal.run("sync", "one", "--from", tomorrow, code=0)


@pytest.mark.slow
def test_documents_that_only_wait_do_not_count_as_held(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("draft", "10.00", status="draft")
    law_firm.payment("p", applied={"draft": "10.00"})

    terminal.run("sync", "one", code=0)

    assert law_firm.states() == {"p": ("waiting", "INVOICE_DRAFT")}


def test_a_chosen_document_dated_before_the_first_date_is_held_and_the_run_does_not_fail(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.invoice("ancient", "10.00", invoice_date="2019-05-06")

    printed = terminal.run("sync", "one", "--invoice", "ancient", code=3)

    assert law_firm.states() == {"ancient": ("held", "DATE_OUT_OF_RANGE")}
    assert "DATE_OUT_OF_RANGE" in printed.out
    assert ours(law_firm) == []


def test_a_chosen_document_that_does_not_exist_ends_the_command_with_1(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    printed = terminal.run("sync", "one", "--invoice", "nowhere", code=1)

    assert printed.err == "Error: nowhere names no invoice of one. Try: qb-pipeline list one\n"
    assert printed.out == ""


@pytest.mark.slow
def test_a_firm_that_quickbooks_does_not_let_in_ends_the_command_with_1(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.books.switch(user_access="lost")

    printed = terminal.run("sync", "one", code=1)

    assert "FAILED" in printed.out


@pytest.mark.parametrize("command", ["list", "sync"])
def test_nothing_happens_before_the_firm_is_set_up(law_firm: LawFirm, terminal: Terminal, command: str) -> None:
    law_firm.invoice("1", "10.00")
    before = law_firm.books.statistics()["requests"]

    printed = terminal.run(command, "one", code=1)

    assert printed.err == "Error: There is no firm one. Next step: qb-pipeline firm add one --super-user YOUR-NAME\n"
    assert law_firm.books.statistics()["requests"] == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sync", "one", "--from", "yesterday"], "--from 'yesterday' is no date; write it as 2026-01-31"),
        (["sync", "one", "--to", "2026-02-30"], "--to '2026-02-30' is no date; write it as 2026-01-31"),
        (["list", "one", "--from", "31.1.2026"], "--from '31.1.2026' is no date; write it as 2026-01-31"),
    ],
)
def test_bad_usage_ends_with_2_before_anything_is_done(terminal: Terminal, arguments: list[str], says: str) -> None:
    assert terminal.run(*arguments, code=2).err == f"Error: {says}\n"


def test_a_range_that_ends_before_it_begins_is_bad_usage(terminal: Terminal) -> None:
    printed = terminal.run("sync", "one", "--from", "2026-02-02", "--to", "2026-02-01", code=2)

    assert "--from 2026-02-02 is after --to 2026-02-01" in printed.err


@pytest.mark.slow
def test_the_log_tells_every_activity_newest_first(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "20.00", payer_id="P2")
    outcome = terminal.json("sync", "one", "--as", "ana", code=3)

    rows = terminal.json("log", "one")

    of_invoices = [
        (row["id"], row["activity"], row["reason"], row["amount"], row["actor"], row["trigger"])
        for row in reversed(rows)
        if row["kind"] == "invoice" and row["run_id"] == outcome["runs"][0]
    ]
    assert of_invoices == [
        ("2", "held", "MISSING_NAME", "20.00", "ana", "cli"),
        ("1", "created", "", "10.00", "ana", "cli"),
    ]
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    assert {row["id"] for row in terminal.json("log", "one", "--invoice", "1")} == {"1"}
    assert {row["activity"] for row in terminal.json("log", "one", "--errors")} == {"held"}
    assert {row["run_id"] for row in terminal.json("log", "one", "--run", outcome["runs"][0])} == {outcome["runs"][0]}
    assert terminal.run("log", "one", "--errors", "--invoice", "1").out == "The log has no such rows.\n"


@pytest.mark.slow
def test_json_stands_alone_on_standard_output(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    printed = terminal.run("sync", "one", "--json")

    found = json.loads(printed.out, parse_float=Decimal)
    assert set(found) >= {"firm", "runs", "failed", "activities", "notices", "control_totals", "reads", "writes"}
    assert found["control_totals"] == [
        {
            "kind": "invoice", "documents": 1, "differing": 0,
            "meant_cents": 1000, "accepted_cents": 1000, "in_quickbooks_cents": 1000,
            "refused_cents": 0, "unknown_cents": 0, "not_sent_cents": 0,
        }
    ]  # fmt: skip


@pytest.mark.slow
def test_a_sync_says_what_was_counted_and_census_counts_everything(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    counted = terminal.run("census", "one").out.splitlines()
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("delete", entity="Invoice", id=invoice["Id"])
    missing = terminal.json("census", "one", code=1)

    assert counted == [
        "census: 1 of 1 invoices stand in QuickBooks, each once, totals equal (1 read)",
        "census: 0 of 0 payments stand in QuickBooks, each once, totals equal (1 read)",
    ]
    assert [(row["kind"], row["missing"]) for row in missing] == [("invoice", 1), ("payment", 0)]
