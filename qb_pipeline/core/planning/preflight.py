"""Pre-flight: the settings and mapping targets of a company that would make documents fail or come out wrong.

Belongs here: reading the settings, the findings with their remedies, and the state of the fences (safeguards) against
duplicates. Does not belong here: requests to QuickBooks (``sync.verify.preflight``), storing the settings
(``ledger.books.company``).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from qb_pipeline.core.documents.matters import NOWHERE, choose_place
from qb_pipeline.core.mapping.mapping_targets import ENTITIES, Target, find_target_problem
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.settings import CUSTOM_FIELD, FirmSettings

NAMED = 5
"""The most billing ids that a finding names. An ellipsis stands for the rest."""

CURRENCIES = {"US": "USD", "CA": "CAD", "GB": "GBP", "UK": "GBP", "AU": "AUD", "NZ": "NZD", "IN": "INR"}
"""The home currency, keyed by country, for companies whose preferences do not name it."""


class Check(StrEnum):
    """The checks of pre-flight. People rely on the codes: add codes, never rename one."""

    HOME_CURRENCY = "HOME_CURRENCY"
    SALES_TAX_OFF = "SALES_TAX_OFF"
    AUTOMATED_SALES_TAX = "AUTOMATED_SALES_TAX"
    TAX_CODES_UNMAPPED = "TAX_CODES_UNMAPPED"
    CUSTOM_NUMBERS_OFF = "CUSTOM_NUMBERS_OFF"
    AUTO_APPLY_CREDITS = "AUTO_APPLY_CREDITS"
    BOOKS_CLOSED = "BOOKS_CLOSED"
    MULTI_CURRENCY = "MULTI_CURRENCY"
    DISCOUNTS_OFF = "DISCOUNTS_OFF"
    MAPPING_TARGET = "MAPPING_TARGET"
    TRUST_ACCOUNT = "TRUST_ACCOUNT"
    CALLED_TRUST = "CALLED_TRUST"
    CLASSES_OFF = "CLASSES_OFF"
    NO_CUSTOM_FIELD = "NO_CUSTOM_FIELD"


BLOCKING = frozenset({Check.HOME_CURRENCY, Check.SALES_TAX_OFF})
"""Checks whose findings stop all sending, since every document, or every taxed document, would come out wrong."""

OF_MATTERS = frozenset({Check.CLASSES_OFF, Check.NO_CUSTOM_FIELD})
"""Checks whose findings mean that new invoices are sent without their matter."""

_LABEL = re.compile(r"SalesFormsPrefs\.SalesCustomName(\d+)")
_IN_USE = re.compile(r"SalesFormsPrefs\.UseSalesCustom(\d+)")
"""Names under which Preferences show a custom field of sales forms; the digits are the Id of its definition.

Source: recorded Preferences in public repositories, labels and switches in two groups (read 2026-11-30).
"""


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """A fact to know before documents are sent. It names billing ids and settings, never a client."""

    code: Check
    sentence: str
    remedy: str

    @property
    def severity(self) -> Literal["blocking", "warning"]:
        """The severity of the finding. Nothing is sent while a finding is ``blocking``."""
        return "blocking" if self.code in BLOCKING else "warning"

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.sentence} {self.remedy}"


@dataclass(frozen=True, slots=True)
class Fence:
    """A safeguard against a second QuickBooks document for one of billing. ``unseen``: QuickBooks does not show its
    state."""

    name: str
    state: Literal["on", "off", "unseen"]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """The settings of a company that matter to us. An absent preference counts as off, QuickBooks' own default.

    ``class_tracking``: whether classes are on whole transactions or on their lines. ``custom_fields``: the labels of
    the custom fields that sales forms use, keyed by the Id of their definition.
    """

    company_name: str
    country: str
    home_currency: str
    multi_currency: bool
    custom_numbers: bool
    auto_apply_credits: bool
    discounts: bool
    sales_tax: bool
    automated_sales_tax: bool
    books_closed_through: date | None
    class_tracking: Literal["off", "transaction", "line"] = "off"
    custom_fields: Mapping[str, str] = field(default_factory=dict)


def read_settings(preferences: JsonObject, company_info: JsonObject) -> CompanySettings:
    """Read a company's settings from Preferences and CompanyInfo, as QuickBooks answers them."""
    sales = preferences.get("SalesFormsPrefs") or {}
    tax = preferences.get("TaxPrefs") or {}
    currency = preferences.get("CurrencyPrefs") or {}
    accounting = preferences.get("AccountingInfoPrefs") or {}
    closed = str(accounting.get("BookCloseDate") or "")
    country = str(company_info.get("Country") or "")
    home = (currency.get("HomeCurrency") or {}).get("value")
    return CompanySettings(
        company_name=str(company_info.get("CompanyName") or ""),
        country=country,
        home_currency=str(home or CURRENCIES.get(country, "")),
        multi_currency=bool(currency.get("MultiCurrencyEnabled")),
        custom_numbers=bool(sales.get("CustomTxnNumbers")),
        auto_apply_credits=bool(sales.get("AutoApplyCredit") or sales.get("AutoApplyPayments")),
        discounts=bool(sales.get("AllowDiscount")),
        sales_tax=bool(tax.get("UsingSalesTax")),
        automated_sales_tax=bool(tax.get("PartnerTaxEnabled")),
        books_closed_through=date.fromisoformat(closed[:10]) if closed else None,
        class_tracking=_read_class_tracking(accounting),
        custom_fields=_read_custom_fields(sales.get("CustomField") or ()),
    )


