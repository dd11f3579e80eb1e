"""Request ids: ignored, honoured, forgotten, stale."""

from typing import Any

import pytest

from qb_pipeline.emulator.books.batch import Desk
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.request_ids import check_request_id
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline_tests.emulator.conftest import invoice_of


@pytest.fixture
def desk(company: Company) -> Desk:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    return Desk(company)


def send(desk: Desk, b_id: str = "", amount: int = 100) -> str:
    return desk.write("Invoice", "create", invoice_of("1", amount), request_id="r", b_id=b_id).id


def honour(desk: Desk, **more: Any) -> None:
    desk.company.switches = change_switches(desk.company.switches, {"requestid": "honoured", **more})


def test_by_default_a_repeat_doubles(desk: Desk) -> None:
    assert (send(desk), send(desk)) == ("1", "2")


def test_an_honoured_repeat_gives_the_first_answer(desk: Desk) -> None:
    honour(desk)
    first = desk.write("Invoice", "create", invoice_of("1"), request_id="r")
    again = desk.write("Invoice", "create", invoice_of("1", 7), request_id="r")

    assert again.content == first.content
    assert len(desk.company.tables["Invoice"].rows) == 1


def test_in_a_batch_both_ids_count(desk: Desk) -> None:
    honour(desk)

    assert [send(desk, each) for each in ("a", "b", "a")] == ["1", "2", "1"]


def test_it_forgets_after_some_hours(desk: Desk) -> None:
    honour(desk, requestid_memory_hours=24)
    send(desk)
    desk.company.clock.advance(23 * 3600)
    assert send(desk) == "1"
    desk.company.clock.advance(2 * 3600)
    assert send(desk) == "2"


def test_it_replays_a_success_whose_document_is_gone(desk: Desk) -> None:
    honour(desk)
    write(desk.company, "Invoice", "delete", {"Id": send(desk), "SyncToken": "0"})
    assert send(desk) == "1"
    assert desk.company.live("Invoice", "1") is None

    honour(desk, requestid_replays_deleted=False)
    assert send(desk) == "2"


def test_refusals_are_not_replayed_unless_the_switch_says_so(desk: Desk) -> None:
    honour(desk)
    with pytest.raises(FaultError):
        desk.write("Invoice", "create", invoice_of("9"), request_id="r")
    assert send(desk) == "1"

    honour(desk, requestid_replays_faults=True)
    with pytest.raises(FaultError):
        desk.write("Invoice", "create", invoice_of("9"), request_id="s")
    with pytest.raises(FaultError):
        desk.write("Invoice", "create", invoice_of("1"), request_id="s")


def test_another_body_under_the_same_id_may_be_refused(desk: Desk) -> None:
    honour(desk, requestid_compares_bodies=True)
    send(desk)
    assert send(desk) == "1"
    with pytest.raises(FaultError, match="600"):
        send(desk, amount=7)


def test_lengths() -> None:
    check_request_id("x" * 50, longest=50)
    with pytest.raises(FaultError, match="2130"):
        check_request_id("x" * 51, longest=50)
