"""Thirty days of a firm: a report as of each past day is the one that was printed on that day (D-3)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

DAYS = 30

REPORTS = {
    "reconciliation": "select * from reporting.reconciliation order by measure",
    "classes": "select measure, class, count(*), sum(amount) from reporting.differences group by 1, 2 order by 1, 2",
    "differences": "select * from reporting.differences order by measure, source_id, part, class",
    "invoices": "select * from reporting.invoice_reconciliation order by invoice_id",
    "payments": "select * from reporting.payment_reconciliation order by payment_id, applied_date",
    "receivables": "select * from reporting.customer_receivables order by payer_id",
    "days": "select * from reporting.daily_control_totals order by kind, document_date",
}


@pytest.fixture
def books() -> Iterator[Bookkeeper]:
    """A company in an emulator of its own: its clock runs a month ahead."""
    with start_emulator() as url:
        yield Bookkeeper.of_new_company(url, realm_id="9130000000000030")


def printed(law_firm: LawFirm, as_of: datetime | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Every report, now or as of a moment."""
    with law_firm.ledger.begin() as connection:
        if as_of is not None:
            connection.exec_driver_sql(f"set local reporting.as_of = '{as_of.isoformat()}'")
        return {name: [tuple(row) for row in connection.exec_driver_sql(query)] for name, query in REPORTS.items()}


def bill(law_firm: LawFirm, chance: Random, day: int) -> None:
    """What happens in billing on a day: new invoices and payments, revisions, voids, things that are held."""
    now = law_firm.time.now()
    law_firm.invoice(f"i{day}", f"{chance.randrange(100, 900)}.00", invoice_number=f"N-{day}" if day % 7 else "")
    law_firm.invoice(f"j{day}", f"{chance.randrange(100, 900)}.50")
    if day % 2:
        law_firm.payment(f"p{day}", applied={f"j{day - 1}" if day > 1 else "j1": "40.00"})
    if day % 5 == 4:
        law_firm.change(
            "update invoice_lines set unit_price = 77, amount = 77 where invoice_id = :id", id=f"i{day - 1}"
        )
        law_firm.change(
            "update invoices set total_amount = 77, updated_at = :now where invoice_id = :id", id=f"i{day - 1}", now=now
        )
    if day % 9 == 6:
        law_firm.change(
            "update invoices set status = 'void', updated_at = :now where invoice_id = :id", id=f"i{day - 2}", now=now
        )
    if day % 10 == 8:
        law_firm.payment(f"w{day}", applied={"i7": "10.00"})  # which has no number, and is held
    if day % 10 == 3:
        law_firm.payment(f"r{day}", kind="refund", reverses_payment_id="p1", amount="5.00")


def keep_books(law_firm: LawFirm, day: int) -> None:
    """What a bookkeeper does on a day to what is there."""
    living = {row["DocNumber"]: row for row in law_firm.books.ours("Invoice")}
    if day % 4 == 1 and (row := living.get(f"N-j{day - 1}")):
        law_firm.books.do(
            "receive-payment", customer_id=row["CustomerRef"]["value"], invoices=[{"id": row["Id"], "amount": 11}]
        )
    if day % 6 == 2 and (row := living.get(f"N-j{day - 2}")):
        law_firm.books.do(
            "credit-memo", customer_id=row["CustomerRef"]["value"], amount=9, invoice_id=row["Id"],
            item_id=law_firm.item_id,
        )  # fmt: skip
    if day % 8 == 5 and (row := living.get(f"N-{day - 3}")):
        law_firm.books.do("edit", entity="Invoice", id=row["Id"], changes={"TxnDate": "2026-01-01"})
    if day % 11 == 7 and (row := living.get(f"N-{day - 2}")):
        law_firm.books.do("delete", entity="Invoice", id=row["Id"])


@pytest.mark.slow
def test_a_report_as_of_each_past_day_is_the_one_that_was_printed_on_that_day(law_firm: LawFirm) -> None:
    law_firm.activate()
    chance = Random("thirty days")
    reports: dict[datetime, dict[str, list[tuple[Any, ...]]]] = {}
    for day in range(1, DAYS + 1):
        bill(law_firm, chance, day)
        if day % 3:  # on every third day nobody syncs
            law_firm.sync()
        keep_books(law_firm, day)
        with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
            assert reconcile(session).residual == 0, day
        reports[law_firm.time.now()] = printed(law_firm)
        law_firm.time.sleep(timedelta(days=1).total_seconds())

    for moment, report in reports.items():
        assert printed(law_firm, moment) == report, moment
    classes = {row[1] for report in reports.values() for row in report["classes"]}
    assert classes >= {
        "new", "held", "waiting", "revised", "void_pending", "hand_entry", "remote_deleted", "received_in_quickbooks",
        "credit_memo",
    }  # fmt: skip
    assert len({str(report) for report in reports.values()}) == DAYS
