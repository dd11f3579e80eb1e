"""What the demo's bookkeepers have entered fits what the demo's firms bill."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.demo import CHEN, DEMO_QUICKBOOKS, DEMO_SETTINGS, RIVERA
from qb_pipeline.billing.demo.book import Book
from qb_pipeline.billing.demo.practice import (
    CHEN_COMPANIES,
    CHEN_FEE_ITEMS,
    CHEN_PEOPLE,
    RIVERA_COMPANIES,
    RIVERA_FEE_ITEMS,
    RIVERA_PEOPLE,
    FeeItem,
    add_payers,
)
from qb_pipeline.billing.demo.troubles import HELD_ITEM, add_chen_troubles
from qb_pipeline_tests.billing.demo.test_book import rows, write
from qb_pipeline_tests.bookkeeper import Bookkeeper


@pytest.mark.parametrize(("firm_id", "fee_items"), [(RIVERA, RIVERA_FEE_ITEMS), (CHEN, CHEN_FEE_ITEMS)])
def test_each_fee_item_but_one_is_found_by_its_name_and_that_one_by_its_code(
    firm_id: str, fee_items: tuple[FeeItem, ...]
) -> None:
    code_of = {name: code for code, name, _, _ in fee_items}
    items = DEMO_QUICKBOOKS[firm_id].items

    by_name = {item.name for item in items if item.name in code_of}
    [by_code] = [item for item in items if item.name not in code_of]

    assert code_of.keys() - by_name == {name for name, code in code_of.items() if code == by_code.sku}
    assert [item for item in items if item.sku] == [by_code]
    assert HELD_ITEM[1] not in {item.name for item in items}


@pytest.mark.parametrize(
    ("firm_id", "people", "companies"),
    [(RIVERA, RIVERA_PEOPLE, RIVERA_COMPANIES), (CHEN, CHEN_PEOPLE, CHEN_COMPANIES)],
)
def test_some_everyday_payers_are_customers_already_and_most_are_new(
    firm_id: str, people: tuple[tuple[str, str], ...], companies: tuple[tuple[str, str, str], ...]
) -> None:
    names = [f"{first} {last}" for first, last in people] + [name for name, _, _ in companies]
    customers = {customer.display_name: customer for customer in DEMO_QUICKBOOKS[firm_id].customers}
    known = [name for name in names if name in customers]

    assert 0 < len(known) < len(names) / 2
    assert [customers[name] for name in known if not customers[name].is_active or customers[name].parent] == []


def test_what_is_received_pays_no_more_than_its_invoices_and_by_a_method_that_quickbooks_has(
    billing_engine: sa.Engine, books: Bookkeeper
) -> None:
    """An invoice of the firm's, by its number, or one of the bookkeeper's own; all that one payment pays is one
    client's."""
    book = Book(CHEN, "Chen & Partners", time_zone="America/Los_Angeles", prefix="C", today=date(2026, 11, 21))
    for fee_item in CHEN_FEE_ITEMS:
        book.fee_item(*fee_item)
    add_payers(book, CHEN_PEOPLE, CHEN_COMPANIES)
    add_chen_troubles(book)
    write(billing_engine, book)
    company = DEMO_QUICKBOOKS[CHEN]
    billed = rows(billing_engine, "select invoice_number, payer_id, total_amount from billing.invoices")
    invoices = {row["invoice_number"]: (row["payer_id"], row["total_amount"]) for row in billed}
    invoices |= {each.doc_number: (each.customer, Decimal(each.amount)) for each in company.invoices}
    methods = {row["Name"] for row in books.all("PaymentMethod")}

    for received in company.received:
        assert received.method in methods
        assert len({invoices[number][0] for number, _ in received.invoices}) == 1
        for number, amount in received.invoices:
            assert 0 < Decimal(amount) <= invoices[number][1]
    numbers = [number for received in company.received for number, _ in received.invoices]
    assert (len(set(numbers)), DEMO_QUICKBOOKS[RIVERA].received) == (len(numbers), ())


def test_the_two_demo_firms_are_set_up_for_all_of_their_documents() -> None:
    assert DEMO_QUICKBOOKS.keys() == DEMO_SETTINGS.keys() == {RIVERA, CHEN}
    assert [settings["eligible_since"] for settings in DEMO_SETTINGS.values()] == ["all", "all"]
