"""The table of troubles: written by hand, it says of each document what its own rows say, on any day of the year."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.billing.demo.book import Book
from qb_pipeline.billing.demo.practice import (
    CHEN_COMPANIES,
    CHEN_FEE_ITEMS,
    CHEN_PEOPLE,
    RIVERA_COMPANIES,
    RIVERA_FEE_ITEMS,
    RIVERA_PEOPLE,
    add_payers,
)
from qb_pipeline.billing.demo.troubles import (
    CHEN,
    REVISIONS,
    RIVERA,
    TROUBLES,
    Trouble,
    add_chen_troubles,
    add_rivera_troubles,
    credit_days,
)
from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline_tests.billing.demo.test_book import rows, write

AWKWARD = (date(2026, 1, 1), date(2026, 3, 1), date(2028, 2, 29), date(2026, 11, 21), date(2026, 12, 31))
"""New year, the day after a short month, a leap day, a Saturday, the year's last day."""
SENT = [trouble for troubles in TROUBLES.values() for trouble in troubles if trouble.outcome == "sent"]


def load(engine: sa.Engine, today: date) -> None:
    """Both firms with their troubles, and without everyday documents."""
    for firm_id, fee_items, people, companies, add in (
        (RIVERA, RIVERA_FEE_ITEMS, RIVERA_PEOPLE, RIVERA_COMPANIES, add_rivera_troubles),
        (CHEN, CHEN_FEE_ITEMS, CHEN_PEOPLE, CHEN_COMPANIES, add_chen_troubles),
    ):
        book = Book(firm_id, firm_id, time_zone="America/New_York", prefix="X", today=today)
        for fee_item in fee_items:
            book.fee_item(*fee_item)
        add_payers(book, people, companies)
        add(book)
        write(engine, book)


def by_document(engine: sa.Engine, statement: str) -> dict[tuple[str, str], Any]:
    return {(row["firm_id"], row["id"]): row for row in rows(engine, statement)}


INVOICES = (
    "select i.firm_id, i.invoice_id as id, i.total_amount, i.invoice_date, i.created_at,"
    " coalesce(sum(l.amount) filter (where l.kind <> 'balance_forward'), 0) as own"
    " from billing.invoices i left join billing.invoice_lines l using (firm_id, invoice_id) group by 1, 2, 3, 4, 5"
)
PAYMENTS = (
    "select p.firm_id, p.payment_id as id, p.amount, p.received_date, coalesce(sum(a.amount), 0) as applied"
    " from billing.payments p left join billing.payment_applications a using (firm_id, payment_id) group by 1, 2, 3, 4"
)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_credit_is_applied_on_the_two_days_on_which_a_month_ends_and_the_next_begins(today: date) -> None:
    before, after = credit_days(today)

    assert (after.day, after - before) == (1, timedelta(days=1))
    assert (before.month, before.year) != (today.month, today.year) == (after.year, after.month)[::-1]
    assert before < after <= today


@pytest.mark.parametrize("today", AWKWARD, ids=str)
def test_on_any_day_nobody_pays_before_the_bill_and_what_is_ahead_is_far_ahead(
    billing_engine: sa.Engine, today: date
) -> None:
    load(billing_engine, today)

    early = rows(
        billing_engine,
        "select a.payment_id from billing.payment_applications a join billing.invoices i using (firm_id, invoice_id)"
        " where a.applied_date < i.invoice_date",
    )
    invoices, payments = by_document(billing_engine, INVOICES), by_document(billing_engine, PAYMENTS)
    far = today + timedelta(days=DAYS_AHEAD)
    ahead = [key for key, row in invoices.items() if row["invoice_date"] > far]
    ahead += [key for key, row in payments.items() if row["received_date"] > far]
    strays = [key for key, row in payments.items() if today < row["received_date"] <= far]
    assert early == []
    assert sorted(ahead) == [(RIVERA, "inv-ahead"), (RIVERA, "pay-ahead")]
    assert sorted(strays) == [(CHEN, "pay-stray-1"), (CHEN, "pay-stray-2")]
    assert [key for key, row in invoices.items() if row["created_at"].date() >= today] == []


def test_what_is_sent_of_a_document_is_what_its_own_lines_or_applications_come_to(billing_engine: sa.Engine) -> None:
    """What an invoice carries forward is on the older invoice; without a number, billing's own amount is sent."""
    load(billing_engine, AWKWARD[0])
    invoices, payments = by_document(billing_engine, INVOICES), by_document(billing_engine, PAYMENTS)

    def amounts(trouble: Trouble) -> tuple[Decimal, Decimal]:
        key = trouble.firm_id, trouble.source_id
        row = invoices[key] if trouble.kind == "invoice" else payments[key]
        own, billed = (
            (row["own"], row["total_amount"]) if trouble.kind == "invoice" else (row["applied"], row["amount"])
        )
        return own, billed if trouble.cents is None else Decimal(trouble.cents) / 100

    wrong = {trouble.source_id: amounts(trouble) for trouble in SENT if len(set(amounts(trouble))) > 1}
    assert (wrong, len(SENT) > 20) == ({}, True)


def test_each_revised_document_has_one_outcome_which_is_its_reason_s() -> None:
    revised = [trouble for troubles in REVISIONS.values() for trouble in troubles]
    first = {(each.firm_id, each.source_id): each for troubles in TROUBLES.values() for each in troubles}

    assert max(Counter((each.firm_id, each.source_id) for each in revised).values()) == 1
    assert {(each.outcome, PROBLEMS[Problem(each.code)].state) for each in revised if each.code} == {("held", "held")}
    assert {each.outcome for each in revised if not each.code} == {"sent", "voided"}
    again = [(first[key].outcome, each.outcome) for each in revised if (key := (each.firm_id, each.source_id)) in first]
    assert sorted(again) == [("held", "sent"), ("held", "sent"), ("unseen", "sent"), ("waiting", "sent")]
