"""What a mapping may point at."""

import pytest

from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline.core.targets import CLEARS, ENTITIES, Target, find_target_problem, read_targets


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
        ("income_account", {"Id": "1", "AccountType": "Income"}, None),
        ("income_account", {"Id": "1", "AccountType": "Bank"}, "the Account with Id '1' is of AccountType Bank"),
    ],
)
def test_a_target_is_usable_or_says_why_not(kind: str, row: dict[str, object], reason: str | None) -> None:
    problem = find_target_problem(kind, "1", read_targets(kind, [row]))

    assert (problem and problem[0]) == reason
    assert problem is None or problem[1].endswith(".")


def test_every_kind_says_which_reasons_another_mapping_clears() -> None:
    assert CLEARS.keys() == ENTITIES.keys()
    assert {PROBLEMS[problem].state for problems in CLEARS.values() for problem in problems} == {"held"}
