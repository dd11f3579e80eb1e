"""Documents that a former release sent with an identity number are found, and nothing is sent for it."""

import pytest

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.history import History
from qb_pipeline.sync.verify.identity_numbers import find_sent_identity_numbers
from qb_pipeline_tests.journeys.test_names_and_texts import age_payment, touch
from qb_pipeline_tests.law_firm import FIRM, LawFirm


def found(firm: LawFirm) -> list[DocumentName]:
    return find_sent_identity_numbers(BillingSource(firm.billing, FIRM), History(firm.ledger, FIRM))


@pytest.fixture
def posted(law_firm: LawFirm) -> LawFirm:
    law_firm.activate()
    law_firm.invoice("A12345678", "10.00", invoice_number="EAC2190012345")
    law_firm.payment("p1", applied={"A12345678": "10.00"}, reference="retainer")
    law_firm.sync()
    return law_firm


def test_what_todays_rules_send_carries_none(posted: LawFirm) -> None:
    """Neither an invoice's number is one, nor billing's id in our marker."""
    assert found(posted) == []


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("retainer 123-45-6789", [DocumentName(Kind.PAYMENT, "p1")]),
        ("A123456789", [DocumentName(Kind.PAYMENT, "p1")]),
        ("for EAC2190012345", []),
    ],
)
def test_a_payment_that_was_sent_with_a_number_is_found_unless_it_cites_an_invoice(
    posted: LawFirm, reference: str, names: list[DocumentName]
) -> None:
    age_payment(posted, reference)
    requests = sum(posted.books.requests().values())

    assert found(posted) == names
    assert sum(posted.books.requests().values()) == requests


def test_a_payment_is_found_no_more_once_billing_has_corrected_it(posted: LawFirm) -> None:
    age_payment(posted, "retainer 123-45-6789")
    touch(posted, "payments", "reference = 'retainer of Ana'")

    posted.sync()

    assert found(posted) == []
    assert [row["PaymentRefNum"] for row in posted.books.ours("Payment")] == ["retainer of Ana"]


def test_a_payment_that_is_gone_from_quickbooks_carries_nothing(posted: LawFirm) -> None:
    age_payment(posted, "retainer 123-45-6789")
    [there] = posted.books.ours("Payment")
    posted.books.do("delete", entity="Payment", id=there["Id"])
    touch(posted, "payments", "reference = 'x'")

    posted.sync()

    assert posted.states("payment") == {"p1": ("held", "REMOTE_DELETED")}
    assert found(posted) == []
