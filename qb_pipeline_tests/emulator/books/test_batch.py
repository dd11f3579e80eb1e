"""Batches: items stand or fall alone."""

from typing import Any

import pytest

from qb_pipeline.emulator.books.batch import Desk, check_batch, read_options, run_batch
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.tables import decode, encode
from qb_pipeline.emulator.books.writes import write
from qb_pipeline_tests.emulator.conftest import Body, invoice_of


@pytest.fixture
def desk(company: Company) -> Desk:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    return Desk(company)


def create(b_id: str, body: Body, entity: str = "Invoice") -> Body:
    return {"bId": b_id, "operation": "create", entity: body}


def run(desk: Desk, *items: Body, request_id: str = "", **options: Any) -> dict[str, Any]:
    checked = check_batch(desk.company, {"BatchItemRequest": list(items)}, request_id)
    answers = decode(encode(list(run_batch(desk, checked, request_id, **options))))
    return {answer["bId"]: answer for answer in answers}


def test_one_bad_item_leaves_the_others_alone(desk: Desk) -> None:
    answers = run(desk, create("a", invoice_of("1")), create("b", invoice_of("9")), {"bId": "c", "Query": "select 1"})

    assert answers["a"]["Invoice"]["TotalAmt"] == 100
    assert answers["b"]["Fault"]["Error"][0]["code"] == "2500"
    assert answers["c"]["Fault"]["Error"][0]["code"] == "4000"


def test_answers_come_in_an_order_of_their_own(desk: Desk) -> None:
    items = [create(str(number), invoice_of("1")) for number in range(12)]
    assert list(run(desk, *items)) != [str(number) for number in range(12)]

    desk.company.switches = change_switches(desk.company.switches, {"batch_order": "as_sent"})
    assert list(run(desk, *items)) == [str(number) for number in range(12)]


def test_an_item_cannot_use_what_another_item_made(desk: Desk) -> None:
    desk.company.switches = change_switches(desk.company.switches, {"batch_order": "as_sent"})
    answers = run(desk, create("a", {"DisplayName": "Grace"}, "Customer"), create("b", invoice_of("2")))

    assert answers["a"]["Customer"]["Id"] == "2"
    assert answers["b"]["Fault"]["Error"][0]["code"] == "2500"


def test_names_are_added_one_at_a_time(desk: Desk) -> None:
    items = [create(name, {"DisplayName": name}, "Customer") for name in ("x", "y", "z")]
    faults = [answer for answer in run(desk, *items).values() if "Fault" in answer]

    assert len(faults) == 2
    assert "one name at a time" in faults[0]["Fault"]["Error"][0]["Detail"]


def test_every_operation_and_both_kinds_of_reading(desk: Desk) -> None:
    for _ in range(3):
        write(desk.company, "Invoice", "create", invoice_of("1"))
    write(desk.company, "Payment", "create", {"CustomerRef": {"value": "1"}, "TotalAmt": 5})
    answers = run(
        desk,
        {"bId": "u", "operation": "update", "Invoice": {"Id": "1", "SyncToken": "0", "sparse": True, "DocNumber": "7"}},
        {"bId": "d", "operation": "delete", "Invoice": {"Id": "2", "SyncToken": "0"}},
        {"bId": "v", "operation": "void", "Invoice": {"Id": "3", "SyncToken": "0"}},
        {
            "bId": "p",
            "operation": "update",
            "optionsData": "void",
            "Payment": {"Id": "4", "SyncToken": "0", "sparse": True},
        },
        {"bId": "q", "Query": "select count(*) from Customer"},
        {"bId": "c", "CDCQuery": {"Entities": "Customer", "ChangedSince": "2026-11-20"}},
        {"bId": "r", "operation": "revert", "Invoice": {"Id": "1"}},
    )

    assert answers["u"]["Invoice"]["DocNumber"] == "7"
    assert answers["d"]["Invoice"] == {"status": "Deleted", "domain": "QBO", "Id": "2"}
    assert (answers["v"]["Invoice"]["TotalAmt"], answers["p"]["Payment"]["TotalAmt"]) == (0, 0)
    assert answers["q"]["QueryResponse"] == {"totalCount": 1}
    assert answers["c"]["CDCResponse"][0]["QueryResponse"][0]["Customer"][0]["Id"] == "1"
    assert answers["r"]["Fault"]["Error"][0]["code"] == "500"


@pytest.mark.parametrize(
    ("body", "request_id", "code"),
    [
        ({"BatchItemRequest": [{"bId": str(each), "Query": "x"} for each in range(31)]}, "", "1040"),
        ({"BatchItemRequest": []}, "", "2020"),
        ({"BatchItemRequest": [{"Query": "x"}]}, "", "2020"),
        ({"BatchItemRequest": [{"bId": "x" * 11, "Query": "x"}]}, "r", "2130"),
        ({"BatchItemRequest": [{"bId": "x", "Query": "x"}]}, "r" * 37, "2130"),
        ({"Items": []}, "", "2010"),
    ],
)
def test_a_batch_may_be_refused_whole(desk: Desk, body: Body, request_id: str, code: str) -> None:
    with pytest.raises(FaultError) as caught:
        check_batch(desk.company, body, request_id)
    assert caught.value.code == code


def test_an_item_holds_exactly_one_object(desk: Desk) -> None:
    both = {"bId": "1", "operation": "create", "Invoice": {}, "Payment": {}}

    assert run(desk, both)["1"]["Fault"]["Error"][0]["code"] == "2010"
    assert run(desk, {"bId": "1", "operation": "create", "Wish": {}})["1"]["Fault"]["Error"][0]["code"] == "2010"


def test_whoever_stops_asking_stops_the_batch(desk: Desk) -> None:
    items = [create(str(number), invoice_of("1")) for number in range(5)]
    answers = run_batch(desk, items, "")
    next(answers)
    next(answers)
    assert len(desk.company.tables["Invoice"].rows) == 2

    list(answers)
    assert len(desk.company.tables["Invoice"].rows) == 5


def test_options_are_words_joined_by_commas() -> None:
    assert read_options("Void, allowDuplicateDocNumber") == {"void", "allowduplicatedocnum"}
