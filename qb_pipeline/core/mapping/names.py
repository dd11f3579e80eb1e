"""Names of people and companies, read into words and parts that can be compared.

Belongs here: reading one name into its parts, and comparing two parts. Does not belong here: the meaning of a likeness
(``core.mapping.look_alikes``). The libraries for names are imported when a name is first read: most runs read no name.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA, LCSseq

from qb_pipeline.core.text import name_key, tidy

if TYPE_CHECKING:
    from nameparser import Parser
    from nicknames import NickNamer

SHORTEST_TYPED_WRONG = 4
"""The fewest letters of a word in which a typing error is assumed. A shorter word with one other letter is another
word: Lee and Li, Kim and Tim, II and III."""

LONG = 9
"""The fewest letters of a word that may have two typing errors."""

CONNECTIVES = frozenset({"and", "of", "the", "for", "y", "und", "et"})
"""Words that make no difference between two names of companies."""

_GENERATIONS = {
    "sr": 1, "senior": 1, "jr": 2, "jnr": 2, "junior": 2, "ii": 2, "2nd": 2, "iii": 3, "3rd": 3, "iv": 4, "4th": 4,
    "v": 5, "5th": 5,
}  # fmt: skip
"""The generation of a namesake within a family, keyed by suffix. Other suffixes (Esq., PhD, CPA) distinguish nobody."""

_LONG_FORMS = {
    "professional limited liability company": "pllc", "limited liability company": "llc",
    "limited liability partnership": "llp", "limited partnership": "lp", "professional corporation": "pc",
    "professional association": "pa",
}  # fmt: skip
"""The abbreviation of a legal form, keyed by the full form. cleanco knows these forms by their abbreviations only."""

_LETTER = re.compile(r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS |SHARP )?([A-Z]{1,2})(?: WITH .*)?")
_TRANSCRIBED = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "þ": "th", "ð": "dh"}
_SOUNDS = (("ph", "f"), ("ck", "k"), ("ch", "k"), ("c", "k"), ("q", "k"), ("z", "s"), ("y", "i"), ("v", "f"))


class _Punctuation(dict[int, str]):
    """A table for ``str.translate``: it drops apostrophes and full stops, writes *and* for an ampersand, and writes a
    space for any other mark."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character.isalnum() or unicodedata.combining(character)
        self[code] = character if kept else "" if character in "'." else " and " if character == "&" else " "
        return self[code]


_PUNCTUATION = _Punctuation()


@lru_cache(100_000)
def fold(text: str) -> str:
    """Return the words of a name in small letters, without accents and marks, separated by single spaces.

    An apostrophe or full stop is dropped (O'Brien, L.L.C.); any other mark separates words (Garcia-Lopez).
    """
    if text.isascii():
        return " ".join(text.lower().replace("`", "'").translate(_PUNCTUATION).split())
    return " ".join("".join(map(_base, unicodedata.normalize("NFKD", _words_of(text)))).split())


def transcribe(text: str) -> str:
    """Return the words of a name as ``fold`` does, but with accented letters as keyboards without them write them:
    mueller for Müller."""
    if text.isascii():
        return fold(text)
    written = "".join(_TRANSCRIBED.get(character, character) for character in _words_of(text))
    return fold(written)


def _words_of(text: str) -> str:
    return unicodedata.normalize("NFC", name_key(text).translate(_PUNCTUATION))


