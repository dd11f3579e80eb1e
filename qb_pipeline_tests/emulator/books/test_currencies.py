"""A customer's currency is for ever, and its transactions are in it."""

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_sales import make, refused
from qb_pipeline_tests.emulator.conftest import invoice_of, payment_of

EURO = {"value": "EUR"}
DOLLAR = {"value": "USD"}


def test_a_company_of_one_currency_takes_no_other(company: Company) -> None:
    assert refused(company, "Customer", "create", {"DisplayName": "Ada", "CurrencyRef": EURO}).code == "6000"
    write(company, "Customer", "create", {"DisplayName": "Ada"})

    assert refused(company, "Invoice", "create", invoice_of("1", CurrencyRef=EURO)).code == "6000"
    assert make(company, invoice_of("1"))["CurrencyRef"] == {"value": "USD", "name": "United States Dollar"}


def test_a_company_of_several_wants_the_customers_own(company: Company) -> None:
    VERBS["preferences"](company, {"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    customer = write(company, "Customer", "create", {"DisplayName": "Ada", "CurrencyRef": EURO})[1]
    write(company, "Customer", "update", {"Id": customer, "SyncToken": "0", "sparse": True, "CurrencyRef": DOLLAR})

    assert refused(company, "Invoice", "create", invoice_of(customer)).element == "CurrencyRef"
    wrong = refused(company, "Payment", "create", payment_of(customer, 5, CurrencyRef=DOLLAR))
    assert wrong.detail == "Business Validation Error: Change transaction currency to match EUR."
    assert make(company, invoice_of(customer, CurrencyRef=EURO))["ExchangeRate"] == 1
