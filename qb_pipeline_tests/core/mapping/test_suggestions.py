"""Suggestions for a person's eyes."""

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.mapping.suggestions import Suggestion, suggest


def test_the_likeliest_name_is_suggested_with_its_score() -> None:
    found = suggest({"P1": "Acme Corp.", "P2": "Zhou Enterprises"}, {"7": "ACME Corporation", "8": "Beta LLC"})

    assert found == [Suggestion("P1", "7", 86)]


def test_equal_names_in_other_letters_and_spaces_score_full() -> None:
    assert suggest({"P1": "Mary van der  Berg"}, {"7": "MARY VAN DER BERG"}) == [Suggestion("P1", "7", 100)]


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=6), st.randoms())
def test_the_outcome_does_not_depend_on_an_order(names: dict[str, str], random: object) -> None:
    items = list(names.items())
    random.shuffle(items)  # type: ignore[attr-defined]

    assert suggest(dict(items), dict(items)) == suggest(names, names)
