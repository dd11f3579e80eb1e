from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.invoices import (
    MAX_CENTS,
    MAX_LINES,
    MAX_TAXABLE_LINES,
    describe_totals,
    find_invoice_problems,
    find_taken_numbers,
    forwarded_cents,
    new_items_cents,
)
from qb_pipeline.core.problems import Problem
from qb_pipeline_tests.core.rows import NOON, TODAY, fee, invoices, lines, rules

FEE = fee(10_000)


def problem_of(invoice: dict[str, Any], *line_rows: dict[str, Any], **firm: Any) -> str:
    found = find_invoice_problems(invoices(invoice), lines(*line_rows), rules(**firm))
    assert found.index.tolist() == ["i1"]
    assert found.index.name == "invoice_id"
    return str(found["i1"])


@pytest.mark.parametrize(
    ("invoice", "line_rows", "problem"),
    [
        pytest.param({}, [FEE], "", id="a sound invoice"),
        pytest.param({"status": "void"}, [], "", id="a void one is not looked at"),
        pytest.param({"status": "draft"}, [FEE], "INVOICE_DRAFT", id="a draft"),
        pytest.param({}, [], "NO_LINES", id="no lines"),
        pytest.param({"total_cents": 0}, [], "NO_LINES", id="no lines and no total"),
        pytest.param({"total_cents": 5}, [{"kind": "tax", "amount_cents": 5}], "TAX_NOT_ALLOWED", id="tax alone"),
        pytest.param({"total_cents": 10_001}, [FEE], "TOTAL_MISMATCH", id="lines that do not add up"),
        pytest.param({"total_cents": -100}, [fee(-100)], "NEGATIVE_TOTAL", id="less than nothing"),
        pytest.param({"total_cents": 0}, [fee(0)], "NOTHING_TO_BILL", id="nothing"),
        pytest.param(
            {}, [{"kind": "balance_forward", "amount_cents": 10_000}], "NOTHING_TO_BILL", id="only an old balance"
        ),
        pytest.param(
            {"total_cents": 0}, [FEE, {"kind": "discount", "amount_cents": -10_000}], "NOTHING_TO_BILL", id="a gift"
        ),
        pytest.param(
            {"total_cents": 9_000},
            [FEE, {"kind": "balance_forward", "amount_cents": -1_000}],
            "",
            id="an old balance may be a credit",
        ),
        pytest.param({}, [FEE, {"kind": "discount", "amount_cents": 5}], "BAD_AMOUNT", id="a discount that adds"),
        pytest.param({}, [FEE, {"kind": "tax", "amount_cents": -5}], "BAD_AMOUNT", id="a negative tax"),
        pytest.param({}, [FEE, {"kind": "note", "amount_cents": 5}], "BAD_AMOUNT", id="a note with an amount"),
        pytest.param({}, [fee(10_000, "NaN", "1")], "BAD_AMOUNT", id="not a number"),
        pytest.param({}, [fee(10_000, "1", "Infinity")], "BAD_AMOUNT", id="an infinite price"),
        pytest.param({}, [fee(10_000, "1E+10", "1")], "BAD_AMOUNT", id="a quantity without end"),
        pytest.param({"total_cents": MAX_CENTS + 1}, [fee(MAX_CENTS + 1)], "BAD_AMOUNT", id="a line too large"),
        pytest.param({"total_cents": MAX_CENTS + 1}, [fee(MAX_CENTS), fee(1)], "BAD_AMOUNT", id="a total too large"),
        pytest.param({"total_cents": MAX_CENTS}, [fee(MAX_CENTS)], "", id="the largest invoice"),
        pytest.param({"currency": "EUR"}, [FEE], "CURRENCY_MISMATCH", id="another currency"),
        pytest.param({"invoice_number": "  "}, [FEE], "NUMBER_MISSING", id="no number"),
        pytest.param({"invoice_number": "x" * 22}, [FEE], "NUMBER_TOO_LONG", id="a long number"),
        pytest.param({"invoice_number": f" {'x' * 21} "}, [FEE], "", id="the longest number"),
        pytest.param({"invoice_number": "7\n"}, [FEE], "BAD_NUMBER", id="a line break in the number"),
        pytest.param({"invoice_date": date(2022, 12, 31)}, [FEE], "DATE_OUT_OF_RANGE", id="too old"),
        pytest.param({"invoice_date": date(2023, 1, 1)}, [FEE], "", id="the first date"),
        pytest.param({"invoice_date": TODAY + timedelta(days=31)}, [FEE], "", id="31 days ahead"),
        pytest.param({"invoice_date": TODAY + timedelta(days=32)}, [FEE], "DATED_AHEAD", id="32 days ahead"),
        pytest.param({}, [{**FEE, "fee_item_id": ""}], "UNKNOWN_FEE_ITEM", id="a line without fee item"),
        pytest.param(
            {}, [{**FEE, "kind": "interest", "fee_item_id": ""}], "UNKNOWN_FEE_ITEM", id="interest needs one too"
        ),
        pytest.param(
            {"currency": "EUR", "invoice_date": TODAY + timedelta(days=99)},
            [FEE],
            "CURRENCY_MISMATCH",
            id="what a person must do comes before waiting",
        ),
    ],
)
def test_an_invoice_has_the_first_problem_that_applies(
    invoice: dict[str, Any], line_rows: list[dict[str, Any]], problem: str
) -> None:
    assert problem_of(invoice, *line_rows) == problem


