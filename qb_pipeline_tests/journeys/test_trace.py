"""What leaves for QuickBooks, byte for byte and in order: a trace that a change of the code's structure must not move.

Each story is told once; its trace stands in ``trace/``. Whoever means to change what is sent deletes the file, runs the
test, which writes it anew and fails, and reads the difference before it is committed.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qb_pipeline.quickbooks.environments import environment
from qb_pipeline_tests.journeys.wiretap import Wiretap, tapped
from qb_pipeline_tests.law_firm import LawFirm

pytestmark = pytest.mark.slow

TRACES = Path(__file__).parent / "trace"


@pytest.fixture
def tap(law_firm: LawFirm) -> Iterator[Wiretap]:
    """The firm's line to QuickBooks, listened to."""
    with tapped(law_firm.books.url) as (address, heard):
        law_firm.deployment = replace(law_firm.deployment, environment=environment("emulator", api_url=address))
        yield heard


def account(law_firm: LawFirm, name: str) -> str:
    return str(next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == name))


def paid_invoice(law_firm: LawFirm, **settings: str) -> None:
    """Invoice 1 over 100.00, paid by p1, both in QuickBooks."""
    law_firm.activate(**settings)
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "100.00"}, days_ago=1)
    law_firm.sync()


def first_sync_with_new_customers_and_items(law_firm: LawFirm) -> None:
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee", email="bo@example.org", city="Albany")
    law_firm.insert("payers", payer_id="P3", kind="corporation", corporation_name="Acme LLC", billing_first_name="Cy",
                    billing_last_name="Ray")  # fmt: skip
    law_firm.insert("fee_items", fee_item_id="F2", name="Filing", code="FIL", kind="government_fee", unit_price="85")
    law_firm.activate(unmapped_fee_item="create", income_account=account(law_firm, "Legal Fees"))
    law_firm.invoice("1", "100.00", "0.10")
    law_firm.invoice("2", "250.00", payer_id="P2", lines=[
        {"quantity": 3, "unit_price": "85", "amount": "255.00", "fee_item_id": "F2", "description": "I-130"},
    ])  # fmt: skip
    law_firm.invoice("3", "19.99", payer_id="P3", days_ago=2)
    law_firm.payment("p1", applied={"1": "100.10"})
    law_firm.payment("p2", applied={"2": "5.00"}, payer_id="P2", reference="check 17")
    law_firm.sync()


def revision(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.change("update invoice_lines set amount = 120, unit_price = 120, description = 'Advice, longer'")
    law_firm.change("update invoices set total_amount = 120, updated_at = now()")
    law_firm.sync()


def void_of_a_paid_invoice_and_its_payment(law_firm: LawFirm) -> None:
    paid_invoice(law_firm)
    law_firm.change("update payments set status = 'void', updated_at = now()")
    law_firm.change("update invoices set status = 'void', updated_at = now()")
    law_firm.sync()


def renamed_payer(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.change("update payers set last_name = 'Diaz-Lee', email = 'ana@example.org', city = 'Albany'")
    law_firm.invoice("2", "10.00")
    law_firm.sync()


def payer_of_a_paid_invoice(law_firm: LawFirm) -> None:
    """The payment is taken off, the invoice goes, the payment follows."""
    paid_invoice(law_firm)
    law_firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    law_firm.change("update invoices set payer_id = 'P2', updated_at = now()")
    law_firm.sync()


def recorded_refund(law_firm: LawFirm) -> None:
    law_firm.activate(record_refunds="on")
    law_firm.map("deposit_account", "check", account(law_firm, "Checking"))
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "100.00"}, days_ago=3)
    law_firm.sync()
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1", reference="returned")
    law_firm.sync()
    law_firm.sync()


def batch_answer_lost_and_adopted(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.fault({"what": "commit_then_drop", "match": "batch"})
    for number in ("1", "2", "3"):
        law_firm.invoice(number, f"{number}0.00")
    law_firm.sync()


def batch_that_never_arrived_sent_again(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.fault({"what": "drop_before", "match": "batch"})
    for number in ("1", "2", "3"):
        law_firm.invoice(number, f"{number}0.00")
    law_firm.sync()


def refused_batch_halved(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.switch(batch_limit=2)
    for number in ("1", "2", "3", "4", "5"):
        law_firm.invoice(number, f"{number}0.00")
    law_firm.sync()


STORIES: tuple[Callable[[LawFirm], None], ...] = (
    first_sync_with_new_customers_and_items,
    revision,
    void_of_a_paid_invoice_and_its_payment,
    renamed_payer,
    payer_of_a_paid_invoice,
    recorded_refund,
    batch_answer_lost_and_adopted,
    batch_that_never_arrived_sent_again,
    refused_batch_halved,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_leaves_for_quickbooks_is_what_always_left(
    law_firm: LawFirm, tap: Wiretap, story: Callable[[LawFirm], None]
) -> None:
    path = TRACES / f"{story.__name__}.json"

    story(law_firm)

    heard: list[dict[str, Any]] = tap.told(law_firm.today)
    assert heard, "nothing was sent"
    if not path.exists():
        path.write_text(json.dumps(heard, indent=1) + "\n")
        pytest.fail(f"{path.name} was written anew: read it, then commit it")
    assert heard == json.loads(path.read_text())


def test_each_trace_belongs_to_a_story() -> None:
    assert {path.stem for path in TRACES.glob("*.json")} == {story.__name__ for story in STORIES}
