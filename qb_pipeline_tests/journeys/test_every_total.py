"""The law of invoices, over the whole way: what QuickBooks computes is what billing billed anew, or nothing is there.

Belongs here: invoices that nobody would think of, from billing's tables to the emulator's books. Does not belong here:
what a single rule says (``core``).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline_tests.law_firm import LawFirm

CENT = Decimal("0.01")
numbers = count(1)

DECIMALS = st.decimals(-10_000, 10_000, places=6) | st.decimals(0, 100, places=2) | st.integers(0, 20).map(Decimal)
AMOUNTS = st.decimals(0, 10_000, places=2) | st.decimals(-500, 10**9, places=2)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


def a_line(kind: str, amount: Decimal, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "fee_item_id": None, "amount": amount, "quantity": None, "unit_price": None, **more}


SALES = st.builds(
    lambda kind, amount, quantity, unit_price, text, taxed: a_line(
        kind, amount, fee_item_id="F1", quantity=quantity, unit_price=unit_price, description=text, is_taxable=taxed
    ),
    st.sampled_from(["fee", "expense", "interest"]), AMOUNTS, st.none() | DECIMALS, st.none() | DECIMALS, TEXTS,
    st.booleans(),
)  # fmt: skip
PRODUCTS = st.builds(
    lambda quantity, unit_price: a_line(
        "fee",
        (quantity * unit_price).quantize(CENT, ROUND_HALF_UP),
        fee_item_id="F1",
        quantity=quantity,
        unit_price=unit_price,
    ),
    st.decimals(0, 100, places=6), st.decimals(0, 1000, places=6),
)  # fmt: skip
OTHERS = st.one_of(
    st.decimals(-100, 0, places=2).map(lambda amount: a_line("discount", amount)),
    st.decimals(0, 50, places=2).map(lambda amount: a_line("tax", amount)),
    st.decimals(-50, 500, places=2).map(lambda amount: a_line("balance_forward", amount)),
    TEXTS.map(lambda text: a_line("note", Decimal(0), description=text)),
)


@dataclass(frozen=True)
class Billed:
    """An invoice as billing has it: its lines, and how far its total is from their sum."""

    lines: list[dict[str, Any]]
    off_by: Decimal

    @property
    def new_cents(self) -> int:
        return int(sum((line["amount"] for line in self.lines if line["kind"] != "balance_forward"), Decimal(0)) * 100)

    def is_sound(self, tax_policy: str) -> bool:
        """Whether nothing at all speaks against it: said here in its own words, not the pipeline's."""
        kinds = {line["kind"] for line in self.lines if line["amount"]}
        taxed = "tax" in kinds and tax_policy == "none"
        return self.new_cents > 0 and not self.off_by and bool(kinds & {"fee", "expense", "interest"}) and not taxed


INVOICES = st.builds(
    Billed,
    st.lists(SALES | PRODUCTS | OTHERS, min_size=1, max_size=7),
    st.just(Decimal(0)) | st.sampled_from([Decimal(0), CENT, -CENT]),
)


@pytest.mark.slow
@pytest.mark.parametrize("tax_policy", ["none", "total"])
def test_quickbooks_computes_what_billing_billed_anew_or_nothing_is_there(law_firm: LawFirm, tax_policy: str) -> None:
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": tax_policy == "total"})
    law_firm.books.switch(tax="as_sent")
    law_firm.activate(tax_policy=tax_policy)

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(INVOICES, min_size=25, max_size=30))
    def law(invoices: list[Billed]) -> None:
        billed = {f"L{next(numbers)}": invoice for invoice in invoices}
        enter(law_firm, billed)

        law_firm.sync(invoice_ids=list(billed))

        there = {
            row["DocNumber"].removeprefix("N-"): (row["TotalAmt"] * 100, row["Balance"] * 100)
            for row in law_firm.books.ours("Invoice")
        }
        states = law_firm.states("invoice")
        for invoice_id, invoice in billed.items():
            state, reason = states[invoice_id]
            assert there.get(invoice_id, ()) in ((), (invoice.new_cents, invoice.new_cents)), invoice
            assert (state, reason) == ("synced", "") if invoice_id in there else state in ("held", "closed"), invoice
            assert invoice_id in there or not invoice.is_sound(tax_policy), (invoice, reason)

    law()


def enter(law_firm: LawFirm, billed: dict[str, Billed]) -> None:
    """Write invoices into billing, many rows at once."""
    headers, lines = [], []
    for invoice_id, invoice in billed.items():
        total = sum((line["amount"] for line in invoice.lines), invoice.off_by)
        headers.append({"id": invoice_id, "number": f"N-{invoice_id}", "total": total, "day": law_firm.today})
        lines += [{"id": invoice_id, "line": number, **line} for number, line in enumerate(invoice.lines, start=1)]
    with law_firm.billing.begin() as connection:
        connection.execute(
            sa.text(
                "insert into billing.invoices (firm_id, invoice_id, invoice_number, payer_id, status, invoice_date, "
                "currency, total_amount) values ('one', :id, :number, 'P1', 'issued', :day, 'USD', :total)"
            ),
            headers,
        )
        connection.execute(
            sa.text(
                "insert into billing.invoice_lines (firm_id, invoice_id, line_number, kind, fee_item_id, description, "
                "quantity, unit_price, amount, is_taxable) values ('one', :id, :line, :kind, :fee_item_id, "
                ":description, :quantity, :unit_price, :amount, :is_taxable)"
            ),
            [{"description": None, "is_taxable": False, **line} for line in lines],
        )
