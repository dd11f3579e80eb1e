"""``adopt`` as a person types it: evidence first, links on approval."""

from datetime import timedelta

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.verify.test_adoption import enter_invoice


@pytest.mark.slow
def test_the_evidence_is_shown_and_an_approval_links(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "50.00")
    law_firm.invoice("3", "10.00")
    day = law_firm.today - timedelta(days=1)
    there = enter_invoice(law_firm, "N-1", "100.00", day)
    near = enter_invoice(law_firm, "N-2", "55.00", day)

    said = terminal.run("adopt", "one").out
    rows = terminal.json("adopt", "one")
    refused = terminal.run("adopt", "one", "--approve", "--as", "clerk", code=1)
    approved = terminal.run("adopt", "one", "--approve", "--as", "partner").out

    assert "invoices of billing that we did not send: 1 match, 0 ambiguous, 1 near, 1 none\n" in said
    assert said.endswith("requests: 2 reads, 0 writes\nLook at each match, then: qb-pipeline adopt one --approve\n")
    assert [(row["verdict"], row["source_id"], row["quickbooks_id"], row["differs"]) for row in rows] == [
        ("match", "1", there, ""),
        ("near", "2", near, "total: billing 50.00, QuickBooks 55.00"),
    ]
    assert refused.err.startswith("Error: clerk is no super user of one")
    assert "1 none; 1 linked\n" in approved
    assert law_firm.states() == {"1": ("synced", ""), "2": ("new", ""), "3": ("new", "")}
