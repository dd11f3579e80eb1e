import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.names import (
    cut,
    drop_control_characters,
    find_name_problem,
    former_name,
    has_control_character,
    is_email,
    join_names,
    name_key,
    redact,
    tidy,
    with_suffix,
)
from qb_pipeline.core.problems import Problem

# Texts in which an identity number, or nearly one, is likely.
PIECES = st.sampled_from(
    ["A", "a", "-", " ", "#", "1", "12", "345", "6789", "123456789", "EAC", "IOE", "passport ", "no. ", "SSN", "x",
     "social security number ", "[removed]", "é", "\n"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join))


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("", ""),
        ("   ", ""),
        ("  Jane   Doe ", "Jane Doe"),
        ("Jane\u00a0\u2009Doe", "Jane Doe"),
        ("Jose\u0301", "José"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_texts_are_trimmed_folded_and_composed(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


@given(TEXTS)
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert unicodedata.is_normalized("NFC", tidy(text))


@given(st.text(st.characters(exclude_categories=[])))
def test_no_control_character_is_left(text: str) -> None:
    kept, dropped = drop_control_characters(text)

    assert not has_control_character(kept)
    assert (dropped > 0) is has_control_character(text)
    kept.encode()


def test_a_line_break_leaves_a_space_and_a_bell_leaves_nothing() -> None:
    assert drop_control_characters("one\ntwo\tthree\x07four") == ("one two threefour", 3)


@pytest.mark.parametrize(
    "other",
    ["JANE DOE", " jane  doe", "Ｊａｎｅ Doe", "Jane\u200b Doe", "jane\tdoe"],
)
def test_names_are_the_same_in_any_case_spacing_and_form(other: str) -> None:
    assert name_key(other) == name_key("Jane Doe")


@pytest.mark.parametrize(
    ("one", "other"), [("José Ruiz", "Jose Ruiz"), ("Mary Ann", "MaryAnn"), ("O'Brien", "OBrien"), ("Lee", "Li")]
)
def test_names_that_two_people_may_have_stay_apart(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text())
def test_a_name_key_is_its_own_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)


@pytest.mark.parametrize("name", ["a:b", "a\tb", "a\nb", "a\x00b", "a\x85b", "a\u2028b", "Jane\n"])
def test_names_that_quickbooks_refuses_are_bad(name: str) -> None:
    assert find_name_problem(name) is Problem.BAD_NAME


def test_a_name_is_too_long_one_character_after_its_limit() -> None:
    assert find_name_problem("x" * 100) is None
    assert find_name_problem("x" * 101) is Problem.NAME_TOO_LONG
    assert find_name_problem("x" * 17, limit=16) is Problem.NAME_TOO_LONG


def test_an_inactive_entry_had_its_name_without_what_quickbooks_adds() -> None:
    names = ["Advice (deleted)", "Advice (deleted 2)", "Advice", "(deleted) Advice"]

    assert [former_name(name) for name in names] == ["Advice", "Advice", "Advice", "(deleted) Advice"]


def test_names_are_joined_and_kept_apart() -> None:
    assert join_names(["  Jane ", "", " van  Dyke"]) == "Jane van Dyke"
    assert with_suffix("Jane Doe", "p-7") == "Jane Doe (p-7)"


@pytest.mark.parametrize("address", ["jane@example.org", "j.o'brien+x@mail.example.co.uk", "ü@exämple.org"])
def test_addresses_are_addresses(address: str) -> None:
    assert is_email(address)


@pytest.mark.parametrize(
    "text", ["", "jane", "jane@example", "@example.org", "a b@example.org", "a@b.org, c@d.org", "<a@b.org>", "x@.org"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert not is_email(text)


def test_an_address_is_too_long_after_100_characters() -> None:
    assert is_email("a" * 88 + "@example.org")
    assert not is_email("a" * 89 + "@example.org")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Alien A123456789 and A12345678.", "Alien [removed] and [removed]."),
        ("A-123456789, A#123456789, A 123-456-789, a 012 345 678", "[removed], [removed], [removed], [removed]"),
        ("EAC2190012345/ioe0912345678", "[removed]/[removed]"),
        ("EAC-21-900-12345 WAC 21 900 12345", "[removed] [removed]"),
        ("123-45-6789, 123 45 6789, 123\u201345\u20136789", "[removed], [removed], [removed]"),
        ("SSN 123456789; Social Security number: 123456789", "SSN [removed]; Social Security number: [removed]"),
        ("Passport no. X1234567", "Passport no. [removed]"),
        ("passport: C01X00T47 (German)", "passport: [removed] (German)"),
        ("passport of the mother 123456789 and X7654321", "passport of the mother [removed] and [removed]"),
    ],
)
def test_identity_numbers_are_removed(text: str, redacted: str) -> None:
    assert redact(text) == (redacted, redacted.count("[removed]"))


@pytest.mark.parametrize(
    "text",
    [
        "A1234567 has seven digits, A1234567890 has ten",
        "Form I-485, I-130 and DS-160; invoice INV-20260331",
        "Tel 5551234567, +1 (555) 123-4567",
        "Passport renewal 2026",
        "Hearing on 2026-03-31 in A 2026",
        "Check ACHX1234567890 for 1,234,567.89",
        "4111 1111 1111 1111",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == (text, 0)


@given(TEXTS)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once, removed = redact(text)

    assert redact(once) == (once, 0)
    assert (removed > 0) is (once != text)


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_cut_text_has_at_most_its_limit_and_a_short_one_is_left_alone(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert cut(text, limit) == text or (len(text) > limit and cut(text, limit).endswith("…"))
