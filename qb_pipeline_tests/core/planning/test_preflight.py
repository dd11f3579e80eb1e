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


CUSTOM_FIELDS = [
    {
        "CustomField": [
            {"BooleanValue": False, "Type": "BooleanType", "Name": "SalesFormsPrefs.UseSalesCustom3"},
            {"BooleanValue": True, "Type": "BooleanType", "Name": "SalesFormsPrefs.UseSalesCustom2"},
            {"BooleanValue": True, "Type": "BooleanType", "Name": "SalesFormsPrefs.UseSalesCustom1"},
        ]
    },
    {
        "CustomField": [
            {"StringValue": "Crew #", "Type": "StringType", "Name": "SalesFormsPrefs.SalesCustomName1"},
            {"StringValue": "Not in use", "Type": "StringType", "Name": "SalesFormsPrefs.SalesCustomName3"},
        ]
    },
]
"""As recorded: switches in one group, labels in another."""


def test_settings_are_read_as_quickbooks_answers_them() -> None:
    preferences = {
        "AccountingInfoPrefs": {"BookCloseDate": "2018-12-31", "ClassTrackingPerTxn": True},
        "SalesFormsPrefs": {
            "CustomTxnNumbers": True,
            "AllowDiscount": True,
            "AutoApplyPayments": True,
            "CustomField": CUSTOM_FIELDS,
        },
        "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": True},
        "CurrencyPrefs": {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "CAD"}},
    }

    assert read_settings(preferences, {"CompanyName": "Books", "Country": "CA"}) == CompanySettings(
        "Books", "CA", "CAD", True, True, True, True, True, True, date(2018, 12, 31), "transaction", {"1": "Crew #"}
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
        ({}, {"matter_in": "memo"}, []),
        ({}, {"matter_in": "class"}, ["warning CLASSES_OFF"]),
        ({"class_tracking": "line"}, {"matter_in": "class"}, []),
        ({"custom_fields": {"1": "Crew"}}, {"matter_in": "custom_field:Matter"}, ["warning NO_CUSTOM_FIELD"]),
        ({"custom_fields": {"1": "Matter"}}, {"matter_in": "custom_field:matter"}, []),
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


def test_accounts_of_client_money_and_those_that_are_called_so_are_told_apart() -> None:
    accounts = [
        {"Id": "1", "Name": "IOLTA", "AccountType": "Bank", "AccountSubType": "TrustAccounts"},
        {"Id": "2", "Name": "IOLTA 2", "AccountType": "Bank", "AccountSubType": "Checking"},
        {"Id": "3", "Name": "Checking", "AccountType": "Bank", "AccountSubType": "Checking"},
    ]
    targets = {"deposit_account": read_targets("deposit_account", accounts)}
    links = [
        ("deposit_account", method, account) for method, account in zip(("check", "card", "wire"), "123", strict=True)
    ]

    assert [(finding.code, finding.sentence) for finding in find_targets(links, targets)] == [
        (
            "CALLED_TRUST",
            "Mapping of deposit account card: the bank account with Id '2' is called trust, IOLTA or escrow, and is of "
            "AccountSubType Checking.",
        ),
        (
            "TRUST_ACCOUNT",
            "Mapping of deposit account check: the Account with Id '1' holds client money "
            "(AccountSubType TrustAccounts).",
        ),
    ]


def test_a_matter_which_may_name_a_client_is_not_named() -> None:
    targets = {"matter": read_targets("matter", [{"Id": "1", "Name": "Visa", "Active": False}])}
    links = [("matter", "Doe v. Roe", "1"), ("matter", "Doe", "1"), ("matter", "Roe", "2")]

    assert [finding.sentence for finding in find_targets(links, targets)] == [
        "Mapping of a matter: QuickBooks has no Class with Id '2'.",
        "Mapping of 2 matters: the Class with Id '1' is inactive in QuickBooks.",
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
