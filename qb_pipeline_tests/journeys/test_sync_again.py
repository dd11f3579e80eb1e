"""Billing revises an invoice that QuickBooks has; the sensor sees it and the daemon's run puts it right."""

import time
from decimal import Decimal

import pytest
import sqlalchemy as sa

from qb_pipeline.embedded import postgres
from qb_pipeline_tests.journeys.conftest import Deployment, Page

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 180

REVISE = """
update billing.invoice_lines set amount = amount + 10, quantity = 1, unit_price = amount + 10
where firm_id = 'rivera-law' and invoice_id = :invoice_id and line_number = 1;
update billing.invoices set total_amount = total_amount + 10 where firm_id = 'rivera-law' and invoice_id = :invoice_id
"""


def test_a_revised_invoice_is_put_right_in_place_by_the_daemon(deployment: Deployment, page: Page) -> None:
    [chosen] = deployment.query(
        "select i.invoice_id, i.invoice_number, i.total_amount from billing.invoices i"
        " join billing.invoice_lines l on l.firm_id = i.firm_id and l.invoice_id = i.invoice_id and l.line_number = 1"
        " where i.firm_id = 'rivera-law' and i.status = 'issued' and l.kind = 'fee' and i.invoice_id like 'inv-0%'"
        " order by 1 limit 1",
        database="billing",
    )
    deployment.run("sync", "rivera-law", "--invoice", chosen["invoice_id"])
    books = deployment.books("rivera-law")
    [before] = [row for row in books.ours("Invoice") if row["DocNumber"] == chosen["invoice_number"]]
    engine = sa.create_engine(postgres.urls(deployment.home).billing)
    with engine.begin() as connection:
        for statement in REVISE.split(";"):
            connection.execute(sa.text(statement), {"invoice_id": chosen["invoice_id"]})
    engine.dispose()
    start = time.monotonic()

    while (after := books.read("Invoice", before["Id"]))["TotalAmt"] == before["TotalAmt"]:
        assert time.monotonic() - start < PATIENCE_SECONDS, "the revision did not arrive"
        time.sleep(0.5)

    print(f"\na revision in billing was in QuickBooks after {time.monotonic() - start:.0f} s")
    assert Decimal(after["TotalAmt"]) == chosen["total_amount"] + 10
    assert after["DocNumber"] == before["DocNumber"]
    [log] = deployment.query(
        "select trigger, actor, activity from reporting.sync_log where activity = 'updated' and number = :number",
        number=chosen["invoice_number"],
    )
    assert log == {"trigger": "sync_again", "actor": "sync_again", "activity": "updated"}
