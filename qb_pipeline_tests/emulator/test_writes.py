"""What all writes have in common."""

import pytest

from qb_pipeline.emulator.company import Company
from qb_pipeline.emulator.writes import is_name, write
from qb_pipeline_tests.emulator.conftest import invoice_of
from qb_pipeline_tests.emulator.test_sales import refused


def test_read_only_attributes_are_ignored_without_a_word(company: Company) -> None:
    body = {"DisplayName": "Ada", "SyncToken": "9", "FullyQualifiedName": "x", "Balance": 5, "domain": "Mars"}
    write(company, "Customer", "create", body)
    made = company.show("Customer", company.tables["Customer"].rows["1"])

    assert (made["SyncToken"], made["FullyQualifiedName"], made["Balance"], made["domain"]) == ("0", "Ada", 0, "QBO")


def test_an_id_makes_a_create_an_update(company: Company) -> None:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    write(company, "Customer", "create", {"Id": "1", "SyncToken": "0", "DisplayName": "Augusta"})

    assert [record.name for record in company.tables["Customer"].rows.values()] == ["Augusta"]


def test_a_sparse_line_array_replaces_the_lines_and_known_ids_stay(company: Company) -> None:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    line = invoice_of("1")["Line"][0]
    write(company, "Invoice", "create", {"CustomerRef": {"value": "1"}, "Line": [line, line, line]})
    lines = [{**line, "Id": "3", "Amount": 7}, {**line, "Id": "77", "Amount": 5}]
    write(company, "Invoice", "update", {"Id": "1", "SyncToken": "0", "sparse": True, "Line": lines})
    made = company.tables["Invoice"].rows["1"].decode()

    assert [(each.get("Id"), each["Amount"]) for each in made["Line"]] == [("3", 7), ("4", 5), (None, 12)]


@pytest.mark.parametrize(
    ("entity", "operation", "code"),
    [
        ("CreditMemo", "void", "500"),
        ("JournalEntry", "void", "500"),
        ("Invoice", "merge", "500"),
        ("TaxRate", "update", "500"),
    ],
)
def test_operations_that_quickbooks_does_not_have(company: Company, entity: str, operation: str, code: str) -> None:
    assert refused(company, entity, operation, {"Id": "1", "SyncToken": "0"}).code == code


def test_only_names_go_one_at_a_time() -> None:
    assert (is_name("Customer"), is_name("Item"), is_name("Invoice")) == (True, True, False)


def test_preferences_are_changed_group_by_group(company: Company) -> None:
    body = {"SyncToken": "0", "SalesFormsPrefs": {"CustomTxnNumbers": False}}
    write(company, "Preferences", "update", body)

    assert company.preference("SalesFormsPrefs", "CustomTxnNumbers") is False
    assert company.preference("SalesFormsPrefs", "AllowDiscount") is True
