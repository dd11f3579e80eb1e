"""One object as it is at this moment: found, gone, or a refusal that means neither."""

from collections.abc import Iterator
from typing import Any

import pytest

from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import RequestRejectedError, TransientError
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    """An invoice and its payment stand in QuickBooks."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.sync()
    with law_firm.deployment.open(FIRM, Run("look", "test", PARTNER)) as opened:
        yield opened


def only(law_firm: LawFirm, entity: str) -> dict[str, Any]:
    [found] = law_firm.books.all(entity)
    return found


def test_each_kind_is_read_as_the_books_have_it_for_one_request(law_firm: LawFirm, session: FirmSession) -> None:
    kinds = {Kind.INVOICE: "Invoice", Kind.PAYMENT: "Payment", Kind.CUSTOMER: "Customer"}
    there = {kind: only(law_firm, entity) for kind, entity in kinds.items()}
    law_firm.books.count_anew()

    found = {kind: read_current(session, kind, row["Id"]) or {} for kind, row in there.items()}
    item = read_current(session, Kind.ITEM, law_firm.item_id) or {}

    same = ("Id", "SyncToken", "TotalAmt", "Balance", "PrivateNote", "DisplayName")
    assert {kind: [row.get(name) for name in same] for kind, row in found.items()} == {
        kind: [row.get(name) for name in same] for kind, row in there.items()
    }
    assert (item["Name"], sum(law_firm.books.requests().values())) == ("Consultation", 4)


def test_what_is_deleted_is_gone_and_what_is_void_is_not(law_firm: LawFirm, session: FirmSession) -> None:
    invoice, payment = only(law_firm, "Invoice")["Id"], only(law_firm, "Payment")["Id"]
    law_firm.books.do("delete", entity="Payment", id=payment)
    law_firm.books.do("void", entity="Invoice", id=invoice)

    voided = read_current(session, Kind.INVOICE, invoice)

    assert voided is not None
    assert (voided["Id"], voided["TotalAmt"], read_current(session, Kind.PAYMENT, payment)) == (invoice, 0, None)


def test_a_customer_that_was_merged_into_another_is_gone(law_firm: LawFirm, session: FirmSession) -> None:
    merged = only(law_firm, "Customer")["Id"]
    survivor = law_firm.books.create("Customer", {"DisplayName": "Ana Diaz-Lee"})["Id"]
    law_firm.books.do("merge", loser_id=merged, survivor_id=survivor)

    assert read_current(session, Kind.CUSTOMER, merged) is None
    assert (read_current(session, Kind.CUSTOMER, survivor) or {})["DisplayName"] == "Ana Diaz-Lee"


def test_what_was_changed_just_now_is_seen_although_a_query_shows_it_as_it_was(
    law_firm: LawFirm, session: FirmSession
) -> None:
    invoice = only(law_firm, "Invoice")
    law_firm.books.switch(query_lag_seconds=10.0)
    law_firm.time.sleep(11)
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"CustomerMemo": {"value": "by hand"}})

    [asked] = session.quickbooks.find("Invoice", "Id", [invoice["Id"]])
    read = read_current(session, Kind.INVOICE, invoice["Id"])

    assert read is not None
    assert (asked["SyncToken"], read["SyncToken"]) == (invoice["SyncToken"], str(int(invoice["SyncToken"]) + 1))
    assert read["CustomerMemo"] == {"value": "by hand"}


def test_another_refusal_does_not_mean_gone(law_firm: LawFirm, session: FirmSession) -> None:
    invoice = only(law_firm, "Invoice")["Id"]
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "invoice", "times": 1})

    with pytest.raises(RequestRejectedError) as caught:
        read_current(session, Kind.INVOICE, invoice)

    assert caught.value.codes == ("6000",)
    assert read_current(session, Kind.INVOICE, invoice) is not None


def test_no_answer_does_not_mean_gone(law_firm: LawFirm, session: FirmSession) -> None:
    invoice = only(law_firm, "Invoice")["Id"]
    law_firm.books.fault({"what": "html_503", "match": "invoice", "times": None})

    with pytest.raises(TransientError):
        read_current(session, Kind.INVOICE, invoice)
