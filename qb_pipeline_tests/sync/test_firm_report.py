"""What a run says of a firm adds up, and what needs a person is found whichever run held it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.books.listing import Listing
from qb_pipeline.ledger.log import Activity, ControlTotals
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.firm_report import FirmReport, PlanSummary, find_held
from qb_pipeline_tests.law_firm import FIRM, LawFirm

EMPTY = FirmReport(
    firm_id=FIRM, scanned={}, planned=PlanSummary(), activities=[], control_totals=[], reads=0, writes=0, notices=[]
)
TOTALS = ControlTotals(
    kind="invoice", documents=3, differing=0, meant_cents=600, accepted_cents=300, in_quickbooks_cents=300,
    refused_cents=200, unknown_cents=60, not_sent_cents=40,
)  # fmt: skip
SOUND = Counts(
    kind="invoice", is_whole=False, documents=1, living=1, duplicates=0, copies=0, missing=0, differing=0, foreigners=0,
    strays=0, changed=0, reads=1,
)  # fmt: skip


def activity(kind: str, activity: str, documents: int, cents: int, reason: str = "") -> Activity:
    return Activity(kind, activity, reason, documents, cents)


def test_a_run_that_did_nothing_has_done_nothing_and_is_sound() -> None:
    assert (EMPTY.documents(Kind.INVOICE, "created"), EMPTY.cents(Kind.INVOICE, "created"), EMPTY.held) == (0, 0, 0)
    assert [EMPTY.totals_agree(kind) and EMPTY.census_is_sound(kind) for kind in Kind] == [True] * len(Kind)


def test_activities_of_one_kind_are_summed_over_their_reasons() -> None:
    report = replace(
        EMPTY,
        activities=[
            activity("invoice", "held", 2, 300, "NO_LINES"), activity("invoice", "held", 1, 50, "MISSING_NAME"),
            activity("invoice", "created", 4, 900), activity("payment", "created", 8, 70),
        ],
    )  # fmt: skip

    said = [("held",), ("held", "created"), ("created",), (), ("voided",)]
    assert [(report.documents(Kind.INVOICE, *each), report.cents(Kind.INVOICE, *each)) for each in said] == [
        (3, 350), (7, 1_250), (4, 900), (0, 0), (0, 0),
    ]  # fmt: skip


@given(*[st.integers(0, 10**12)] * 4, st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 1))
def test_totals_agree_when_all_that_was_meant_is_accounted_for_and_quickbooks_holds_what_it_took(
    accepted: int, refused: int, unknown: int, not_sent: int, lost: int, other: int, differing: int
) -> None:
    totals = replace(
        TOTALS, meant_cents=accepted + refused + unknown + not_sent + lost, accepted_cents=accepted,
        refused_cents=refused, unknown_cents=unknown, not_sent_cents=not_sent, in_quickbooks_cents=accepted + other,
        differing=differing,
    )  # fmt: skip
    report = replace(EMPTY, control_totals=[totals])

    assert report.totals_agree(Kind.INVOICE) == (lost == other == differing == 0)


def test_one_wrong_row_of_a_kind_is_enough_and_another_kind_s_is_none() -> None:
    wrong = replace(TOTALS, in_quickbooks_cents=299)
    report = replace(EMPTY, control_totals=[TOTALS, wrong, replace(TOTALS, kind="payment")])

    assert (report.totals_agree(Kind.INVOICE), report.totals_agree(Kind.PAYMENT)) == (False, True)


def test_a_refund_s_entry_that_is_not_there_once_makes_the_count_of_payments_unsound() -> None:
    payments = replace(SOUND, kind="payment")
    doubled = replace(SOUND, kind="refund", duplicates=1)
    report = replace(EMPTY, census=[SOUND, payments, doubled])

    assert report.counted(Kind.PAYMENT) == [payments, doubled]
    assert (report.census_is_sound(Kind.INVOICE), report.census_is_sound(Kind.PAYMENT)) == (True, False)


@pytest.fixture
def held(law_firm: LawFirm) -> Listing:
    """Invoices ``old`` and ``new`` and payment ``p`` need a person; ``waits`` and ``fine`` do not."""
    law_firm.activate()
    law_firm.invoice("old", total_amount="5.00", days_ago=9)
    law_firm.invoice("new", total_amount="5.00", days_ago=1)
    law_firm.invoice("fine", "10.00", days_ago=1)
    law_firm.payment("p", amount="7.00", days_ago=1)
    law_firm.payment("waits", applied={"new": "5.00"}, days_ago=1)
    law_firm.sync()
    return Listing(law_firm.ledger, FIRM)


def test_what_needs_a_person_is_found_by_dates_or_by_name_and_nothing_else(law_firm: LawFirm, held: Listing) -> None:
    yesterday = law_firm.today - timedelta(days=1)
    names = [DocumentName(Kind.INVOICE, name) for name in ("old", "fine")]
    selections = (
        Selection(),
        Selection(yesterday, yesterday),
        Selection(last=yesterday - timedelta(days=1)),
        Selection(yesterday, yesterday, documents=names),
        Selection(documents=[DocumentName(Kind.PAYMENT, "old")]),
        Selection(plan_id="a plan without documents"),
    )

    found = [sorted(row.source_id for row in find_held(held, selection)) for selection in selections]

    assert found == [["new", "old", "p"], ["new", "p"], ["old"], ["old"], [], []]


def test_what_needs_a_person_says_which_document_how_much_and_why(law_firm: LawFirm, held: Listing) -> None:
    law_firm.books.fault({"what": "refused", "code": "6000", "match": "batch", "times": None})
    law_firm.invoice("refused", "20.00", days_ago=1)
    law_firm.sync()

    found = [
        (row.kind, row.source_id, row.part, row.number, row.amount_cents, row.state, row.reason)
        for row in find_held(held, Selection())
    ]

    assert found == [
        ("invoice", "old", "", "N-old", 500, "held", "NO_LINES"),
        ("invoice", "new", "", "N-new", 500, "held", "NO_LINES"),
        ("payment", "p", "", "", 700, "held", "UNAPPLIED"),
        ("invoice", "refused", "", "N-refused", 2_000, "refused", "REFUSED"),
    ]
