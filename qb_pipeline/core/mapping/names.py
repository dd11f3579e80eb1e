"""Names of people and companies, read so that they can be compared: the words of a name, and what it is made of.

Belongs here: taking one name apart, and comparing two parts. Does not belong here: what a likeness means
(``core.mapping.look_alikes``). The libraries for names are imported when one is first read: most runs read none.
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
"""In a shorter word one other letter makes another word: Lee and Li, Kim and Tim, II and III."""

LONG = 9
"""Words of so many letters may have two typing errors."""

CONNECTIVES = frozenset({"and", "of", "the", "for", "y", "und", "et"})
"""Words that a company's name may have or not."""

_GENERATIONS = {
    "sr": 1, "senior": 1, "jr": 2, "jnr": 2, "junior": 2, "ii": 2, "2nd": 2, "iii": 3, "3rd": 3, "iv": 4, "4th": 4,
    "v": 5, "5th": 5,
}  # fmt: skip
"""Which of several namesakes of a family a suffix means. The other suffixes (Esq., PhD, CPA) tell nobody apart."""

_LONG_FORMS = {
    "professional limited liability company": "pllc", "limited liability company": "llc",
    "limited liability partnership": "llp", "limited partnership": "lp", "professional corporation": "pc",
    "professional association": "pa",
}  # fmt: skip
"""Legal forms in full: cleanco knows these by their abbreviations only."""

_LETTER = re.compile(r"LATIN SMALL (?:LETTER|LIGATURE) (?:DOTLESS |SHARP )?([A-Z]{1,2})(?: WITH .*)?")
_TRANSCRIBED = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "þ": "th", "ð": "dh"}
_SOUNDS = (("ph", "f"), ("ck", "k"), ("ch", "k"), ("c", "k"), ("q", "k"), ("z", "s"), ("y", "i"), ("v", "f"))


