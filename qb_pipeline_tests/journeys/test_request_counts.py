"""How many requests one run costs, reads and writes, as the emulator counts them."""

from collections.abc import Callable

import pytest

from qb_pipeline_tests.law_firm import LawFirm

pytestmark = pytest.mark.slow


def nothing_to_do(law_firm: LawFirm) -> None:
    law_firm.sync()


def a_thousand_new_of_known_customers(law_firm: LawFirm) -> None:
    for number in range(1000):
        law_firm.invoice(f"n{number:03}", "10.00")


def thirty_new_of_known_customers(law_firm: LawFirm) -> None:
    for number in range(30):
        law_firm.invoice(f"n{number:03}", "10.00")


def a_thousand_new_and_five_hundred_payments(law_firm: LawFirm) -> None:
    a_thousand_new_of_known_customers(law_firm)
    for number in range(500):
        law_firm.payment(f"n{number:03}", applied={f"n{number:03}": "10.00"}, reference=str(number))


def new_customers(law_firm: LawFirm) -> None:
    for number in range(5):
        law_firm.insert("payers", payer_id=f"N{number}", first_name=f"New{number}", last_name="Client")
        law_firm.invoice(f"n{number}", "10.00", payer_id=f"N{number}")


def one_revision(law_firm: LawFirm) -> None:
    law_firm.change("update invoices set invoice_number = 'N-9', updated_at = :now", now=law_firm.time.now())


def one_void(law_firm: LawFirm) -> None:
    law_firm.change("update invoices set status = 'void', updated_at = :now", now=law_firm.time.now())


def one_payment(law_firm: LawFirm) -> None:
    law_firm.payment("p1", applied={"1": "40.00"})


CASES: dict[Callable[[LawFirm], None], dict[str, int]] = {
    nothing_to_do: {},
    a_thousand_new_of_known_customers: {"GET cdc": 1, "POST batch": 34, "POST query": 2},
    thirty_new_of_known_customers: {"GET cdc": 1, "POST batch": 1, "POST query": 1},
    a_thousand_new_and_five_hundred_payments: {"GET cdc": 1, "POST batch": 51, "POST query": 3},
    new_customers: {"GET cdc": 1, "POST customer": 5, "POST batch": 1, "POST query": 2},
    one_revision: {"POST batch": 1, "POST query": 2},
    one_void: {"POST invoice": 1, "POST query": 2},
    one_payment: {"GET cdc": 1, "POST batch": 1, "POST query": 1},
}


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_a_run_costs_what_it_always_cost(law_firm: LawFirm, change: Callable[[LawFirm], None]) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    change(law_firm)
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.books.requests() == CASES[change]


def test_the_first_run_of_a_fresh_home_costs_what_it_always_cost(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.books.requests() == {
        "GET companyinfo": 1, "GET preferences": 1, "GET cdc": 1, "POST customer": 1, "POST batch": 2, "POST query": 6,
    }  # fmt: skip
