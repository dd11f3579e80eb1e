"""What a person does in QuickBooks, and what a client then sees."""

import subprocess
import sys

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_double_entry import audit
from qb_pipeline_tests.emulator.conftest import Body, Client, invoice_of


@pytest.fixture
def customer(company: Company) -> str:
    return write(company, "Customer", "create", {"DisplayName": "Ada"})[1]


def order(company: Company, verb: str, **values: object) -> Body:
    made = VERBS[verb](company, values)
    audit(company)
    return made


def test_a_payment_over_several_invoices(company: Company, customer: str) -> None:
    invoices = [write(company, "Invoice", "create", invoice_of(customer, amount))[1] for amount in (100, 50, 30)]
    chosen = [invoices[0], {"id": invoices[1], "amount": 20}]
    made = order(company, "receive-payment", customer_id=customer, amount=150, invoices=chosen, reference="771")

    assert (made["UnappliedAmt"], made["PaymentRefNum"]) == (30, "771")
    assert [record.balance_cents for record in company.tables["Invoice"].rows.values()] == [0, 3000, 3000]


def test_the_next_number_by_hand_is_the_one_after_ours(company: Company, customer: str) -> None:
    write(company, "Invoice", "create", invoice_of(customer, DocNumber="INV-41"))

    assert order(company, "next-number", customer_id=customer)["DocNumber"] == "INV-42"


def test_a_merged_customer_vanishes_and_its_documents_move(company: Company, customer: str) -> None:
    invoice = write(company, "Invoice", "create", invoice_of(customer, 100))[1]
    order(company, "receive-payment", customer_id=customer, invoices=[{"id": invoice, "amount": 40}])
    order(company, "journal-credit", customer_id=customer, amount=10, invoice_id=invoice)
    survivor = write(company, "Customer", "create", {"DisplayName": "Ada Lovelace"})[1]
    order(company, "merge", loser_id=customer, survivor_id=survivor)

    assert company.live("Customer", customer) is None
    moved = company.tables["Invoice"].rows[invoice].decode()
    assert moved["CustomerRef"] == {"value": survivor, "name": "Ada Lovelace"}
    assert company.customer_cents[survivor] == 5000


def test_an_edit_moves_the_token_even_in_closed_books(company: Company, customer: str) -> None:
    invoice = write(company, "Invoice", "create", invoice_of(customer, TxnDate="2026-01-05"))[1]
    order(company, "close-books", date="2026-01-31")
    made = order(company, "edit", entity="Invoice", id=invoice, changes={"PrivateNote": "checked"})

    assert (made["SyncToken"], made["PrivateNote"], made["Balance"]) == ("1", "checked", 100)


def test_a_person_may_void_what_the_api_may_not(company: Company, customer: str) -> None:
    invoice = write(company, "Invoice", "create", invoice_of(customer, 100))[1]
    paid = order(company, "receive-payment", customer_id=customer, invoices=[invoice])
    order(company, "void", entity="Invoice", id=invoice)
    assert company.tables["Payment"].rows[paid["Id"]].balance_cents == 10000

    assert order(company, "delete", entity="Payment", id=paid["Id"])["status"] == "Deleted"


def test_inactivating_writes_off_what_is_owed_and_activating_restores_the_name(company: Company, customer: str) -> None:
    write(company, "Invoice", "create", invoice_of(customer, 100))
    assert order(company, "inactivate", id=customer)["DisplayName"] == "Ada (deleted)"
    assert company.customer_cents[customer] == 0
    assert order(company, "activate", id=customer)["DisplayName"] == "Ada"


@pytest.mark.parametrize(
    ("verb", "values", "words"),
    [
        ("void", {"entity": "Invoice"}, "id is missing"),
        ("merge", {"loser_id": "1", "survivor_id": "1"}, "both customers must exist and differ"),
        ("deposit", {"payments": ["9"]}, "no such payment"),
        ("receive-payment", {"customer_id": "1", "invoices": ["9"]}, "no such invoice"),
    ],
)
def test_orders_that_make_no_sense(company: Company, verb: str, values: Body, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        VERBS[verb](company, values)


def test_the_command_line_speaks_to_a_running_emulator(books: Client) -> None:
    customer = books.customer()["Id"]
    command = [sys.executable, "-m", "qb_pipeline.emulator", "bookkeeper", books.base, books.realm]
    done = subprocess.run(
        [*command, "next-number", f"customer_id={customer}", "amount=12.5"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert books.admin("GET", "Invoice")[0]["TotalAmt"] == 12.5

    done = subprocess.run([*command, "void", "entity=Invoice"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, '{"error":"id is missing"}\n')
