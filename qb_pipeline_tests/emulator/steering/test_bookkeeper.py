"""What a person does in QuickBooks, and what a client then sees."""

import subprocess
import sys

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
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


@pytest.fixture
def paid(company: Company, customer: str) -> tuple[str, str, str]:
    """Invoices over 100 and 50, and a payment of 120 that pays 80 of the first and nothing else."""
    first, second = (write(company, "Invoice", "create", invoice_of(customer, amount))[1] for amount in (100, 50))
    chosen = [{"id": first, "amount": 80}]
    made = order(company, "receive-payment", customer_id=customer, amount=120, invoices=chosen)
    return first, second, str(made["Id"])


def balances(company: Company, *invoices: str) -> list[int]:
    return [company.tables["Invoice"].rows[each].balance_cents for each in invoices]


def test_unapplied_money_stays_the_customer_s(company: Company, customer: str, paid: tuple[str, str, str]) -> None:
    first, second, payment = paid

    made = order(company, "unapply", payment=payment, invoice=first)

    assert (made["UnappliedAmt"], made["Line"], balances(company, first, second)) == (120, [], [10000, 5000])
    assert company.customer_cents[customer] == 3000


def test_unapplied_money_is_applied_in_one_amount_or_as_far_as_it_goes(
    company: Company, paid: tuple[str, str, str]
) -> None:
    first, second, payment = paid

    some = order(company, "apply", payment=payment, invoice=second, amount="15.50")
    rest = order(company, "apply", payment=payment, invoice=first)

    assert (some["UnappliedAmt"], rest["UnappliedAmt"], balances(company, first, second)) == (24.5, 4.5, [0, 3450])


def test_what_a_payment_pays_is_moved_to_another_invoice(company: Company, paid: tuple[str, str, str]) -> None:
    first, second, payment = paid

    made = order(company, "move", payment=payment, **{"from": first, "to": second, "amount": 50})

    assert (made["UnappliedAmt"], balances(company, first, second)) == (40, [7000, 0])


def test_applied_credit_goes_back_to_its_memo_or_entry(company: Company, customer: str) -> None:
    invoice = write(company, "Invoice", "create", invoice_of(customer, 100))[1]
    memo = order(company, "credit-memo", customer_id=customer, amount=30, invoice_id=invoice)
    [link] = company.tables["Payment"].rows

    gone = order(company, "unapply", payment=link, invoice=invoice)

    assert (gone["status"], company.tables["CreditMemo"].rows[memo["Id"]].balance_cents) == ("Deleted", 3000)
    assert balances(company, invoice) == [10000]


@pytest.mark.parametrize(
    ("verb", "changes", "words"),
    [
        ("unapply", {"invoice": "second"}, "does not pay this invoice"),
        ("apply", {"payment": "99", "invoice": "second"}, "no such payment"),
        ("apply", {"invoice": "99"}, "no such invoice"),
        ("apply", {"invoice": "second", "amount": 0}, "nothing to apply"),
        ("move", {"from": "first", "to": "second", "amount": 81}, "does not pay that much"),
        ("move", {"from": "second", "to": "first"}, "does not pay that much"),
    ],
)
def test_money_that_is_not_there_is_neither_applied_nor_moved(
    company: Company, paid: tuple[str, str, str], verb: str, changes: Body, words: str
) -> None:
    names = dict(zip(("first", "second"), paid[:2], strict=True))
    values = {"payment": paid[2]} | {key: names.get(value, value) for key, value in changes.items()}

    with pytest.raises(ValueError, match=words):
        VERBS[verb](company, values)


def test_accounting_forbids_what_it_forbids_a_client_too(
    company: Company, customer: str, paid: tuple[str, str, str]
) -> None:
    first, second, payment = paid
    stranger = write(company, "Customer", "create", {"DisplayName": "Grace"})[1]
    theirs = write(company, "Invoice", "create", invoice_of(stranger, 100))[1]
    refused = []
    for verb, values in (
        ("apply", {"invoice": second, "amount": 41}),
        ("apply", {"invoice": second, "amount": 51}),
        ("apply", {"invoice": theirs}),
        ("move", {"from": first, "to": theirs}),
    ):
        with pytest.raises(FaultError) as error:
            VERBS[verb](company, {"payment": payment, **values})
        refused.append(error.value.code)
    VERBS["deposit"](company, {"payments": [payment]})
    with pytest.raises(FaultError) as error:
        VERBS["unapply"](company, {"payment": payment, "invoice": first})

    assert (refused, error.value.code) == (["6000", "6000", "620", "620"], "6540")
    audit(company)


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
