"""What a run has read of a company is not asked twice."""

from collections.abc import Iterator

import pytest

from qb_pipeline.core.schemas import Customers, Items, validate
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    law_firm.activate()
    with law_firm.deployment.open(FIRM, Run("run", "test", PARTNER)) as opened:
        yield opened


def test_customers_and_items_are_read_once_with_inactive_and_sub_customers(
    law_firm: LawFirm, session: FirmSession
) -> None:
    parent = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Pacific", "CompanyName": "Pacific"})
    child = {"DisplayName": "Wei Chen", "GivenName": "Wei", "FamilyName": "Chen"}
    law_firm.books.do("edit", entity="Customer", changes=child | {"Job": True, "ParentRef": {"value": parent["Id"]}})
    gone = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Gone", "FamilyName": "Gone"})
    law_firm.books.do("inactivate", entity="Customer", id=gone["Id"])
    law_firm.books.count_anew()

    customers = validate(Customers, session.company.customers)
    items = validate(Items, session.company.items)

    assert customers[["display_name", "company_name", "is_active", "is_sub_customer"]].values.tolist() == [
        ["Pacific", "Pacific", True, False], ["Wei Chen", "", True, True], ["Gone (deleted)", "", False, False],
    ]  # fmt: skip
    assert "Consultation" in items["name"].tolist()
    assert (session.company.customers is customers, law_firm.books.requests()) == (True, {"POST query": 2})


def test_settings_are_read_once_and_remembered_for_the_next_run(law_firm: LawFirm, session: FirmSession) -> None:
    law_firm.books.count_anew()
    before = session.company.has_read_settings

    read = [session.company.current_settings() for _ in range(2)]

    assert (before, session.company.has_read_settings) == (False, True)
    assert law_firm.books.requests() == {"GET preferences": 1, "GET companyinfo": 1}
    with law_firm.deployment.open(FIRM, Run("next", "test", PARTNER)) as later:
        assert (later.company.settings, later.company.has_read_settings) == (read[1], False)


def test_what_a_list_holds_is_not_asked_for_again(law_firm: LawFirm, session: FirmSession) -> None:
    item_id = str(session.company.items["item_id"].iloc[0])
    law_firm.books.count_anew()

    found = [session.company.find_targets("fee_item", ids) for ids in ([item_id], [item_id, "999"], ["999"])]

    assert ([item_id in each for each in found], "999" in found[2]) == ([True] * 3, False)
    assert law_firm.books.requests() == {"POST query": 1}
