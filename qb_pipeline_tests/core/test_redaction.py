"""Identity numbers never leave the firm."""

import re

import pytest
from hypothesis import given

from qb_pipeline.core.money import dumps
from qb_pipeline.core.redaction import REMOVED, SUSPICIOUS, find_citations, redact
from qb_pipeline.core.text import fold_line_breaks, tidy_lines
from qb_pipeline_tests.core.texts import TEXTS


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
        ("SSN 123-45\n6789\nA 123\n\n456\n789", "SSN [removed]\n[removed]"),
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


@given(TEXTS)
def test_a_line_break_hides_no_number_and_makes_none(text: str) -> None:
    lines, _ = tidy_lines(text)

    redacted, removed = redact(lines)

    assert (fold_line_breaks(redacted), removed) == redact(fold_line_breaks(lines))


@pytest.mark.parametrize(
    ("text", "numbers", "redacted"),
    [
        ("pays 123-45-6789", ["123-45-6789"], "pays 123-45-6789"),
        ("pays a12345678, SSN 123-45-6789", ["A12345678"], "pays a12345678, SSN [removed]"),
        ("pays INV-A12345678", ["INV-A12345678"], "pays INV-A12345678"),
        ("pays 2026/123-45-6789", ["123-45-6789"], "pays 2026/123-45-6789"),
        ("123-45-6789", ["123-45-678"], "[removed]"),
        ("123-45-6789", [""], "[removed]"),
        ("123-45-6789 and 123-45-6780", ["123-45-6789"], "123-45-6789 and [removed]"),
    ],
)
def test_an_invoice_number_that_a_text_cites_stays(text: str, numbers: list[str], redacted: str) -> None:
    assert redact(text, numbers) == (redacted, redacted.count(REMOVED))


@pytest.mark.parametrize(
    ("text", "citations"),
    [
        ("check 1042 for invoice 17", set()),
        ("pays (123-45-6789),", {"123-45-6789"}),
        ("pays INV-A12345678.", {"A12345678", "INV-A12345678"}),
        ("SSN 123-45-6789, A12345678", {"123-45-6789", "A12345678"}),
    ],
)
def test_what_may_be_an_invoice_number_is_the_number_and_its_word(text: str, citations: set[str]) -> None:
    assert find_citations(text) == citations


@given(TEXTS)
def test_the_quick_look_overlooks_nothing(text: str) -> None:
    text = tidy_lines(text)[0]

    if redact(text)[1]:
        assert re.search(SUSPICIOUS, dumps({"PrivateNote": text}).decode(), re.IGNORECASE)