def _read_class_tracking(accounting: JsonObject) -> Literal["off", "transaction", "line"]:
    if accounting.get("ClassTrackingPerTxnLine"):
        return "line"
    return "transaction" if accounting.get("ClassTrackingPerTxn") else "off"


def _read_custom_fields(groups: Iterable[JsonObject]) -> dict[str, str]:
    """Return the labels of the custom fields in use, keyed by the Id of their definition."""
    shown = {str(each.get("Name") or ""): each for group in groups for each in group.get("CustomField") or (group,)}
    used = {found[1] for name, each in shown.items() if (found := _IN_USE.fullmatch(name)) and each.get("BooleanValue")}
    labels = {
        found[1]: str(each.get("StringValue") or "")
        for name, each in shown.items()
        if (found := _LABEL.fullmatch(name))
    }
    return {definition_id: label for definition_id, label in sorted(labels.items()) if definition_id in used and label}


def find_settings(
    company: CompanySettings, settings: FirmSettings, *, currency: str, tax_codes: Collection[str]
) -> list[PreflightFinding]:
    """Return the findings about the company's settings; blocking ones come first.

    Args:
        company: the company's settings in QuickBooks.
        settings: the firm's settings.
        currency: the firm's currency in billing.
        tax_codes: billing's tax codes (``TAX``, ``NON``) that are mapped to the company's.
    """
    with_tax = settings.tax_policy == "total"
    needed = [code for code in ("NON", "TAX") if with_tax or code == "NON"]
    unmapped = [code for code in needed if code not in tax_codes] if company.country not in ("", "US") else []
    home, closed = company.home_currency, company.books_closed_through
    place = choose_place(settings.matter_in, company.custom_fields, company.class_tracking)
    looks = (
        (
            home not in ("", currency),
            Check.HOME_CURRENCY,
            f"The company keeps its books in {home}, billing writes {currency}.",
            "Connect the firm to the company that keeps its books, or correct the currency in billing.",
        ),
        (
            with_tax and not company.sales_tax,
            Check.SALES_TAX_OFF,
            "The firm sends tax, and sales tax is off in the company: invoices would be booked without it.",
            "Turn sales tax on in QuickBooks (Taxes), or set tax_policy=none.",
        ),
        (
            with_tax and company.automated_sales_tax,
            Check.AUTOMATED_SALES_TAX,
            "QuickBooks computes sales tax by itself; an invoice that comes to another total is held TOTAL_DIFFERS.",
            "Keep rates and addresses in QuickBooks as billing has them.",
        ),
        (
            bool(unmapped),
            Check.TAX_CODES_UNMAPPED,
            f"The company ({company.country}) has its own tax codes, and none is mapped to {' and '.join(unmapped)}.",
            "Map them (`mapping import`, kind tax_code).",
        ),
        (
            not company.custom_numbers,
            Check.CUSTOM_NUMBERS_OFF,
            "Custom transaction numbers are off: QuickBooks numbers invoices itself, and refuses no number twice.",
            "Turn them on: Settings, Account and settings, Sales, Sales form content, Custom transaction numbers.",
        ),
        (
            company.auto_apply_credits,
            Check.AUTO_APPLY_CREDITS,
            "QuickBooks applies a client's credits to new invoices by itself; payments may then find less open.",
            "Turn it off: Settings, Account and settings, Advanced, Automation, Automatically apply credits.",
        ),
        (
            closed is not None,
            Check.BOOKS_CLOSED,
            f"The books are closed through {closed}: documents dated until then are held PERIOD_CLOSED.",
            "Nothing, or reopen the period in QuickBooks for as long as they are sent.",
        ),
        (
            company.multi_currency,
            Check.MULTI_CURRENCY,
            f"The company uses several currencies: documents are sent in {currency}, customers must have it too.",
            "Nothing, as long as the firm's customers are in its currency.",
        ),
        (
            not company.discounts,
            Check.DISCOUNTS_OFF,
            "Discounts are off in the company: an invoice with a discount is held DISCOUNTS_OFF.",
            "Turn them on: Settings, Account and settings, Sales, Sales form content, Discount.",
        ),
        (
            settings.matter_in == "class" and place is NOWHERE,
            Check.CLASSES_OFF,
            "Matters are classes (matter_in=class), and the company does not track classes: new invoices go without.",
            "Turn it on: Settings, Account and settings, Advanced, Categories, Track classes; or set matter_in=off.",
        ),
        (
            settings.matter_in.startswith(CUSTOM_FIELD) and place is NOWHERE,
            Check.NO_CUSTOM_FIELD,
            f"Sales forms of the company have no custom field {settings.matter_in.removeprefix(CUSTOM_FIELD)!r}: new "
            "invoices go without their matter.",
            "Add it in QuickBooks (Settings, Custom fields, for invoices), or set matter_in to one that is there.",
        ),
    )  # fmt: skip
    return [PreflightFinding(code, sentence, remedy) for applies, code, sentence, remedy in looks if applies]


