"""Lines of invoices as reports show them."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.invoice_lines import InvoiceLine, read_lines
from qb_pipeline.core.documents.invoices import new_items_cents
from qb_pipeline_tests.core.rows import invoices, lines

KINDS = ("fee", "expense", "interest", "discount", "tax", "balance_forward", "note")


def test_a_line_has_its_items_its_matter_and_either_amount_or_tax() -> None:
    found = read_lines(
        invoices({"invoice_id": "i1", "matter": " Petition\n (SSN 123-45-6789)"}),
        lines(
            {"invoice_id": "i1", "line_number": 2, "kind": "tax", "amount_cents": 700},
            {
                "invoice_id": "i1", "line_number": 1, "kind": "fee", "fee_item_id": "F1", "amount_cents": 10_000,
                "quantity": Decimal("0.5"), "unit_price": Decimal(200), "description": "never shown",
            },
            {"invoice_id": "i1", "line_number": 3, "kind": "note", "amount_cents": 0, "description": "never shown"},
            {"invoice_id": "other", "line_number": 1, "kind": "fee", "amount_cents": 1},
        ),
        {"F1": "9"},
    )  # fmt: skip

    matter = "Petition (SSN [removed])"
    fee = InvoiceLine(1, "fee", "F1", "9", matter, Decimal("0.5"), Decimal(200), 10_000, 0)
    assert found == {"i1": (fee, InvoiceLine(2, "tax", "", "", matter, None, None, 0, 700))}


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(-50_000, 50_000)), max_size=8))
def test_amounts_and_tax_add_up_to_the_new_items_of_the_invoice(drawn: list[tuple[str, int]]) -> None:
    """A forwarded balance is no new item; a note has no amount."""
    rows = [
        {"invoice_id": "i1", "line_number": number, "kind": kind, "amount_cents": 0 if kind == "note" else cents}
        for number, (kind, cents) in enumerate(drawn, start=1)
    ]
    billed = lines(*rows)

    told = read_lines(invoices({"invoice_id": "i1"}), billed, {})["i1"]

    expected = int(new_items_cents(billed).get("i1", 0))
    assert sum(line.amount_cents + line.tax_cents for line in told) == expected
    assert all(not (line.amount_cents and line.tax_cents) for line in told)
