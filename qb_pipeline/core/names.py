"""Text of people and firms: cleaning, comparing, cutting, and keeping identity numbers in.

Belongs here: what happens to one text. Does not belong here: deciding which customer a payer is (``core.matching``).
"""

import re
import unicodedata
from collections.abc import Iterable

from qb_pipeline.core.problems import Problem

REMOVED = "[removed]"

DISPLAY_NAME_LENGTH = 500
NAME_LENGTH = 100
SUFFIX_LENGTH = 16
EMAIL_LENGTH = 100
"""Longest texts that QuickBooks takes. Source: Intuit's Customer and Item references (read 2026-11-21)."""

# Surrogates and the separators U+2028 and U+2029 break encodings and lines just as control characters do.
_CONTROL_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})

# Something, an at sign, a domain with a dot: what QuickBooks asks for. A stricter rule refuses real addresses.
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?:[^\s@<>()\[\],;:\\\".]+\.)+[^\s@<>()\[\],;:\\\".]{2,}")

# The hyphens and dashes that a word processor makes of "-", and the space.
_GAP = "[-\u2010-\u2015\u2212 ]"
# Most texts hold none: each but a passport number has five digits with at most one other character between them.
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


_DELETED = re.compile(r" \(deleted(?: \d+)?\)$", re.I)


def tidy(text: str) -> str:
    """Trim, fold spaces, compose to NFC. Control characters stay: whether they are dropped or refused differs."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split(" ")) if "  " not in text and text[:1] != " " and text[-1:] != " " else _fold(text)
    return unicodedata.normalize("NFC", _fold(text))


def _fold(text: str) -> str:
    return " ".join(part for part in re.split(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+", text) if part)


def has_control_character(text: str) -> bool:
    """Say whether a text holds a control character, a tab or a line break."""
    return not text.isprintable() and any(unicodedata.category(character) in _CONTROL_CATEGORIES for character in text)


def drop_control_characters(text: str) -> tuple[str, int]:
    """Remove control characters from prose and count them; those that are white space leave one space behind."""
    if text.isprintable():
        return text, 0
    kept = [
        character if unicodedata.category(character) not in _CONTROL_CATEGORIES else " " if character.isspace() else ""
        for character in text
    ]
    return "".join(kept), sum(1 for before, after in zip(text, kept, strict=True) if before != after)


def name_key(text: str) -> str:
    """Reduce a name to what people compare: no case, no extra spaces, one way to write each character.

    Compatibility forms become one (full-width letters, ligatures), invisible format characters go. Accents stay: José
    and Jose may be two people.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())


def former_name(name: str) -> str:
    """The name that an inactive entry of QuickBooks had: it adds " (deleted)" by itself, to free the name."""
    return _DELETED.sub("", name)


def find_name_problem(name: str, limit: int = NAME_LENGTH) -> Problem | None:
    """Say why QuickBooks would refuse a name: names are never cleaned or cut, a person must correct them."""
    if ":" in name or has_control_character(name):
        return Problem.BAD_NAME
    return Problem.NAME_TOO_LONG if len(tidy(name)) > limit else None


def join_names(parts: Iterable[str]) -> str:
    """Put the parts of a name together with single spaces."""
    return " ".join(filter(None, map(tidy, parts)))


def with_suffix(display_name: str, payer_id: str) -> str:
    """Keep a display name apart from its namesakes."""
    return f"{display_name} ({payer_id})"


def is_email(text: str) -> bool:
    """Say whether QuickBooks would take this as an e-mail address."""
    return len(text) <= EMAIL_LENGTH and _EMAIL.fullmatch(text) is not None


def redact(text: str) -> tuple[str, int]:
    """Replace identity numbers by ``[removed]`` and count them: they never leave the firm.

    A-numbers, receipt numbers, social security numbers, and passport numbers after the word.
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


def cut(text: str, limit: int) -> str:
    """Shorten prose to the limit, ending in an ellipsis. Never for what identifies a document or a person."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
