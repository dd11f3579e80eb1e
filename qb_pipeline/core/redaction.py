"""The removal of identity numbers from texts. These numbers never leave the firm.

Belongs here: the patterns of such numbers. Does not belong here: the fields that are searched for them
(``core.documents.text_fields``), and the bodies that contain the texts (``core.documents.payloads``).
"""

import re
from collections.abc import Collection

REMOVED = "[removed]"

_DASHES = "-\u2010-\u2015\u2212"
# Line breaks, however many, count as one space: a number may extend over two lines.
_SPACE = "(?: |\n+)"
# The hyphens and dashes that a word processor makes of "-", and the space.
_GAP = rf"(?:[{_DASHES} ]|\n+)"
_BETWEEN = r"(?:[^\w\n]|\n+)"
# A quick test, since most texts hold no such number: each kind but a passport number has five digits with at most one
# other character between neighbours.
_MAYBE = re.compile(r"\d(?:\n+|\D)?\d(?:\n+|\D)?\d(?:\n+|\D)?\d(?:\n+|\D)?\d")
_IDENTITY_NUMBERS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # A-number: A and 8 or 9 digits, whole or in groups of three.
        (
            rf"()(?<![^\W_])A(?:[{_DASHES} #:.]|\n+){{0,3}}(?:\d{{8,9}}|\d{{2,3}}{_GAP}\d{{3}}{_GAP}\d{{3}})(?!\d)",
            re.I,
        ),
        # Receipt number: three letters and 10 digits; in groups only in capitals, or "Tel 5551234567" would be one.
        (r"()(?<![^\W\d_])[A-Z]{3}\d{10}(?!\d)", re.I),
        (rf"()(?<![^\W\d_])[A-Z]{{3}}{_GAP}?\d{{2}}{_GAP}?\d{{3}}{_GAP}?\d{{5}}(?!\d)", re.NOFLAG),
        # Social security number.
        (rf"()(?<!\d)\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{4}}(?!\d)", re.NOFLAG),
        (
            rf"(\b(?:ssn|social{_SPACE}security)(?:{_SPACE}(?:number|no\.?|nr\.?))?{_BETWEEN}{{0,3}})\d{{9}}(?!\d)",
            re.I,
        ),
        # Passport number: after the word, with up to six words without digits between ("passport no. of the mother:").
        (
            rf"(\bpassports?\b{_BETWEEN}{{1,3}}(?:[^\W\d_]+{_BETWEEN}{{1,3}}){{0,6}}?)"
            r"(?=(?:[A-Z]*\d){3})(?<![^\W_])[A-Z0-9]{6,12}(?![^\W_])",
            re.I,
        ),
    )
)

SUSPICIOUS = (
    r"\d{3}(GAP)\d{2}(GAP)\d{4}|a(GAP|[#:.]){0,3}\d{2,3}(GAP)?\d{3}(GAP)?\d{2,3}"
    r"|[a-z]{3}(GAP)?\d{2}(GAP)?\d{3}(GAP)?\d{5}|ssn|social|passport"
).replace("GAP", rf"[{_DASHES} ]|(\\n)+")
"""A pattern for a quick search of many texts, without regard to case. Every JSON text with an identity number matches
it, and so do some without one. PostgreSQL and Python read it alike."""


def redact(text: str, spared: Collection[str] = ()) -> tuple[str, int]:
    """Return a text with its identity numbers replaced by ``[removed]``, and the number of replacements.

    Identity numbers are A-numbers, receipt numbers, social security numbers, and numbers after the word "passport".

    Args:
        text: the text, with line breaks as LF. A line break inside a number counts as a space.
        spared: invoice numbers that the text may cite. A piece of such a number stays, even if it looks like an
            identity number.
    """
    before = text.count(REMOVED)
    is_changed = True
    while is_changed and may_carry_identity_number(text):
        former = text
        for pattern in _IDENTITY_NUMBERS:
            cited = _find_cited(text, spared)

            def replace(found: re.Match[str], cited: Collection[tuple[int, int]] = cited) -> str:
                start, end = found.end(1), found.end()
                is_cited = any(first <= start and end <= last for first, last in cited)
                return found[0] if is_cited else found[1] + REMOVED

            text = pattern.sub(replace, text)
        is_changed = text != former
    return text, text.count(REMOVED) - before


def may_carry_identity_number(text: str) -> bool:
    """Return whether a text may carry an identity number. The test is quick: False is certain, True is not."""
    return _MAYBE.search(text) is not None or "passport" in text.lower()


def find_citations(text: str) -> set[str]:
    """Return the pieces of a text that look like an identity number and may be an invoice's number: each such piece,
    and the word that contains it. The set is empty for most texts."""
    found: set[str] = set()
    if may_carry_identity_number(text):
        for pattern in _IDENTITY_NUMBERS:
            for match in pattern.finditer(text):
                start, end = match.end(1), match.end()
                before, after = text[:start].split(), text[end:].split()
                head = before[-1] if before and not text[start - 1].isspace() else ""
                tail = after[0] if after and not text[end].isspace() else ""
                found |= {text[start:end], (head + text[start:end] + tail).strip(".,;:()[]#\"'")}
    return found


def _find_cited(text: str, numbers: Collection[str]) -> list[tuple[int, int]]:
    """Return the positions (start, end) at which invoice numbers occur in a text as words of their own, in any case."""
    return [
        found.span()
        for number in numbers
        if number
        for found in re.finditer(rf"(?<![^\W_]){re.escape(number)}(?![^\W_])", text, re.I)
    ]
