"""Purchases pay somebody: a client gets money back."""

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_double_entry import audit, purchase_of
from qb_pipeline_tests.emulator.books.test_sales import make, refused
from qb_pipeline_tests.emulator.conftest import Body, Client, payment_of

CHECKING, RECEIVABLE, CHARGES = "1", "3", "11"


@pytest.fixture
def customer(company: Company) -> str:
    return write(company, "Customer", "create", {"DisplayName": "Ada"})[1]


def test_a_cheque_to_a_client_leaves_the_bank(company: Company, customer: str) -> None:
    made = make(company, purchase_of(customer, "25.50", CHARGES, DocNumber="1021"), "Purchase")

    assert (made["TotalAmt"], made["AccountRef"]["name"], made["DocNumber"]) == (25.5, "Checking", "1021")
    assert made["EntityRef"] == {"value": customer, "name": "Ada", "type": "Customer"}
    assert (company.account_cents[CHECKING], company.account_cents[CHARGES]) == (-2550, 2550)
    audit(company)


def test_money_that_goes_back_through_receivables_is_owed_again(company: Company, customer: str) -> None:
    write(company, "Payment", "create", payment_of(customer, 80))

    made = VERBS["edit"](company, {"entity": "Purchase", "changes": purchase_of(customer, 80, RECEIVABLE)})

    assert (company.customer_cents[customer], made["TotalAmt"]) == (0, 80)
    survivor = write(company, "Customer", "create", {"DisplayName": "Ada Lovelace"})[1]
    VERBS["merge"](company, {"loser_id": customer, "survivor_id": survivor})
    assert company.tables["Purchase"].rows[made["Id"]].decode()["EntityRef"]["value"] == survivor
    audit(company)
    VERBS["delete"](company, {"entity": "Purchase", "id": made["Id"]})
    assert company.customer_cents[survivor] == -8000
    audit(company)


def test_a_credit_of_a_card_has_the_other_sign(company: Company, customer: str) -> None:
    card = write(company, "Account", "create", {"Name": "Card", "AccountType": "Credit Card"})[1]

    make(company, purchase_of(customer, 5, CHARGES, PaymentType="CreditCard", AccountRef={"value": card}, Credit=True),
         "Purchase")  # fmt: skip

    assert (company.account_cents[card], company.account_cents[CHARGES]) == (500, -500)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PaymentType": None}, "2020"),
        ({"AccountRef": None}, "2020"),
        ({"Line": []}, "2020"),
        ({"AccountRef": {"value": RECEIVABLE}}, "6430"),
        ({"PaymentType": "CreditCard"}, "6430"),
        ({"EntityRef": {"value": "99", "type": "Customer"}}, "2500"),
        ({"EntityRef": {"value": "1", "type": "Payee"}}, "6000"),
        ({"Payee": "Ada"}, "2010"),
    ],
)
def test_what_quickbooks_refuses(company: Company, customer: str, changes: Body, code: str) -> None:
    assert refused(company, "Purchase", "create", {**purchase_of(customer, 5, CHARGES), **changes}).code == code


def test_receivables_want_a_customer(company: Company, customer: str) -> None:
    body = purchase_of(customer, 5, RECEIVABLE)
    del body["EntityRef"]

    said = refused(company, "Purchase", "create", body).detail or ""
    assert said.endswith("you must choose a customer in the Name field.")


def test_a_client_sees_it_by_query_and_in_what_changed(books: Client) -> None:
    customer = books.customer()["Id"]
    made = books.make("Purchase", purchase_of(customer, 5, CHARGES))

    assert books.query("select * from Purchase")["Purchase"] == [made]
    since = made["MetaData"]["CreateTime"]
    changed = books.get("cdc", params={"entities": "Purchase", "changedSince": since}).json()
    assert changed["CDCResponse"][0]["QueryResponse"][0]["Purchase"] == [made]
