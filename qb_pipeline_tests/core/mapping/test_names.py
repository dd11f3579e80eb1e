"""Names of people and companies are taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nameparser import parse

from qb_pipeline.core.mapping.names import (
    align,
    find_generation,
    fold,
    read_company,
    read_person,
    read_whole,
    transcribe,
)

PLAIN = st.sampled_from(["Jane", "Mary", "J.", "Q", "Doe", "O'Brien", "Smith-Jones", "Lee", "Nguyen", "Robert"])


@pytest.mark.parametrize(
    ("text", "folded", "transcribed"),
    [
        ("O’Brien, L.L.C.", "obrien llc", "obrien llc"),
        ("García-López", "garcia lopez", "garcia lopez"),
        ("Jürgen Groß", "jurgen gross", "juergen gross"),
        ("Søren Ålund", "soren alund", "soeren aalund"),
        ("Kovačević & Wałęsa", "kovacevic and walesa", "kovacevic and walesa"),
    ],
)
def test_a_name_is_folded_to_its_words_and_transcribed(text: str, folded: str, transcribed: str) -> None:
    assert (fold(text), transcribe(text)) == (folded, transcribed)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Doe, Jane", [("Jane", "", "Doe", 0)]),
        ("Dr. Jane Q. Doe Jr.", [("Jane", "Q.", "Doe", 2)]),
        ("Jerry Schwartz 3rd", [("Jerry", "", "Schwartz", 3)]),
        ("Robert & Mary Smith", [("Robert", "", "Smith", 0), ("Mary", "", "Smith", 0)]),
        ("Smith, Robert and Mary", [("Robert", "", "Smith", 0), ("Mary", "", "Smith", 0)]),
        ("Elizabeth (Liz) Doe", [("Elizabeth", "", "Doe", 0), ("Liz", "", "Doe", 0)]),
    ],
)
def test_a_name_in_one_text_is_read(text: str, read: list[tuple[str, str, str, int]]) -> None:
    people = read_whole(text)

    assert [(each.given.text, each.middle.text, each.family.text, each.generation) for each in people] == read


def test_what_stands_in_the_wrong_part_is_put_right() -> None:
    [person] = read_person("Dr. Jane Q.", "", "Doe Jr.")
    [whole] = read_person("", "", "Doe, Jane")

    assert (person.given.text, person.middle.text, person.family.text, person.title) == ("Jane", "Q.", "Doe", "Dr.")
    assert (person.generation, whole.given.text, whole.family.text) == (2, "Jane", "Doe")


@given(st.lists(PLAIN, min_size=2, max_size=3), st.booleans())
def test_what_is_read_without_the_parser_is_what_the_parser_reads(words: list[str], has_comma: bool) -> None:
    text = f"{words[-1]}, {' '.join(words[:-1])}" if has_comma else " ".join(words)
    parsed = parse(text)

    [person] = read_whole(text)

    assert (person.given.text, person.middle.text, person.family.text) == (parsed.given, parsed.middle, parsed.family)


@pytest.mark.parametrize(
    ("text", "words", "form"),
    [
        ("The Acme Group, Inc.", ("acme", "group"), "inc"),
        ("Acme Company, Inc.", ("acme",), "company inc"),
        ("Acme Limited Liability Company", ("acme",), "llc"),
        ("Acme L.L.C.", ("acme",), "llc"),
        ("LLC", ("llc",), ""),
    ],
)
def test_a_company_is_read_without_its_legal_form(text: str, words: tuple[str, ...], form: str) -> None:
    company = read_company(text)

    assert (company.words, company.form) == (words, form)


def test_suffixes_of_one_generation_are_one() -> None:
    assert [find_generation(text)[0] for text in ("Jr.", "Junior", "II", "Sr", "Esq., III", "PhD", "")] == [
        2, 2, 2, 1, 3, 0, 0,
    ]  # fmt: skip


def test_words_that_two_names_share_or_spell_in_another_way_are_paired() -> None:
    assert align(["acme", "mfg"], ["manufacturing", "acmee"]) == (
        [], [], [("spelling", "acmee", "acme"), ("abbreviation", "manufacturing", "mfg")],
    )  # fmt: skip
    assert align(["acme", "roofing"], ["acme", "plumbing"]) == (["roofing"], ["plumbing"], [])
