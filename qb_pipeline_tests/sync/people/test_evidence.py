"""Both sides of one document, found by whatever a person calls it."""

import pytest

from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.people.evidence import Evidence, gather
from qb_pipeline.sync.people.naming import find_document
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_invoices import posted, revise


def evidence_of(law_firm: LawFirm, word: str) -> Evidence:
    with law_firm.deployment.open(FIRM, Run("show", "test", PARTNER)) as session:
        return gather(session, find_document(session, word))


def test_both_sides_are_put_side_by_side_with_one_read(law_firm: LawFirm) -> None:
    invoice = posted(law_firm, paid="40.00")
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"CustomerMemo": {"value": "by hand"}})
    revise(law_firm, "150.00")
    states = law_firm.states()
    law_firm.books.count_anew()

    evidence = evidence_of(law_firm, "N-1")

    assert law_firm.books.requests() == {"POST query": 1}
    assert (evidence.basis, evidence.standing, evidence.operation) == ("billing now", "there", "update")
    assert [(row.name, row.ours, str(row.theirs), row.owner) for row in evidence.fields if row.differs] == [
        ("Line[1].Amount", "150.00", "100.0", "billing"),
        ("Line[1].SalesItemLineDetail.UnitPrice", "150", "100", "billing"),
        ("TotalAmt", "150.00", "100.0", "billing"),
    ]
    assert [row.activity for row in evidence.log] == ["seen", "created", "revised"]
    assert [(row.operation, row.outcome) for row in evidence.attempts] == [("create", "accepted")]
    assert law_firm.states() == states | {"1": ("revised", "")}


def test_a_payment_and_a_customer_are_shown_by_their_names(law_firm: LawFirm) -> None:
    posted(law_firm, paid="40.00")

    payment, customer = evidence_of(law_firm, "payment:p1"), evidence_of(law_firm, "customer:P1")

    assert (payment.standing, [row for row in payment.fields if row.differs]) == ("there", [])
    assert (customer.standing, customer.basis, customer.fields[0].ours) == ("there", "billing now", "Ana Diaz")


def test_a_word_that_means_several_lists_them(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.invoice("2", "20.00", invoice_number="N-1")
    law_firm.sync(["work_list"])

    with pytest.raises(NotNamedError) as several:
        evidence_of(law_firm, "N-1")
    with pytest.raises(NotNamedError, match="names no document of one"):
        evidence_of(law_firm, "nothing")

    assert str(several.value).splitlines()[0] == "N-1 names 2 documents; say which:"
    assert [line.split()[0] for line in str(several.value).splitlines()[1:]] == ["invoice:1", "invoice:2"]


def test_what_else_has_the_number_is_shown_beside_a_document_that_cannot_go(law_firm: LawFirm) -> None:
    invoice = posted(law_firm)
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"DocNumber": "N-2"})
    law_firm.invoice("2", "20.00")

    evidence = evidence_of(law_firm, "N-2")

    assert (evidence.standing, [row["Id"] for row in evidence.others]) == ("never sent", [invoice["Id"]])


def test_when_quickbooks_cannot_be_read_the_ledger_s_side_is_shown_all_the_same(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.books.fault(*({"what": "html_503", "match": "invoice"},) * 4)

    evidence = evidence_of(law_firm, "N-1")

    assert (evidence.standing, bool(evidence.not_read), evidence.document.state) == ("not read", True, "synced")
