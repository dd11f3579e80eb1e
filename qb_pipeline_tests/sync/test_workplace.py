"""What a run holds in its hands: the firm's day, its rules, QuickBooks' lists as tables."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from qb_pipeline.core.schemas import Customers, Items, validate
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.workplace import Workplace
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def place(law_firm: LawFirm) -> Iterator[Workplace]:
    law_firm.activate(tax_policy="total")
    with law_firm.companies.open(FIRM, Run("run", "test", PARTNER)) as opened:
        yield opened


def test_the_day_is_the_firm_s_own(place: Workplace) -> None:
    evening_in_new_york = replace(place, clock=lambda: datetime(2026, 3, 1, 4, 59, tzinfo=UTC))

    assert (evening_in_new_york.today, evening_in_new_york.rules.today) == (date(2026, 2, 28), date(2026, 2, 28))


def test_the_rules_are_the_firm_s(place: Workplace) -> None:
    rules = place.rules

    assert (rules.currency, rules.model, rules.settings.tax_policy, rules.first_date) == (
        "USD", 1, "total", date(2023, 1, 1),
    )  # fmt: skip


def test_customers_and_items_are_read_once_with_inactive_and_sub_customers(law_firm: LawFirm, place: Workplace) -> None:
    parent = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Pacific", "CompanyName": "Pacific"})
    child = {"DisplayName": "Wei Chen", "GivenName": "Wei", "FamilyName": "Chen"}
    law_firm.books.do("edit", entity="Customer", changes=child | {"Job": True, "ParentRef": {"value": parent["Id"]}})
    gone = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "Gone", "FamilyName": "Gone"})
    law_firm.books.do("inactivate", entity="Customer", id=gone["Id"])
    law_firm.books.count_anew()

    customers = validate(Customers, place.customers)
    items = validate(Items, place.items)

    assert customers[["display_name", "company_name", "is_active", "is_sub_customer"]].values.tolist() == [
        ["Pacific", "Pacific", True, False], ["Wei Chen", "", True, True], ["Gone (deleted)", "", False, False],
    ]  # fmt: skip
    assert "Consultation" in items["name"].tolist()
    assert (place.customers is customers, law_firm.books.requests()) == (True, {"POST query": 2})


def test_nothing_can_be_sent_outside_the_lease(place: Workplace) -> None:
    with pytest.raises(RuntimeError, match="outside the firm's lease"):
        _ = place.sending
