"""What a mapping may point at."""

import pytest

from qb_pipeline.core.mapping.mapping_targets import (
    CLEARS,
    ENTITIES,
    Target,
    choose_target,
    find_target_problem,
    is_refused,
    read_targets,
)
from qb_pipeline.core.problems import PROBLEMS


def test_objects_of_quickbooks_are_read_as_targets() -> None:
    people = read_targets("payer", [{"Id": "1", "DisplayName": "Acme"}, {"Id": "2", "Active": False}])
    items = read_targets(
        "fee_item", [{"Id": "3", "Name": "Advice", "Type": "Service"}, {"Id": "4", "Type": "Category"}]
    )

    assert people == {"1": Target("1", "Acme", True, True), "2": Target("2", "", False, True)}
    assert items == {"3": Target("3", "Advice", True, True, "Service"), "4": Target("4", "", True, False, "Category")}


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("payer", {"Id": "1"}, None),
        ("payer", {"Id": "2"}, "QuickBooks has no Customer with Id '1'"),
        ("payer", {"Id": "1", "Active": False}, "the Customer with Id '1' is inactive in QuickBooks"),
        ("terms", {"Id": "1"}, None),
        ("fee_item", {"Id": "1", "Type": "Service"}, None),
        ("fee_item", {"Id": "1", "Type": "Inventory"}, "the Item with Id '1' is of Type Inventory"),
        ("deposit_account", {"Id": "1", "AccountType": "Bank"}, None),
        ("deposit_account", {"Id": "1", "AccountType": "Income"}, "the Account with Id '1' is of AccountType Income"),
        (
            "deposit_account",
            {"Id": "1", "AccountType": "Bank", "AccountSubType": "RentsHeldInTrust"},
            "the Account with Id '1' holds client money (AccountSubType RentsHeldInTrust)",
        ),
        ("income_account", {"Id": "1", "AccountType": "Income"}, None),
        ("income_account_expense", {"Id": "1", "AccountType": "Other Current Asset"}, None),
        ("income_account_government_fee", {"Id": "1", "AccountType": "Other Current Asset"}, None),
        (
            "income_account_interest",
            {"Id": "1", "AccountType": "Other Current Asset"},
            "the Account with Id '1' is of AccountType Other Current Asset",
        ),
        ("income_account", {"Id": "1", "AccountType": "Bank"}, "the Account with Id '1' is of AccountType Bank"),
    ],
)
def test_a_target_is_usable_or_says_why_not(kind: str, row: dict[str, object], reason: str | None) -> None:
    problem = find_target_problem(kind, "1", read_targets(kind, [row]))

    assert (problem and problem[0]) == reason
    assert problem is None or problem[1].endswith(".")


@pytest.mark.parametrize(
    ("name", "warns"),
    [("Client trust", True), ("IOLTA-2", True), ("my_escrow", True), ("Trustworthy", False), ("Entrust", False)],
)
def test_a_bank_account_warns_by_whole_words_of_its_name(name: str, warns: bool) -> None:
    row = {"Id": "1", "Name": name, "AccountType": "Bank", "AccountSubType": "Checking"}
    asset = {**row, "AccountType": "Other Current Asset"}
    found = [read_targets("deposit_account", [each])["1"].is_called_trust for each in (row, asset)]

    assert found == [warns, False]


def test_quickbooks_itself_refuses_no_payment_for_a_trust_account() -> None:
    row = {"Id": "1", "AccountType": "Bank", "AccountSubType": "TrustAccounts"}

    assert not is_refused("deposit_account", "1", read_targets("deposit_account", [row]))


def test_every_kind_says_which_reasons_another_mapping_clears() -> None:
    assert CLEARS.keys() == ENTITIES.keys()
    assert {PROBLEMS[problem].state for problems in CLEARS.values() for problem in problems} == {"held"}


ACCOUNTS = read_targets(
    "income_account",
    [
        {"Id": "1", "Name": "Checking", "FullyQualifiedName": "Checking", "AccountType": "Bank"},
        {"Id": "7", "Name": "Legal Fees", "FullyQualifiedName": "Legal Fees", "AccountType": "Income"},
        {"Id": "8", "Name": "Fees", "FullyQualifiedName": "Legal Fees:Fees", "AccountType": "Income"},
        {"Id": "9", "Name": "Fees", "FullyQualifiedName": "Other:Fees", "AccountType": "Other Income"},
        {"Id": "10", "Name": "Old Fees (deleted)", "FullyQualifiedName": "Old Fees (deleted)", "AccountType": "Income",
         "Active": False},
        {"Id": "11", "Name": "Checking", "FullyQualifiedName": "Legal Fees:Checking", "AccountType": "Income"},
        {"Id": "12", "Name": "7", "FullyQualifiedName": "By number:7", "AccountType": "Expense"},
    ],
)  # fmt: skip
FIT = (
    "These fit: Legal Fees (Id 7, Income); Legal Fees:Checking (Id 11, Income); Legal Fees:Fees (Id 8, Income); "
    "Other:Fees (Id 9, Other Income)."
)


@pytest.mark.parametrize(
    ("text", "quickbooks_id"),
    [
        ("7", "7"),
        ("Legal Fees", "7"),
        (" legal  FEES ", "7"),
        ("Other:Fees", "9"),
        ("legal fees:fees", "8"),
        ("Checking", "11"),  # the other one of this name is a bank account
    ],
)
def test_an_account_is_meant_by_its_id_its_name_or_its_full_name(text: str, quickbooks_id: str) -> None:
    assert choose_target("income_account", text, ACCOUNTS).quickbooks_id == quickbooks_id


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("79", "QuickBooks has no Account of this Id or name."),
        ("Old Fees", "the Account with Id '10' is inactive in QuickBooks."),
        ("1", "the Account with Id '1' is of AccountType Bank."),
        (
            "Fees",
            "that may be Legal Fees:Fees (Id 8, Income) or Other:Fees (Id 9, Other Income). "
            "Give the Id or the full name.",
        ),
    ],
)
def test_an_account_that_cannot_be_meant_is_refused_with_those_that_fit(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="income_account") as refused:
        choose_target("income_account", text, ACCOUNTS)

    assert str(refused.value) == f"income_account={text}: {why} {FIT}"


def test_a_company_without_any_account_that_fits_is_told() -> None:
    with pytest.raises(ValueError, match=r"of this Id or name\. The company has none that fits\."):
        choose_target("income_account", "Fees", {})
