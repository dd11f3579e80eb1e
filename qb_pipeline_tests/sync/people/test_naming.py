"""From a word to the one document that is meant, on both sides."""

from datetime import UTC, date, datetime, timedelta

import pytest

from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.people.naming import bystander, find_document, read_words, select, select_for_firms
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 1)


def named(law_firm: LawFirm, *, invoices: tuple[str, ...] = (), payments: tuple[str, ...] = ()) -> list[str]:
    return [str(name) for name in select(bystander(law_firm.deployment, FIRM), read_words(invoices, payments))]


def refused(law_firm: LawFirm, **words: tuple[str, ...]) -> str:
    with pytest.raises(NotNamedError) as error:
        named(law_firm, **words)
    return str(error.value)


def credit(law_firm: LawFirm, payment_id: str = "c") -> None:
    """Credit applied on two dates: two documents."""
    law_firm.payment(payment_id, amount="30.00", kind="credit_application", method="credit", reference="R-c")
    for invoice_id, day in (("1", JANUARY), ("2", FEBRUARY)):
        law_firm.apply(payment_id, invoice_id, "15.00", day)


def test_number_reference_id_and_exact_name_mean_the_document_whether_or_not_it_is_on_the_list(
    law_firm: LawFirm,
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"}, reference="1234")

    def by_every_name() -> list[str]:
        return named(law_firm, invoices=("N-1", "1", "invoice:1"), payments=("1234", "p", "payment:p"))

    before = by_every_name()
    listed = law_firm.query("select count(*) as documents from sync.document")
    law_firm.sync(["work_list"])

    assert before == by_every_name() == ["invoice:1", "payment:p"]
    assert listed == [{"documents": 0}]  # looking writes nothing


def test_the_number_that_billing_has_now_counts_not_the_one_that_the_list_remembers(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync(["work_list"])
    law_firm.change("update invoices set invoice_number = 'N-5' where invoice_id = '1'")
    law_firm.invoice("2", "20.00", invoice_number="N-1")

    assert named(law_firm, invoices=("N-1",)) == ["invoice:2"]
    assert named(law_firm, invoices=("N-5",)) == ["invoice:1"]


def test_a_number_of_one_invoice_that_is_the_id_of_another_means_both(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("7", "100.00", invoice_number="8")
    law_firm.invoice("8", "20.00", invoice_number="N-8")
    yesterday = law_firm.today - timedelta(days=1)

    assert refused(law_firm, invoices=("8",)) == (
        f"8 names 2 documents; say which:\n  invoice:7  (number 8, {yesterday})\n  invoice:8  (number N-8, {yesterday})"
    )
    assert named(law_firm, invoices=("invoice:8", "N-8")) == ["invoice:8"]


def test_a_number_or_reference_that_two_share_lists_them_with_their_states(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync(["work_list"])
    law_firm.invoice("2", "10.00", invoice_number="N-1")
    for name in ("p", "q"):
        law_firm.payment(name, applied={"1": "1.00"}, reference="cash")

    told = refused(law_firm, invoices=("N-1",), payments=("cash",)).splitlines()

    assert [line.split("  (")[0] for line in told] == [
        "N-1 names 2 documents; say which:", "  invoice:1", "  invoice:2",
        "cash names 2 documents; say which:", "  payment:p", "  payment:q",
    ]  # fmt: skip
    assert told[1].endswith(", new)")


def test_credit_that_was_applied_on_two_dates_is_two_documents(law_firm: LawFirm) -> None:
    law_firm.activate()
    for name in ("1", "2"):
        law_firm.invoice(name, "100.00")
    credit(law_firm)

    both = [line.split("  (")[0].strip() for line in refused(law_firm, payments=("c",)).splitlines()[1:]]

    assert both == ["payment:c@2026-01-31", "payment:c@2026-02-01"]
    assert named(law_firm, payments=("c@2026-02-01",)) == named(law_firm, payments=("payment:c@2026-02-01",))
    assert named(law_firm, payments=tuple(both)) == both
    law_firm.sync(payment_ids=["payment:c@2026-01-31"])
    assert law_firm.states("payment") == {"c@2026-01-31": ("waiting", "INVOICE_NOT_SENT"), "c@2026-02-01": ("new", "")}


def test_a_date_that_credit_is_no_more_applied_on_is_past(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("c", amount="15.00", kind="credit_application", method="credit")
    law_firm.apply("c", "1", "15.00", JANUARY)
    law_firm.sync(["work_list"])
    law_firm.change("update payment_applications set applied_date = '2026-02-01'")

    assert named(law_firm, payments=("c",)) == ["payment:c@2026-02-01"]


def test_a_draft_an_ineligible_document_and_one_from_quickbooks_are_named_as_that(law_firm: LawFirm) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    law_firm.activate(eligible_since=since)
    law_firm.invoice("draft", "1.00", status="draft")
    law_firm.invoice("old", "1.00", created_at=since - timedelta(days=1))
    law_firm.payment("theirs", applied={"old": "1.00"}, origin="quickbooks", external_id="9:1")
    law_firm.invoice("fine", "1.00")

    told = refused(law_firm, invoices=("N-draft", "old", "fine"), payments=("theirs",))

    assert told == (
        "invoice:draft is a draft in billing; invoice:old is not eligible: the firm syncs what was created since "
        "2026-03-01 00:00 UTC; payment:theirs came from QuickBooks and is there already. Nothing was sent. "
        "Try: name only what can be sent"
    )


def test_what_is_on_the_list_and_may_not_be_sent_any_more_is_closed_by_the_run_that_names_it(
    law_firm: LawFirm,
) -> None:
    """Else a sensor would ask for it again and again."""
    law_firm.activate()
    for name in ("old", "theirs"):
        law_firm.invoice(f"i-{name}", "1.00")
        law_firm.payment(name, applied={f"i-{name}": "1.00"})
    law_firm.sync(["work_list"])
    law_firm.change("update payments set origin = 'quickbooks', external_id = '9:1' where payment_id = 'theirs'")
    law_firm.change("update invoices set created_at = '2026-01-01' where invoice_id = 'i-old'")
    since = {"eligible_since": "2026-02-01"}
    law_firm.deployment.firms.change_settings(FIRM, since, actor=PARTNER, now=law_firm.time.now())

    report = law_firm.sync(payment_ids=["old", "theirs"])

    assert law_firm.states("payment") == {"old": ("closed", "INELIGIBLE"), "theirs": ("closed", "FROM_QUICKBOOKS")}
    assert report.notices == ["payment:old needs nothing: it is closed (INELIGIBLE)"]


def test_what_was_sent_is_ours_also_as_a_draft_or_gone_from_billing(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.invoice("2", "2.00")
    law_firm.sync()
    law_firm.change("update invoices set status = 'draft' where invoice_id = '1'")
    law_firm.remove("invoice_lines", invoice_id="2")
    law_firm.remove("invoices", invoice_id="2")

    assert named(law_firm, invoices=("N-1", "N-2")) == ["invoice:1", "invoice:2"]


def test_a_word_that_names_nothing_is_told_with_what_is_near(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00", invoice_number="N-1001")
    law_firm.sync(["work_list"])

    assert refused(law_firm, invoices=("N-1010",), payments=("gone",)) == (
        "N-1010 names no invoice of one. Near it: invoice:1 (number N-1001). Try: qb-pipeline list one\n"
        "gone names no payment of one. Try: qb-pipeline list one"
    )


def test_show_brings_a_document_that_billing_alone_knows_on_the_list(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "1.00")
    law_firm.invoice("draft", "1.00", status="draft")
    with law_firm.deployment.open(FIRM, Run("show", "test", PARTNER)) as session:
        document_id = find_document(session, "N-1")
        with pytest.raises(NotNamedError, match="invoice:draft is a draft in billing, so it is not on the work list"):
            find_document(session, "draft")

    assert law_firm.query("select source_id from sync.document where document_id = :id", id=document_id) == [
        {"source_id": "1"}
    ]
    assert law_firm.states() == {"1": ("new", "")}


def test_a_run_over_firms_that_cannot_begin_stands_as_failed_in_the_log_of_each(law_firm: LawFirm) -> None:
    law_firm.activate()

    with pytest.raises(NotNamedError):
        select_for_firms(law_firm.deployment, [FIRM], Run("r", "test", PARTNER), invoices=["nobody"])

    [run] = law_firm.query("select firm_id, outcome, error from sync.run")
    assert (run["firm_id"], run["outcome"]) == (FIRM, "failed")
    assert run["error"].startswith("NotNamedError: nobody names no invoice of one.")
