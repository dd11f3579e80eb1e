"""Suggestions for a person's eyes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.mapping.suggestions import Suggestion, suggest


@pytest.mark.parametrize(
    ("kind", "wanted", "choice", "said"),
    [
        ("fee_item", "Consultation", "CONSULTATION ", (100, "same name")),
        ("fee_item", "Filing fee, state", "State filing fee", (85, "same words in another order")),
        ("fee_item", "Translation", "Trnaslation", (85, "spelling: trnaslation for translation")),
        ("fee_item", "Deposition prep", "Deposition preparation", (85, "abbreviation: preparation for prep")),
        ("fee_item", "Filing fee", "USCIS filing fee", (75, "one has more: uscis")),
        ("terms", "30 days", "Net 30", (95, "same terms")),
        ("terms", "Due on receipt", "Due upon receipt", (95, "same terms")),
        ("payment_method", "card", "Visa", (95, "another name of it")),
        ("payment_method", "echeck", "E-Check", (95, "another name of it")),
        ("payment_method", "cash", "Cash", (100, "same name")),
        ("tax_code", "TAX", "tax", (100, "same name")),
    ],
)
def test_what_means_the_same_is_suggested_with_its_score_and_reason(
    kind: str, wanted: str, choice: str, said: tuple[int, str]
) -> None:
    assert suggest(kind, {"1": wanted}, {"7": choice}) == [Suggestion("1", "7", *said)]


@pytest.mark.parametrize(
    ("kind", "wanted", "choice"),
    [
        ("tax_code", "NON", "TAX"),
        ("tax_code", "TOTAL", "TAX"),
        ("payment_method", "credit", "Credit Card"),
        ("payment_method", "echeck", "Check"),
        ("payment_method", "check", "eCheck"),
        ("payment_method", "other", "Mother's check"),
        ("deposit_account", "check", "Checking"),
        ("deposit_account", "credit", "Line of Credit"),
        ("terms", "Net 30", "Net 3"),
        ("terms", "Net 15", "Net 30"),
        ("terms", "days", "Net"),
        ("fee_item", "I-130 petition", "I-140 petition"),
        ("fee_item", "State filing fee", "Late filing fee"),
        ("fee_item", "Fee", "Court reporter fee"),
        ("fee_item", "", "Fee"),
    ],
)
def test_no_suggestion_crosses_meanings(kind: str, wanted: str, choice: str) -> None:
    assert suggest(kind, {"1": wanted}, {"7": choice}) == []


def test_all_that_are_equally_likely_are_suggested_and_nothing_that_is_less() -> None:
    methods = {"1": "Visa", "2": "Mastercard", "3": "Check", "4": "Gift Card"}

    found = suggest("payment_method", {"card": "card", "check": "check"}, methods)

    assert [(hit.source_id, hit.quickbooks_id) for hit in found] == [("card", "1"), ("card", "2"), ("check", "3")]


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=6), st.randoms())
def test_the_outcome_does_not_depend_on_an_order(names: dict[str, str], random: object) -> None:
    items = list(names.items())
    random.shuffle(items)  # type: ignore[attr-defined]

    assert suggest("fee_item", dict(items), dict(items)) == suggest("fee_item", names, names)