def find_refusal(company: CompanySettings, body: JsonObject, theirs: JsonObject) -> Problem | None:
    """Return the reason for which a company with these settings would refuse a document; None where they allow it.

    Args:
        company: the company's settings in QuickBooks.
        body: the body that would be sent.
        theirs: the document as QuickBooks holds it, if it is to be changed or voided; empty for a new one.
    """
    days = [date.fromisoformat(str(day)[:10]) for day in (body.get("TxnDate"), theirs.get("TxnDate")) if day]
    if company.books_closed_through and days and min(days) <= company.books_closed_through:
        return Problem.PERIOD_CLOSED
    has_discount = any(line.get("DetailType") == "DiscountLineDetail" for line in body.get("Line") or ())
    return Problem.DISCOUNTS_OFF if has_discount and not company.discounts else None


def find_targets(
    links: Iterable[tuple[str, str, str]], targets: Mapping[str, Mapping[str, Target]]
) -> list[PreflightFinding]:
    """Return one finding for each kind and target of mappings whose target is inactive, gone, merged, of a wrong type,
    a trust account, or a bank account that is called one.

    Args:
        links: kind, billing id and QuickBooks id of each mapping; kinds ``income_account…`` are the firm's settings.
        targets: the objects that QuickBooks holds, keyed by kind and then by Id.
    """
    found: dict[tuple[str, Check, str, str], list[str]] = {}
    for kind, source_id, quickbooks_id in links:
        problem = _find_target_problem(kind, quickbooks_id, targets.get(kind, {}))
        if problem is not None:
            found.setdefault((kind, *problem), []).append(source_id)
    return [
        PreflightFinding(code, f"{_pointing(kind, source_ids)}: {reason}.", remedy)
        for (kind, code, reason, remedy), source_ids in sorted(found.items())
    ]


def _find_target_problem(kind: str, quickbooks_id: str, targets: Mapping[str, Target]) -> tuple[Check, str, str] | None:
    target = targets.get(quickbooks_id)
    if problem := find_target_problem(kind, quickbooks_id, targets):
        is_trust = target is not None and target.is_active and target.holds_client_money
        return Check.TRUST_ACCOUNT if is_trust and kind == "deposit_account" else Check.MAPPING_TARGET, *problem
    if kind == "deposit_account" and target is not None and target.is_called_trust:
        return (
            Check.CALLED_TRUST,
            f"the bank account with Id {quickbooks_id!r} is called trust, IOLTA or escrow, and is of AccountSubType "
            f"{target.sub_type}",
            "If it holds client money, map the operating account instead; else nothing.",
        )
    return None


def _pointing(kind: str, source_ids: list[str]) -> str:
    if kind not in ENTITIES:
        return f"Setting {kind}"
    if kind == "matter":  # its text may name a client
        return "Mapping of a matter" if len(source_ids) == 1 else f"Mapping of {len(source_ids)} matters"
    shown = ", ".join(sorted(source_ids)[:NAMED])
    return f"Mapping of {kind.replace('_', ' ')} {shown}" + (", …" if len(source_ids) > NAMED else "")


def fences(company: CompanySettings, *, has_refused_a_number: bool) -> list[Fence]:
    """Return the fences against a second document, ours first. No promise of ours depends on the fences of
    QuickBooks."""
    warns: Fence
    if not company.custom_numbers:
        warns = Fence("duplicate-number warning", "off", "Turn on custom transaction numbers first.")
    elif has_refused_a_number:
        warns = Fence("duplicate-number warning", "on")
    else:
        warns = Fence(
            "duplicate-number warning",
            "unseen",
            "QuickBooks does not show this setting. Turn it on: Settings, Account and settings, Advanced, Other "
            "preferences, Warn if duplicate invoice number is used.",
        )
    return [
        Fence("intent written first, marker, asking before repeating", "on"),
        Fence("custom transaction numbers", "on" if company.custom_numbers else "off"),
        warns,
    ]