@cache
def _base(character: str) -> str:
    """Return a letter without any accent or stroke: e for é, o for ø, l for ł."""
    if character.isascii():
        return character
    if unicodedata.combining(character):
        return ""
    letter = _LETTER.fullmatch(unicodedata.name(character, ""))
    return letter[1].lower() if letter else character


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a name, such as a surname. ``text``: the part as it is written. ``key``: its words to compare, as
    ``fold`` returns them. ``other``: its words as ``transcribe`` returns them."""

    text: str
    key: str
    other: str

    @property
    def joined(self) -> str:
        """The part as one word: vanderberg for van der Berg."""
        return self.key.replace(" ", "")

    @property
    def words(self) -> list[str]:
        """The words of the part."""
        return self.key.split()

    @property
    def is_initial(self) -> bool:
        """Whether every word of the part is a single letter."""
        return bool(self.key) and all(len(word) == 1 for word in self.words)


def part(text: str) -> Part:
    """Read one part of a name."""
    return Part(tidy(text), fold(text), transcribe(text))


NOTHING = part("")


@dataclass(frozen=True, slots=True)
class Person:
    """A person's name. ``suffix`` is the suffix with the generation, as it is written; "" without one. ``generation``
    is that generation as a number; 0 without one."""

    given: Part
    middle: Part
    family: Part
    generation: int = 0
    suffix: str = ""
    title: str = ""
    is_one_of_two: bool = False
    """Whether the name is one of a couple's two names: Robert & Mary Smith."""

    def with_suffix(self, suffix: str) -> "Person":
        """Return the person with the generation that a suffix means; the same person where it means no generation."""
        generation, word = find_generation(suffix)
        return replace(self, generation=generation, suffix=word) if generation else self


@dataclass(frozen=True, slots=True)
class Company:
    """A company's name. ``words`` are its words without the legal form, in their order. ``form`` is the legal form, ""
    without one. ``kinds`` are the types of company that have this form."""

    text: str
    words: tuple[str, ...]
    form: str = ""
    kinds: frozenset[str] = frozenset()


@cache
def _nicknames() -> "NickNamer":
    from nicknames import NickNamer

    return NickNamer()


@cache
def _parser() -> "Parser":
    from nameparser import Parser

    return Parser()


