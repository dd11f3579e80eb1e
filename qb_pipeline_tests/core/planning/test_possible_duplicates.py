"""Whether a document that somebody else wrote may be the one to be created: the rules, field by field."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.planning.possible_duplicates import APART, Document, Likeness, compare, describe
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import number_key

DAY = date(2026, 3, 2)
INVOICE = Document("", "N-1", "7", DAY, 10_000)
THEIR_INVOICE = replace(INVOICE, id="145")
PAYMENT = Document("", "1042", "7", DAY, 4_000, frozenset({"12"}))
THEIR_PAYMENT = replace(PAYMENT, id="145")

LATER = DAY + timedelta(days=1)
LONG_AFTER = DAY + APART + timedelta(days=1)


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (THEIR_INVOICE, ()),
        (replace(THEIR_INVOICE, document_date=LATER), ("date",)),
        (replace(THEIR_INVOICE, customer_id="8", document_date=LATER), ("customer", "date")),
        (replace(THEIR_INVOICE, customer_id="8", total_cents=1), ("customer", "total")),
        (replace(THEIR_INVOICE, document_date=LATER, total_cents=1), ("date", "total")),
        (replace(THEIR_INVOICE, number=" n-1 "), ()),
    ],
)
def test_an_invoice_with_the_number_and_one_thing_more_may_be_the_same(
    theirs: Document, differs: tuple[str, ...]
) -> None:
    assert compare(Kind.INVOICE, INVOICE, theirs) == Likeness(Problem.MAYBE_THERE, differs)  # type: ignore[arg-type]


def test_an_invoice_with_the_number_alone_only_has_the_number() -> None:
    theirs = replace(THEIR_INVOICE, customer_id="8", document_date=LATER, total_cents=1)

    assert compare(Kind.INVOICE, INVOICE, theirs) == Likeness(Problem.NUMBER_TAKEN, ("customer", "date", "total"))


def test_an_invoice_with_another_number_is_another_one() -> None:
    assert compare(Kind.INVOICE, INVOICE, replace(THEIR_INVOICE, number="N-2")) is None
    assert compare(Kind.INVOICE, replace(INVOICE, number=""), replace(THEIR_INVOICE, number="")) is None


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (THEIR_PAYMENT, ()),
        (replace(THEIR_PAYMENT, number=""), ("reference",)),
        (replace(THEIR_PAYMENT, document_date=LATER, pays=frozenset()), ("date", "invoices")),
        (replace(THEIR_PAYMENT, pays=frozenset({"12", "13"})), ("invoices",)),
        (replace(THEIR_PAYMENT, document_date=LONG_AFTER), ("date",)),  # the reference agrees
        (replace(THEIR_PAYMENT, document_date=DAY + APART, number=""), ("date", "reference")),
    ],
)
def test_a_payment_of_one_customer_and_amount_may_be_the_same(theirs: Document, differs: tuple[str, ...]) -> None:
    assert compare(Kind.PAYMENT, PAYMENT, theirs) == Likeness(Problem.MAYBE_THERE, differs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "theirs",
    [
        replace(THEIR_PAYMENT, number="1043"),
        replace(THEIR_PAYMENT, pays=frozenset({"13"})),
        replace(THEIR_PAYMENT, number="", document_date=LONG_AFTER),
        replace(THEIR_PAYMENT, customer_id="8"),
        replace(THEIR_PAYMENT, total_cents=3_999),
    ],
    ids=["another reference", "another invoice", "long after", "another customer", "another amount"],
)
def test_what_tells_two_payments_apart_lets_ours_go(theirs: Document) -> None:
    assert compare(Kind.PAYMENT, PAYMENT, theirs) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "likeness"),
    [
        ("retainer [removed]", "retainer 123-45-6789", Likeness(Problem.MAYBE_THERE, ("reference",))),
        ("[removed]rom the bank", "45-6789 from the bank", Likeness(Problem.MAYBE_THERE, ("reference",))),
        ("retainer [removed]", "check 17", Likeness(Problem.MAYBE_THERE, ("reference",))),
        ("retainer [removed]", "Retainer [removed]", Likeness(Problem.MAYBE_THERE)),
        ("A12345678", "A12345679", None),  # numbers of invoices, both as they are
    ],
)
def test_what_was_removed_from_a_reference_tells_no_two_payments_apart(
    ours: str, theirs: str, likeness: Likeness | None
) -> None:
    """An earlier integration sent it whole."""
    assert compare(Kind.PAYMENT, replace(PAYMENT, number=ours), replace(THEIR_PAYMENT, number=theirs)) == likeness


def test_a_reference_without_its_number_agrees_with_the_whole_one_long_after() -> None:
    ours, theirs = replace(PAYMENT, number="for [removed]"), replace(THEIR_PAYMENT, number="for A12345678")

    assert compare(Kind.PAYMENT, ours, replace(theirs, document_date=LONG_AFTER)) is not None
    assert compare(Kind.PAYMENT, ours, replace(theirs, number="A1", document_date=LONG_AFTER)) is None


documents = st.builds(
    Document,
    id=st.just("1"),
    number=st.sampled_from(["", "1", " 1", "a", "A", "A12345678", "[removed]"]),
    customer_id=st.sampled_from(["7", "8"]),
    document_date=st.sampled_from([None, DAY, LATER, LONG_AFTER]),
    total_cents=st.sampled_from([1, 2]),
    pays=st.frozensets(st.sampled_from(["12", "13"])),
)


@given(st.sampled_from([Kind.INVOICE, Kind.PAYMENT]), documents, documents)
def test_likeness_does_not_depend_on_the_side(kind: Kind, one: Document, other: Document) -> None:
    assert compare(kind, one, other) == compare(kind, other, one)


@given(documents)
def test_an_equal_payment_and_an_equal_numbered_invoice_always_ask(document: Document) -> None:
    assert compare(Kind.PAYMENT, document, document) == Likeness(Problem.MAYBE_THERE)
    wanted = Likeness(Problem.MAYBE_THERE) if number_key(document.number) else None
    assert compare(Kind.INVOICE, document, document) == wanted


def test_a_candidate_is_named_with_both_sides_of_what_differs() -> None:
    theirs = replace(THEIR_PAYMENT, document_date=LATER, number="", pays=frozenset())

    assert describe(Kind.PAYMENT, PAYMENT, theirs, ("date", "reference", "invoices")) == (
        "Payment Id 145: date: billing 2026-03-02, QuickBooks 2026-03-03; reference: billing 1042, QuickBooks empty; "
        "invoices: billing Ids 12, QuickBooks empty"
    )
    assert describe(Kind.INVOICE, INVOICE, THEIR_INVOICE, ()) == "Invoice Id 145: equal in every field"


def test_a_reference_that_somebody_else_wrote_brings_no_identity_number_into_our_log() -> None:
    theirs = replace(THEIR_PAYMENT, number="for A12345678")

    said = describe(Kind.PAYMENT, PAYMENT, theirs, ("reference",))

    assert said == "Payment Id 145: reference: billing 1042, QuickBooks for [removed]"
