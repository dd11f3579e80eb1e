"""QuickBooks refuses the company: the firm stops at the first such answer, and its documents stand as they stood."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.ledger.books import company_faults
from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import CompanyFaultError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.pull.received_payments import read_changes
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.stages import sync_firm
from qb_pipeline.sync.verify.census import take_census
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

SWITCHES: dict[str, dict[str, str]] = {
    "130": {"cluster": "wrong"},
    "140": {"lockout": "locked_out"},
    "150": {"maintenance": "under_way"},
    "5020": {"permission": "denied"},
    "5030": {"features": "unsupported"},
    "6190": {"subscription": "ended"},
}
MENDED = {
    "cluster": "right", "lockout": "none", "maintenance": "none", "permission": "granted", "features": "supported",
    "subscription": "active",
}  # fmt: skip
SLOW = {"batch_item_latency_ms": 50.0}
"""A full batch takes 1.5 seconds: four have left before the first is answered."""


def known(law_firm: LawFirm, count: int = 0, **settings: str) -> None:
    """An active firm whose customer and item have been found, and invoices that wait."""
    law_firm.activate(**settings)
    law_firm.invoice("known", "1.00")
    law_firm.sync()
    for number in range(count):
        law_firm.invoice(f"{number:03}", "10.00")
    law_firm.sync(("work_list",))
    law_firm.books.count_anew()


def documents(law_firm: LawFirm) -> list[dict[str, Any]]:
    """Everything that the ledger says of its documents, but when it last looked."""
    return law_firm.query(
        "select kind, source_id, state, reason, state_since, quickbooks_id, sync_token, sent_fingerprint, source_hash "
        "from sync.document order by kind, source_id"
    )


def standing(law_firm: LawFirm) -> str:
    fault = company_faults.standing(law_firm.ledger, FIRM)
    return fault.code if fault else ""


def test_every_fault_of_a_company_has_a_switch() -> None:
    assert SWITCHES.keys() == COMPANY_FAULTS.keys()


@pytest.mark.parametrize("shape", ["items", "request"])
@pytest.mark.parametrize("code", COMPANY_FAULTS)
def test_a_fault_of_the_company_stops_the_firm_and_leaves_its_documents(
    law_firm: LawFirm, code: str, shape: str
) -> None:
    known(law_firm, 66)
    before = documents(law_firm)
    law_firm.deployment.in_flight = 1
    law_firm.books.switch(company_fault_in_batch=shape, **SWITCHES[code])

    with pytest.raises(CompanyFaultError) as first:
        law_firm.sync()
    requests = law_firm.books.requests()
    after = documents(law_firm), law_firm.query("select 1 from sync.attempt where state in ('sending', 'unknown')")
    stood = standing(law_firm)
    law_firm.books.switch(**MENDED)
    law_firm.sync()

    assert first.value.reason == f"{COMPANY_FAULTS[code].sentence} {COMPANY_FAULTS[code].remedy} (fault {code})"
    assert requests in ({"GET cdc": 1}, {"GET cdc": 1, "POST batch": 1})  # whichever is refused first is the last
    assert after == (before, [])
    assert (stood, standing(law_firm)) == (code, "")
    assert set(law_firm.states().values()) == {("synced", "")}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("code", COMPANY_FAULTS)
def test_in_the_middle_of_a_run_what_is_in_flight_is_recorded_and_nothing_more_begins(
    law_firm: LawFirm, code: str, whole: bool
) -> None:
    """Four batches are in flight: the second is refused while the others still wait. Four more have not begun."""
    known(law_firm, 240)
    before = {row["source_id"]: row for row in documents(law_firm)}
    fault = {"what": "refused", "code": code, "match": "batch/2", "whole": whole}
    law_firm.books.switch(**SLOW)
    law_firm.books.fault(fault, *({"what": "delay", "seconds": 1.0, "match": f"batch/{nth}"} for nth in (1, 3, 4)))

    with pytest.raises(CompanyFaultError):
        law_firm.sync()

    requests = law_firm.books.requests()
    after = {row["source_id"]: row for row in documents(law_firm)}
    sent = [key for key, row in after.items() if row["state"] == "synced" != before[key]["state"]]
    assert requests == {"GET cdc": 1, "POST batch": 4}
    assert len(sent) == 90
    assert {key: row for key, row in after.items() if key not in sent} == {
        key: row for key, row in before.items() if key not in sent
    }
    assert law_firm.query("select 1 from sync.attempt where state in ('sending', 'unknown')") == []
    assert law_firm.in_quickbooks("invoice") == Counter({"known": 1, **dict.fromkeys(sent, 1)})

    law_firm.books.heal()
    law_firm.sync()
    assert law_firm.in_quickbooks("invoice") == Counter({"known": 1, **{f"{n:03}": 1 for n in range(240)}})


def test_a_batch_of_which_a_part_was_done_is_recorded_as_it_was_answered(law_firm: LawFirm) -> None:
    """The subscription ended while QuickBooks was at work on the batch."""
    known(law_firm, 30)
    law_firm.books.fault({"what": "refused", "code": "6190", "match": "batch", "items": list(range(10, 30))})

    with pytest.raises(CompanyFaultError):
        law_firm.sync()

    assert Counter(law_firm.states().values()) == {("synced", ""): 11, ("new", ""): 20}
    assert standing(law_firm) == "6190"


def test_a_feature_that_only_some_documents_lack_is_their_own_refusal(law_firm: LawFirm) -> None:
    known(law_firm, 3)
    law_firm.books.fault({"what": "refused", "code": "5030", "match": "batch", "items": [1]})

    law_firm.sync()

    assert Counter(law_firm.states().values()) == {("synced", ""): 3, ("refused", "REFUSED"): 1}
    assert standing(law_firm) == ""


def test_held_documents_go_back_to_their_reason_and_their_time(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.do("inactivate", entity="Item", id=law_firm.item_id)
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.books.do("activate", entity="Item", id=law_firm.item_id)
    before = documents(law_firm)
    law_firm.books.switch(subscription="ended")

    with pytest.raises(CompanyFaultError):
        law_firm.sync()

    assert law_firm.states()["1"] == ("held", "MAPPING_INACTIVE")
    assert documents(law_firm) == before


def a_customer(law_firm: LawFirm) -> None:
    law_firm.insert("payers", payer_id="P2", first_name="Bo")
    law_firm.invoice("1", "10.00", payer_id="P2")


def an_item(law_firm: LawFirm) -> None:
    law_firm.insert("fee_items", fee_item_id="F2", name="Filing", code="FIL")
    law_firm.invoice("1", lines=[{"fee_item_id": "F2", "quantity": 1, "unit_price": "10.00", "amount": "10.00"}])


def a_void(law_firm: LawFirm) -> None:
    law_firm.change("update invoices set status = 'void', updated_at = now() where invoice_id = 'known'")


def a_change(law_firm: LawFirm) -> None:
    law_firm.change("update invoices set invoice_number = 'N-x', updated_at = now() where invoice_id = 'known'")


def a_payment(law_firm: LawFirm) -> None:
    law_firm.payment("p1", applied={"known": "1.00"})


WRITES = {
    "POST customer": a_customer, "POST item": an_item, "POST invoice": a_void, "POST batch": a_payment,
}  # fmt: skip


@pytest.mark.parametrize("endpoint", WRITES)
def test_whatever_is_written_stops_at_the_first_such_answer(law_firm: LawFirm, endpoint: str) -> None:
    income = next(account["Id"] for account in law_firm.books.all("Account") if account["Name"] == "Legal Fees")
    known(law_firm, unmapped_fee_item="create", income_account=income)
    WRITES[endpoint](law_firm)
    law_firm.invoice("later", "10.00")
    law_firm.sync(("work_list",))
    before = law_firm.states()
    law_firm.books.switch(subscription="ended")

    with pytest.raises(CompanyFaultError):
        law_firm.sync()
    reads = ("GET cdc", "POST query")
    written = {name: count for name, count in law_firm.books.requests().items() if name not in reads}
    after = law_firm.states()
    law_firm.books.switch(subscription="active")
    law_firm.sync()

    assert written == {endpoint: 1}
    assert after == before
    assert {state for state, _ in law_firm.states().values()} <= {"synced", "voided"}


READS: dict[str, Callable[[FirmSession], object]] = {
    "preferences": lambda session: sync_firm(session, Selection()),
    "query": lambda session: take_census(session, whole=True),
    "invoice": lambda session: sync_firm(session, Selection()),
    "cdc": reconcile,
}


@pytest.mark.parametrize("match", READS)
def test_a_read_that_speaks_of_the_company_stops_the_firm(law_firm: LawFirm, match: str) -> None:
    known(law_firm)
    a_change(law_firm)
    law_firm.sync(("work_list",))
    before = law_firm.states()
    law_firm.books.do("delete", entity="Invoice", id=law_firm.books.ours("Invoice")[0]["Id"])  # a query is not enough
    law_firm.books.fault({"what": "refused", "code": "150", "match": match, "times": None})
    law_firm.time.sleep(7200)  # the settings are read again

    with (
        pytest.raises(CompanyFaultError),
        law_firm.deployment.open(FIRM, Run("a run", "test", PARTNER)) as session,
    ):
        READS[match](session)

    assert law_firm.states() == before
    assert standing(law_firm) == "150"


def test_a_look_for_received_payments_tells_it_too(law_firm: LawFirm) -> None:
    law_firm.model = 2
    law_firm.activate()
    law_firm.books.switch(maintenance="under_way")

    with (
        pytest.raises(CompanyFaultError, match="under maintenance"),
        law_firm.deployment.open(FIRM, Run("look", "test", PARTNER)) as session,
    ):
        read_changes(session)

    assert standing(law_firm) == "150"


def test_a_fault_where_a_run_could_do_without_the_answer_fails_it_all_the_same(law_firm: LawFirm) -> None:
    """The look at a refusal's cause: the refusal is recorded, and then the run fails."""
    known(law_firm)
    law_firm.books.do("close-books", date="2024-12-31")
    law_firm.invoice("1", "10.00", invoice_date="2024-06-30")
    law_firm.books.fault({"what": "refused", "code": "140", "match": "preferences", "times": None})

    with pytest.raises(CompanyFaultError):
        law_firm.sync()

    assert law_firm.states()["1"] == ("held", "PERIOD_CLOSED")


