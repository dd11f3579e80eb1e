"""The right account, as a person sets it up: income by kind of fee, the matter of an invoice, no client money."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qb_pipeline_tests.commands.checkup.looks import look
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm

CLASSES_ON = {"line": "ClassTrackingPerTxnLine", "transaction": "ClassTrackingPerTxn"}


def account(law_firm: LawFirm, name: str) -> str:
    return next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == name)


def open_account(law_firm: LawFirm, name: str, kind: str, sub_type: str) -> str:
    changes = {"Name": name, "AccountType": kind, "AccountSubType": sub_type}
    return str(law_firm.books.do("edit", entity="Account", changes=changes)["Id"])


def add_class(law_firm: LawFirm, name: str, **more: Any) -> str:
    return str(law_firm.books.do("edit", entity="Class", changes={"Name": name, **more})["Id"])


def label_custom_fields(law_firm: LawFirm, **labels: str) -> None:
    """Let sales forms use these custom fields: ``f2="Matter"`` is the second."""
    slots = {name[1:]: label for name, label in labels.items()}
    used = [{"Name": f"SalesFormsPrefs.UseSalesCustom{n}", "Type": "BooleanType", "BooleanValue": True} for n in slots]
    named = [
        {"Name": f"SalesFormsPrefs.SalesCustomName{n}", "Type": "StringType", "StringValue": label}
        for n, label in slots.items()
    ]
    law_firm.books.do("preferences", SalesFormsPrefs={"CustomField": [{"CustomField": used}, {"CustomField": named}]})


def track_classes(law_firm: LawFirm, where: str) -> None:
    law_firm.books.do(
        "preferences", AccountingInfoPrefs={name: name == CLASSES_ON.get(where) for name in CLASSES_ON.values()}
    )


def invoice_of(law_firm: LawFirm, number: str) -> dict[str, Any]:
    return next(row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == f"N-{number}")


def classes_of(invoice: dict[str, Any]) -> list[str]:
    """The class of the whole invoice, then those of its lines; "" for none."""
    details = [line[line["DetailType"]] for line in invoice["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    return [(part.get("ClassRef") or {}).get("value", "") for part in (invoice, *details)]


def map_method(terminal: Terminal, tmp_path: Path, account_id: str, code: int = 0) -> str:
    """Map checks to an account, by file; gives what was said."""
    file = tmp_path / "accounts.csv"
    file.write_text(f"kind,billing_id,quickbooks_id\ndeposit_account,check,{account_id}\n")
    printed = terminal.run("mapping", "import", "one", str(file), code=code)
    return printed.out + printed.err


# E-37


def test_new_items_post_by_the_kind_of_their_fee(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    advanced = open_account(law_firm, "Client Costs Advanced", "Other Current Asset", "EmployeeCashAdvances")
    terminal.run("firm", "set", "one", "unmapped_fee_item=create", "income_account=Legal Fees")
    terminal.run("firm", "set", "one", "income_account_government_fee=Client Costs Advanced")
    terminal.run("firm", "set", "one", f"income_account_expense={advanced}", "income_account_interest=Interest Earned")
    kinds = ("legal_fee", "government_fee", "expense", "interest")
    for kind in kinds:
        law_firm.insert("fee_items", fee_item_id=kind, name=f"New {kind}", code=kind, kind=kind)
    law_firm.invoice("1", lines=[{"fee_item_id": kind, "amount": "10.00"} for kind in kinds])

    terminal.run("sync", "one")

    items = {row["Name"]: row["IncomeAccountRef"]["name"] for row in law_firm.books.all("Item")}
    assert {kind: items[f"New {kind}"] for kind in kinds} == {
        "legal_fee": "Legal Fees",
        "government_fee": "Client Costs Advanced",
        "expense": "Client Costs Advanced",
        "interest": "Interest Earned",
    }
    assert law_firm.states() == {"1": ("synced", "")}


@pytest.mark.parametrize("setting", ["income_account", "income_account_legal_fee", "income_account_interest"])
def test_an_asset_is_no_account_of_fees_and_is_refused_by_name(
    law_firm: LawFirm, terminal: Terminal, setting: str
) -> None:
    law_firm.activate()
    advanced = open_account(law_firm, "Client Costs Advanced", "Other Current Asset", "EmployeeCashAdvances")

    refused = terminal.run("firm", "set", "one", f"{setting}=Client Costs Advanced", code=1).err

    assert refused.startswith(
        f"Error: {setting}=Client Costs Advanced: the Account with Id '{advanced}' is of AccountType "
        "Other Current Asset. These fit: Discounts Given"
    )
    assert terminal.json("firm", "show", "one")[setting] == ""


def test_a_bank_account_is_no_account_of_expenses_either(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    refused = terminal.run("firm", "set", "one", "income_account_expense=Checking", code=1).err

    assert "income_account_expense=Checking: the Account with Id" in refused
    assert "Undeposited Funds" in refused  # of the kind that fits


def test_a_change_names_the_items_that_stay_and_new_ones_go_there(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    terminal.run("firm", "set", "one", "unmapped_fee_item=create", "income_account=Legal Fees")
    for kind in ("expense", "interest"):
        law_firm.insert("fee_items", fee_item_id=kind, name=f"Old {kind}", code=kind, kind=kind)
    law_firm.invoice("1", lines=[{"fee_item_id": kind, "amount": "10.00"} for kind in ("F1", "expense", "interest")])
    terminal.run("sync", "one")
    law_firm.books.count_anew()

    said = terminal.run("firm", "set", "one", "income_account_expense=Reimbursed Expenses").out
    again = terminal.run("firm", "set", "one", "income_account_expense=Reimbursed Expenses").out
    of_the_rest = terminal.run("firm", "set", "one", "income_account=Interest Earned").out
    law_firm.insert("fee_items", fee_item_id="new", name="Courier", code="COU", kind="expense")
    law_firm.invoice("2", lines=[{"fee_item_id": each, "amount": "10.00"} for each in ("new", "expense")])
    terminal.run("sync", "one")

    items = {row["Name"]: row for row in law_firm.books.all("Item")}
    stays = "New items go there. These stay with their account, until you change it in QuickBooks: "
    expense, interest = items["Old expense"], items["Old interest"]
    assert said.splitlines()[1:] == [f"{stays}Old expense (Id {expense['Id']})"]
    assert again.splitlines()[1:] == []
    assert of_the_rest.splitlines()[1:] == [f"{stays}Old interest (Id {interest['Id']})"]  # F1's item is not ours
    assert [row["IncomeAccountRef"]["name"] for row in (expense, interest, items["Courier"])] == [
        "Legal Fees", "Legal Fees", "Reimbursed Expenses",
    ]  # fmt: skip
    assert expense["SyncToken"] == "0"


def test_an_account_of_one_kind_that_cannot_be_used_any_more_holds_that_kind_alone(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    """The remedy of NO_INCOME_ACCOUNT, tried."""
    law_firm.activate()
    advanced = open_account(law_firm, "Client Costs Advanced", "Other Current Asset", "EmployeeCashAdvances")
    terminal.run(
        "firm",
        "set",
        "one",
        "unmapped_fee_item=create",
        "income_account=Legal Fees",
        f"income_account_expense={advanced}",
    )
    law_firm.books.do("inactivate", entity="Account", id=advanced)
    for kind in ("expense", "interest"):
        law_firm.insert("fee_items", fee_item_id=kind, name=f"New {kind}", code=kind, kind=kind)
        law_firm.invoice(kind, lines=[{"fee_item_id": kind, "amount": "10.00"}])

    terminal.run("sync", "one", code=3)
    held = law_firm.states()
    [told] = law_firm.query("select detail from sync.log where activity = 'notice'")
    found = look(terminal)["MAPPING_TARGET of one"]
    terminal.run("firm", "set", "one", "income_account_expense=Reimbursed Expenses")
    terminal.run("sync", "one")

    assert held == {"expense": ("held", "NO_INCOME_ACCOUNT"), "interest": ("synced", "")}
    assert told["detail"].startswith(found.found)
    assert found.found == f"Setting income_account_expense: the Account with Id '{advanced}' is inactive in QuickBooks."
    assert law_firm.states() == {"expense": ("synced", ""), "interest": ("synced", "")}


def test_a_company_that_takes_no_asset_for_an_item_leaves_the_invoice_refused(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.books.switch(asset_income_account="refused")
    open_account(law_firm, "Client Costs Advanced", "Other Current Asset", "EmployeeCashAdvances")
    terminal.run("firm", "set", "one", "unmapped_fee_item=create", "income_account_expense=Client Costs Advanced")
    law_firm.insert("fee_items", fee_item_id="costs", name="Courier", code="COU", kind="expense")
    law_firm.invoice("1", lines=[{"fee_item_id": "costs", "amount": "10.00"}])

    terminal.run("sync", "one", code=3)
    refused = law_firm.states()
    terminal.run("firm", "set", "one", "income_account_expense=Reimbursed Expenses")
    terminal.run("sync", "one")

    assert (refused, law_firm.states()) == ({"1": ("held", "REFUSED")}, {"1": ("synced", "")})


# E-38


def test_the_matter_stands_in_front_of_the_note(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    terminal.run("firm", "set", "one", "matter_in=memo")
    law_firm.invoice("1", "10.00", matter="H-1B petition", internal_note="call first")
    law_firm.invoice("2", "10.00", matter="Passport AB1234567, SSN 123-45-6789")
    law_firm.invoice("3", "10.00", internal_note="no matter")
    law_firm.books.count_anew()

    terminal.run("sync", "one")

    notes = [invoice_of(law_firm, number)["PrivateNote"].split(" ", 1)[1] for number in "123"]
    assert [notes[0], "123-45-6789" in notes[1], notes[2]] == ["H-1B petition: call first", False, "no matter"]


@pytest.mark.parametrize("unknown_custom_field", ["dropped", "refused"])
def test_the_matter_stands_in_the_custom_field_of_that_label(
    law_firm: LawFirm, terminal: Terminal, unknown_custom_field: str
) -> None:
    law_firm.books.switch(unknown_custom_field=unknown_custom_field)
    law_firm.activate()
    label_custom_fields(law_firm, f1="Sales rep", f3="Matter")
    said = terminal.run("firm", "set", "one", "matter_in=custom_field: matter ").out
    law_firm.invoice("1", "10.00", matter="H-1B petition")
    law_firm.invoice("2", "10.00", matter="Adjustment of status of all of the family Okafor")
    law_firm.invoice("3", "10.00")

    terminal.run("sync", "one")

    field = {"DefinitionId": "3", "Name": "Matter", "Type": "StringType"}
    assert said == "one: matter_in = custom_field: matter\n"
    assert [invoice_of(law_firm, number)["CustomField"] for number in "123"] == [
        [{**field, "StringValue": "H-1B petition"}],
        [{**field, "StringValue": "Adjustment of status of all of…"}],
        [],
    ]
    [logged] = law_firm.query("select detail from sync.log where activity = 'notice' and detail like 'CustomField%'")
    assert logged["detail"] == "CustomField: cut from 48 to 31 characters"


@pytest.mark.parametrize("unknown_custom_field", ["dropped", "refused"])
def test_a_label_that_the_company_lacks_is_found_and_its_remedy_helps_the_next_sync(
    law_firm: LawFirm, terminal: Terminal, unknown_custom_field: str
) -> None:
    law_firm.books.switch(unknown_custom_field=unknown_custom_field)
    law_firm.activate()
    label_custom_fields(law_firm, f1="Sales rep")
    finding = (
        "warning NO_CUSTOM_FIELD: Sales forms of the company have no custom field 'Matter': new invoices go without "
        "their matter."
    )

    said = terminal.run("firm", "set", "one", "matter_in=custom_field:Matter").out
    law_firm.invoice("1", "10.00", matter="H-1B petition")
    told = terminal.run("sync", "one").out
    doctor = look(terminal)["NO_CUSTOM_FIELD of one"]
    label_custom_fields(law_firm, f1="Sales rep", f2="Matter")
    law_firm.invoice("2", "10.00", matter="H-1B petition")
    mended = terminal.run("sync", "one").out

    assert finding in said
    assert "NO_CUSTOM_FIELD" in told
    assert doctor.verdict == "warning"
    assert "NO_CUSTOM_FIELD" not in mended
    assert [
        [each["DefinitionId"] for each in invoice_of(law_firm, number).get("CustomField", [])] for number in "12"
    ] == [[], ["2"]]


@pytest.mark.parametrize("untracked_class", ["dropped", "refused"])
@pytest.mark.parametrize("where", ["line", "transaction"])
def test_the_matter_is_a_class_where_the_company_tracks_them(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, where: str, untracked_class: str
) -> None:
    law_firm.books.switch(untracked_class=untracked_class)
    track_classes(law_firm, where)
    law_firm.activate()
    immigration = add_class(law_firm, "Immigration")
    below = add_class(law_firm, "H-1B petition", ParentRef={"value": immigration})
    gone = add_class(law_firm, "Naturalization")
    law_firm.books.do("inactivate", entity="Class", id=gone)
    assert terminal.run("firm", "set", "one", "matter_in=class").out == "one: matter_in = class\n"
    law_firm.invoice(
        "named", "10.00", lines=[{"kind": "discount", "fee_item_id": None, "amount": "-1.00"}], matter="h-1b  Petition"
    )
    law_firm.invoice("mapped", "10.00", matter="Smith v. Jones")
    law_firm.invoice("inactive", "10.00", matter="Naturalization")
    law_firm.invoice("strange", "10.00", matter="Unheard of")
    law_firm.invoice("none", "10.00")
    law_firm.sync(["work_list"])
    exported = tmp_path / "map.csv"
    terminal.run("mapping", "export", "one", str(exported))
    filled = exported.read_text().replace(
        "matter,Smith v. Jones,Smith v. Jones,,", f"matter,Smith v. Jones,,{immigration},"
    )
    exported.write_text(filled)
    terminal.run("mapping", "import", "one", str(exported))

    terminal.run("sync", "one")

    found = {
        name: classes_of(invoice_of(law_firm, name)) for name in ("named", "mapped", "inactive", "strange", "none")
    }
    header, line = (where == "transaction"), (where == "line")
    assert found == {
        "named": [below * header, below * line, below * line],
        "mapped": [immigration * header, immigration * line],
        "inactive": ["", ""],
        "strange": ["", ""],
        "none": ["", ""],
    }
    [told] = law_firm.query("select distinct detail from sync.log where activity = 'notice' and source_id = ''")
    assert told["detail"] == (
        "Some new invoices go without a class: none has the name of their matter. "
        "Map it: qb-pipeline mapping export one FILE.csv"
    )
    notices = law_firm.query(
        "select source_id from sync.log where detail like 'Matter: no class of its name%' order by 1"
    )
    assert [row["source_id"] for row in notices] == ["inactive", "strange"]
    assert [row["Name"] for row in law_firm.books.all("Class") if row["Active"]] == ["Immigration", "H-1B petition"]


@pytest.mark.parametrize("untracked_class", ["dropped", "refused"])
def test_class_tracking_that_is_off_is_found_and_its_remedy_helps_the_next_sync(
    law_firm: LawFirm, terminal: Terminal, untracked_class: str
) -> None:
    law_firm.books.switch(untracked_class=untracked_class)
    law_firm.activate()
    class_id = add_class(law_firm, "Immigration")
    said = terminal.run("firm", "set", "one", "matter_in=class").out
    law_firm.invoice("1", "10.00", matter="Immigration")
    law_firm.books.count_anew()
    told = terminal.run("sync", "one").out
    track_classes(law_firm, "line")
    law_firm.invoice("2", "10.00", matter="Immigration")
    mended = terminal.run("sync", "one").out

    assert ["CLASSES_OFF" in each for each in (said, told, mended)] == [True, True, False]
    assert [classes_of(invoice_of(law_firm, number)) for number in "12"] == [["", ""], ["", class_id]]


def test_a_setting_that_is_none_is_refused(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    refused = [
        terminal.run("firm", "set", "one", f"matter_in={value}", code=1).err for value in ("note", "custom_field:")
    ]

    assert refused == [
        f"Error: matter_in={value}: must be off, memo, class, or custom_field: and the label of a custom field\n"
        for value in ("note", "custom_field:")
    ]


def test_matters_cannot_be_mapped_while_they_are_no_classes(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", matter="Immigration")
    file = tmp_path / "map.csv"
    terminal.run("mapping", "export", "one", str(file))
    exported = file.read_text()
    file.write_text("kind,billing_id,quickbooks_id\nmatter,Immigration,1\n")

    [refused] = terminal.json("mapping", "import", "one", str(file), code=1)

    assert "matter" not in exported
    assert refused == {
        "line": 2, "reason": "matters are no classes of this firm", "remedy": "Set matter_in=class (`firm set`) first.",
    }  # fmt: skip


@pytest.mark.parametrize("place", ["memo", "custom_field:Matter", "class"])
@pytest.mark.parametrize("where", ["line", "transaction"])
def test_turning_it_on_sends_nothing_again_and_afterwards_it_is_the_bookkeeper_s(
    law_firm: LawFirm, terminal: Terminal, place: str, where: str
) -> None:
    track_classes(law_firm, where)
    label_custom_fields(law_firm, f1="Matter")
    theirs = add_class(law_firm, "Bookkeeper's")
    ours = add_class(law_firm, "Immigration")
    law_firm.activate()
    law_firm.invoice("old", "10.00", "20.00", matter="Immigration")
    terminal.run("sync", "one")
    terminal.run("firm", "set", "one", f"matter_in={place}")
    law_firm.books.count_anew()
    terminal.run("sync", "one")
    writes = law_firm.books.writes()
    law_firm.invoice("new", "10.00", "20.00", matter="Immigration")
    terminal.run("sync", "one")
    sent = invoice_of(law_firm, "new")
    there = law_firm.books.read("Invoice", sent["Id"])
    lines = [line for line in there["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    changes: dict[str, Any] = {"CustomField": [{"DefinitionId": "1", "StringValue": "Another"}]}
    if place == "memo":
        changes = {"PrivateNote": f"{there['PrivateNote'].split(' ')[0]} another note"}
    elif place == "class" and where == "transaction":
        changes = {"ClassRef": {"value": theirs}}
    elif place == "class":
        lines[0]["SalesItemLineDetail"]["ClassRef"] = {"value": theirs}
        del lines[1]["SalesItemLineDetail"]["ClassRef"]
        changes = {"Line": json.loads(json.dumps(lines, default=str))}
    law_firm.books.do("edit", entity="Invoice", id=sent["Id"], changes=changes)
    before = [law_firm.books.read("Invoice", row["Id"]) for row in (invoice_of(law_firm, "old"), sent)]
    law_firm.change("update invoices set matter = 'Another'")
    terminal.run("sync", "one")
    law_firm.books.count_anew()
    law_firm.change("update invoice_lines set amount = 11, unit_price = 11 where line_number = 1")
    law_firm.change("update invoices set total_amount = 31")
    terminal.run("sync", "one")
    after = [invoice_of(law_firm, number) for number in ("old", "new")]

    assert writes == 0
    assert law_firm.states() == {"new": ("synced", ""), "old": ("synced", "")}
    assert [row["TotalAmt"] for row in after] == [Decimal(31), Decimal(31)]
    beside = [(row.get("PrivateNote"), row.get("CustomField"), classes_of(row)) for row in before]
    assert [(row.get("PrivateNote"), row.get("CustomField"), classes_of(row)) for row in after] == beside
    if place == "class":
        assert classes_of(sent) == ([ours, "", ""] if where == "transaction" else ["", ours, ours])


def test_lines_that_come_and_go_keep_the_class_of_the_invoice(law_firm: LawFirm, terminal: Terminal) -> None:
    """A removed line takes no class along that the others have; a new line has the one that all others have."""
    track_classes(law_firm, "line")
    add_class(law_firm, "Immigration")
    theirs = add_class(law_firm, "Bookkeeper's")
    law_firm.activate()
    terminal.run("firm", "set", "one", "matter_in=class")
    law_firm.invoice("1", "10.00", lines=[{"amount": "5.00", "description": "Goes"}], matter="Immigration")
    terminal.run("sync", "one")
    sent = invoice_of(law_firm, "1")
    lines = [line for line in sent["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    for line in lines:
        line["SalesItemLineDetail"]["ClassRef"] = {"value": theirs}
    law_firm.books.do(
        "edit", entity="Invoice", id=sent["Id"], changes=json.loads(json.dumps({"Line": lines}, default=str))
    )
    law_firm.remove("invoice_lines", invoice_id="1", line_number=2)
    law_firm.change("update invoices set total_amount = 10")
    terminal.run("sync", "one")
    fewer = classes_of(invoice_of(law_firm, "1"))
    for number in (2, 3):
        more = {"line_number": number, "description": f"Comes {number}", "amount": "7.00"}
        law_firm.insert("invoice_lines", invoice_id="1", quantity=1, unit_price="7.00", **more)
    law_firm.change("update invoices set total_amount = 24")
    terminal.run("sync", "one")

    assert fewer == ["", theirs]
    assert classes_of(invoice_of(law_firm, "1")) == ["", theirs, theirs, theirs]
    assert law_firm.states() == {"1": ("synced", "")}


def test_with_matters_off_no_class_is_read_and_with_them_on_a_run_with_nothing_to_do_costs_nothing(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    track_classes(law_firm, "line")
    add_class(law_firm, "Immigration")
    law_firm.activate()
    counts = []
    for number, place in enumerate(("off", "class", "class")):
        terminal.run("firm", "set", "one", f"matter_in={place}")
        law_firm.invoice(str(number), "10.00", matter="Immigration")
        law_firm.books.count_anew()
        terminal.run("sync", "one")
        sending = law_firm.books.requests().get("POST query", 0)
        law_firm.books.count_anew()
        terminal.run("sync", "one")
        counts.append((sending, law_firm.books.requests()))

    assert counts[1:] == [(counts[1][0], {}), (counts[2][0], {})]
    assert counts[0][1] == {}
    assert counts[2][0] == counts[1][0]


# E-39


@pytest.mark.parametrize("sub_type", ["TrustAccounts", "RentsHeldInTrust"])
def test_an_account_of_client_money_is_refused_as_deposit_account(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, sub_type: str
) -> None:
    law_firm.activate()
    trust = open_account(law_firm, "Client money", "Bank", sub_type)

    refused = map_method(terminal, tmp_path, trust, code=1)

    assert f"the Account with Id '{trust}' holds client money (AccountSubType {sub_type})" in refused
    assert law_firm.query("select 1 from sync.mapping where kind = 'deposit_account'") == []


def test_a_mapping_that_stands_holds_its_payments_until_the_method_is_mapped_to_the_operating_account(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    law_firm.activate()
    trust = account(law_firm, "Trust Account")
    law_firm.map("deposit_account", "check", trust)  # as an earlier release stored it
    law_firm.invoice("1", "30.00")
    law_firm.payment("by-check", applied={"1": "10.00"})
    law_firm.payment("by-card", applied={"1": "20.00"}, method="card")
    planned = terminal.run("plan", "one", code=3).out
    terminal.run("sync", "one", code=3)
    terminal.run("sync", "one", code=3)
    held, received = law_firm.states("payment"), law_firm.books.ours("Payment")
    found = look(terminal)["TRUST_ACCOUNT of one"]
    [detail] = {row["detail"] for row in law_firm.query("select detail from sync.log where reason = 'TRUST_ACCOUNT'")}
    said = map_method(terminal, tmp_path, account(law_firm, "Checking"))

    terminal.run("sync", "one")

    assert "TRUST_ACCOUNT" in planned
    assert held == {"by-check": ("held", "TRUST_ACCOUNT"), "by-card": ("synced", "")}
    assert [row["TotalAmt"] for row in received] == [Decimal(20)]
    assert (found.verdict, found.found) == (
        "warning",
        f"Mapping of deposit account check: the Account with Id '{trust}' holds client money "
        "(AccountSubType TrustAccounts).",
    )
    assert detail == f"Account {trust} is of AccountSubType TrustAccounts"
    assert "CALLED_TRUST" not in said
    assert law_firm.states("payment") == {"by-check": ("synced", ""), "by-card": ("synced", "")}
    assert "TRUST_ACCOUNT of one" not in look(terminal)


def test_an_account_that_becomes_one_of_client_money_receives_nothing_more(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    """What was received stays and can be changed and voided; and the cure in QuickBooks is noticed."""
    law_firm.activate()
    checking = account(law_firm, "Checking")
    map_method(terminal, tmp_path, checking)
    law_firm.invoice("1", "30.00")
    law_firm.payment("before", applied={"1": "10.00"})
    terminal.run("sync", "one")
    law_firm.books.do("edit", entity="Account", id=checking, changes={"AccountSubType": "TrustAccounts"})
    law_firm.payment("after", applied={"1": "20.00"})
    law_firm.change("update payments set reference = 'check 7' where payment_id = 'before'")
    terminal.run("sync", "one", code=3)
    held = law_firm.states("payment")
    law_firm.books.do("edit", entity="Account", id=checking, changes={"AccountSubType": "Checking"})

    terminal.run("sync", "one")

    assert held == {"before": ("synced", ""), "after": ("held", "TRUST_ACCOUNT")}
    assert law_firm.states("payment") == {"before": ("synced", ""), "after": ("synced", "")}


@pytest.mark.parametrize("name", ["Client IOLTA", "escrow_2026", "Smith Trust account"])
def test_a_bank_account_that_is_called_trust_warns_and_receives(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, name: str
) -> None:
    law_firm.activate()
    bank = open_account(law_firm, name, "Bank", "Checking")
    law_firm.invoice("1", "30.00")
    law_firm.payment("p", applied={"1": "10.00"})

    said = map_method(terminal, tmp_path, bank)
    terminal.run("sync", "one")

    assert said.startswith(
        f"warning CALLED_TRUST: Mapping of deposit account check: the bank account with Id '{bank}' is called trust, "
        "IOLTA or escrow, and is of AccountSubType Checking. If it holds client money"
    )
    assert look(terminal)["CALLED_TRUST of one"].verdict == "warning"
    assert law_firm.states("payment") == {"p": ("synced", "")}


@pytest.mark.parametrize(
    ("name", "kind", "sub_type"),
    [("Trustworthy Bank", "Bank", "Checking"), ("Escrow receivable", "Other Current Asset", "OtherCurrentAssets")],
)
def test_no_other_account_warns(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, name: str, kind: str, sub_type: str
) -> None:
    law_firm.activate()

    said = map_method(terminal, tmp_path, open_account(law_firm, name, kind, sub_type))

    assert said == "1 mappings are stored. Next step: qb-pipeline sync one\n"


def test_no_refund_is_recorded_from_an_account_of_client_money(law_firm: LawFirm) -> None:
    law_firm.activate(record_refunds="on")
    trust = account(law_firm, "Trust Account")
    law_firm.map("deposit_account", "wire", trust)
    law_firm.invoice("1", "30.00")
    law_firm.payment("p", applied={"1": "30.00"})
    law_firm.sync()
    law_firm.payment("back", amount="30.00", kind="refund", reverses_payment_id="p", method="wire")

    report = law_firm.sync()

    assert report.notices == [
        f"refund back is left to be entered by hand: account {trust} holds client money (AccountSubType TrustAccounts)"
    ]
    assert law_firm.books.all("JournalEntry") == []


# E-46


def test_the_accounts_of_client_money_are_checked_by_type_and_wanted_together(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    open_account(law_firm, "Client credit", "Other Current Liability", "OtherCurrentLiabilities")
    clearing = open_account(law_firm, "Client credit clearing", "Other Current Asset", "OtherCurrentAssets")

    alone = terminal.run("firm", "set", "one", "client_money=credit", "client_credit_account=Client credit", code=1)
    wrong = terminal.run("firm", "set", "one", "client_credit_account=Client credit clearing", code=1)
    done = terminal.run(
        "firm", "set", "one", "client_money=credit", "client_credit_account=Client credit",
        "client_clearing_account=Client credit clearing",
    )  # fmt: skip
    emptied = terminal.run("firm", "set", "one", "client_clearing_account=", code=1)

    assert "client_money=credit also wants client_clearing_account" in alone.out + alone.err
    assert f"the Account with Id '{clearing}' is of AccountType Other Current Asset" in wrong.out + wrong.err
    assert f"client_clearing_account = {clearing} (Client credit clearing)" in done.out
    assert "client_money=credit also wants client_clearing_account" in emptied.out + emptied.err
    assert law_firm.deployment.firms.get("one").settings.client_money == "credit"