@pytest.mark.parametrize(
    ("policy", "tax_cents", "problem"),
    [("none", 500, "TAX_NOT_ALLOWED"), ("none", 0, ""), ("total", 500, ""), ("total", 0, "")],
)
def test_tax_follows_the_policy_of_the_firm(policy: str, tax_cents: int, problem: str) -> None:
    tax = {"kind": "tax", "amount_cents": tax_cents}

    assert problem_of({"total_cents": 10_000 + tax_cents}, FEE, tax, tax_policy=policy) == problem


def test_tax_on_nothing_is_no_invoice() -> None:
    assert problem_of({"total_cents": 5}, {"kind": "tax", "amount_cents": 5}, tax_policy="total") == Problem.NO_LINES


@pytest.mark.parametrize(
    ("count", "tax_cents", "problem"),
    [
        (MAX_LINES, 0, ""),
        (MAX_LINES + 1, 0, "TOO_MANY_LINES"),
        (MAX_TAXABLE_LINES, 1, ""),
        (MAX_TAXABLE_LINES + 1, 1, "TOO_MANY_LINES"),
    ],
)
def test_an_invoice_has_as_many_lines_as_quickbooks_takes(count: int, tax_cents: int, problem: str) -> None:
    tax = [{"kind": "tax", "amount_cents": tax_cents}] if tax_cents else []

    assert problem_of({"total_cents": count + tax_cents}, *[fee(1)] * count, *tax, tax_policy="total") == problem


@pytest.mark.parametrize(("policy", "problem"), [("total", "TOO_MANY_LINES"), ("none", "")])
def test_taxable_lines_are_counted_without_any_tax_on_them(policy: str, problem: str) -> None:
    many = [fee(1, is_taxable=True)] * (MAX_TAXABLE_LINES + 1)

    assert problem_of({"total_cents": len(many)}, *many, tax_policy=policy) == problem


def test_only_lines_that_are_sent_are_counted() -> None:
    """All discounts are one line; an old balance is none."""
    discounts = [{"kind": "discount", "amount_cents": -1}] * 20
    old = {"kind": "balance_forward", "amount_cents": 5}
    total = {"total_cents": MAX_LINES - 1 - 20 + 5}

    assert problem_of(total, *[fee(1)] * (MAX_LINES - 1), *discounts, old) == ""
    assert problem_of({"total_cents": MAX_LINES - 20}, *[fee(1)] * MAX_LINES, *discounts) == "TOO_MANY_LINES"


