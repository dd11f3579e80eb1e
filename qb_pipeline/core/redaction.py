"""Removing identity numbers from texts: these numbers never leave the firm.

Belongs here: which texts are such numbers. Does not belong here: where texts are sent (``core.documents.payloads``).
"""

import re

REMOVED = "[removed]"

# The hyphens and dashes that a word processor makes of "-", and the space.
_GAP = "[-\u2010-\u2015\u2212 ]"
# A quick test, since most texts hold no such number: each kind but a passport number has five digits with at most one
# other character between neighbours.
_MAYBE = re.compile(r"\d\D?\d\D?\d\D?\d\D?\d")
_IDENTITY_NUMBERS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # A-number: A and 8 or 9 digits, whole or in groups of three.
        (
            rf"()(?<![^\W_])A[-\u2010-\u2015\u2212 #:.]{{0,3}}(?:\d{{8,9}}|\d{{2,3}}{_GAP}\d{{3}}{_GAP}\d{{3}})(?!\d)",
            re.I,
        ),
        # Receipt number: three letters and 10 digits; in groups only in capitals, or "Tel 5551234567" would be one.
        (r"()(?<![^\W\d_])[A-Z]{3}\d{10}(?!\d)", re.I),
        (rf"()(?<![^\W\d_])[A-Z]{{3}}{_GAP}?\d{{2}}{_GAP}?\d{{3}}{_GAP}?\d{{5}}(?!\d)", re.NOFLAG),
        # Social security number.
        (rf"()(?<!\d)\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{4}}(?!\d)", re.NOFLAG),
        (r"(\b(?:ssn|social security)(?: (?:number|no\.?|nr\.?))?\W{0,3})\d{9}(?!\d)", re.I),
        # Passport number: after the word, with up to six words without digits between ("passport no. of the mother:").
        (
            r"(\bpassports?\b\W{1,3}(?:[^\W\d_]+\W{1,3}){0,6}?)(?=(?:[A-Z]*\d){3})(?<![^\W_])[A-Z0-9]{6,12}(?![^\W_])",
            re.I,
        ),
    )
)


def redact(text: str) -> tuple[str, int]:
    """Replace identity numbers by ``[removed]``; gives the text and how many were replaced.

    These are A-numbers, receipt numbers, social security numbers, and numbers that follow the word "passport".
    """
    total = 0
    while _MAYBE.search(text) or "passport" in text.lower():
        count = 0
        for pattern in _IDENTITY_NUMBERS:
            text, found = pattern.subn(rf"\1{REMOVED}", text)
            count += found
        total += count
        if not count:
            break
    return text, total
