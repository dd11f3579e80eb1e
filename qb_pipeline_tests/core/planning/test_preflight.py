"""Which settings of a company a person hears of, and what they stop."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from qb_pipeline.config import PROJECT
from qb_pipeline.core.mapping.mapping_targets import read_targets
from qb_pipeline.core.planning.preflight import (
    BLOCKING,
    Check,
    CompanySettings,
    Fence,
    fences,
    find_settings,
    find_targets,
    read_settings,
)
from qb_pipeline.core.settings import FirmSettings

GOOD = CompanySettings(
    company_name="Books",
    country="US",
    home_currency="USD",
    multi_currency=False,
    custom_numbers=True,
    auto_apply_credits=False,
    discounts=True,
    sales_tax=True,
    automated_sales_tax=False,
    books_closed_through=None,
)


def codes(company: CompanySettings, *, tax_codes: tuple[str, ...] = (), **settings: Any) -> list[str]:
    found = find_settings(company, FirmSettings(**settings), currency="USD", tax_codes=tax_codes)
    return [f"{finding.severity} {finding.code}" for finding in found]


def test_settings_are_read_as_quickbooks_answers_them() -> None:
    preferences = {
        "AccountingInfoPrefs": {"BookCloseDate": "2018-12-31"},
        "SalesFormsPrefs": {"CustomTxnNumbers": True, "AllowDiscount": True, "AutoApplyPayments": True},
        "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": True},
        "CurrencyPrefs": {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "CAD"}},
    }

    assert read_settings(preferences, {"CompanyName": "Books", "Country": "CA"}) == CompanySettings(
        "Books", "CA", "CAD", True, True, True, True, True, True, date(2018, 12, 31)
    )


def test_what_quickbooks_leaves_out_is_off_and_the_currency_is_its_country_s() -> None:
    assert read_settings({}, {"Country": "US"}) == CompanySettings(
        "", "US", "USD", False, False, False, False, False, False, None
    )
    assert read_settings({}, {"Country": "Atlantis"}).home_currency == ""


@pytest.mark.parametrize(
    ("changes", "settings", "found"),
    [
        ({}, {}, []),
        ({}, {"tax_policy": "total"}, []),
        ({"home_currency": "CAD"}, {}, ["blocking HOME_CURRENCY"]),
        ({"home_currency": ""}, {}, []),
        ({"sales_tax": False}, {}, []),
        ({"sales_tax": False}, {"tax_policy": "total"}, ["blocking SALES_TAX_OFF"]),
        ({"automated_sales_tax": True}, {}, []),
        ({"automated_sales_tax": True}, {"tax_policy": "total"}, ["warning AUTOMATED_SALES_TAX"]),
        ({"country": "CA"}, {}, ["warning TAX_CODES_UNMAPPED"]),
        ({"custom_numbers": False}, {}, ["warning CUSTOM_NUMBERS_OFF"]),
        ({"auto_apply_credits": True}, {}, ["warning AUTO_APPLY_CREDITS"]),
        ({"books_closed_through": date(2025, 12, 31)}, {}, ["warning BOOKS_CLOSED"]),
        ({"multi_currency": True}, {}, ["warning MULTI_CURRENCY"]),
        ({"discounts": False}, {}, ["warning DISCOUNTS_OFF"]),
        (
            {"home_currency": "CAD", "custom_numbers": False},
            {},
            ["blocking HOME_CURRENCY", "warning CUSTOM_NUMBERS_OFF"],
        ),
    ],
)
def test_each_setting_has_its_finding(changes: dict[str, Any], settings: dict[str, Any], found: list[str]) -> None:
    assert codes(replace(GOOD, **changes), **settings) == found


def test_a_company_abroad_needs_its_tax_codes_mapped_taxed_or_not() -> None:
    abroad = replace(GOOD, country="CA", home_currency="USD")

    assert codes(abroad, tax_codes=("NON",)) == []
    assert codes(abroad, tax_codes=("NON",), tax_policy="total") == ["warning TAX_CODES_UNMAPPED"]
    assert codes(abroad, tax_codes=("NON", "TAX"), tax_policy="total") == []


def test_mappings_to_what_is_not_usable_are_named_together() -> None:
    targets = {
        "payer": read_targets("payer", [{"Id": "7", "Active": False}, {"Id": "8"}]),
        "income_account": read_targets("income_account", [{"Id": "9", "AccountType": "Bank"}]),
    }
    links = [("payer", f"P{number}", "7") for number in range(7)]
    links += [("payer", "P8", "8"), ("payer", "P9", "6"), ("income_account", "", "9")]

    assert [finding.sentence for finding in find_targets(links, targets)] == [
        "Setting income_account: the Account with Id '9' is of AccountType Bank.",
        "Mapping of payer P9: QuickBooks has no Customer with Id '6'.",
        "Mapping of payer P0, P1, P2, P3, P4, …: the Customer with Id '7' is inactive in QuickBooks.",
    ]


@pytest.mark.parametrize(
    ("custom_numbers", "refused", "states"),
    [(True, True, ["on", "on", "on"]), (True, False, ["on", "on", "unseen"]), (False, True, ["on", "off", "off"])],
)
def test_fences_say_what_is_known_of_them(custom_numbers: bool, refused: bool, states: list[str]) -> None:
    found = fences(replace(GOOD, custom_numbers=custom_numbers), has_refused_a_number=refused)

    assert [fence.state for fence in found] == states
    assert found[0] == Fence("intent written first, marker, asking before repeating", "on")


def test_every_finding_stands_in_the_manual() -> None:
    page = (PROJECT / "docs" / "set-up.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (blocking|warning) \|", page, re.MULTILINE)

    assert sorted(rows) == sorted((str(code), "blocking" if code in BLOCKING else "warning") for code in Check)