@cache
def _affixes() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the titles, the suffixes, and all words that a plain given or family name does not contain."""
    lexicon = _parser().lexicon
    titles = frozenset(map(fold, lexicon.titles | lexicon.given_name_titles))
    suffixes = frozenset(map(fold, lexicon.suffix_words)) | _GENERATIONS.keys()
    others = lexicon.suffix_acronyms | lexicon.particles | lexicon.conjunctions
    others |= lexicon.maiden_markers | lexicon.bound_given_names
    return titles, suffixes, titles | suffixes | frozenset(map(fold, others))


@cache
def particles() -> frozenset[str]:
    """Return words such as van and de la, which are in many surnames and are no surname by themselves."""
    return frozenset(map(fold, _parser().lexicon.particles))


@lru_cache(50_000)
def read_person(given: str, middle: str, family: str, suffix: str = "", title: str = "") -> tuple[Person, ...]:
    """Read a name that is given in parts. A title or suffix in a wrong part (``Dr. Jane``, ``Doe Jr.``) is moved to its
    own.

    Returns:
        The possible readings of the name; two for a couple.
    """
    if "," in given + family or not (given and family):
        whole = family if "," in family else " ".join(filter(None, (given, middle, family)))
        return read_whole(f"{title} {whole} {suffix}".strip() if "," not in whole else whole)
    titles, suffixes, _ = _affixes()
    first, last = tidy(given).split(), tidy(family).split()
    while len(first) > 1 and fold(first[0]) in titles:
        title = f"{title} {first.pop(0)}".strip()
    while len(last) > 1 and fold(last[-1]) in suffixes:
        suffix = f"{last.pop()} {suffix}".strip()
    while len(first) > 1 and not middle and len(fold(first[-1])) == 1:
        middle = first.pop()
    person = Person(part(" ".join(first)), part(middle), part(" ".join(last)), title=title)
    return _couple(person.with_suffix(suffix))


@lru_cache(50_000)
def read_whole(text: str) -> tuple[Person, ...]:
    """Read a name in one text: ``Jane Doe``, ``Doe, Jane``, ``Dr. Jane Q. Doe Jr.``, ``Robert & Mary Smith``.

    Returns:
        The possible readings of the name: two for a couple, and one more for each nickname and maiden name.
    """
    if (plain := _read_plain(text)) is not None:
        return (plain,)
    couple = re.split(r"\s+(?:&|and)\s+", text, flags=re.IGNORECASE)
    if len(couple) == 2 and all(couple):
        second = _parse(couple[1])
        first = _parse(couple[0])
        if not first.family.key or not first.given.key:
            # "Robert & Mary Smith", and "Smith, Robert & Mary".
            first = replace(first, given=first.given if first.given.key else first.family, family=second.family)
        elif not second.family.key:
            second = replace(second, family=first.family)
        return (replace(first, is_one_of_two=True), replace(second, is_one_of_two=True))
    person = _parse(text)
    parsed = _parser().parse(text)
    others = [replace(person, given=part(parsed.nickname))] if fold(parsed.nickname).isalpha() else []
    return (person, *others, *([replace(person, family=part(parsed.maiden))] if parsed.maiden else []))


def _read_plain(text: str) -> Person | None:
    """Read ``Jane Doe``, ``Jane Q. Doe`` or ``Doe, Jane`` as the parser would, in a hundredth of its time; None for any
    other name."""
    last, comma, first = text.partition(",")
    words = [*first.split(), *last.split()] if comma else text.split()
    if not 2 <= len(words) <= 3 or (comma and len(last.split()) != 1) or not text.isascii():
        return None
    if not re.sub(r"[ .,'-]", "", text).isalpha() or "," in first:
        return None
    keys = [fold(word) for word in words]
    if not _affixes()[2].isdisjoint(keys) or "" in keys:
        return None
    return Person(part(words[0]), part(" ".join(words[1:-1])), part(words[-1]))


def _parse(text: str) -> Person:
    *words, last = text.split() or [""]
    if len(words) > 1 and fold(last) in _GENERATIONS:  # nameparser knows few of them
        return _parse(" ".join(words).rstrip(",")).with_suffix(last)
    parsed = _parser().parse(text)
    person = Person(part(parsed.given), part(parsed.middle), part(parsed.family), title=parsed.title)
    return person.with_suffix(parsed.suffix)


def find_generation(suffix: str) -> tuple[int, str]:
    """Return the generation that a suffix means (``_GENERATIONS``), and the word with that meaning; 0 and "" without
    one."""
    words = suffix.replace(",", " ").split()
    return next(((_GENERATIONS[key], word) for word in words if (key := fold(word)) in _GENERATIONS), (0, ""))


def _couple(person: Person) -> tuple[Person, ...]:
    names = re.split(r"\s+(?:&|and)\s+", person.given.text, flags=re.IGNORECASE)
    if len(names) == 1:
        return (person,)
    return tuple(replace(person, given=part(name), is_one_of_two=True) for name in names)


@cache
def _legal_forms() -> tuple[list[tuple[int, list[str]]], frozenset[str], list[tuple[str, str]]]:
    """Return cleanco's terms for removing a legal form, the last word of each term, and cleanco's terms for classifying
    a form."""
    from cleanco.classify import typesources
    from cleanco.clean import prepare_default_terms

    long_forms = [(len(words), words) for words in map(str.split, _LONG_FORMS)]
    terms = [*long_forms, *prepare_default_terms()]
    return terms, frozenset(fold(words[-1]) for _, words in terms), [*typesources()]


@lru_cache(50_000)
def read_company(text: str) -> Company:
    """Read one name of a company."""
    from cleanco.clean import custom_basename

    terms, last_words, _ = _legal_forms()
    base = text
    while fold(base).rpartition(" ")[2] in last_words and (shorter := custom_basename(base, terms)) not in ("", base):
        base = shorter
    words = tuple(word for word in fold(base).split() if word not in CONNECTIVES)
    form = " ".join(fold(text).split()[len(fold(base).split()) :])
    form = _LONG_FORMS.get(form, form)
    return Company(tidy(text), words or tuple(fold(text).split()), form, _kinds_of(form))


def names_of_company(text: str) -> list[str]:
    """Return the names in one text: two for ``Acme Inc. dba Joe's Pizza``."""
    return [name for name in re.split(r"\s+d\.?/?b\.?/?a\.?\s+", text, flags=re.IGNORECASE) if name]


