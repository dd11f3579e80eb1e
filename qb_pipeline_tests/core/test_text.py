import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.text import (
    cut,
    drop_control_characters,
    find_name_problem,
    fold_line_breaks,
    former_name,
    has_control_character,
    is_email,
    join_names,
    name_key,
    real_name,
    split_emails,
    taken_key,
    tidy,
    tidy_lines,
    unify_line_breaks,
    with_suffix,
)
from qb_pipeline_tests.core.texts import TEXTS


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("", ""),
        ("   ", ""),
        ("  Jane   Doe ", "Jane Doe"),
        ("Jane\u00a0\u2009Doe", "Jane Doe"),
        ("Jose\u0301", "José"),
        ("two\nlines", "two\nlines"),
        ("\r\n\t Jane \u00a0Doe\x0b\u2028\x85\u3000\n", "Jane Doe"),
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


@pytest.mark.parametrize("mark", "’‘‛`´ʼʻ′＇ʹ՚❜‵")
def test_forms_of_an_apostrophe_are_one_mark(mark: str) -> None:
    assert name_key(f"O{mark}Brien") == name_key("O'Brien")


@pytest.mark.parametrize("mark", "‐‑‒–—―−﹣－˗➖")
def test_forms_of_a_hyphen_are_one_mark(mark: str) -> None:
    assert name_key(f"Smith{mark}Jones") == name_key("Smith-Jones")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“Bo” Li", '"Bo" Li'), ("«Bo» Li", '"Bo" Li'), ("Smith＆Sons", "Smith&Sons"), ("Acme， Inc．", "Acme, Inc."),
        ("A⁄B", "A/B"), ("A • B", "A · B"), ("Jane\u2003Doe", "Jane Doe"), ("Jane\u202fDoe", "Jane Doe"),
        ("Acme…", "Acme..."), ("（Acme）", "(Acme)"), ("Who？", "Who?"),
    ],
)  # fmt: skip
def test_forms_of_any_other_mark_are_one_mark_too(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_every_form_of_a_dash_that_unicode_knows_is_a_hyphen() -> None:
    dashes = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Pd"]

    assert {name_key(f"a{dash}b") for dash in dashes} == {"a-b"}
    assert len(dashes) > 20


def test_one_mark_is_not_another() -> None:
    marks = "'\"-.,&/·:;()#*+"

    assert len({name_key(f"a{mark}b") for mark in marks}) == len(marks)


def test_for_quickbooks_forms_of_a_mark_are_two_names() -> None:
    assert taken_key("O’Brien") != taken_key("O'Brien")
    assert taken_key("JANE  Doe") == taken_key("Jane Doe")


@given(st.text())
def test_a_name_key_is_its_own_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)


@pytest.mark.parametrize("name", ["a:b", "a\tb", "a\nb", "a\x00b", "a\x85b", "a\u2028b", "Jane\x07"])
def test_names_that_quickbooks_refuses_are_bad(name: str) -> None:
    assert find_name_problem(name) is Problem.BAD_NAME


@pytest.mark.parametrize("space", ["\n", "\r\n", "\t", "\x0b", "\x0c", "\x85", "\u2028", "\u00a0", "\u3000"])
def test_white_space_at_the_edges_is_no_part_of_a_name(space: str) -> None:
    assert find_name_problem(f"{space}Jane{space}") is None
    assert tidy(f"{space}Jane{space}") == "Jane"


@pytest.mark.parametrize(
    ("name", "real"),
    [
        (" Jane\n", "Jane"),
        ("FNU", ""),
        ("f.n.u.", ""),
        ("FNU LNU", ""),
        ("Lnu", ""),
        ("Unknown", ""),
        ("N/A", ""),
        ("--", ""),
        ("", ""),
        ("Ng", "Ng"),
        ("Fnuk", "Fnuk"),
        ("李", "李"),
        ("O.", "O."),
    ],
)
def test_a_placeholder_is_no_name(name: str, real: str) -> None:
    assert real_name(name) == real


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a@x.com", ["a@x.com"]),
        ("a@x.com; b@y.com", ["a@x.com", "b@y.com"]),
        ("a@x.com;b@y.com;", ["a@x.com", "b@y.com"]),
        ("a@x.com,b@y.com, c@z.org", ["a@x.com", "b@y.com", "c@z.org"]),
        ("a@x.com b@y.com", ["a@x.com", "b@y.com"]),
        ("a@x.com / b@y.com", ["a@x.com", "b@y.com"]),
        ("a@x.com\r\nb@y.com", ["a@x.com", "b@y.com"]),
        ("none; b@y.com", ["none", "b@y.com"]),
        ("a@; b@y.com", ["a@", "b@y.com"]),
        # never cut into an address that nobody wrote
        ("jane doe@x.com", ["jane doe@x.com"]),
        ("jane,doe@x.com", ["jane,doe@x.com"]),
        ("jane/doe@x.com", ["jane/doe@x.com"]),
        ("", []),
        (" ; ", []),
    ],
)
def test_several_addresses_in_one_field_are_told_apart(text: str, pieces: list[str]) -> None:
    assert split_emails(text) == pieces


@pytest.mark.parametrize(
    ("text", "tidied", "dropped"),
    [
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour", 0),
        ("\n\n one \t two \n\n\n three\n", "one two\n\n\nthree", 1),
        ("one\x07\ntwo\x0bthree\u2028four", "one\ntwo three four", 3),
        ("plain  text", "plain text", 0),
        ("\r\n", "", 0),
    ],
)
def test_prose_keeps_its_lines_and_loses_other_control_characters(text: str, tidied: str, dropped: int) -> None:
    assert tidy_lines(text) == (tidied, dropped)


@given(TEXTS | st.text(st.sampled_from("a \n\r\t\x07\u2028é\u0301")))
def test_prose_on_one_line_is_what_the_former_release_made_of_it(text: str) -> None:
    """It folded line breaks; where nothing else changed, nothing is to be sent again."""
    lines, _ = tidy_lines(text)

    assert fold_line_breaks(lines) == tidy(drop_control_characters(text)[0])
    assert tidy_lines(lines) == (lines, 0)
    assert unify_line_breaks(lines.replace("\n", "\r\n")) == lines


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


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_cut_text_has_at_most_its_limit_and_a_short_one_is_left_alone(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert cut(text, limit) == text or (len(text) > limit and cut(text, limit).endswith("…"))
