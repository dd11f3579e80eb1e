"""A client that knows nothing of us, ``python-quickbooks``, works against the emulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import ObjectNotFoundException, ValidationException
from quickbooks.objects import Customer, Invoice, Item, Payment
from quickbooks.objects.base import Ref
from quickbooks.objects.detailline import SalesItemLine, SalesItemLineDetail
from quickbooks.objects.payment import PaymentLine

from qb_pipeline_tests.emulator.conftest import Client


class Session(requests.Session):
    """What the library expects of ``requests-oauthlib``: a session that carries a token."""

    access_token = ""


@pytest.fixture
def theirs(books: Client) -> Iterator[Any]:
    """Their client, pointed at loopback."""
    session = Session()
    session.trust_env = False
    session.access_token = books.tokens["access_token"]
    client: Any = QuickBooks(company_id=books.realm, minorversion=75)
    client.session = session
    client.sandbox = True
    client.sandbox_api_url_v3 = f"{books.base}/v3"
    yield client
    session.close()


def a_customer(theirs: Any, name: str = "Ada Lovelace") -> Any:
    customer = Customer()
    customer.DisplayName = name
    return customer.save(qb=theirs)


def an_item(theirs: Any) -> Any:
    item = Item()
    item.Name = "Advice"
    item.Type = "Service"
    item.IncomeAccountRef = reference("7")
    return item.save(qb=theirs)


def reference(value: str) -> Any:
    ref = Ref()
    ref.value = value
    return ref


def an_invoice(customer: Any, item: Any, amount: float = 150.0) -> Any:
    line = SalesItemLine()
    line.Amount = amount
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = item.to_ref()
    invoice = Invoice()
    invoice.CustomerRef = customer.to_ref()
    invoice.Line.append(line)
    return invoice


def test_customers_and_items_are_created_read_queried_and_updated(theirs: Any) -> None:
    customer, item = a_customer(theirs, "O'Brien"), an_item(theirs)
    customer.CompanyName = "Brien & Sons"
    customer.save(qb=theirs)
    item.UnitPrice = 99.5
    item.save(qb=theirs)

    assert Customer.filter(DisplayName="O'Brien", qb=theirs)[0].CompanyName == "Brien & Sons"
    assert Item.get(item.Id, qb=theirs).UnitPrice == 99.5
    assert Item.count("Type = 'Service'", qb=theirs) == 4


def test_an_invoice_lives_its_whole_life(theirs: Any) -> None:
    customer, item = a_customer(theirs), an_item(theirs)
    invoice = an_invoice(customer, item).save(qb=theirs)
    assert (invoice.TotalAmt, invoice.Balance, invoice.SyncToken) == (150.0, 150.0, "0")

    invoice.PrivateNote = "seen"
    invoice.save(qb=theirs)
    assert Invoice.get(invoice.Id, qb=theirs).PrivateNote == "seen"

    voided = Invoice.get(invoice.Id, qb=theirs)
    voided.void(qb=theirs)
    assert Invoice.get(invoice.Id, qb=theirs).TotalAmt == 0

    Invoice.get(invoice.Id, qb=theirs).delete(qb=theirs)
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(invoice.Id, qb=theirs)


def test_a_payment_pays_is_voided_and_deleted(theirs: Any) -> None:
    customer = a_customer(theirs)
    invoice = an_invoice(customer, an_item(theirs)).save(qb=theirs)
    line = PaymentLine()
    line.Amount = 150
    line.LinkedTxn.append(invoice.to_linked_txn())
    payment = Payment()
    payment.CustomerRef = customer.to_ref()
    payment.TotalAmt = 200
    payment.Line.append(line)
    payment.save(qb=theirs)
    assert Payment.get(payment.Id, qb=theirs).UnappliedAmt == 50.0
    assert Invoice.get(invoice.Id, qb=theirs).Balance == 0

    payment.void(qb=theirs)
    assert Invoice.get(invoice.Id, qb=theirs).Balance == 150.0
    assert Payment.get(payment.Id, qb=theirs).TotalAmt == 0

    Payment.get(payment.Id, qb=theirs).delete(qb=theirs)
    assert Payment.all(qb=theirs) == []


def test_batches_and_changes_are_understood(theirs: Any) -> None:
    customer, item = a_customer(theirs), an_item(theirs)
    result = batch_create([an_invoice(customer, item, amount) for amount in (1, 2, 3)], qb=theirs)
    assert sorted(invoice.TotalAmt for invoice in result.successes) == [1, 2, 3]
    assert result.faults == []

    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    changed = change_data_capture([Invoice, Payment], yesterday, qb=theirs)
    assert len(changed.Invoice) == 3
    assert not hasattr(changed, "Payment")


def test_a_taken_name_is_refused_in_words_that_the_library_knows(theirs: Any) -> None:
    a_customer(theirs)
    with pytest.raises(Exception, match="Duplicate Name Exists Error") as caught:
        a_customer(theirs)
    assert caught.value.error_code == 6240

    with pytest.raises(ValidationException) as refused:
        Invoice.query("select * from Invoice where PrivateNote = 'x'", qb=theirs)
    assert refused.value.error_code == 4001
