"""How a word is read, and which document it fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import (
    DocumentName,
    NotNamedError,
    choose_word,
    nearest,
    read_word,
)

INVOICE = DocumentName("invoice", "17")
CREDIT = DocumentName("payment", "17", "2026-01-31")


@pytest.mark.parametrize(
    ("typed", "kind", "fits"),
    [
        ("17", "", ["invoice:17", "payment:17@2026-01-31"]),
        ("17", "invoice", ["invoice:17"]),
        ("N-1", "", ["invoice:17"]),
        (" N-1 ", "invoice", ["invoice:17"]),
        ("check 9", "", ["payment:17@2026-01-31"]),
        ("check 9", "invoice", []),
        ("invoice:17", "", ["invoice:17"]),
        ("invoice:17", "invoice", ["invoice:17"]),
        ("invoice:N-1", "", []),
        ("payment:17", "", ["payment:17@2026-01-31"]),
        ("payment:17@2026-01-31", "payment", ["payment:17@2026-01-31"]),
        ("17@2026-01-31", "", ["payment:17@2026-01-31"]),
        ("payment:17@2026-02-01", "", []),
        ("check 9@2026-01-31", "", []),
        ("customer:17", "", []),
    ],
)
def test_a_word_fits_a_number_a_reference_an_id_or_the_exact_name(typed: str, kind: str, fits: list[str]) -> None:
    word = read_word(typed, kind)

    assert [str(name) for name, number in ((INVOICE, "N-1"), (CREDIT, "check 9")) if word.fits(name, number)] == fits


names = st.builds(
    DocumentName,
    st.sampled_from(Kind),
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool),
    st.sampled_from(["", "2026-01-31"]),
)


@given(names, st.text())
def test_the_exact_name_of_a_document_fits_it_whatever_its_number(name: DocumentName, number: str) -> None:
    word = read_word(str(name))

    assert word.fits(name, number)
    assert name.source_id in word.texts


@given(names, names)
def test_an_exact_name_fits_no_other_document(name: DocumentName, other: DocumentName) -> None:
    """Save the parts of a payment that is named without its date."""
    if str(other) != str(name) and (name.kind, name.source_id, "") != (*other[:2], name.part):
        assert not read_word(str(name)).fits(other, name.source_id)


@pytest.mark.parametrize(
    ("typed", "kind", "says"),
    [
        ("", "", "'' names no document"),
        ("   ", "invoice", "'   ' names no document"),
        ("invoice:", "", "'invoice:' names no document"),
        ("payment:7", "invoice", "payment:7 is no invoice. Try: name it as payment"),
    ],
)
def test_what_cannot_name_anything_is_refused(typed: str, kind: str, says: str) -> None:
    with pytest.raises(NotNamedError) as refused:
        read_word(typed, kind)

    assert says in str(refused.value)


def test_a_word_of_a_list_is_that_word_or_refused_with_the_list() -> None:
    with pytest.raises(NotNamedError) as near:
        choose_word("state", "sinced", ["new", "synced"])
    with pytest.raises(NotNamedError) as far:
        choose_word("kind", "bill", ["invoice", "payment"])

    assert choose_word("state", "synced", ["new", "synced"]) == "synced"
    assert str(near.value) == "'sinced' is no state. Try: synced. Every state: new, synced"
    assert str(far.value) == "'bill' is no kind. Try one of these. Every kind: invoice, payment"


def test_near_words_come_likeliest_first_and_case_does_not_count() -> None:
    assert nearest("n-1001", ["N-1002", "N-1001", "other", "N-2001"]) == ["N-1001", "N-1002", "N-2001"]
    assert nearest("x", ["N-1001"]) == []
