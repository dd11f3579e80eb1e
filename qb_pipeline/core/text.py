"""Text of people and firms: cleaning, comparing, cutting.

Belongs here: functions of one text. Does not belong here: the choice of a payer's customer (``core.mapping.matching``),
removing identity numbers (``core.redaction``).
"""

import re
import unicodedata
from collections.abc import Iterable

from qb_pipeline.core.problems import Problem

DISPLAY_NAME_LENGTH = 500
NAME_LENGTH = 100
SUFFIX_LENGTH = 16
EMAIL_LENGTH = 100
"""Most characters of a text in QuickBooks. Source: Intuit's Customer and Item references (read 2026-11-21)."""

# Surrogates and the separators U+2028 and U+2029 break encodings and lines just as control characters do.
_CONTROL_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})

# A name, an at sign, a domain with a dot: QuickBooks requires no more. A stricter rule refuses real addresses.
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?:[^\s@<>()\[\],;:\\\".]+\.)+[^\s@<>()\[\],;:\\\".]{2,}")

# White space, a comma or a stroke separates addresses only behind one: "jane doe@example.org" is a typing error.
_BEHIND_ADDRESS = re.compile(r"(@[^\s,;/|]*)[\s,/]+")
_BETWEEN_ADDRESSES = re.compile(r"[;|\r\n]|,\s")

_DELETED = re.compile(r" \(deleted(?: \d+)?\)$", re.I)

PLACEHOLDERS = frozenset({"fnu", "lnu", "fnlnu", "nfn", "nln", "nmn", "nmi", "unknown", "n/a"})
"""Words that forms demand in place of a name that a person does not have: FNU is "first name unknown"."""


def tidy(text: str) -> str:
    """Return a text without white space at its edges, with single spaces inside, composed to NFC.

    Control characters inside the text stay: some callers drop them, others refuse the text.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split(" ")) if "  " not in text and text[:1] != " " and text[-1:] != " " else _fold(text)
    return unicodedata.normalize("NFC", _fold(text.strip()))


def unify_line_breaks(text: str) -> str:
    """Return a text with every line break as LF, whether it was CRLF or CR. QuickBooks may return either of these."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def fold_line_breaks(text: str) -> str:
    """Return a text of several lines (``tidy_lines``) as one line. Consecutive line breaks become one space."""
    return " ".join(line for line in text.split("\n") if line) if "\n" in text else text


def tidy_lines(text: str) -> tuple[str, int]:
    """Clean prose line by line. Line breaks stay, as LF; all other control characters are dropped.

    Returns:
        The text, and the number of dropped control characters.
    """
    if text.isprintable():
        return tidy(text), 0
    kept = [drop_control_characters(line) for line in unify_line_breaks(text).split("\n")]
    return "\n".join(tidy(line) for line, _ in kept).strip("\n"), sum(dropped for _, dropped in kept)


def number_key(number: str) -> str:
    """Return the key by which numbers and references are compared. Capitals and white space at the edges make no
    difference."""
    return tidy(number).casefold()


