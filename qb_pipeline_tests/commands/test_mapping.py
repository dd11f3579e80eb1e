"""CSV files of the mapping utility."""

import csv
import json
from pathlib import Path

import pytest
import typer

from qb_pipeline.commands.mapping import read_file, write_file
from qb_pipeline.sync.mapping.csv_file import Row
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.people.test_payer_questions import like_customer, name_payer


def test_a_written_file_holds_no_formula_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"

    write_file(file, [Row("payer", "P1", "=cmd()", "7", "+Acme"), Row("terms", "Net 30", "Net 30")])

    assert file.read_text().splitlines() == [
        "kind,billing_id,billing_name,quickbooks_id,quickbooks_name",
        "payer,P1,'=cmd(),7,'+Acme",
        "terms,Net 30,Net 30,,",
    ]
    assert read_file(file) == [Row("payer", "P1", "", "7"), Row("terms", "Net 30", "")]
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_reads_too(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_bytes(b"\xef\xbb\xbfkind,billing_id,quickbooks_id\r\npayer, P1 ,7\r\n")

    assert read_file(file) == [Row("payer", "P1", "", "7")]


@pytest.mark.parametrize("content", [b"kind,billing_id\npayer,P1\n", b"", b"kind,billing_id,quickbooks_id\n\xff\xfe\n"])
def test_a_file_that_is_none_of_ours_is_bad_usage(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "map.csv"
    file.write_bytes(content)

    with pytest.raises(typer.Exit) as ended:
        read_file(file)

    assert ended.value.exit_code == 2


def test_a_file_is_exported_filled_in_and_imported_whole(law_firm: LawFirm, terminal: Terminal, tmp_path: Path) -> None:
    law_firm.activate(unmatched_payer="hold")
    law_firm.invoice("1", "10.00")
    law_firm.sync(["work_list"])
    customer_id = law_firm.books.create("Customer", {"DisplayName": "Diaz, Ana"})["Id"]
    file = tmp_path / "map.csv"

    terminal.run("mapping", "export", "one", str(file))
    suggested = terminal.json("mapping", "suggest", "one")
    exported = file.read_text()
    file.write_text(exported.replace("payer,P1,Ana Diaz,,", "payer,P1,Ana Diaz,99999,"))
    refused = terminal.run("mapping", "import", "one", str(file), code=1)
    file.write_text(exported.replace("payer,P1,Ana Diaz,,", f"payer,P1,Ana Diaz,{customer_id},"))
    said = terminal.run("mapping", "import", "one", str(file), "--as", "ana").out

    assert [(row["billing_id"], row["quickbooks_id"]) for row in suggested if row["kind"] == "payer"] == [
        ("P1", customer_id)
    ]
    assert "QuickBooks has no Customer with Id '99999'" in refused.out
    assert refused.err.endswith("are wrong; nothing was stored\n")
    assert said == "1 mappings are stored. Next step: qb-pipeline sync one\n"
    assert law_firm.query("select source_id, quickbooks_id, origin, changed_by from sync.mapping") == [
        {"source_id": "P1", "quickbooks_id": customer_id, "origin": "person", "changed_by": "ana"}
    ]


def test_the_accounts_that_fit_are_listed_and_an_import_leaves_them_alone(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    accounts = {row["Name"]: row["Id"] for row in law_firm.books.all("Account")}
    law_firm.activate(income_account=accounts["Legal Fees"])
    law_firm.books.do("inactivate", entity="Account", id=accounts["Reimbursed Expenses"])
    file = tmp_path / "map.csv"
    fitting = [(accounts[name], name) for name in ("Discounts Given", "Interest Earned", "Legal Fees")]

    terminal.run("mapping", "export", "one", str(file))
    suggested = terminal.json("mapping", "suggest", "one", "--csv", str(tmp_path / "suggested.csv"))
    printed = terminal.run("mapping", "suggest", "one").out
    imported = terminal.json("mapping", "import", "one", str(file))

    listed = [f"income_account,,,{account_id},{name}" for account_id, name in fitting]
    assert [line for line in file.read_text().splitlines() if line.startswith("income_account")] == listed
    suggested_lines = (tmp_path / "suggested.csv").read_text().splitlines()[-3:]
    assert [line.rstrip(",") for line in suggested_lines] == listed
    assert [
        (row["quickbooks_id"], row["quickbooks_name"]) for row in suggested if row["kind"] == "income_account"
    ] == fitting
    assert "Accounts that fit income_account" in printed
    [now] = [line for line in printed.splitlines() if line.split()[-1:] == ["setting"]]
    assert now.split() == [accounts["Legal Fees"], "Legal", "Fees", "setting"]
    assert imported == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"kind,billing_id\npayer,P1\n", "has no column quickbooks_id"),
        (b"", "has no column billing_id, kind, quickbooks_id"),
        (b"kind,billing_id,quickbooks_id\n\xff\xfe\n", "cannot be read: 'utf-8' codec"),
        (b"kind,billing_id,quickbooks_id\npayer," + b"x" * 200_000 + b",7\n", "cannot be read: field larger"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_json_too(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, content: bytes | None, says: str
) -> None:
    law_firm.activate()
    file = tmp_path / "map.csv"
    if content is not None:
        file.write_bytes(content)

    plain = terminal.run("mapping", "import", "one", str(file), code=2)
    printed = terminal.run("mapping", "import", "one", str(file), "--json", code=2)

    error = json.loads(printed.out)["error"]
    assert error["message"].startswith(f"{file} {says}")
    assert "qb-pipeline mapping export" in error["remedy"]
    assert plain.err.startswith(f"Error: {file} {says}")
    assert (plain.out, printed.err) == ("", "")


def test_a_file_that_cannot_be_written_is_named(law_firm: LawFirm, terminal: Terminal, tmp_path: Path) -> None:
    law_firm.activate()
    nowhere = tmp_path / "nowhere" / "map.csv"

    printed = terminal.run("mapping", "export", "one", str(nowhere), code=1)

    assert printed.err == f"Error: {nowhere} cannot be written: No such file or directory. Try: name another file\n"


def test_the_word_new_in_a_file_gives_a_payer_a_customer_of_its_own(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    name_payer(law_firm)
    law_firm.activate()
    like_customer(law_firm)
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    held = law_firm.states()
    file = tmp_path / "map.csv"

    terminal.run("mapping", "export", "one", str(file))
    exported = file.read_text()
    file.write_text(exported.replace("payer,P1,Elizabeth Doe,,", "payer,P1,Elizabeth Doe,nobody,"))
    refused = terminal.run("mapping", "import", "one", str(file), code=1)
    file.write_text(exported.replace("payer,P1,Elizabeth Doe,,", "payer,P1,Elizabeth Doe,new,"))
    said = terminal.run("mapping", "import", "one", str(file), "--as", "ana").out
    law_firm.sync()

    assert held == {"1": ("held", "LIKE_CUSTOMER")}
    assert refused.err.endswith("1 rows of " + str(file) + " are wrong; nothing was stored\n")
    assert said == "1 mappings are stored, 1 payers are new clients. Next step: qb-pipeline sync one\n"
    assert law_firm.states() == {"1": ("synced", "")}
    assert sorted(row["DisplayName"] for row in law_firm.books.all("Customer")) == ["Elisabeth Doe", "Elizabeth Doe"]


def test_a_file_of_suggestions_that_nobody_has_looked_at_maps_nothing(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Maria", last_name="García")
    law_firm.invoice("1", "10.00", payer_id="P2")
    law_firm.sync(["work_list"])
    ids = [
        law_firm.books.create(
            "Customer", {"DisplayName": f"Maria Garcia {number}", "GivenName": "Maria", "FamilyName": "Garcia"}
        )["Id"]
        for number in range(2)
    ]
    file = tmp_path / "suggested.csv"

    terminal.run("mapping", "suggest", "one", "--csv", str(file))
    said = terminal.run("mapping", "import", "one", str(file)).out
    before = law_firm.query("select source_id, quickbooks_id from sync.mapping")
    with file.open(newline="") as source:
        rows = list(csv.DictReader(source))
    chosen = next(row for row in rows if row["suggested_quickbooks_id"] == ids[1])
    chosen["quickbooks_id"] = chosen["suggested_quickbooks_id"]
    with file.open("w", newline="") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    terminal.run("mapping", "import", "one", str(file))

    payers = [row for row in rows if row["kind"] == "payer"]
    assert [(row["suggested_quickbooks_id"], row["suggested_quickbooks_name"], row["why"]) for row in payers] == [
        (customer_id, f"Maria Garcia {number}", "accents: Garcia for García") for number, customer_id in enumerate(ids)
    ]
    assert {row["quickbooks_id"] for row in rows if row["kind"] != "income_account" and row is not chosen} == {""}
    assert (said.split(".")[0], before) == ("0 mappings are stored", [])
    assert law_firm.query("select source_id, quickbooks_id from sync.mapping") == [
        {"source_id": "P2", "quickbooks_id": ids[1]}
    ]


def test_suggestions_on_a_terminal_name_the_payer_that_a_customer_belongs_to(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Anna", last_name="Diaz")
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.invoice("2", "10.00", payer_id="P2")
    law_firm.sync(["work_list"])

    [row] = [row for row in terminal.json("mapping", "suggest", "one") if row["kind"] == "payer"]

    assert (row["billing_id"], row["quickbooks_name"], row["taken_by"], row["last_invoice"][:3]) == (
        "P2", "Ana Diaz", "P1 Ana Diaz", "N-1",
    )  # fmt: skip
    assert row["open_balance"] == "10.00"
    assert "P1 Ana Diaz" in terminal.run("mapping", "suggest", "one").out
