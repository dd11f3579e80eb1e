"""The words by which people name documents, and entries of a list such as the list of states.

Belongs here: reading a word, and checking it against a document. Does not belong here: searching for documents
(``sync.people.naming``).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from rapidfuzz import fuzz, process

from qb_pipeline.core.states import DOCUMENTS, Kind

NEAR = 3
"""The most similar names that are offered for a word that names nothing."""

NEAR_ENOUGH = 70
"""The lowest score, of 100, of a name that is offered. Below it the name has little in common with the word."""

Choice = TypeVar("Choice", bound=str)
"""One entry of a list of words."""

_PART = re.compile(r"(.+)@(\d{4}-\d\d-\d\d)")


class NotNamedError(Exception):
    """A word names nothing, several things, or a thing that is impossible here. The message lists the possible
    names."""


class DocumentName(NamedTuple):
    """The exact name of one document: its kind, billing's id and, for a part of a payment from credit, the part's
    date."""

    kind: Kind
    source_id: str
    part: str = ""

    def __str__(self) -> str:
        """Return the name as people write it: ``invoice:17``, ``payment:17@2026-01-31``."""
        return f"{self.kind}:{self.source_id}" + (f"@{self.part}" if self.part else "")


@dataclass(frozen=True, slots=True)
class Word:
    """A word that a person typed for a document.

    ``kind`` is None where the word may name an invoice or a payment. ``is_exact``: whether the word contains its kind,
    so that ``text`` is an id, not a number or reference.
    """

    typed: str
    text: str
    kind: Kind | None
    is_exact: bool

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of documents that the word may name."""
        return (self.kind,) if self.kind else DOCUMENTS

    @property
    def texts(self) -> set[str]:
        """The ids and numbers that the word may stand for. Each document that the word may name has one of them."""
        found = _PART.fullmatch(self.text)
        return {self.text, found[1]} if found else {self.text}

    def fits(self, name: DocumentName, number: str) -> bool:
        """Return whether the word may name a document. ``number`` is the document's invoice number or payment
        reference."""
        if name.kind not in self.kinds:
            return False
        if self.text in (name.source_id, number if not self.is_exact else name.source_id):
            return True
        return bool(name.part) and self.text == f"{name.source_id}@{name.part}"


def read_word(typed: str, kind: Kind | None = None) -> Word:
    """Read a word that a person typed for a document. ``kind`` is given where only documents of that kind are possible.

    Raises:
        NotNamedError: the text is empty, or the exact name of a document of another kind.
    """
    text = typed.strip()
    before, colon, after = text.partition(":")
    said = Kind(before) if colon and before in tuple(Kind) else None
    text = after.strip() if said else text
    if not text:
        raise NotNamedError(f"{typed!r} names no document. Try: a number, a reference, an id, or invoice:ID")
    if said and kind and said != kind:
        raise NotNamedError(f"{typed} is no {kind}. Try: name it as {said}")
    return Word(typed.strip(), text, said or kind or None, bool(said))


def nearest(word: str, choices: Iterable[str], limit: int = NEAR) -> list[str]:
    """Return the choices that are similar to a word, the most similar first; an empty list where no choice is
    similar."""
    hits = process.extract(word.lower(), {choice: choice.lower() for choice in choices}, scorer=fuzz.ratio, limit=limit)
    return [choice for _, score, choice in hits if score >= NEAR_ENOUGH]


def choose_word(what: str, word: str, known: Collection[Choice]) -> Choice:
    """Return the entry of a list, such as the list of states, that equals a word.

    Raises:
        NotNamedError: the list does not have the word. The message contains the list.
    """
    for each in known:
        if each == word:
            return each
    near = nearest(word, known, limit=1)
    meant = f"Try: {near[0]}. " if near else "Try one of these. "
    raise NotNamedError(f"{word!r} is no {what}. {meant}Every {what}: {', '.join(known)}")