@cache
def _kinds_of(form: str) -> frozenset[str]:
    from cleanco.classify import matches

    return frozenset(matches(f"x {form}", _legal_forms()[2])) if form else frozenset()


def compare(one: Part, other: Part) -> str:
    """Return the likeness of two parts: same, accents, spacing or spelling; "" when they are not alike."""
    if not one.key or not other.key:
        return ""
    if one.key == other.key:
        is_same = (one.text + other.text).isascii() or name_key(one.text) == name_key(other.text)
        return "same" if is_same else "accents"
    if {one.key, one.other} & {other.key, other.other}:
        return "accents"
    if one.joined == other.joined:
        return "spacing"
    is_doubled = min(len(one.joined), len(other.joined)) > 2 and _undoubled(one.joined) == _undoubled(other.joined)
    return "spelling" if is_doubled or is_misspelt(one.joined, other.joined) else ""


def _undoubled(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)


@lru_cache(200_000)
def is_misspelt(one: str, other: str) -> bool:
    """Return whether two words are a typing error apart: a letter too many or too few, another letter, or two swapped
    letters. Words of ``LONG`` letters and more may be two errors apart."""
    shorter = min(len(one), len(other))
    if not (one + other).isalpha():
        return False
    if shorter < SHORTEST_TYPED_WRONG:
        # Hll is Hill with a letter left out inside; Lin and Ling, Jun and Jin are two names.
        return (
            shorter == 3 and len(one) != len(other) and one[-1] == other[-1] and bool(variants(one) & variants(other))
        )
    allowed = 1 if shorter < LONG else 2
    return bool(OSA.distance(one, other, score_cutoff=allowed) <= allowed)


@lru_cache(100_000)
def compare_given(one: str, other: str) -> str:
    """Return the likeness of two given names (keys of one word) that differ but may mean one person.

    Returns:
        nickname, sound (Marc and Mark), spelling, pet name (Nacho and Ignacio, judged by letters alone), or "" for two
        people. A letter that makes another name, as in Tim and Tom or Mario and Maria, is no typing error.
    """
    short, long = sorted((one, other), key=len)
    if sound(one) == sound(other) and not _differ_in_gender(short, long):
        return "sound"
    pairs = [(one, other), *((stem, other) for stem in _stems(one)), *((one, stem) for stem in _stems(other))]
    if any(_is_nickname(*pair) for pair in pairs):
        return "nickname"
    if sorted(one) == sorted(other) and is_misspelt(one, other):  # letters swapped: Micheal
        return "spelling"
    if _differ_in_gender(short, long) or (_is_known(one) and _is_known(other)):
        return ""
    return "spelling" if _is_typed_wrong(short, long) else "pet name" if _is_pet_name(short, long) else ""


def _is_nickname(one: str, other: str) -> bool:
    """Return whether one name is short for the other, or both are short for one name and at most one of them is a full
    form."""
    formal = _formal(one), _formal(other)
    if one in formal[1] or other in formal[0]:
        return True
    if {sound(one), *map(sound, formal[0])} & {sound(other), *map(sound, formal[1])}:
        return not (_is_formal(one) and _is_formal(other))
    short, long = sorted((one, other), key=len)
    if len(long) < len(short) + 2:
        return False
    return (3 <= len(short) <= 4 and long.startswith(short)) or (4 <= len(short) <= 6 and long.endswith(short))


def _stems(name: str) -> list[str]:
    """Return the stem of a pet name without its ending, as a list: rob for Robbie, jen for Jenny; an empty list for a
    name without such an ending."""
    pet = re.fullmatch(r"(.{2,}?)(.)\2?(?:ie|ey|y|i)", name)
    return [pet[1] + pet[2]] if pet else []


def _is_pet_name(short: str, long: str) -> bool:
    """Return whether all letters of ``short`` but at most one are in ``long``, in the same order: a pet name that needs
    no table."""
    if not 3 <= len(short) <= 6 or len(long) < len(short) + 2:
        return False
    return LCSseq.similarity(short, long) >= len(short) - 1