def test_while_a_fault_stands_one_request_is_tried_before_the_rest(law_firm: LawFirm) -> None:
    known(law_firm, 240)
    law_firm.books.switch(subscription="ended", **SLOW)
    with pytest.raises(CompanyFaultError):
        law_firm.sync()
    began = law_firm.query("select since, seen_at from sync.company_fault")
    law_firm.books.count_anew()

    with pytest.raises(CompanyFaultError):
        law_firm.sync()
    [again] = law_firm.query("select since, seen_at from sync.company_fault")
    tried = law_firm.books.requests()
    law_firm.books.switch(subscription="active")
    law_firm.sync()

    assert tried == {"GET cdc": 1, "POST batch": 1}
    assert again["since"] == began[0]["since"] < again["seen_at"]
    assert law_firm.books.statistics()["peak_concurrency"] > 1
    assert standing(law_firm) == ""


def test_an_open_attempt_that_meets_a_fault_stays_open(law_firm: LawFirm) -> None:
    """Its answer was lost before; nothing of it landed, and its repetition is refused with the company."""
    known(law_firm, 2)
    law_firm.books.fault(
        {"what": "drop_before", "match": "batch"},
        {"what": "refused", "code": "6190", "match": "batch", "whole": True, "times": None},
    )

    with pytest.raises(CompanyFaultError):
        law_firm.sync()
    stood = law_firm.states()
    law_firm.books.heal()
    law_firm.sync()

    assert {stood["000"], stood["001"]} == {("unknown", "OUTCOME_UNKNOWN")}
    assert law_firm.in_quickbooks("invoice") == {"known": 1, "000": 1, "001": 1}