def _fold(text: str) -> str:
    return " ".join(part for part in re.split(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+", text) if part)


def has_control_character(text: str) -> bool:
    """Return whether a text holds a control character, a tab or a line break."""
    return not text.isprintable() and any(unicodedata.category(character) in _CONTROL_CATEGORIES for character in text)


def drop_control_characters(text: str) -> tuple[str, int]:
    """Return prose without control characters, and their number. A control character that is white space becomes a
    space."""
    if text.isprintable():
        return text, 0
    kept = [
        character if unicodedata.category(character) not in _CONTROL_CATEGORIES else " " if character.isspace() else ""
        for character in text
    ]
    return "".join(kept), sum(1 for before, after in zip(text, kept, strict=True) if before != after)


class _Marks(dict[int, str]):
    """A table for ``str.translate``: it replaces each form of a punctuation mark by the character that a keyboard has.

    The Unicode name of a character shows the form: RIGHT SINGLE QUOTATION MARK, MODIFIER LETTER APOSTROPHE and PRIME
    are apostrophes, EN DASH and any other character of category Pd is a hyphen, IDEOGRAPHIC COMMA is a comma.
    """

    _NAMED = {
        unicodedata.name(mark): mark for mark in map(chr, range(0x21, 0x7F)) if unicodedata.category(mark)[0] in "PS"
    } | {
        "PRIME": "'", "ACUTE ACCENT": "'", "GRAVE ACCENT": "'", "HYPHEN": "-", "DASH": "-", "MINUS SIGN": "-",
        "SLASH": "/", "MIDDLE DOT": "·", "BULLET": "·", "DOT OPERATOR": "·",
    }  # fmt: skip

    def __missing__(self, code: int) -> str:
        self[code] = self._find(chr(code))
        return self[code]

    def _find(self, character: str) -> str:
        category, words = unicodedata.category(character), unicodedata.name(character, "").split(" ")
        if category == "Pd":
            return "-"
        if category[0] not in "PS" and category != "Lm":
            return character
        words = words[:-1] if words[-1] == "ORNAMENT" else words
        # The longest name first: of RIGHT SINGLE QUOTATION MARK it is QUOTATION MARK.
        endings = (" ".join(words[start:]) for start in range(len(words)))
        mark = next((self._NAMED[ending] for ending in endings if ending in self._NAMED), character)
        if (mark == '"' and "SINGLE" in words) or (mark == "," and category == "Lm"):
            return "'"
        return '"' if mark == "'" and "DOUBLE" in words else mark


_MARKS = _Marks()


def name_key(text: str) -> str:
    """Return the key by which names are compared: without case and extra spaces, with one form of each character.

    Compatibility forms become one (full-width letters, ligatures), and so do typographic forms of a punctuation mark
    (O’Brien and O'Brien). Invisible format characters are dropped. Accents stay: José and Jose may be two people.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().replace("`", "'").split())
    return taken_key(text.translate(_MARKS)).translate(_MARKS)


def taken_key(text: str) -> str:
    """Return the key for the check whether QuickBooks already has a name. Two names with one key cannot both be used.

    The key is that of ``name_key``, except that the forms of a punctuation mark stay different: O’Brien and O'Brien are
    two names in QuickBooks, and both may be used.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())


def former_name(name: str) -> str:
    """Return the name that an inactive entry had. QuickBooks appends " (deleted)" to it, so that the name can be used
    again."""
    return _DELETED.sub("", name)


def find_name_problem(name: str, limit: int = NAME_LENGTH) -> Problem | None:
    """Return the reason for which QuickBooks would refuse a name; None when it would accept the name.

    White space at the edges is no part of a name. Names are never cleaned or cut otherwise: a person must correct them.
    """
    if ":" in name or has_control_character(name.strip()):
        return Problem.BAD_NAME
    return Problem.NAME_TOO_LONG if len(tidy(name)) > limit else None


def real_name(name: str) -> str:
    """Return a part of a person's name, tidied; "" for a placeholder, and for a text without letters and digits."""
    name = tidy(name)
    words = name.casefold().replace(".", "").split()
    return "" if PLACEHOLDERS.issuperset(words) or not any(map(str.isalnum, name)) else name


def join_names(parts: Iterable[str]) -> str:
    """Return the parts of a name, joined by single spaces."""
    return " ".join(filter(None, map(tidy, parts)))


def with_suffix(display_name: str, payer_id: str) -> str:
    """Return a display name with the payer's id behind it, which distinguishes the payer from namesakes."""
    return f"{display_name} ({payer_id})"


def split_emails(text: str) -> list[str]:
    """Return the addresses of one field, which people separate by a semicolon, a comma, white space or a line break.

    Nothing is guessed: a piece that is no address (``is_email``) stays in the list, and is never cut into an address.
    """
    pieces = _BETWEEN_ADDRESSES.split(_BEHIND_ADDRESS.sub(r"\1;", text.strip()))
    return [piece.strip() for piece in pieces if piece.strip()]


def is_email(text: str) -> bool:
    """Return whether QuickBooks would take a text as an e-mail address."""
    return len(text) <= EMAIL_LENGTH and _EMAIL.fullmatch(text) is not None


def cut(text: str, limit: int) -> str:
    """Return prose cut to the limit, ending in an ellipsis. Texts that identify a document or a person must not be
    cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
