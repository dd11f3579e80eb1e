"""What QuickBooks holds of a document before billing changes it."""

from typing import Any

import pandas as pd
import pytest

from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.remote.documents import Remote, read_remote
from qb_pipeline.sync.session.learned import NOTHING
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def look(law_firm: LawFirm) -> Remote:
    """Read the one invoice as a run does."""
    with law_firm.deployment.open(FIRM, Run("look", "test", PARTNER)) as session:
        [work] = [row for row in rows(every_document(session)) if row.kind == "invoice"]
        with session.sending():
            return read_remote(session, Kind.INVOICE, [work], NOTHING)[0][work.document_id]


def every_document(session: Any) -> pd.DataFrame:
    return session.documents.read(list(session.documents.expected().values()))  # type: ignore[no-any-return]


def posted(law_firm: LawFirm) -> str:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    return str(law_firm.books.ours("Invoice")[0]["Id"])


def test_what_we_wrote_is_there_unchanged(law_firm: LawFirm) -> None:
    invoice_id = posted(law_firm)

    remote = look(law_firm)

    assert (remote.problem, remote.entity and remote.entity["Id"]) == (None, invoice_id)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"CustomerMemo": {"value": "by hand"}}, None),
        ({"DueDate": "2027-01-01"}, None),
        ({"TxnDate": "2026-01-01"}, "DRIFT"),
        ({"DocNumber": "N-1b"}, "DRIFT"),
    ],
)
def test_a_bookkeeper_may_change_what_billing_does_not_own(
    law_firm: LawFirm, changes: dict[str, Any], problem: str | None
) -> None:
    invoice_id = posted(law_firm)
    law_firm.books.do("edit", entity="Invoice", id=invoice_id, changes=changes)

    assert look(law_firm).problem == problem


def test_a_payment_on_it_is_no_drift(law_firm: LawFirm) -> None:
    invoice_id = posted(law_firm)
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("receive-payment", customer_id=invoice["CustomerRef"]["value"], invoices=[invoice_id])

    assert look(law_firm).problem is None


def test_void_and_deleted_are_told_apart(law_firm: LawFirm) -> None:
    invoice_id = posted(law_firm)
    law_firm.books.do("void", entity="Invoice", id=invoice_id)
    voided = look(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=invoice_id)

    assert (voided.problem, look(law_firm)) == ("REMOTE_VOIDED", Remote(None, "REMOTE_DELETED"))  # type: ignore[arg-type]


def test_what_we_wrote_a_moment_ago_is_neither_deleted_nor_drift(law_firm: LawFirm) -> None:
    """A query shows the invoice later, and its revision later still; read by itself it is there."""
    law_firm.books.switch(query_lag_seconds=10.0)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.time.sleep(11)  # what the test made before is there
    law_firm.sync()
    for amount in (120, 130):
        law_firm.change("update invoice_lines set amount = :amount, unit_price = :amount", amount=amount)
        law_firm.change("update invoices set total_amount = :amount", amount=amount)

        law_firm.sync()

        assert law_firm.states() == {"1": ("synced", "")}
    assert [str(invoice["TotalAmt"]) for invoice in law_firm.books.ours("Invoice")] == ["130.0"]


def test_what_the_voids_of_this_run_set_free_can_be_used_in_it(law_firm: LawFirm) -> None:
    """A query shows the invoices as they were while they were paid; a token from it is refused as stale."""
    law_firm.books.switch(query_lag_seconds=10.0)
    law_firm.activate()
    for name in ("dearer", "cheaper", "void"):
        law_firm.invoice(name, "100.00")
        law_firm.payment(f"on {name}", applied={name: "40.00"})
    law_firm.time.sleep(11)  # what the test made before is there
    law_firm.sync()
    law_firm.time.sleep(11)
    law_firm.change("update payments set status = 'void'")
    law_firm.change("update invoices set status = 'void' where invoice_id = 'void'")
    for name, amount in (("dearer", 120), ("cheaper", 30)):
        law_firm.change(
            "update invoice_lines set amount = :amount, unit_price = :amount where invoice_id = :id",
            amount=amount, id=name,
        )  # fmt: skip
        law_firm.change("update invoices set total_amount = :amount where invoice_id = :id", amount=amount, id=name)

    law_firm.sync()

    assert law_firm.states("invoice") == {"dearer": ("synced", ""), "cheaper": ("synced", ""), "void": ("voided", "")}


def test_what_stays_held_costs_no_read_of_its_own(law_firm: LawFirm) -> None:
    law_firm.activate()
    for number in range(3):
        law_firm.invoice(str(number), "100.00")
    law_firm.sync()
    for invoice in law_firm.books.ours("Invoice"):
        share = [{"id": invoice["Id"], "amount": "10.00"}]
        customer = invoice["CustomerRef"]["value"]
        law_firm.books.do("receive-payment", customer_id=customer, amount="10.00", invoices=share)
    law_firm.change("update invoices set status = 'void'")
    first = law_firm.sync()

    assert set(law_firm.states().values()) == {("held", "PAYMENTS_APPLIED")}
    assert (first.reads, law_firm.sync().reads) == (1 + 3, 1)
