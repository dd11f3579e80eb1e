from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.payments import divide_payments
from qb_pipeline_tests.core.rows import NOON, TODAY, applications, known, payment, payments, posted, rules

App = tuple[str, str, int] | tuple[str, str, int, date]


def plan(
    payment_rows: Sequence[dict[str, Any]],
    applied: Sequence[App],
    invoice_rows: Sequence[dict[str, Any]],
    *,
    firm: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Payment to its problem, and to the cents on each invoice; a part is written payment@date."""
    found = divide_payments(
        payments(*payment_rows), applications(*applied), known(*invoice_rows), rules(**firm or {}), **more
    )
    shares: dict[str, dict[str, int]] = {}
    for row in found.allocations.itertuples(index=False):
        assert row.quickbooks_invoice_id == f"q-{row.invoice_id}"
        shares.setdefault(name(row), {})[row.invoice_id] = row.amount_cents
    return {name(row): row.problem for row in found.parts.itertuples(index=False)}, shares


def name(row: Any) -> str:
    return f"{row.payment_id}@{row.part}" if row.part else str(row.payment_id)


def problem_of(payment_row: dict[str, Any], *invoice_rows: dict[str, Any], cents: int = 100, **more: Any) -> str:
    """The problem of payment y, whose applications of so many cents go to each invoice."""
    applied = [("y", row["invoice_id"], cents) for row in invoice_rows]
    row = {**payment("y", cents * len(invoice_rows) or cents), **payment_row}
    return plan([row], applied, invoice_rows, **more)[0]["y"]


@pytest.mark.parametrize(
    ("payment_row", "problem"),
    [
        ({}, ""),
        ({"kind": "credit_deposit"}, "CREDIT_DEPOSIT"),
        ({"kind": "refund"}, "REFUND"),
        ({"kind": "rejection"}, "REJECTION"),
        ({"kind": "reversal"}, "REVERSAL"),
        ({"origin": "quickbooks"}, "FROM_QUICKBOOKS"),
        ({"origin": "quickbooks", "kind": "reversal"}, "FROM_QUICKBOOKS"),
        ({"status": "void"}, ""),
        ({"status": "void", "kind": "refund"}, ""),
        ({"currency": "EUR"}, "CURRENCY_MISMATCH"),
        ({"amount_cents": 0}, "BAD_AMOUNT"),
        ({"amount_cents": -100}, "BAD_AMOUNT"),
        ({"amount_cents": 10**12}, "BAD_AMOUNT"),
        ({"amount_cents": 99}, "TOTAL_MISMATCH"),
        ({"amount_cents": 101}, "UNAPPLIED"),
        ({"received_date": date(2022, 12, 31)}, "DATE_OUT_OF_RANGE"),
        ({"received_date": TODAY + timedelta(days=31)}, ""),
        ({"received_date": TODAY + timedelta(days=32)}, "DATED_AHEAD"),
    ],
)
def test_a_payment_has_the_first_problem_that_applies(payment_row: dict[str, Any], problem: str) -> None:
    assert problem_of(payment_row, posted("i1", 1000)) == problem


@pytest.mark.parametrize(
    ("invoice", "problem"),
    [
        ({}, ""),
        ({"state": "revised"}, ""),
        ({"state": "held", "reason": "DRIFT"}, ""),
        ({"status": "draft", "state": "", "quickbooks_id": ""}, "INVOICE_DRAFT"),
        ({"status": "void", "state": "voided"}, "INVOICE_VOID"),
        ({"status": "void", "state": "void_pending"}, "INVOICE_VOID"),
        ({"state": "new", "quickbooks_id": "", "customer_id": ""}, "INVOICE_NOT_SENT"),
        ({"state": "held", "reason": "MISSING_NAME", "quickbooks_id": ""}, "INVOICE_NOT_SENT"),
        ({"state": "unknown", "quickbooks_id": ""}, "INVOICE_NOT_SENT"),
        ({"state": "sending"}, "INVOICE_NOT_SENT"),
        ({"state": "held", "reason": "REMOTE_DELETED"}, "INVOICE_NOT_SENT"),
        ({"state": "held", "reason": "REMOTE_VOIDED"}, "INVOICE_NOT_SENT"),
        ({"status": "", "state": "held", "reason": "SOURCE_GONE"}, "INVOICE_NOT_SENT"),
        ({"eligibility": "ineligible", "quickbooks_id": ""}, "INVOICE_INELIGIBLE"),
        ({"open_cents": 99}, "EXCEEDS_BALANCE"),
        ({"open_cents": 0}, "EXCEEDS_BALANCE"),
        ({"open_cents": -5}, "EXCEEDS_BALANCE"),
        ({"state": "closed", "reason": "NOTHING_TO_BILL", "quickbooks_id": "", "open_cents": 0}, "EXCEEDS_BALANCE"),
    ],
)
def test_one_invoice_is_enough_to_keep_a_payment(invoice: dict[str, Any], problem: str) -> None:
    good, other = posted("i1", 1000), {**posted("i2", 1000), **invoice}

    assert problem_of({}, other) == problem
    assert problem_of({}, good, other) == problem


@pytest.mark.parametrize(
    ("payment_row", "applied", "problem"),
    [
        ({}, [], "NOTHING_TO_PAY"),
        ({}, [("y", "i1", 0)], "NOTHING_TO_PAY"),
        ({"currency": "EUR"}, [], "NOTHING_TO_PAY"),
        ({"kind": "credit_application"}, [], "NOTHING_TO_PAY"),
        ({"kind": "credit_deposit"}, [], "CREDIT_DEPOSIT"),
        ({"kind": "refund"}, [], "REFUND"),
        ({"origin": "quickbooks"}, [], "FROM_QUICKBOOKS"),
        ({"status": "void"}, [], ""),
        ({}, [("y", "i1", 100)], "BAD_AMOUNT"),
        ({}, [("y", "i1", 100), ("y", "i2", -100)], "BAD_AMOUNT"),
    ],
)
def test_a_payment_of_nothing_is_closed_as_an_invoice_of_nothing_is(
    payment_row: dict[str, Any], applied: list[tuple[str, str, int]], problem: str
) -> None:
    row = {**payment("y", 0), **payment_row}

    assert plan([row], applied, [posted("i1", 1000), posted("i2", 1000)])[0] == {"y": problem}


def test_under_model_2_a_payment_of_nothing_is_nobody_s_work() -> None:
    assert plan([payment("y", 0)], [], [], firm={"model": 2})[0] == {"y": "NOTHING_TO_PAY"}


def test_a_payment_that_is_revised_to_nothing_frees_what_it_paid_when_quickbooks_has_said_so() -> None:
    outcome = plan(
        [payment("x", 0), payment("y", 100)],
        [("y", "i1", 100)],
        [posted("i1", 0)],
        in_quickbooks={("x", "", "i1"): 100},
    )

    assert outcome == ({"x": "NOTHING_TO_PAY", "y": "OTHER_STILL_APPLIED"}, {})


def test_an_invoice_that_nobody_knows_is_waited_for() -> None:
    assert plan([payment("y", 100)], [("y", "i1", 100)], []) == ({"y": "INVOICE_NOT_SENT"}, {})


def test_what_a_person_must_do_is_said_before_waiting() -> None:
    waiting = posted("i1", 100, state="new", quickbooks_id="", customer_id="")

    assert problem_of({}, waiting, posted("i2", 100, status="void")) == "INVOICE_VOID"
    assert problem_of({"amount_cents": 500}, waiting) == "UNAPPLIED"


def test_under_model_2_every_payment_of_billing_is_flagged_and_one_of_quickbooks_is_not() -> None:
    for kind in ("payment", "credit_deposit", "refund"):
        assert problem_of({"kind": kind}, posted("i1", 100), firm={"model": 2}) == "MODEL_2_PAYMENT"
    assert problem_of({"origin": "quickbooks"}, posted("i1", 100), firm={"model": 2}) == "FROM_QUICKBOOKS"


def test_a_payment_from_before_the_switch_to_model_2_goes_by_model_1() -> None:
    for created_at, problem in ((NOON - timedelta(seconds=1), ""), (NOON, "MODEL_2_PAYMENT")):
        switched = {"model": 2, "cut_over_at": NOON}
        assert problem_of({"created_at": created_at}, posted("i1", 100), firm=switched) == problem


def test_one_payment_over_two_invoices_is_one_payment() -> None:
    outcome = plan(
        [payment("y", 300)],
        [("y", "i2", 100), ("y", "i1", 150), ("y", "i1", 50, date(2026, 3, 12))],
        [posted("i1", 200), posted("i2", 100)],
    )

    assert outcome == ({"y": ""}, {"y": {"i1": 200, "i2": 100}})


def test_a_payment_over_two_customers_is_held() -> None:
    assert problem_of({}, posted("i1", 100), posted("i2", 100, customer_id="c2")) == "TWO_CUSTOMERS"


def test_credit_becomes_one_payment_for_each_day_on_which_it_was_applied() -> None:
    march, april = date(2026, 3, 31), date(2026, 4, 1)

    found = divide_payments(
        payments(payment("y", 1000, kind="credit_application", method="credit", received_date=date(2026, 1, 5))),
        applications(("y", "i1", 100, march), ("y", "i2", 200, march), ("y", "i1", 50, april)),
        known(posted("i1", 150), posted("i2", 200)),
        rules(),
    )

    schemas.validate(schemas.PaymentParts, found.parts)
    schemas.validate(schemas.Allocations, found.allocations)
    columns = ["part", "document_date", "amount_cents", "customer_id", "problem"]
    assert found.parts[columns].to_numpy().tolist() == [
        ["2026-03-31", march, 300, "c1", ""],
        ["2026-04-01", april, 50, "c1", ""],
    ]
    assert found.allocations[["part", "invoice_id", "amount_cents"]].to_numpy().tolist() == [
        ["2026-03-31", "i1", 100],
        ["2026-03-31", "i2", 200],
        ["2026-04-01", "i1", 50],
    ]


def test_credit_that_is_applied_to_nothing_or_beyond_itself_is_held() -> None:
    credit = payment("y", 100, kind="credit_application")
    keep = {"keep_overpayments": True}

    assert plan([credit], [], [], firm=keep, customers={"p1": "c1"})[0] == {"y": "UNAPPLIED"}
    assert plan([credit], [("y", "i1", 60), ("y", "i2", 50)], [posted("i1", 60), posted("i2", 50)])[0] == {
        "y@2026-03-10": "TOTAL_MISMATCH"
    }


@pytest.mark.parametrize(
    ("keep", "applied", "customers", "problem", "shares"),
    [
        (False, [], {"p1": "c9"}, "UNAPPLIED", {}),
        (True, [], {"p1": "c9"}, "", {}),
        (True, [], {}, "UNMATCHED_PAYER", {}),
        (False, [("y", "i1", 60)], {}, "UNAPPLIED", {}),
        (True, [("y", "i1", 60)], {}, "", {"y": {"i1": 60}}),
        (True, [("y", "i1", 70)], {}, "EXCEEDS_BALANCE", {}),
    ],
)
def test_what_is_not_applied_is_kept_only_where_the_firm_wants_it(
    keep: bool, applied: list[App], customers: dict[str, str], problem: str, shares: dict[str, dict[str, int]]
) -> None:
    outcome = plan(
        [payment("y", 100)], applied, [posted("i1", 60)], firm={"keep_overpayments": keep}, customers=customers
    )

    assert outcome == ({"y": problem}, shares)


def test_an_application_of_nothing_or_less_is_bad() -> None:
    assert plan([payment("y", 100)], [("y", "i1", 200), ("y", "i2", -100)], [posted("i1", 200), posted("i2", 0)])[
        0
    ] == {"y": "BAD_AMOUNT"}


def test_several_payments_fill_an_invoice_by_date_and_then_by_id() -> None:
    some = [payment("d", 60, 12), payment("b", 60, 10), payment("a", 60, 10), payment("c", 40, 13)]
    applied = [(row["payment_id"], "i1", row["amount_cents"]) for row in some]

    assert plan(some, applied, [posted("i1", 100)]) == (
        {"a": "", "b": "EXCEEDS_BALANCE", "d": "EXCEEDS_BALANCE", "c": ""},
        {"a": {"i1": 60}, "c": {"i1": 40}},
    )


def test_a_held_or_waiting_payment_takes_nothing_from_the_others() -> None:
    some = [payment("a", 200, 1), payment("b", 100, 2), payment("c", 100, 3)]
    applied = [("a", "i1", 100), ("a", "i2", 100), ("b", "i1", 100), ("c", "i2", 100)]
    there = [posted("i1", 100), posted("i2", 0, state="new", quickbooks_id="", customer_id="")]

    assert plan(some, applied, there) == (
        {"a": "INVOICE_NOT_SENT", "b": "", "c": "INVOICE_NOT_SENT"},
        {"b": {"i1": 100}},
    )


FORWARDED = [
    posted("new", 500, document_date=date(2026, 3, 1)),
    posted("mid", 300, document_date=date(2026, 2, 1)),
    posted("old", 200, document_date=date(2026, 1, 1)),
]


@pytest.mark.parametrize(
    ("cents", "forwarded", "problem", "shares"),
    [
        (500, {}, "", {"new": 500}),
        (501, {}, "EXCEEDS_BALANCE", None),
        (600, {"new": ["mid", "old"]}, "", {"new": 500, "old": 100}),
        (1000, {"new": ["mid"], "mid": ["old"]}, "", {"new": 500, "old": 200, "mid": 300}),
        (1000, {"new": ["mid"], "mid": ["old", "new"], "old": ["mid"]}, "", {"new": 500, "old": 200, "mid": 300}),
        (1001, {"new": ["mid", "old"]}, "EXCEEDS_BALANCE", None),
        (800, {"new": ["mid"]}, "", {"new": 500, "mid": 300}),
        (800, {"new": ["elsewhere"]}, "EXCEEDS_BALANCE", None),
    ],
)
def test_what_exceeds_an_invoice_goes_to_those_it_carries_forward_oldest_first(
    cents: int, forwarded: dict[str, list[str]], problem: str, shares: dict[str, int] | None
) -> None:
    outcome = plan([payment("y", cents)], [("y", "new", cents)], FORWARDED, forwarded=forwarded)

    assert outcome == ({"y": problem}, {"y": shares} if shares else {})


def test_an_application_goes_before_what_another_invoice_carries_forward() -> None:
    outcome = plan(
        [payment("y", 900)],
        [("y", "new", 600), ("y", "mid", 300)],
        FORWARDED,
        forwarded={"new": ["mid", "old"]},
    )

    assert outcome == ({"y": ""}, {"y": {"mid": 300, "new": 500, "old": 100}})


def test_an_invoice_without_new_items_passes_its_payment_on() -> None:
    nothing = posted("new", 0, state="closed", reason="NOTHING_TO_BILL", quickbooks_id="", customer_id="")

    outcome = plan([payment("y", 200)], [("y", "new", 200)], [nothing, FORWARDED[2]], forwarded={"new": ["old"]})

    assert outcome == ({"y": ""}, {"y": {"old": 200}})


def test_a_forwarded_invoice_that_is_still_to_be_sent_is_waited_for_and_an_ineligible_one_is_not() -> None:
    waiting = posted("old", 0, state="held", reason="MISSING_NAME", quickbooks_id="", customer_id="")
    never = {**waiting, "eligibility": "ineligible"}
    foreign = posted("old", 100, customer_id="c2")
    outcomes = [
        plan([payment("y", 600)], [("y", "new", 600)], [FORWARDED[0], old], forwarded={"new": ["old"]})[0]["y"]
        for old in (waiting, never, foreign)
    ]

    assert outcomes == ["INVOICE_NOT_SENT", "EXCEEDS_BALANCE", "TWO_CUSTOMERS"]


def test_an_edited_payment_may_use_again_what_quickbooks_holds_of_it() -> None:
    there = [posted("i1", 20), posted("i2", 50)]
    before = {("y", "", "i1"): 80}

    def edited(*applied: App) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        some = [payment("y", sum(row[2] for row in applied)), payment("z", 20, 11)]
        return plan(some, [*applied, ("z", "i1", 20)], there, in_quickbooks=before)

    assert edited(("y", "i1", 80)) == ({"y": "", "z": ""}, {"y": {"i1": 80}, "z": {"i1": 20}})
    assert edited(("y", "i1", 100)) == ({"y": "", "z": "EXCEEDS_BALANCE"}, {"y": {"i1": 100}})
    assert edited(("y", "i1", 101)) == ({"y": "EXCEEDS_BALANCE", "z": ""}, {"z": {"i1": 20}})
    # it leaves i1 when QuickBooks has said so, and not before: until then z would be paid beside it
    assert edited(("y", "i2", 50)) == ({"y": "", "z": "OTHER_STILL_APPLIED"}, {"y": {"i2": 50}})


def test_payments_that_are_taken_off_first_may_exchange_all_that_they_pay() -> None:
    """y pays 85 and z 10 of an invoice over 95; billing has it the other way round."""
    some, applied = [payment("y", 10), payment("z", 85)], [("y", "i1", 10), ("z", "i1", 85)]
    before = {("y", "", "i1"): 85, ("z", "", "i1"): 10}
    off = {("y", ""), ("z", "")}

    as_they_stand = plan(some, applied, [posted("i1", 0)], in_quickbooks=before)
    taken_off = plan(some, applied, [posted("i1", 0)], in_quickbooks=before, taken_off=off)

    assert as_they_stand[0] == {"y": "", "z": "OTHER_STILL_APPLIED"}
    assert taken_off == ({"y": "", "z": ""}, {"y": {"i1": 10}, "z": {"i1": 85}})


def test_a_void_payment_frees_what_it_paid_for_one_of_the_same_run() -> None:
    some = [payment("y", 80, 20, status="void"), payment("z", 100, 10)]

    outcome = plan(some, [("y", "i1", 80), ("z", "i1", 100)], [posted("i1", 20)], in_quickbooks={("y", "", "i1"): 80})

    assert outcome == ({"z": "", "y": ""}, {"z": {"i1": 100}})


def test_a_second_payment_is_held_until_the_rejection_of_the_first_is_entered() -> None:
    first = payment("a", 100, 10)
    bounced = payment("r", 100, 12, kind="rejection", reverses_payment_id="a")
    second = payment("b", 100, 14)
    applied = [("a", "i1", 100), ("b", "i1", 100)]

    together = plan([first, bounced, second], applied, [posted("i1", 100)])
    later = plan([bounced, second], applied, [posted("i1", 0)], only=[("b", "")])
    elsewhere = plan([second], applied[1:], [posted("i1", 0)], rejected={"i1": "a"})
    entered = plan([bounced, second], applied, [posted("i1", 100)], only=[("b", "")])

    assert together == ({"a": "", "r": "REJECTION", "b": "REJECTION_OPEN"}, {"a": {"i1": 100}})
    assert later == elsewhere == ({"b": "REJECTION_OPEN"}, {})
    assert entered == ({"b": ""}, {"b": {"i1": 100}})


def test_the_rejected_payment_itself_is_not_held_for_its_own_rejection() -> None:
    first = payment("a", 100, 10)
    bounced = payment("r", 100, 12, kind="rejection", reverses_payment_id="a")

    assert plan([first, bounced], [("a", "i1", 100)], [posted("i1", 50)])[0]["a"] == "EXCEEDS_BALANCE"
    void = {**bounced, "status": "void"}
    assert plan([void, payment("b", 100)], [("a", "i1", 100), ("b", "i1", 100)], [posted("i1", 0)])[0]["b"] == (
        "EXCEEDS_BALANCE"
    )


def test_only_the_chosen_parts_are_planned() -> None:
    days = [date(2026, 3, day) for day in (1, 2)]
    credit = payment("y", 200, kind="credit_application")
    applied = [("y", "i1", 100, day) for day in days]

    assert plan([credit], applied, [posted("i1", 100)], only=[("y", "2026-03-02")]) == (
        {"y@2026-03-02": ""},
        {"y@2026-03-02": {"i1": 100}},
    )


def test_no_part_goes_while_one_that_billing_no_longer_has_fills_the_payment() -> None:
    applied = [("y", "i1", 60, date(2026, 3, 2)), ("y", "i1", 40, date(2026, 3, 9))]
    credit = payment("y", 100, kind="credit_application")
    moved, kept = ("y", "2026-03-09"), ("y", "2026-03-02")

    def problems(standing: dict[tuple[str, str], int]) -> dict[str, str]:
        return plan([credit], applied, [posted("i1", 200)], standing=standing)[0]

    assert problems({kept: 60, ("y", "2026-03-05"): 40}) == {"y@2026-03-02": "", "y@2026-03-09": "EXCEEDS_BALANCE"}
    assert problems({kept: 60, moved: 40}) == {"y@2026-03-02": "", "y@2026-03-09": ""}


def test_problems_alone_are_a_table_of_three_columns() -> None:
    found = divide_payments(
        payments(payment("y", 100)), applications(("y", "i1", 100)), known(posted("i1", 60)), rules()
    ).parts[["payment_id", "part", "problem"]]

    assert found.to_dict("records") == [{"payment_id": "y", "part": "", "problem": "EXCEEDS_BALANCE"}]


def test_no_payments_are_no_parts() -> None:
    assert plan([], [], []) == ({}, {})


IDS = ["i0", "i1", "i2", "i3"]
APPLIED = st.lists(st.tuples(st.sampled_from(IDS), st.integers(1, 120), st.integers(1, 3)), max_size=4)
PAYMENTS = st.lists(st.tuples(APPLIED, st.integers(1, 5), st.booleans(), st.integers(0, 10)), max_size=6)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    PAYMENTS,
    st.lists(st.integers(-20, 200), min_size=4, max_size=4),
    st.dictionaries(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), max_size=3)),
    st.booleans(),
    st.data(),
)
def test_never_more_is_paid_than_is_open_and_never_half_a_payment(
    drawn: list[tuple[list[tuple[str, int, int]], int, bool, int]],
    open_cents: list[int],
    forwarded: dict[str, list[str]],
    keep: bool,
    data: st.DataObject,
) -> None:
    payment_rows, applied = [], {}
    for number, (shares, day, is_credit, surplus) in enumerate(drawn):
        total = sum(cents for _, cents, _ in shares) + surplus
        kind = "credit_application" if is_credit else "payment"
        payment_rows.append(payment(f"y{number}", total, day, kind=kind))
        for invoice, cents, applied_day in shares:
            applied[f"y{number}", invoice, date(2026, 3, applied_day)] = cents
    application_rows = [(payment_id, invoice, cents, day) for (payment_id, invoice, day), cents in applied.items()]
    there = [posted(invoice, cents) for invoice, cents in zip(IDS, open_cents, strict=True)]

    def planned(
        rows: Sequence[Any], apps: Sequence[Any], invoice_rows: Sequence[Any]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        return divide_payments(
            payments(*rows), applications(*apps), known(*invoice_rows), rules(keep_overpayments=keep),
            forwarded=forwarded, customers={"p1": "c1"},
        )  # fmt: skip

    parts, allocations = planned(payment_rows, application_rows, there)
    again = planned(
        data.draw(st.permutations(payment_rows)),
        data.draw(st.permutations(application_rows)),
        data.draw(st.permutations(there)),
    )

    paid: dict[str, int] = defaultdict(int)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in allocations.itertuples(index=False):
        paid[row.invoice_id] += row.amount_cents
        sums[row.payment_id, row.part] += row.amount_cents
    assert all(paid[invoice] <= max(0, cents) for invoice, cents in zip(IDS, open_cents, strict=True))
    for row in parts.itertuples(index=False):
        assert sums[row.payment_id, row.part] == (0 if row.problem else row.applied_cents)
        assert row.problem or row.applied_cents == row.amount_cents or keep
    pd.testing.assert_frame_equal(parts, again[0])
    pd.testing.assert_frame_equal(allocations, again[1])
