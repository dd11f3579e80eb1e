"""Customers and items that a plan needs are made once, one by one, and remembered; what cannot be made says why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from qb_pipeline.core import schemas
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.mapping.references import find_customers, find_items
from qb_pipeline.sync.plan.plan import Needs
from qb_pipeline.sync.send.customers_and_items import send_references
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    """Makes items that QuickBooks lacks; fee item F2 is one."""
    income = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Legal Fees")
    law_firm.activate(unmapped_fee_item="create", income_account=income)
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.insert("fee_items", fee_item_id="F2", name="Filing", code="FIL")
    law_firm.books.count_anew()
    return law_firm


@contextmanager
def opened(law_firm: LawFirm) -> Iterator[FirmSession]:
    with law_firm.deployment.open(FIRM, Run("run-1", "test", PARTNER)) as session:
        yield session


def needs(session: FirmSession, payer_ids: set[str], fee_item_ids: set[str]) -> Needs:
    payers = schemas.validate(schemas.Payers, session.billing.fetch_payers(sorted(payer_ids)))
    return Needs(
        find_customers(session, payer_ids, NOTHING, AT_ONCE), find_items(session, fee_item_ids, NOTHING), payers
    )


def make(law_firm: LawFirm, *payer_ids: str, items: tuple[str, ...] = ()) -> Learned:
    """One run that needs these; what it learned."""
    with opened(law_firm) as session, session.sending() as sender:
        return send_references(session, sender, needs(session, {*payer_ids}, {*items}), NOTHING)


def links(law_firm: LawFirm) -> list[Mapping]:
    mappings = Mappings(law_firm.ledger, FIRM)
    return [*mappings.all("payer"), *mappings.all("fee_item")]


def named(law_firm: LawFirm, entity: str, name: str = "DisplayName") -> dict[str, str]:
    """Ids by name, as the books have them."""
    return {row[name]: row["Id"] for row in law_firm.books.all(entity)}


def test_where_nothing_is_needed_nothing_is_asked_or_sent(firm: LawFirm) -> None:
    assert (make(firm), firm.books.requests(), links(firm)) == (NOTHING, {}, [])


def test_what_is_missing_is_made_and_what_is_there_is_remembered_and_a_second_run_does_neither(firm: LawFirm) -> None:
    there = firm.books.create("Customer", {"DisplayName": "Bo Lee", "GivenName": "Bo", "FamilyName": "Lee"})["Id"]
    firm.books.count_anew()

    first = make(firm, "P1", "P2", items=("F1", "F2"))
    writes, remembered = firm.books.writes(), links(firm)
    firm.books.count_anew()
    again = make(firm, "P1", "P2", items=("F1", "F2"))

    customers, items = named(firm, "Customer"), named(firm, "Item", "Name")
    assert (first, again, writes, firm.books.requests()) == (NOTHING, NOTHING, 2, {})
    assert remembered == links(firm) == [
        Mapping("payer", "P1", customers["Ana Diaz"], "Ana Diaz", "created"),
        Mapping("payer", "P2", there, "", "matched"),
        Mapping("fee_item", "F1", firm.item_id, "Consultation", "matched"),
        Mapping("fee_item", "F2", items["Filing"], "Filing", "created"),
    ]  # fmt: skip


def test_a_customer_whose_name_somebody_else_has_gets_the_payer_s_id_into_its_name(firm: LawFirm) -> None:
    firm.books.do("edit", entity="Vendor", changes={"DisplayName": "Ana Diaz"})

    learned = make(firm, "P1")

    [customer] = firm.books.all("Customer")
    assert (learned, customer["DisplayName"]) == (NOTHING, "Ana Diaz (P1)")
    assert links(firm) == [Mapping("payer", "P1", customer["Id"], "Ana Diaz (P1)", "created")]


def test_where_every_name_is_taken_the_others_are_made_all_the_same(firm: LawFirm) -> None:
    for name in ("Ana Diaz", "Ana Diaz (P1)"):
        firm.books.do("edit", entity="Vendor", changes={"DisplayName": name})

    learned = make(firm, "P1", "P2")

    assert learned == Learned(not_created={(Kind.CUSTOMER, "P1"): Problem.NAME_TAKEN})
    assert (list(named(firm, "Customer")), [link.source_id for link in links(firm)]) == (["Bo Lee"], ["P2"])


@pytest.mark.parametrize(
    ("mishap", "why"),
    [
        ({"what": "refused", "code": "6000"}, Problem.REFUSED),
        ({"what": "commit_then_drop"}, Problem.OUTCOME_UNKNOWN),
    ],
)
def test_what_cannot_be_made_says_why_and_is_not_remembered(
    firm: LawFirm, mishap: dict[str, Any], why: Problem
) -> None:
    firm.books.fault(mishap | {"match": "item", "times": None})

    learned = make(firm, "P1", items=("F2",))

    assert learned.not_created == {(Kind.ITEM, "F2"): why}
    assert [(link.kind, link.source_id) for link in links(firm)] == [("payer", "P1")]


def test_what_an_earlier_run_made_and_could_not_remember_is_not_made_twice(firm: LawFirm) -> None:
    """As after a process that died between the answer and the mapping."""
    make(firm, "P1", items=("F2",))
    remembered = links(firm)
    firm.query_change("delete from sync.mapping")
    firm.books.count_anew()

    learned = make(firm, "P1", items=("F2",))

    assert (learned, firm.books.writes()) == (NOTHING, 0)
    assert [(link.source_id, link.quickbooks_id, link.origin) for link in links(firm)] == [
        (link.source_id, link.quickbooks_id, "created") for link in remembered
    ]


def test_a_plan_that_was_made_before_another_run_made_the_customer_takes_that_one(firm: LawFirm) -> None:
    with opened(firm) as session:
        planned = needs(session, {"P1"}, {"F2"})
        make(firm, "P1", items=("F2",))
        before = links(firm)
        firm.books.count_anew()
        with session.sending() as sender:
            learned = send_references(session, sender, planned, NOTHING)

    assert (learned, firm.books.writes(), links(firm)) == (NOTHING, 0, before)
