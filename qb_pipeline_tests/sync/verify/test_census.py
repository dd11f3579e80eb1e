"""The count at the end of a run, against a company in which somebody else is at work as well."""

from dataclasses import asdict

import pytest

from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.census import CensusError, take_census
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_invoices import posted
from qb_pipeline_tests.sync.send.test_settle import as_json, copy_the_invoice

CLEAN = {
    "is_whole": False, "duplicates": 0, "copies": 0, "missing": 0, "differing": 0, "foreigners": 0, "strays": 0,
    "changed": 0, "reads": 1,
}  # fmt: skip


def census(law_firm: LawFirm) -> list[Counts]:
    with law_firm.deployment.open(FIRM, Run("census-1", "census", PARTNER)) as session:
        return take_census(session, whole=True)


def test_a_run_counts_what_it_wrote_with_one_read_per_kind(law_firm: LawFirm) -> None:
    law_firm.activate()
    for name in ("1", "2"):
        law_firm.invoice(name, "100.00")
    law_firm.payment("p", applied={"1": "40.00"})

    report = law_firm.sync()
    again = law_firm.sync()

    assert [asdict(row) for row in report.census] == [
        {"kind": "invoice", "documents": 2, "living": 2, **CLEAN},
        {"kind": "payment", "documents": 1, "living": 1, **CLEAN},
    ]
    assert (again.census, again.reads) == ([], 0)


def test_a_duplicate_fails_the_run_before_anything_is_green_and_is_held(law_firm: LawFirm) -> None:
    """A machine on the way sent the request a second time, and QuickBooks took it: two documents for one of ours."""
    posted(law_firm)
    copy_the_invoice(law_firm)  # within the time in which a request of ours may still take effect
    law_firm.change("update invoices set internal_note = 'again', total_amount = total_amount")
    law_firm.invoice("2", "10.00")

    with pytest.raises(CensusError, match="1 documents are there twice \\(Invoice Ids"):
        law_firm.sync()

    assert law_firm.states() == {"1": ("held", "COPIED"), "2": ("synced", "")}
    [row] = law_firm.query("select outcome, error from sync.run order by started_at desc limit 1")
    assert (row["outcome"], row["error"].split(":")[0]) == ("failed", "CensusError")
    assert len(law_firm.books.ours("Invoice")) == 3  # nothing is deleted by us


def test_a_person_s_copy_long_after_is_held_and_the_run_is_done(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.time.sleep(3600)
    copy_the_invoice(law_firm)

    row, _payments = census(law_firm)

    assert (row.copies, row.duplicates, law_firm.states()) == (1, 0, {"1": ("held", "COPIED")})


@pytest.mark.parametrize(
    ("what", "column", "reason"),
    [
        pytest.param("delete", "missing", "REMOTE_DELETED", marks=pytest.mark.slow),
        pytest.param("void", "missing", "REMOTE_VOIDED", marks=pytest.mark.slow),
        pytest.param("edit", "changed", "", marks=pytest.mark.slow),
    ],
)
def test_a_full_count_finds_what_a_person_did_since(law_firm: LawFirm, what: str, column: str, reason: str) -> None:
    invoice = posted(law_firm)
    if what == "edit":
        line = as_json(invoice["Line"][0] | {"Amount": "75"})
        line["SalesItemLineDetail"] |= {"UnitPrice": "75", "Qty": "1"}
        law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"Line": [line]})
    else:
        law_firm.books.do(what, entity="Invoice", id=invoice["Id"])

    row, _payments = census(law_firm)

    assert (row.documents, getattr(row, column), row.is_whole) == (1, 1, True)
    assert law_firm.states() == {"1": ("held", reason) if reason else ("synced", "")}


@pytest.mark.slow
def test_an_answer_that_lied_about_the_total_is_found_by_the_count(law_firm: LawFirm) -> None:
    """QuickBooks confirmed the total that was meant, and holds another one."""
    posted(law_firm)
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("update sync.document set quickbooks_total_cents = 12345 where kind = 'invoice'")

    row, _payments = census(law_firm)

    assert (row.differing, law_firm.states()) == (1, {"1": ("held", "TOTAL_DIFFERS")})


def test_documents_of_a_ledger_that_was_restored_are_strays(law_firm: LawFirm) -> None:
    posted(law_firm)
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("truncate sync.document cascade")

    with pytest.raises(CensusError, match="carry our mark and are not in the ledger"):
        census(law_firm)


@pytest.mark.slow
def test_a_query_that_lags_behind_is_asked_again(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("known", "1.00")
    law_firm.sync()
    law_firm.books.switch(query_lag_seconds=8.0)
    law_firm.invoice("1", "100.00")

    [row] = law_firm.sync().census

    assert (row.documents, row.living, row.missing, row.reads) == (1, 1, 0, 4)


@pytest.mark.slow
def test_what_a_killed_run_wrote_is_counted_by_the_next(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("delete from sync.census")

    report = law_firm.sync()

    assert [(row.kind, row.documents, row.living) for row in report.census] == [("invoice", 1, 1)]


def test_a_query_that_shows_what_stood_there_before_a_void_accuses_nobody(law_firm: LawFirm) -> None:
    law_firm.books.switch(query_lag_seconds=10.0)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.time.sleep(11)  # what the test made before is there
    law_firm.sync()
    law_firm.time.sleep(11)
    law_firm.change("update invoices set status = 'void'")

    law_firm.sync()

    assert law_firm.states() == {"1": ("voided", "")}
