"""Finding what a query asks for: indices and scans give the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.emulator.books.chart import open_company
from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.query import read_query
from qb_pipeline.emulator.books.select import run_query
from qb_pipeline.emulator.books.switches import Switches
from qb_pipeline.emulator.books.tables import decode, encode
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import NOON, invoice_of


@pytest.fixture(scope="module")
def full() -> Company:
    """Twelve invoices of three customers, one a day."""
    clock = Clock(source=lambda: NOON)
    company = Company("1", "Law Firm", clock)
    open_company(company)
    for name in ("Ada", "Grace", "O'Brien"):
        write(company, "Customer", "create", {"DisplayName": name})
    for number in range(12):
        clock.advance(86400)
        body = invoice_of(str(number % 3 + 1), 10 * (number + 1), DocNumber=f"N-{number // 2}")
        write(company, "Invoice", "create", {**body, "TxnDate": f"2026-01-{number + 1:02}"})
    return company


def ask(company: Company, statement: str) -> Any:
    return decode(encode(run_query(company, read_query(statement, "2026-11-21"))))


def ids(company: Company, condition: str) -> list[str]:
    found = ask(company, f"select * from Invoice where {condition} maxresults 1000")  # noqa: S608
    return [each["Id"] for each in found.get("Invoice", [])]


def test_numbers_find_every_invoice_that_carries_them(full: Company) -> None:
    assert ids(full, "DocNumber in ('n-0', 'N-5', 'none')") == ["1", "2", "11", "12"]


def test_likeness_dates_amounts_and_time(full: Company) -> None:
    assert ids(full, "DocNumber like 'N-%' and TxnDate < '2026-01-03'") == ["1", "2"]
    assert ids(full, "Balance >= '115'") == ["12"]
    assert ids(full, "CustomerRef = '3' and MetaData.CreateTime >= '2026-11-30T12:00:00-08:00'") == ["9", "12"]
    assert ids(full, "MetaData.LastUpdatedTime > '2026-12-02T20:00:00Z'") == ["12"]


def test_pages_follow_one_another_and_end_with_nothing(full: Company) -> None:
    statement = "select * from Invoice orderby Id startposition {} maxresults 5"
    pages = [ask(full, statement.format(start)) for start in (1, 6, 11, 16)]

    assert [page.get("maxResults") for page in pages] == [5, 5, 2, None]
    assert pages[3] == {}
    assert [each["Id"] for page in pages for each in page.get("Invoice", [])] == [str(n) for n in range(1, 13)]


def test_counting_ordering_and_choosing_columns(full: Company) -> None:
    assert ask(full, "select count(*) from Invoice where CustomerRef = '1'") == {"totalCount": 4}
    found = ask(full, "select DocNumber, MetaData.CreateTime from Invoice orderby TxnDate desc maxresults 1")
    assert found["Invoice"][0] == {
        "Id": "12",
        "domain": "QBO",
        "sparse": True,
        "DocNumber": "N-5",
        "MetaData": {"CreateTime": "2026-12-03T12:00:00-08:00"},
    }


def test_inactive_objects_are_shown_only_when_asked_for(company: Company) -> None:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    VERBS["inactivate"](company, {"id": "1"})

    assert ask(company, "select * from Customer") == {}
    found = ask(company, "select * from Customer where Active in (true, false)")
    assert [each["DisplayName"] for each in found["Customer"]] == ["Ada (deleted)"]


def test_names_with_apostrophes_are_found_whatever_their_case(full: Company) -> None:
    assert ask(full, r"select Id from Customer where DisplayName = 'o\'brien'")["Customer"][0]["Id"] == "3"


def test_a_lagging_query_sees_the_past(company: Company) -> None:
    clock = company.clock
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    write(company, "Invoice", "create", invoice_of("1", DocNumber="old"))
    company.switches = Switches(query_lag_seconds=10)
    write(company, "Invoice", "update", {"Id": "1", "SyncToken": "0", "sparse": True, "DocNumber": "new"})
    write(company, "Invoice", "create", invoice_of("1", DocNumber="unseen"))

    assert (ids(company, "DocNumber = 'old'"), ids(company, "DocNumber in ('new', 'unseen')")) == (["1"], [])
    clock.advance(11)
    assert (ids(company, "DocNumber = 'old'"), ids(company, "DocNumber in ('new', 'unseen')")) == ([], ["1", "2"])
    write(company, "Invoice", "delete", {"Id": "2", "SyncToken": "0"})
    assert ids(company, "DocNumber = 'unseen'") == ["2"]
    assert ids(company, "TxnDate > '2020-01-01'") == ["1", "2"]
    clock.advance(11)
    assert ids(company, "TxnDate > '2020-01-01'") == ["1"]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.sampled_from(["N-0", "n-1", "N-9"]), min_size=1, max_size=3),
    customer=st.sampled_from(["1", "2", "9"]),
    day=st.integers(1, 13),
)
def test_an_index_finds_what_a_scan_finds(full: Company, numbers: list[str], customer: str, day: int) -> None:
    inside = ", ".join(f"'{number}'" for number in numbers)
    conditions = [f"DocNumber in ({inside})", f"CustomerRef = '{customer}'", f"TxnDate <= '2026-01-{day:02}'"]
    every = [msgspec.json.decode(record.body) for record in full.tables["Invoice"].rows.values()]
    wanted = [
        each["Id"]
        for each in every
        if each["DocNumber"].lower() in {number.lower() for number in numbers}
        and each["CustomerRef"]["value"] == customer
        and each["TxnDate"] <= f"2026-01-{day:02}"
    ]

    assert ids(full, " and ".join(conditions)) == wanted
    assert ids(full, " and ".join(reversed(conditions))) == wanted
