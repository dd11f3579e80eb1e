"""Faults that are about the whole company rather than one request: the firm stops, and its documents stay as they were.

Belongs here: codes with one sentence and one remedy each, and the rule whether a code is about the company. Does not
belong here: reading answers (``quickbooks``), storing open faults (``ledger.books.company_faults``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompanyFault:
    """The meaning of a code for the company, and the remedy. ``always``: one item of an answer with the code is
    enough."""

    sentence: str
    remedy: str
    always: bool = True


COMPANY_FAULTS = {
    "130": CompanyFault(
        "QuickBooks looked for this company in a wrong place (wrong cluster): it is being moved.",
        "Wait an hour and run the sync again; if it stays so, connect the company again (`connect`).",
    ),
    "140": CompanyFault(
        "QuickBooks has locked this company: nobody may work in it.",
        "Open the company in QuickBooks and do what it asks for, or ask Intuit's support; then run the sync again.",
    ),
    "150": CompanyFault(
        "QuickBooks has this company under maintenance.",
        "Wait: the next run tries again.",
    ),
    "5020": CompanyFault(
        "QuickBooks denied permission for everything that a request asked for.",
        "Connect the company as one of its administrators (`connect`), or see whether its plan covers invoices and "
        "payments; then run the sync again.",
        always=False,
    ),
    "5030": CompanyFault(
        "QuickBooks supports for this company nothing of what a request asked for.",
        "See in QuickBooks (gear, Account and settings, Billing and subscription) whether the plan covers invoices and "
        "payments; then run the sync again.",
        always=False,
    ),
    "6190": CompanyFault(
        "QuickBooks takes no data for this company: its subscription or trial has ended, or was not paid.",
        "Renew the subscription in QuickBooks (gear, Account and settings, Billing and subscription); then run the "
        "sync again.",
    ),
}
"""The faults, keyed by code. Source: Intuit, error codes (read 2026-11-21). 5020 and 5030 may also be about one feature
only."""


def speaks_of_company(code: str) -> bool:
    """Return whether a code is about the company at any place of an answer."""
    return code in COMPANY_FAULTS and COMPANY_FAULTS[code].always


def find_company_fault(answer: Iterable[Sequence[str]]) -> str:
    """Return the code in an answer that is about the company; "" without such a code.

    Args:
        answer: one row of fault codes for each item of a batch, empty for an accepted item; one row for a single
            request.
    """
    items = [tuple(codes) for codes in answer]
    always = [code for codes in items for code in codes if speaks_of_company(code)]
    if always:
        return always[0]
    whole = bool(items) and all(any(code in COMPANY_FAULTS for code in codes) for codes in items)
    return next(code for code in items[0] if code in COMPANY_FAULTS) if whole else ""