def test_totals_that_differ_are_both_told() -> None:
    told = describe_totals(invoices({"total_cents": 9_000}, {"invoice_id": "i2"}), lines(fee(10_000)))

    assert told == {"i1": "lines 100.00, total 90.00", "i2": "lines 0.00, total 100.00"}


def test_each_invoice_is_judged_by_its_own_lines() -> None:
    some = invoices({"invoice_id": "a"}, {"invoice_id": "b"}, {"invoice_id": "c", "total_cents": 1})
    their_lines = lines({"invoice_id": "c", "amount_cents": 1}, {"invoice_id": "b", "amount_cents": 10_000})

    found = find_invoice_problems(some, their_lines, rules())

    assert found.to_dict() == {"a": Problem.NO_LINES, "b": "", "c": ""}


def test_no_invoices_have_no_problems() -> None:
    found = find_invoice_problems(invoices(), lines(), rules())

    assert found.tolist() == []
    assert found.index.name == "invoice_id"


KINDS = st.sampled_from(["fee", "discount", "tax", "balance_forward", "note"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(KINDS, st.integers(-50_000, 50_000)), max_size=8), st.integers(-10, 10))
def test_only_invoices_that_add_up_are_sent(line_rows: list[tuple[str, int]], off_by: int) -> None:
    rows = [{"kind": kind, "amount_cents": cents} for kind, cents in line_rows]
    total = sum(cents for _, cents in line_rows) + off_by

    problem = problem_of({"total_cents": total}, *rows, tax_policy="total")

    new_items = sum(cents for kind, cents in line_rows if kind != "balance_forward")
    if problem == "":
        assert off_by == 0
        assert new_items > 0


def test_new_items_and_forwarded_balances_are_counted_apart() -> None:
    some = lines(
        fee(10_000),
        {"kind": "tax", "amount_cents": 800},
        {"kind": "discount", "amount_cents": -500},
        {"kind": "balance_forward", "amount_cents": 7_000},
        {"invoice_id": "i2", "kind": "balance_forward", "amount_cents": 300},
    )

    assert new_items_cents(some).to_dict() == {"i1": 10_300, "i2": 0}
    assert forwarded_cents(some).to_dict() == {"i1": 7_000, "i2": 300}


def taken(frame: pd.DataFrame, owners: dict[str, str]) -> list[str]:
    return [str(invoice_id) for invoice_id, problem in find_taken_numbers(frame, owners).items() if problem]


def test_of_two_invoices_with_one_number_the_later_is_held() -> None:
    later = NOON + timedelta(days=1)
    some = invoices(
        {"invoice_id": "b", "created_at": later, "invoice_number": " inv-1"},
        {"invoice_id": "a", "created_at": later},
        {"invoice_id": "c", "created_at": NOON},
        {"invoice_id": "d", "invoice_number": "INV-2"},
    )

    assert taken(some, {}) == ["b", "a"]
    assert taken(some, {"INV-1": "a"}) == ["b", "c"]
    assert taken(some, {"INV-1": "elsewhere", "INV-2": "d"}) == ["b", "a", "c"]
    assert taken(some, {"INV-2": ""}) == ["b", "a", "d"]


def test_a_void_invoice_and_one_without_number_take_nobodys() -> None:
    some = invoices(
        {"invoice_id": "a", "status": "void", "created_at": NOON - timedelta(days=1)},
        {"invoice_id": "b"},
        {"invoice_id": "c", "invoice_number": ""},
        {"invoice_id": "d", "invoice_number": ""},
    )

    assert taken(some, {}) == []


def test_a_quantity_that_is_no_number_is_found_whatever_the_amount() -> None:
    assert problem_of({}, {**FEE, "quantity": Decimal("sNaN")}) == Problem.BAD_AMOUNT
