"""A bookkeeper receives a payment in QuickBooks; the daemon's sensor sees it and its run posts it to billing."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from qb_pipeline import config
from qb_pipeline_tests.journeys.conftest import Deployment, Page

pytestmark = pytest.mark.slow

INTERVAL_SECONDS = 15
PATIENCE_SECONDS = 240
MODEL_1, MODEL_2 = "rivera-law", "chen-partners"

POSTED = (
    "select external_id, amount, received_date from billing.payments where origin = 'quickbooks' and firm_id = :firm_id"
)


@pytest.fixture(scope="module", autouse=True)
def soon() -> Iterator[None]:
    """The sensor looks every few seconds; whoever starts afterwards inherits it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(config.PULL_SECONDS, str(INTERVAL_SECONDS))
        yield


def send_one(deployment: Deployment, firm_id: str) -> str:
    """Send one everyday invoice, the largest; gives its Id in QuickBooks."""
    [chosen] = deployment.query(
        "select invoice_id, invoice_number from billing.invoices where firm_id = :firm_id and status = 'issued'"
        " and invoice_id like 'inv-0%' order by total_amount desc, invoice_id limit 1",
        database="billing", firm_id=firm_id,
    )  # fmt: skip
    deployment.run("sync", firm_id, "--invoice", chosen["invoice_id"])
    [invoice] = [
        row for row in deployment.books(firm_id).ours("Invoice") if row["DocNumber"] == chosen["invoice_number"]
    ]
    return str(invoice["Id"])


def test_a_payment_received_in_quickbooks_is_in_billing_within_the_interval_and_a_little(
    deployment: Deployment, page: Page
) -> None:
    ids = {firm_id: send_one(deployment, firm_id) for firm_id in (MODEL_1, MODEL_2)}
    deployment.run("pull", MODEL_2)  # the first one reads the whole company
    latencies = []
    for amount in ("12.34", "5.00"):
        for firm_id, invoice_id in ids.items():
            books = deployment.books(firm_id)
            customer = books.read("Invoice", invoice_id)["CustomerRef"]["value"]
            books.do("receive-payment", customer_id=customer, invoices=[{"id": invoice_id, "amount": amount}])
        start = time.monotonic()
        while not any(
            row["amount"] == Decimal(amount) for row in deployment.query(POSTED, database="billing", firm_id=MODEL_2)
        ):
            assert time.monotonic() - start < PATIENCE_SECONDS, "the payment did not arrive"
            time.sleep(0.25)
        latencies.append(time.monotonic() - start)

    print(
        f"\nfrom a payment in QuickBooks to its row in billing: {', '.join(f'{each:.1f} s' for each in latencies)}"
        f" (the sensor's interval is {INTERVAL_SECONDS} s)"
    )
    assert len(deployment.query(POSTED, database="billing", firm_id=MODEL_2)) == 2
    assert deployment.query(POSTED, database="billing", firm_id=MODEL_1) == []
    runs = deployment.query(
        "select distinct firm_id, trigger, outcome from sync.run where trigger = 'received_payments'"
    )
    assert runs == [{"firm_id": MODEL_2, "trigger": "received_payments", "outcome": "done"}]
