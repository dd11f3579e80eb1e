"""How much payments of ours may apply to an invoice: never more than billing applies, unless it stood there before."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.headroom import Headroom

INVOICES = ("old", "new", "other")
CARRIES = {"new": ["old"]}
"""``new`` carries ``old`` forward: what billing applies to it may pay either."""

CENTS = st.integers(0, 60)
SHARES = st.dictionaries(st.sampled_from(INVOICES), CENTS)
STANDING = st.dictionaries(st.tuples(st.sampled_from("abc"), st.just(""), st.sampled_from(INVOICES)), CENTS, max_size=6)
BILLED = st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from(INVOICES)), CENTS, max_size=8)


def beyond(standing: Mapping[tuple[str, str, str], int], billed: Mapping[tuple[str, str], int], *group: str) -> int:
    """Cents on some invoices together that billing does not apply there."""
    there = sum(cents for (_, _, invoice), cents in standing.items() if invoice in group)
    return max(0, there - sum(cents for (_, invoice), cents in billed.items() if invoice in group))


ONCE_EACH = st.lists(st.tuples(st.sampled_from("abcd"), SHARES), max_size=4, unique_by=lambda wanted: wanted[0])
"""In one plan a payment is divided once."""


@settings(max_examples=200)
@given(STANDING, BILLED, ONCE_EACH)
def test_what_is_let_through_never_exceeds_what_billing_applies(
    standing: dict[tuple[str, str, str], int],
    billed: dict[tuple[str, str], int],
    wanted: list[tuple[str, dict[str, int]]],
) -> None:
    headroom = Headroom(standing, billed, CARRIES)
    for payment, shares in wanted:
        before = dict(standing)
        if headroom.find_blocker((payment, ""), shares) is not None:
            continue
        headroom.take((payment, ""), shares)
        standing = {key: cents for key, cents in standing.items() if key[0] != payment}
        standing |= {(payment, "", invoice): cents for invoice, cents in shares.items()}
        for group in (("other",), ("new",), ("old", "new")):
            grows = beyond(standing, billed, *group) > beyond(before, billed, *group)
            takes = any(shares.get(invoice, 0) > before.get((payment, "", invoice), 0) for invoice in group)
            assert not (grows and takes), (group, before, standing)


@given(STANDING, BILLED, st.sampled_from("abcd"), SHARES)
def test_whoever_blocks_applies_more_than_billing_does(
    standing: dict[tuple[str, str, str], int],
    billed: dict[tuple[str, str], int],
    payment: str,
    shares: dict[str, int],
) -> None:
    own = {invoice: cents for invoice, cents in shares.items() if cents <= billed.get((payment, invoice), 0)}
    theirs = {key: cents for key, cents in standing.items() if key[0] != payment}

    blocker = Headroom(theirs, billed, {}).find_blocker((payment, ""), own)

    if blocker is not None:
        assert any(
            cents > billed.get((blocker, invoice), 0)
            for (other, _, invoice), cents in theirs.items()
            if other == blocker
        )


@pytest.mark.parametrize(
    ("billed", "blocker"),
    [
        ({("b", "1"): 30}, "a"),
        ({("b", "1"): 30, ("a", "1"): 30}, None),
        ({("b", "1"): 30, ("a", "1"): 29}, "a"),
        ({("b", "1"): 30, ("c", "1"): 30}, None),  # billing applies c too, which is not there yet
    ],
)
def test_a_payment_waits_while_another_fills_its_place(billed: dict[tuple[str, str], int], blocker: str | None) -> None:
    assert Headroom({("a", "", "1"): 30}, billed, {}).find_blocker(("b", ""), {"1": 30}) == blocker


def test_a_payment_that_takes_no_more_than_it_has_never_waits() -> None:
    headroom = Headroom({("a", "", "1"): 30, ("b", "", "1"): 30}, {("b", "1"): 20}, {})

    assert headroom.find_blocker(("b", ""), {"1": 20}) is None


def test_what_an_older_invoice_got_from_a_newer_one_is_no_excess() -> None:
    headroom = Headroom({("a", "", "old"): 30}, {("a", "new"): 30, ("b", "old"): 20}, CARRIES)

    assert (headroom.find_blocker(("b", ""), {"old": 20}), headroom.excess()) == (None, {})


def test_excess_says_how_many_cents_and_whose() -> None:
    standing = {("a", "", "1"): 30, ("b", "", "1"): 10, ("c", "", "2"): 5}

    assert Headroom(standing, {("b", "1"): 10, ("a", "1"): 5}, {}).excess() == {"1": (25, "a"), "2": (5, "c")}


def test_a_part_that_leaves_first_stands_in_nobody_s_way() -> None:
    headroom = Headroom({("a", "", "1"): 30}, {("b", "1"): 30}, {})

    headroom.free(("a", ""))

    assert headroom.find_blocker(("b", ""), {"1": 30}) is None
