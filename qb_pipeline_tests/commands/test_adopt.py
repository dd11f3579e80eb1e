"""``adopt`` as a person types it: evidence first, links on approval."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.verify.test_adoption import enter_invoice, enter_payment


@pytest.mark.slow
def test_the_evidence_is_shown_and_an_approval_links(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "50.00")
    law_firm.invoice("3", "10.00")
    day = law_firm.today - timedelta(days=1)
    there = enter_invoice(law_firm, "N-1", "100.00", day)
    near = enter_invoice(law_firm, "N-2", "55.00", day)

    said = terminal.run("adopt", "one").out
    rows = terminal.json("adopt", "one")
    refused = terminal.run("adopt", "one", "--approve", "--as", "clerk", code=1)
    approved = terminal.run("adopt", "one", "--approve", "--as", "partner").out

    assert "invoices of billing that we did not send: 1 match, 0 ambiguous, 1 near, 1 none\n" in said
    assert said.endswith(
        "requests: 5 reads, 0 writes\nLook at each match, then: qb-pipeline adopt one --approve\n"
        "Pairs to be judged by a person: 1. Write them to a file: qb-pipeline adopt one --csv FILE.csv\n"
    )
    assert [(row["verdict"], row["source_id"], row["quickbooks_id"], row["differs"]) for row in rows] == [
        ("match", "1", there, ""),
        ("near", "2", near, "total: billing 50.00, QuickBooks 55.00"),
    ]
    assert refused.err.startswith("Error: clerk is no super user of one")
    assert "1 none; 1 linked\n" in approved
    assert law_firm.states() == {"1": ("synced", ""), "2": ("new", ""), "3": ("new", "")}


@pytest.fixture
def questions(law_firm: LawFirm, terminal: Terminal, tmp_path: Path) -> Path:
    """A file of questions: two invoices are a day off, and the payment of one has no reference in QuickBooks."""
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    for number in ("1", "2"):
        law_firm.invoice(number, "100.00")
        there = enter_invoice(law_firm, f"N-{number}", "100.00", law_firm.today)
        law_firm.payment(f"p{number}", applied={number: "40.00"}, reference=f"10{number}")
        enter_payment(law_firm, "40.00", there, law_firm.today)
    terminal.run("adopt", "one", "--approve", "--as", "partner")
    file = tmp_path / "questions.csv"
    said = terminal.run("adopt", "one", "--csv", str(file)).out
    assert said.splitlines()[-2:] == [
        f"Pairs to be judged by a person: 4, in {file}. Fill its column answer (same or new), then:",
        f"qb-pipeline adopt one --answers {file}",
    ]
    return file


def filled_in(file: Path, **answers: str) -> list[dict[str, str]]:
    """Write answers by id of billing into a file; gives its rows."""
    with file.open(newline="") as source:
        rows = [row | {"answer": answers.get(row["source_id"], "")} for row in csv.DictReader(source)]
    with file.open("w", newline="") as output:
        writer = csv.DictWriter(output, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_what_is_asked_is_answered_by_one_file_and_asked_never_again(
    law_firm: LawFirm, terminal: Terminal, questions: Path
) -> None:
    law_firm.sync()
    held = law_firm.states()
    filled_in(questions, **{"1": "same", "p1": "same", "2": "new", "p2": "new"})

    said = terminal.run("adopt", "one", "--answers", str(questions), "--as", "partner").out
    law_firm.sync()
    sends = law_firm.sends()
    law_firm.sync()

    assert set(held.values()) == {("held", "MAYBE_THERE"), ("waiting", "INVOICE_NOT_SENT")}
    assert said == (
        "2 documents are linked, 2 pairs are told apart; 0 rows have no answer\nNext step: qb-pipeline sync one\n"
    )
    assert set(law_firm.states().values()) == {("synced", "")}
    assert (len(law_firm.books.all("Invoice")), len(law_firm.books.all("Payment"))) == (3, 3)
    assert law_firm.sends() == sends
    assert terminal.json("adopt", "one") == []


def test_one_wrong_row_and_nothing_is_stored(law_firm: LawFirm, terminal: Terminal, questions: Path) -> None:
    rows = filled_in(questions, **{"1": "same", "2": "maybe", "p1": "same"})
    ids = {row["source_id"]: row["quickbooks_id"] for row in rows}
    wrong = terminal.run("adopt", "one", "--answers", str(questions), "--as", "partner", code=1)
    rows = filled_in(questions, **{"1": "same", "p1": "new"})
    questions.write_text(questions.read_text().replace(f",{ids['p1']},", ",999,"))
    gone = terminal.run("adopt", "one", "--answers", str(questions), "--as", "partner", code=1)
    clerk = terminal.run("adopt", "one", "--answers", str(questions), "--as", "clerk", code=1)

    assert "no answer 'maybe'" in wrong.out
    assert "Write same or new, or leave it empty." in wrong.out
    assert wrong.err.startswith(f"Error: 1 rows of {questions} are wrong; nothing was stored")
    assert "Id 999 of QuickBooks is not, or no longer, like payment:p1" in " ".join(gone.out.split())
    assert "clerk" in clerk.err
    assert law_firm.query("select count(*) as n from sync.duplicate_answer where answer <> ''") == [{"n": 0}]
    assert set(law_firm.states().values()) == {("new", "")}


def test_a_pair_whose_money_differs_is_not_linked(law_firm: LawFirm, terminal: Terminal, tmp_path: Path) -> None:
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.invoice("1", "100.00")
    enter_invoice(law_firm, "N-1", "90.00", law_firm.today - timedelta(days=1))
    file = tmp_path / "questions.csv"
    terminal.run("adopt", "one", "--csv", str(file))
    filled_in(file, **{"1": "same"})

    said = terminal.run("adopt", "one", "--answers", str(file), "--as", "partner", code=1)

    assert "the two differ in total: total: billing 100.00, QuickBooks 90.00" in " ".join(said.out.split())
    assert law_firm.states() == {"1": ("new", "")}


def test_a_file_of_another_kind_is_refused(law_firm: LawFirm, terminal: Terminal, tmp_path: Path) -> None:
    law_firm.activate()
    file = tmp_path / "other.csv"
    file.write_text("kind,source_id\ninvoice,1\n")

    said = terminal.run("adopt", "one", "--answers", str(file), "--as", "partner", code=2)

    assert f"{file} has no column part, quickbooks_id, answer" in said.err
