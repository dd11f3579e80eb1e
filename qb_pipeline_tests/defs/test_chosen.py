"""Documents that a person chose in the launchpad: all of them go, or the run is red and nothing went."""

from datetime import timedelta

import pytest

from qb_pipeline.sync.stages import STAGES
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.defs.conftest import Orchestra, add_firm, failure, metadata_of, partitions
from qb_pipeline_tests.law_firm import FIRM, LawFirm


def numbers(books: Bookkeeper) -> list[str]:
    return sorted(row["DocNumber"] for row in books.ours("Invoice"))


def test_chosen_documents_of_other_dates_go_and_their_own_dates_turn_green(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """The run is launched for today; nothing of today is chosen, although something is there."""
    law_firm.activate()
    for days in (0, 1, 2, 3):
        law_firm.invoice(str(days), "10.00", days_ago=days)
    law_firm.payment("p", applied={"3": "4.00"}, days_ago=2, reference="check 9")

    result = orchestra.sync(law_firm, days=1, invoice_ids=["N-1", "invoice:3"], payment_ids=["check 9"])

    own = {f"{law_firm.today - timedelta(days=days)}|{FIRM}" for days in (1, 2, 3)}
    assert result.success
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, own)
    assert numbers(law_firm.books) == ["N-1", "N-3"]
    assert law_firm.states("payment") == {"p": ("synced", "")}


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (["N-1", "nobody"], "nobody names no invoice of one. Try: qb-pipeline list one"),
        (
            ["N-1", "draft"],
            "invoice:draft is a draft in billing. Nothing was sent. Try: issue the invoice in billing",
        ),
        (["payment:p"], "payment:p is no invoice. Try: name it as payment"),
    ],
)
def test_a_word_that_names_nothing_to_send_fails_the_run_before_anything_is_sent(
    law_firm: LawFirm, orchestra: Orchestra, chosen: list[str], says: str
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.invoice("draft", "10.00", status="draft")
    before = law_firm.books.statistics()["requests"]

    result = orchestra.sync(law_firm, invoice_ids=chosen)

    assert not result.success
    assert failure(result) == says
    assert orchestra.materialized(result) == {}
    assert law_firm.books.statistics()["requests"] == before


def test_of_several_firms_only_those_that_have_chosen_documents_are_synced(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """The other firm has work on these very dates; it is not sent, and nothing of it turns green."""
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=1)
    other = add_firm(law_firm, "two", invoices=1)

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=2, invoice_ids=["N-1"])

    assert orchestra.materialized(result) == dict.fromkeys(
        STAGES, partitions(FIRM, law_firm.today - timedelta(days=1), 1)
    )
    assert (numbers(law_firm.books), numbers(other)) == (["N-1"], [])


def test_each_firm_sends_its_own_chosen_documents(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=3)
    other = add_firm(law_firm, "two", invoices=2)

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=1, invoice_ids=["N-1", "two-0"])

    own = {f"{law_firm.today - timedelta(days=3)}|{FIRM}", f"{law_firm.today - timedelta(days=1)}|two"}
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, own)
    assert (numbers(law_firm.books), numbers(other)) == (["N-1"], ["N-two-0"])


def test_a_document_of_two_firms_fails_the_run_and_both_are_named(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("two-0", "10.00")
    other = add_firm(law_firm, "two", invoices=1)
    yesterday = law_firm.today - timedelta(days=1)

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=2, invoice_ids=["two-0"])

    assert failure(result) == (
        "two-0 names 2 documents of 2 firms; choose one firm:\n"
        f"  one invoice:two-0  (number N-two-0, {yesterday})\n"
        f"  two invoice:two-0  (number N-two-0, {yesterday})"
    )
    assert orchestra.materialized(result) == {}
    assert (numbers(law_firm.books), numbers(other)) == ([], [])


def test_where_a_firm_cannot_be_looked_at_nobody_knows_whose_documents_are_chosen(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    result = orchestra.sync(law_firm, firm_ids=["a-newcomer", FIRM], days=2, invoice_ids=["1"])

    assert failure(result).startswith("There is no firm a-newcomer. Firms here: one. Next step: qb-pipeline firm add")
    assert numbers(law_firm.books) == []


def test_what_is_dated_outside_the_partitions_is_told_and_no_partition_of_it_turns_green(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("ancient", "10.00", invoice_date="2019-05-06")
    law_firm.invoice("1", "10.00", days_ago=1)

    result = orchestra.sync(law_firm, days=1, invoice_ids=["ancient", "1"])

    assert orchestra.materialized(result) == dict.fromkeys(
        STAGES, partitions(FIRM, law_firm.today - timedelta(days=1), 1)
    )
    told = "invoice:ancient waits for a person: it is held (DATE_OUT_OF_RANGE)"
    assert metadata_of(result, "quickbooks_invoices")["notices"] == told
    assert law_firm.states() == {"ancient": ("held", "DATE_OUT_OF_RANGE"), "1": ("synced", "")}


def test_a_plan_is_applied_to_its_own_dates_and_its_parts_of_payments_alone(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=5)
    law_firm.sync()
    law_firm.payment("c", amount="30.00", kind="credit_application", method="credit")
    days = [law_firm.today - timedelta(days=n) for n in (4, 2)]
    for day in days:
        law_firm.apply("c", "1", "15.00", day)
    plan = law_firm.sync(["work_list", "sync_plan"], payment_ids=[f"payment:c@{days[0]}"])

    result = orchestra.sync(law_firm, days=1, plan_id=plan.run_id)
    both = orchestra.sync(law_firm, days=1, plan_id=plan.run_id, invoice_ids=["1"])
    none = orchestra.sync(law_firm, days=1, plan_id="plan-nowhere")

    assert result.success
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, partitions(FIRM, days[0], 1))
    assert law_firm.states("payment") == {f"c@{days[0]}": ("synced", ""), f"c@{days[1]}": ("new", "")}
    assert failure(both).startswith("plan_id names its documents itself, and documents are named beside it.")
    assert failure(none) == (
        f"one has no plan plan-nowhere. Newest plans of one: {plan.run_id}. Try: qb-pipeline plan one"
    )
