"""The content of the demo firms' QuickBooks companies before the first sync.

Belongs here: a bookkeeper's entries, as plain data. Does not belong here: sending them. The program that shows the demo
creates them over HTTP, as a bookkeeper's program would.
"""

from dataclasses import dataclass

from qb_pipeline.billing.demo.practice import (
    CHEN_COMPANIES,
    CHEN_FEE_ITEMS,
    CHEN_PEOPLE,
    RIVERA_COMPANIES,
    RIVERA_FEE_ITEMS,
    RIVERA_PEOPLE,
    FeeItem,
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer. ``parent`` is the display name of the customer of which it is a sub-customer, or ""."""

    display_name: str
    given_name: str = ""
    family_name: str = ""
    company_name: str = ""
    is_active: bool = True
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A service item. It needs no price, because the prices are on our invoices."""

    name: str
    sku: str = ""


@dataclass(frozen=True, slots=True)
class ForeignInvoice:
    """An invoice that the bookkeeper wrote. It is not ours and must never be changed."""

    doc_number: str
    customer: str
    item: str
    amount: str
    days_ago: int


@dataclass(frozen=True, slots=True)
class Received:
    """A payment that a customer makes in QuickBooks after our invoices are there. ``invoices`` are pairs of an invoice
    number and an amount in dollars.

    ``method`` is QuickBooks' name of the payment method.
    """

    invoices: tuple[tuple[str, str], ...]
    method: str
    reference: str
    days_ago: int


@dataclass(frozen=True, slots=True)
class QuickBooksCompany:
    """The QuickBooks company of one firm. Each customer is listed before its sub-customers."""

    name: str
    customers: tuple[Customer, ...]
    vendors: tuple[str, ...]
    items: tuple[Item, ...]
    invoices: tuple[ForeignInvoice, ...] = ()
    received: tuple[Received, ...] = ()


def _person(first: str, last: str) -> Customer:
    return Customer(f"{first} {last}", first, last)


def _company(name: str) -> Customer:
    return Customer(name, company_name=name)


def _items(fee_items: tuple[FeeItem, ...], *, known_by_code: str) -> tuple[Item, ...]:
    """Return one item per fee item. Each item has the fee item's name, except the one whose code is ``known_by_code``:
    the bookkeeper names it differently, and it is found by its code."""
    return tuple(
        Item(f"{name} (see list)", sku=code) if code == known_by_code else Item(name)
        for code, name, _kind, _price in fee_items
    )


DEMO_QUICKBOOKS: dict[str, QuickBooksCompany] = {
    "rivera-law": QuickBooksCompany(
        name="Rivera Immigration Law",
        customers=(
            *(_person(first, last) for first, last in RIVERA_PEOPLE[::3]),
            *(_company(name) for name, _first, _last in RIVERA_COMPANIES[::3]),
            # Two active customers of one person's name.
            Customer("Maria Garcia", "Maria", "Garcia"),
            Customer("Maria Garcia - old file", "Maria", "Garcia"),
            # The only customer of that name is inactive.
            Customer("Pedro Alvarez", "Pedro", "Alvarez", is_active=False),
            # The only customer of that name is a sub-customer.
            _company("Pacific Ventures LLC"),
            Customer("Wei Chen", "Wei", "Chen", parent="Pacific Ventures LLC"),
            # One customer, two payers of that name.
            _person("Anna", "Kowalska"),
            # The same names in other letters and spaces: these match.
            _person("José", "Núñez"),
            _person("MARY ANN", "van der Berg"),
            # A corporation without a billing person that is a customer already.
            _company("Riverside Charter School"),
            _company("Harbor Light Clinic"),
        ),
        vendors=("Summit Translations", "FedEx", "Iron Mountain"),
        items=_items(RIVERA_FEE_ITEMS, known_by_code="EX-COP"),
        invoices=(ForeignInvoice("R-8888", "Harbor Light Clinic", "Consultation", "180.00", days_ago=30),),
    ),
    "chen-partners": QuickBooksCompany(
        name="Chen & Partners",
        customers=(
            *(_person(first, last) for first, last in CHEN_PEOPLE[::3]),
            *(_company(name) for name, _first, _last in CHEN_COMPANIES[::3]),
            Customer("David Lee", "David", "Lee"),
            Customer("David Lee (Torrance)", "David", "Lee"),
            _company("Bunker Hill Parking Co."),
        ),
        vendors=("Wilshire Court Reporters",),
        items=_items(CHEN_FEE_ITEMS, known_by_code="E-MSG"),
        invoices=(ForeignInvoice("M-0001", "Bunker Hill Parking Co.", "Contract Review", "450.00", days_ago=12),),
        received=(
            Received((("C-9001", "1950.00"),), "Check", "20417", days_ago=1),
            Received((("C-9002", "400.00"),), "Credit Card", "", days_ago=1),
            Received((("C-9003", "2200.00"), ("C-9004", "900.00")), "Wire", "FT-88213-0094-PACRIM", days_ago=1),
            # On the bookkeeper's own invoice: must not come back to billing.
            Received((("M-0001", "450.00"),), "Check", "1187", days_ago=1),
        ),
    ),
}

DEMO_SETTINGS: dict[str, dict[str, str]] = {
    "rivera-law": {"eligible_since": "all"},
    "chen-partners": {"eligible_since": "all", "tax_policy": "total"},
}
"""The settings, keyed by firm, with which ``TROUBLES`` have the stated outcomes. All other settings have their
defaults."""
