"""The totals of an invoice, and the checks that it can be sent.

Belongs here: checks on invoices and their lines, as tables. Does not belong here: payers and items
(``core.mapping.matching``), the body that is sent (``core.documents.payloads``).
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pandas as pd

from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.settings import FirmRules
from qb_pipeline.core.text import has_control_character, number_key, tidy

DOC_NUMBER_LENGTH = 21
MAX_LINES = 10_000
MAX_TAXABLE_LINES = 750
MAX_CENTS = 10**12 - 1
MAX_DIGITS = 10
"""Limits of QuickBooks: characters of DocNumber, lines of an invoice, lines of a taxed one, digits before the point.

Source: Intuit's Invoice reference; REST API features (read 2026-11-21).
"""

ITEM_KINDS = ("fee", "expense", "interest")


def new_items_cents(lines: pd.DataFrame) -> pd.Series:
    """Return the new items of each invoice in cents, indexed by invoice_id: the sum of all lines, tax included, without
    forwarded balances."""
    amounts = lines["amount_cents"].where(lines["kind"] != "balance_forward", 0)
    return amounts.groupby(lines["invoice_id"]).sum().rename("new_items_cents")


def forwarded_cents(lines: pd.DataFrame) -> pd.Series:
    """Return the sum of the balances that each invoice carries forward from older ones, in cents, indexed by
    invoice_id."""
    amounts = lines["amount_cents"].where(lines["kind"] == "balance_forward", 0)
    return amounts.groupby(lines["invoice_id"]).sum().rename("forwarded_cents")


def find_invoice_problems(invoices: pd.DataFrame, lines: pd.DataFrame, rules: FirmRules) -> pd.Series:
    """Return the first reason for which each invoice cannot be sent, indexed by invoice_id; "" when it can be sent.

    A void invoice has no reason, since nothing of it is sent.
    """
    ids = invoices["invoice_id"]

    def on_invoices(by_invoice: pd.Series, default: int | bool) -> pd.Series:
        return ids.map(by_invoice).fillna(default).astype(type(default))

    def any_line(bad: pd.Series) -> pd.Series:
        return ids.isin(lines.loc[bad, "invoice_id"])

    billed = lines.groupby("invoice_id")["amount_cents"].sum()
    new_items = on_invoices(new_items_cents(lines), 0)
    is_taxed = (lines["kind"] == "tax") & (lines["amount_cents"] != 0)
    is_taxable = is_taxed | (lines["is_taxable"] & (rules.settings.tax_policy == "total"))
    line_count = on_invoices(_count_sent_lines(lines), 0)
    numbers = invoices["invoice_number"].map(tidy)
    first, last = rules.first_date, rules.today + timedelta(days=DAYS_AHEAD)

    # In the order in which a person should learn of them. The first reason that applies is returned.
    reasons = [
        (invoices["status"] == "draft", Problem.INVOICE_DRAFT),
        (~ids.isin(lines["invoice_id"]), Problem.NO_LINES),
        (any_line(_find_bad_lines(lines)), Problem.BAD_AMOUNT),
        (on_invoices(billed, 0) != invoices["total_cents"], Problem.TOTAL_MISMATCH),
        (any_line(is_taxed) & (rules.settings.tax_policy == "none"), Problem.TAX_NOT_ALLOWED),
        (new_items < 0, Problem.NEGATIVE_TOTAL),
        (new_items == 0, Problem.NOTHING_TO_BILL),
        (~any_line(lines["kind"].isin(ITEM_KINDS)), Problem.NO_LINES),  # tax alone is no invoice
        (new_items > MAX_CENTS, Problem.BAD_AMOUNT),
        (invoices["currency"] != rules.currency, Problem.CURRENCY_MISMATCH),
        (invoices["invoice_number"].map(has_control_character), Problem.BAD_NUMBER),
        (numbers == "", Problem.NUMBER_MISSING),
        (numbers.str.len() > DOC_NUMBER_LENGTH, Problem.NUMBER_TOO_LONG),
        (invoices["invoice_date"].map(lambda day: day < first).astype(bool), Problem.DATE_OUT_OF_RANGE),
        (any_line(lines["kind"].isin(ITEM_KINDS) & (lines["fee_item_id"] == "")), Problem.UNKNOWN_FEE_ITEM),
        (line_count > MAX_LINES, Problem.TOO_MANY_LINES),
        ((line_count > MAX_TAXABLE_LINES) & any_line(is_taxable), Problem.TOO_MANY_LINES),
        (invoices["invoice_date"].map(lambda day: day > last).astype(bool), Problem.DATED_AHEAD),
    ]
    problems = pd.Series("", index=invoices.index, dtype="str")
    for applies, problem in reversed(reasons):
        problems[applies] = problem.value
    problems[invoices["status"] == "void"] = ""
    return pd.Series(problems.to_numpy(), index=pd.Index(ids, name="invoice_id"), dtype="str", name="problem")


def describe_totals(invoices: pd.DataFrame, lines: pd.DataFrame) -> dict[str, str]:
    """Describe in words the sum of the lines and the total of each invoice, in dollars, keyed by invoice_id."""
    billed = lines.groupby("invoice_id")["amount_cents"].sum().to_dict()
    return {
        invoice_id: f"lines {to_dollars(int(billed.get(invoice_id, 0)))}, total {to_dollars(int(total))}"
        for invoice_id, total in zip(invoices["invoice_id"].tolist(), invoices["total_cents"].tolist(), strict=True)
    }


def find_taken_numbers(invoices: pd.DataFrame, owners: Mapping[str, str]) -> pd.Series:
    """Return ``NUMBER_TAKEN`` for each invoice with the number of an earlier one, else "", indexed by invoice_id.

    Args:
        invoices: invoices that are to be sent.
        owners: the invoice_id of the document that has a number already, in the ledger or in QuickBooks, keyed by
            number; "" for a document that is not ours.
    """
    owner_of = {number_key(number): invoice_id for number, invoice_id in owners.items()}
    problems = dict.fromkeys(invoices["invoice_id"].tolist(), "")
    standing = invoices[invoices["status"] != "void"].sort_values(["created_at", "invoice_id"])
    for number, invoice_id in zip(standing["invoice_number"].tolist(), standing["invoice_id"].tolist(), strict=True):
        key = number_key(number)
        if key and owner_of.setdefault(key, invoice_id) != invoice_id:
            problems[invoice_id] = Problem.NUMBER_TAKEN.value
    return pd.Series(problems, index=pd.Index(problems, name="invoice_id", dtype="str"), dtype="str", name="problem")


def _count_sent_lines(lines: pd.DataFrame) -> pd.Series:
    """Count the lines that QuickBooks gets of each invoice: one for all discounts, 0 for tax and forwarded balances."""
    own = lines["kind"].isin((*ITEM_KINDS, "note")).groupby(lines["invoice_id"]).sum()
    return own + (lines["kind"] == "discount").groupby(lines["invoice_id"]).any()


def _find_bad_lines(lines: pd.DataFrame) -> pd.Series:
    """Return whether the figures of each line fit no invoice: a wrong sign, a note with an amount, no number, too
    large."""
    amounts, kinds = lines["amount_cents"], lines["kind"]
    wrong_sign = ((kinds == "discount") & (amounts > 0)) | ((kinds == "tax") & (amounts < 0))
    no_number = pd.Series(
        [
            not (_is_number(quantity) and _is_number(unit_price))
            for quantity, unit_price in zip(lines["quantity"].tolist(), lines["unit_price"].tolist(), strict=True)
        ],
        index=lines.index,
        dtype=bool,
    )
    return wrong_sign | ((kinds == "note") & (amounts != 0)) | (amounts.abs() > MAX_CENTS) | no_number


def _is_number(value: Decimal | None) -> bool:
    return value is None or (value.is_finite() and value.adjusted() < MAX_DIGITS)
