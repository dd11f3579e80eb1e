"""Invoice numbers that references cite are asked for only where a reference looks like an identity number."""

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.plan.citations import find_cited
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.mark.parametrize(
    ("reference", "paid", "cited"),
    [
        ("check 1042", ["i1"], set()),
        ("for 123-45-6789", [], {"123-45-6789"}),
        ("for\r\n123\u00a045\u00a06780", ["i2"], {"No 123 45 6780"}),
        ("for 123 45 6780", [], set()),  # a part of a number, and no invoice that it pays
        ("SSN 123-45-6781", ["i1"], {"123-45-6789"}),
    ],
)
def test_numbers_are_found_by_the_word_itself_and_by_the_invoices_that_are_paid(
    law_firm: LawFirm, reference: str, paid: list[str], cited: set[str]
) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00", invoice_number="123-45-6789")
    law_firm.invoice("i2", "10.00", invoice_number="No 123 45 6780")
    with law_firm.deployment.open(FIRM, Run("run-1", "test", PARTNER)) as session:
        assert find_cited(session, {"p1": reference, "p2": "check 1042"}, {"p1": paid, "p2": ["i2"]}) == cited
