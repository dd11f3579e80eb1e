"""What all writes have in common."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import TABLES, TYPES, Field
from qb_pipeline.emulator.books.writes import is_name, write
from qb_pipeline_tests.emulator.books.test_sales import refused
from qb_pipeline_tests.emulator.conftest import invoice_of


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


def values(field: Field, depth: int) -> st.SearchStrategy[Any]:
    """Anything that the field tables allow."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "str": st.text(max_size=5) | st.integers(0, 9),
        "int": st.integers(-5, 40),
        "dec": st.decimals(-1000, 1000, places=3) | st.integers(-5, 500) | st.just("7.5"),
        "bool": st.booleans() | st.just("true"),
        "date": st.dates().map(str),
        "dt": st.just("2026-01-01T00:00:00Z"),
        "id": st.sampled_from(["1", "2", "7", "99", "x", 1]),
        "any": st.none() | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
    }
    if field.kind == "enum":
        found: st.SearchStrategy[Any] = st.sampled_from(sorted(TABLES.enums[field.of]))
    elif field.kind == "obj":
        found = bodies(field.of, depth - 1) if depth else st.just({})
    else:
        found = kinds[field.kind]
    return st.lists(found, max_size=2) if field.many else found | st.none() | st.just("")


def bodies(kind: str, depth: int) -> st.SearchStrategy[Any]:
    """Any body of a type; what matters most is there most often."""
    often = {
        "Line",
        "CustomerRef",
        "TotalAmt",
        "Amount",
        "DetailType",
        "LinkedTxn",
        "value",
        "Name",
        "DisplayName",
        "Type",
    }
    table = TYPES[kind]

    def draw(names: list[str]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({name: values(table[name], depth) for name in names})

    return (
        st.sets(st.sampled_from(sorted(table)), max_size=5)
        .map(lambda some: sorted(some | often & table.keys()))
        .flatmap(draw)
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_the_tables_allow_is_taken_or_refused_and_never_breaks(company: Company, data: Any) -> None:
    if not company.tables["Customer"].rows:
        write(company, "Customer", "create", {"DisplayName": "Ada"})
        write(company, "Invoice", "create", invoice_of("1"))
    entity = data.draw(
        st.sampled_from(["Customer", "Item", "Invoice", "Payment", "CreditMemo", "Deposit", "JournalEntry", "Term"])
    )
    body = data.draw(bodies(entity, 2))
    operation = data.draw(st.sampled_from(["create", "update", "delete", "void"]))
    own = {"Id": "1", "SyncToken": data.draw(st.sampled_from(["0", "1"])), "sparse": data.draw(st.booleans())}
    include = data.draw(st.sampled_from([frozenset[str](), frozenset({"void"})]))
    with contextlib.suppress(FaultError):
        write(company, entity, operation, body if operation == "create" else {**body, **own}, include=include)