def _is_typed_wrong(short: str, long: str) -> bool:
    """Return whether one name is a typing error of the other. The first letter must agree, as it is hardly ever
    wrong."""
    return short[0] == long[0] and is_misspelt(short, long)


@cache
def _formal(name: str) -> frozenset[str]:
    return frozenset(_nicknames().canonicals_of(name))


@cache
def _is_formal(name: str) -> bool:
    return len(_nicknames().nicknames_of(name)) > 1


@cache
def _is_known(name: str) -> bool:
    return bool(_nicknames().canonicals_of(name) or _nicknames().nicknames_of(name))


def _differ_in_gender(short: str, long: str) -> bool:
    """Return whether two names differ as Mario and Maria or Daniel and Danielle do: usually they are two people of one
    family."""
    if short[:-1] == long[:-1]:
        return {short[-1], long[-1]} == {"a", "o"}
    endings = ("a", "e", "le", "ne", "ine", "ette") if _is_known(short) else ("a",)
    return long in {f"{short}{ending}" for ending in endings}


@cache
def sound(name: str) -> str:
    """Return a rough key of the sound of a given name: equal for Marc and Mark, Stephen and Steven, Sarah and Sara."""
    for letters, sound in _SOUNDS:
        name = name.replace(letters, sound)
    name = _undoubled(name)
    return name.rstrip("eh") if len(name) > 3 else name


def variants(word: str) -> set[str]:
    """Return a word, and its forms with one letter left out. Two words that are one typing error apart share one of
    these."""
    if len(word) < 3 or not word.isalpha():
        return {word}
    return {word} | {"".join(letters) for letters in combinations(word, len(word) - 1)}


def formal_names(name: str) -> set[str]:
    """Return a given name, its nicknames, the full names that it is short for, and their nicknames."""
    names = _nicknames()
    formal = names.canonicals_of(name)
    return {name} | names.nicknames_of(name) | formal.union(*map(names.nicknames_of, formal))


@lru_cache(100_000)
def is_abbreviation(short: str, long: str) -> bool:
    """Return whether a word of a company is an abbreviation of another word: Assoc of Associates, Mfg of
    Manufacturing."""
    if not (3 <= len(short) <= len(long) - 2 and short[0] == long[0] and short.isalpha() and long.isalpha()):
        return False
    if long.startswith(short):
        return True
    if long.startswith(short[:-1]) and long[-1] == short[-1]:
        return True
    letters = iter(long)
    return len(short) <= 4 and all(letter in letters for letter in short) and not set(short[1:]) & {*"aeiou"}


def align(one: Sequence[str], other: Sequence[str]) -> tuple[list[str], list[str], list[tuple[str, str, str]]]:
    """Pair the words of two names of companies or of things.

    Returns:
        The words that only ``one`` has, the words that only ``other`` has, and the pairs that are alike without being
        equal: (likeness, words of ``other``, words of ``one``).
    """
    mine, theirs = " ".join(one), " ".join(other)
    joined = mine.replace(" ", ""), theirs.replace(" ", "")
    if [*one] == [*other]:
        return [], [], []
    if joined[0] == joined[1]:
        return [], [], [("spacing", theirs, mine)]
    if len(one) != len(other) and is_misspelt(*joined):
        return [], [], [("spelling", theirs, mine)]
    first, second = [*one], [*other]
    for word in one:
        if word in second:
            first.remove(word)
            second.remove(word)
    if not first and not second:
        return [], [], [("same words in another order", "", "")]
    found = []
    for likeness, is_alike in (("spelling", is_misspelt), ("abbreviation", _is_cut_short)):
        for word in [*first]:
            twin = next((each for each in second if is_alike(word, each)), None)
            if twin is not None:
                first.remove(word)
                second.remove(twin)
                found.append((likeness, twin, word))
    return first, second, found


def _is_cut_short(one: str, other: str) -> bool:
    return is_abbreviation(one, other) or is_abbreviation(other, one)
