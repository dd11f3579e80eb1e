"""What billing applies has a history in the ledger, also for moments before a plan looked at it (E-40)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def read(law_firm: LawFirm) -> None:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        scan(session, Selection())


def shares(law_firm: LawFirm) -> list[tuple[Any, ...]]:
    rows = law_firm.query(
        "select d.source_id, s.invoice_id, s.amount_cents from sync.share s join sync.document d using (document_id) "
        "where s.valid_to = 'infinity' order by 1, position"
    )
    return [tuple(row.values()) for row in rows]


def test_each_change_of_an_application_is_a_version(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "100.00")
    law_firm.payment("p1", applied={"1": "60.00"})
    read(law_firm)
    assert shares(law_firm) == [("p1", "1", 6_000)]

    law_firm.change("update payment_applications set invoice_id = '2' where payment_id = 'p1'")
    read(law_firm)

    assert shares(law_firm) == [("p1", "2", 6_000)]
    rows = law_firm.query("select invoice_id, valid_to = 'infinity' as counts from sync.share order by valid_from")
    assert [tuple(row.values()) for row in rows] == [("1", False), ("2", True)]


def test_a_forwarded_balance_is_divided_as_the_sync_will_send_it(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "50.00", days_ago=9)
    forward = {"kind": "balance_forward", "amount": "50.00", "forwarded_invoice_id": "old", "fee_item_id": None}
    law_firm.invoice("new", "100.00", lines=[forward])
    law_firm.payment("p1", applied={"new": "120.00"})

    read(law_firm)

    assert shares(law_firm) == [("p1", "new", 10_000), ("p1", "old", 2_000)]
    [row] = law_firm.query("select forwarded_cents from sync.document where source_id = 'new'")
    assert row == {"forwarded_cents": 5_000}
    law_firm.sync()
    sent = law_firm.query("select invoice_id, amount_cents from sync.application order by 1")
    assert [tuple(row.values()) for row in sent] == [("new", 10_000), ("old", 2_000)]


def test_an_invoice_that_stops_carrying_a_balance_has_its_payments_divided_anew(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "50.00", days_ago=9)
    forward = {"kind": "balance_forward", "amount": "50.00", "forwarded_invoice_id": "old", "fee_item_id": None}
    law_firm.invoice("new", "100.00", lines=[forward])
    law_firm.payment("p1", applied={"new": "120.00"})
    read(law_firm)

    law_firm.remove("invoice_lines", invoice_id="new", line_number=2)
    law_firm.change("update invoices set total_amount = 100 where invoice_id = 'new'")
    read(law_firm)

    assert shares(law_firm) == [("p1", "new", 12_000)]


def test_credit_is_a_document_for_each_day_and_a_payment_that_is_gone_pays_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("c1", kind="credit_application", amount="30.00")
    law_firm.apply("c1", "1", "10.00", law_firm.today)
    law_firm.apply("c1", "1", "20.00", law_firm.today - timedelta(days=3))
    law_firm.payment("p1", applied={"1": "5.00"})
    read(law_firm)
    assert sorted(shares(law_firm)) == [("c1", "1", 1_000), ("c1", "1", 2_000), ("p1", "1", 500)]

    law_firm.remove("payment_applications", payment_id="p1")
    law_firm.remove("payments", payment_id="p1")
    law_firm.sync()
    read(law_firm)

    assert sorted(shares(law_firm)) == [("c1", "1", 1_000), ("c1", "1", 2_000)]
