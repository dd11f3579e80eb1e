"""Change data capture."""

from typing import Any

import pytest

from qb_pipeline.emulator.books.cdc import run_cdc
from qb_pipeline.emulator.books.clock import print_instant
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.tables import decode, encode
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import invoice_of, payment_of


def changes(company: Company, entities: str = "Invoice", ago: float = 3600, **options: Any) -> list[Any]:
    since = print_instant(int(company.clock.now() - ago))
    answer: list[Any] = decode(encode(run_cdc(company, entities, since, **options)))["QueryResponse"]
    return answer


@pytest.fixture
def busy(company: Company) -> Company:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    for _ in range(4):
        company.clock.advance(60)
        write(company, "Invoice", "create", invoice_of("1"))
    return company


def test_live_objects_come_by_time_of_change_and_deleted_ones_after_them(busy: Company) -> None:
    busy.clock.advance(60)
    write(busy, "Invoice", "delete", {"Id": "1", "SyncToken": "0"})
    write(busy, "Payment", "create", payment_of("1", 10, ("2", 10)))
    found = changes(busy, "invoice,Payment,Class")

    assert [each["Id"] for each in found[0]["Invoice"]] == ["3", "4", "2", "1"]
    stub = found[0]["Invoice"][-1]
    when = print_instant(int(busy.clock.now()))
    assert stub == {"domain": "QBO", "status": "Deleted", "Id": "1", "MetaData": {"LastUpdatedTime": when}}
    assert (found[0]["startPosition"], found[0]["maxResults"]) == (1, 4)
    assert (found[1]["Payment"][0]["Id"], found[2]) == ("5", {})


def test_only_what_changed_since(busy: Company) -> None:
    assert [each["Id"] for each in changes(busy, ago=60)[0]["Invoice"]] == ["3", "4"]
    busy.clock.advance(3600)
    assert changes(busy, ago=60) == [{}]


def test_a_void_is_a_change_and_an_inactive_customer_too(busy: Company) -> None:
    write(busy, "Invoice", "void", {"Id": "1", "SyncToken": "0"})
    write(busy, "Customer", "create", {"DisplayName": "Grace"})
    write(busy, "Customer", "update", {"Id": "2", "SyncToken": "0", "sparse": True, "Active": False})
    invoices, customers = changes(busy, "Invoice,Customer", ago=1)

    assert (invoices["Invoice"][-1]["Id"], invoices["Invoice"][-1]["TotalAmt"]) == ("1", 0)
    assert [each["Active"] for each in customers["Customer"]] == [False]


def test_the_cap_is_shared_and_silently_cuts(busy: Company) -> None:
    busy.switches = change_switches(busy.switches, {"cdc_limit": 5})
    write(busy, "Payment", "create", payment_of("1", 10))
    write(busy, "Payment", "create", payment_of("1", 10))
    found = changes(busy, "Invoice,Payment")

    assert [found[0]["maxResults"], found[1]["maxResults"]] == [4, 1]


def test_a_merged_customer_is_not_seen_unless_the_switch_shows_it(busy: Company) -> None:
    write(busy, "Customer", "create", {"DisplayName": "Ada L."})
    busy.clock.advance(100)
    VERBS["merge"](busy, {"loser_id": "1", "survivor_id": "2"})
    assert changes(busy, "Customer", ago=1) == [{}]
    assert [each["CustomerRef"]["value"] for each in changes(busy, ago=1)[0]["Invoice"]] == ["2"] * 4

    busy.switches = change_switches(busy.switches, {"cdc_shows_merged": True})
    assert [each["status"] for each in changes(busy, "Customer", ago=1)[0]["Customer"]] == ["Deleted"]


def test_it_may_lie_about_a_live_object(busy: Company) -> None:
    stubs = [each for each in changes(busy, false_deletes=1)[0]["Invoice"] if each.get("status") == "Deleted"]

    assert [each["Id"] for each in stubs] == ["1"]
    assert busy.live("Invoice", "1") is not None


@pytest.mark.parametrize(
    ("entities", "since"),
    [
        ("Invoice", "2020-01-01"),
        ("Invoice", "soon"),
        ("TaxCode", "2026-11-20"),
        ("Wish", "2026-11-20"),
        ("", "2026-11-20"),
    ],
)
def test_refusals(company: Company, entities: str, since: str) -> None:
    with pytest.raises(FaultError):
        run_cdc(company, entities, since)
