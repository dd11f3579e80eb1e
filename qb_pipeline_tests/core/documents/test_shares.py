"""What billing applies is divided as the sync divides it; no cent is lost (E-40)."""

from collections import defaultdict
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.shares import Applied, Share, divide_applied

DAY = date(2026, 3, 2)


def test_an_application_pays_its_invoice_and_the_rest_what_it_carries_oldest_first() -> None:
    found = divide_applied(
        [Applied(1, "new", 12_000, DAY)], {"new": 5_000, "old": 3_000, "older": 6_000}, {"new": ["older", "old"]}, {}
    )

    assert found == [
        Share(1, 0, "new", 5_000, DAY), Share(1, 1, "older", 6_000, DAY), Share(1, 2, "old", 1_000, DAY),
    ]  # fmt: skip


def test_what_no_invoice_takes_stays_on_the_one_that_billing_names() -> None:
    assert divide_applied([Applied(1, "new", 9_000, DAY)], {"new": 5_000, "old": 1_000}, {"new": ["old"]}, {}) == [
        Share(1, 0, "new", 8_000, DAY),
        Share(1, 1, "old", 1_000, DAY),
    ]
    assert divide_applied([Applied(1, "plain", 9_000, DAY)], {"plain": 5_000}, {}, {}) == [
        Share(1, 0, "plain", 9_000, DAY)
    ]


def test_what_quickbooks_holds_as_billing_means_it_is_divided_already() -> None:
    """The second payment went first: the earlier one, which came late, finds the older invoice."""
    applied = [Applied(1, "new", 5_000, DAY), Applied(2, "new", 5_000, DAY)]

    found = divide_applied(applied, {"new": 5_000, "old": 5_000}, {"new": ["old"]}, {2: {"new": 5_000}})

    assert [(share.document_id, share.invoice_id) for share in found] == [(1, "old"), (2, "new")]


INVOICES = st.sampled_from(["a", "b", "c", "d"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), INVOICES, st.integers(1, 500), st.integers(0, 9)), max_size=8),
    st.dictionaries(INVOICES, st.integers(0, 500)),
    st.sampled_from([{}, {"d": ["a", "b"]}, {"d": ["a"], "c": ["b", "a"]}]),
)
def test_no_cent_of_a_payment_is_lost_or_given_twice(
    rows: list[tuple[int, str, int, int]], new_cents: dict[str, int], older: dict[str, list[str]]
) -> None:
    applied = [
        Applied(document_id, invoice_id, cents, DAY + timedelta(days)) for document_id, invoice_id, cents, days in rows
    ]

    found = divide_applied(applied, new_cents, older, {})

    billed, shared = defaultdict[int, int](int), defaultdict[int, int](int)
    for each in applied:
        billed[each.document_id] += each.amount_cents
    for share in found:
        shared[share.document_id] += share.amount_cents
        assert share.amount_cents > 0
    assert shared == billed
    assert len({(share.document_id, share.invoice_id) for share in found}) == len(found)