class _Punctuation(dict[int, str]):
    """A table for ``str.translate``: apostrophes and full stops go, an ampersand is *and*, other marks part words."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character.isalnum() or unicodedata.combining(character)
        self[code] = character if kept else "" if character in "'." else " and " if character == "&" else " "
        return self[code]


_PUNCTUATION = _Punctuation()


@lru_cache(100_000)
def fold(text: str) -> str:
    """The words of a name in small letters, without accents and marks, one space between two.

    A mark inside of a word goes (O'Brien, L.L.C.), any other parts words (Garcia-Lopez).
    """
    if text.isascii():
        return " ".join(text.lower().replace("`", "'").translate(_PUNCTUATION).split())
    return " ".join("".join(map(_base, unicodedata.normalize("NFKD", _words_of(text)))).split())


def transcribe(text: str) -> str:
    """As ``fold``, but with accents as they are written where a keyboard lacks them: Müller as mueller."""
    if text.isascii():
        return fold(text)
    written = "".join(_TRANSCRIBED.get(character, character) for character in _words_of(text))
    return fold(written)


def _words_of(text: str) -> str:
    return unicodedata.normalize("NFC", name_key(text).translate(_PUNCTUATION))


@cache
def _base(character: str) -> str:
    """A letter without what is added to it: é is e, ø is o, ł is l."""
    if character.isascii():
        return character
    if unicodedata.combining(character):
        return ""
    letter = _LETTER.fullmatch(unicodedata.name(character, ""))
    return letter[1].lower() if letter else character


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a name, such as a surname: as it is written, and its words to compare (``other``: transcribed)."""

    text: str
    key: str
    other: str

    @property
    def joined(self) -> str:
        """The part as one word: van der Berg as vanderberg."""
        return self.key.replace(" ", "")

    @property
    def words(self) -> list[str]:
        """The words of the part."""
        return self.key.split()

    @property
    def is_initial(self) -> bool:
        """Whether it is one letter, or several of which each stands alone."""
        return bool(self.key) and all(len(word) == 1 for word in self.words)


def part(text: str) -> Part:
    """Read one part of a name."""
    return Part(tidy(text), fold(text), transcribe(text))


NOTHING = part("")


@dataclass(frozen=True, slots=True)
class Person:
    """A person's name. ``generation`` is 0 where no suffix tells it; ``suffix`` is that suffix as it is written."""

    given: Part
    middle: Part
    family: Part
    generation: int = 0
    suffix: str = ""
    title: str = ""
    is_one_of_two: bool = False
    """Whether the name is half of a couple's: Robert & Mary Smith."""

    def with_suffix(self, suffix: str) -> "Person":
        """The same person, told from namesakes of the family by a suffix; one that tells nothing changes nothing."""
        generation, word = find_generation(suffix)
        return replace(self, generation=generation, suffix=word) if generation else self


@dataclass(frozen=True, slots=True)
class Company:
    """A company's name without its legal form: ``words`` in their order, ``form`` that form, ``kinds`` what it is."""

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
    """Titles, suffixes, and all words that a plain given or family name is not made of."""
    lexicon = _parser().lexicon
    titles = frozenset(map(fold, lexicon.titles | lexicon.given_name_titles))
    suffixes = frozenset(map(fold, lexicon.suffix_words)) | _GENERATIONS.keys()
    others = lexicon.suffix_acronyms | lexicon.particles | lexicon.conjunctions
    others |= lexicon.maiden_markers | lexicon.bound_given_names
    return titles, suffixes, titles | suffixes | frozenset(map(fold, others))


@cache
def particles() -> frozenset[str]:
    """Words such as van and de la, which stand in many surnames and make none."""
    return frozenset(map(fold, _parser().lexicon.particles))


@lru_cache(50_000)
def read_person(given: str, middle: str, family: str, suffix: str = "", title: str = "") -> tuple[Person, ...]:
    """Read a name that has its parts; what stands in the wrong one (``Dr. Jane``, ``Doe Jr.``) is put right."""
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
    """Read a name in one text: ``Jane Doe``, ``Doe, Jane``, ``Dr. Jane Q. Doe Jr.``, ``Robert & Mary Smith`` (two)."""
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
    """Read ``Jane Doe``, ``Jane Q. Doe``, ``Doe, Jane``: what the parser would read, in a hundredth of its time."""
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
    """Which of the namesakes of a family a suffix means, and the word that says so; 0 and "" when none does."""
    words = suffix.replace(",", " ").split()
    return next(((_GENERATIONS[key], word) for word in words if (key := fold(word)) in _GENERATIONS), (0, ""))


def _couple(person: Person) -> tuple[Person, ...]:
    names = re.split(r"\s+(?:&|and)\s+", person.given.text, flags=re.IGNORECASE)
    if len(names) == 1:
        return (person,)
    return tuple(replace(person, given=part(name), is_one_of_two=True) for name in names)


@cache
def _legal_forms() -> tuple[list[tuple[int, list[str]]], frozenset[str], list[tuple[str, str]]]:
    """cleanco's terms for taking a legal form off, the last word of each, and its terms for telling which it is."""
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
    """The names in one text: ``Acme Inc. dba Joe's Pizza`` has two."""
    return [name for name in re.split(r"\s+d\.?/?b\.?/?a\.?\s+", text, flags=re.IGNORECASE) if name]


@cache
def _kinds_of(form: str) -> frozenset[str]:
    from cleanco.classify import matches

    return frozenset(matches(f"x {form}", _legal_forms()[2])) if form else frozenset()


def compare(one: Part, other: Part) -> str:
    """Say how alike two parts are: same, accents, spacing or spelling; "" when they are not."""
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
    """Whether one typing error lies between two words: a letter too many, too few, another one, or two swapped."""
    shorter = min(len(one), len(other))
    if not (one + other).isalpha():
        return False
    if shorter < SHORTEST_TYPED_WRONG:
        # Hll is Hill with a letter left out inside; Lin and Ling, Jun and Jin are two.
        return (
            shorter == 3 and len(one) != len(other) and one[-1] == other[-1] and bool(variants(one) & variants(other))
        )
    allowed = 1 if shorter < LONG else 2
    return bool(OSA.distance(one, other, score_cutoff=allowed) <= allowed)


@lru_cache(100_000)
def compare_given(one: str, other: str) -> str:
    """Say how two given names (keys of one word) that differ may mean one person.

    Returns:
        nickname, sound (Marc and Mark), spelling, pet name (Nacho and Ignacio, as far as letters can tell), or "" for
        two people: a letter that makes another name, such as Tim and Tom or Mario and Maria, is no typing error.
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
    """Whether one is short for the other, or both are for one name of which neither is a full form."""
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
    """A pet name without its ending: Robbie as rob, Jenny as jenn and jen."""
    pet = re.fullmatch(r"(.{2,}?)(.)\2?(?:ie|ey|y|i)", name)
    return [pet[1] + pet[2]] if pet else []


def _is_pet_name(short: str, long: str) -> bool:
    """Whether the letters of one stand in the other, in order, but for one: a name that needs no table."""
    if not 3 <= len(short) <= 6 or len(long) < len(short) + 2:
        return False
    return LCSseq.similarity(short, long) >= len(short) - 1


def _is_typed_wrong(short: str, long: str) -> bool:
    """Whether one is a typing error of the other; the first letter is hardly ever wrong."""
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
    """Mario and Maria, Daniel and Danielle: usually two of one family."""
    if short[:-1] == long[:-1]:
        return {short[-1], long[-1]} == {"a", "o"}
    endings = ("a", "e", "le", "ne", "ine", "ette") if _is_known(short) else ("a",)
    return long in {f"{short}{ending}" for ending in endings}


@cache
def sound(name: str) -> str:
    """How a given name sounds, roughly: Marc as Mark, Stephen as Steven, Sarah as Sara."""
    for letters, sound in _SOUNDS:
        name = name.replace(letters, sound)
    name = _undoubled(name)
    return name.rstrip("eh") if len(name) > 3 else name


def variants(word: str) -> set[str]:
    """A word, and the words that it is with one letter left out: two words one typing error apart share one of them."""
    if len(word) < 3 or not word.isalpha():
        return {word}
    return {word} | {"".join(letters) for letters in combinations(word, len(word) - 1)}


def formal_names(name: str) -> set[str]:
    """The given names that one stands for or is short for, itself too."""
    names = _nicknames()
    formal = names.canonicals_of(name)
    return {name} | names.nicknames_of(name) | formal.union(*map(names.nicknames_of, formal))


@lru_cache(100_000)
def is_abbreviation(short: str, long: str) -> bool:
    """Whether a company's word is another one cut short: Assoc for Associates, Mfg for Manufacturing."""
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
        the words that each has alone, and what is alike without being the same: (likeness, other's, one's words).
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
