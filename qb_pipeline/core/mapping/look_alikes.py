"""Look-alikes (candidate matches): the customers of QuickBooks that a payer may be although their names differ. A
person judges them.

Belongs here: rules of likeness, each with its reason in words. Does not belong here: equal names, which match by
themselves (``core.mapping.matching``); reading names into parts (``core.mapping.names``); holding a payer's documents.

Two rules come before all others. Another given name makes another person, whatever e-mail address, telephone or surname
a family shares. Two companies are different if each has a word of its own.
"""

import re
from collections import defaultdict, namedtuple
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from operator import attrgetter
from typing import Any

import pandas as pd

from qb_pipeline.core.mapping.names import (
    Company,
    Part,
    Person,
    align,
    compare,
    compare_given,
    fold,
    formal_names,
    is_abbreviation,
    is_misspelt,
    names_of_company,
    particles,
    read_company,
    read_person,
    read_whole,
    sound,
    transcribe,
    variants,
)
from qb_pipeline.core.text import former_name

HOLDS = 70
"""The lowest score of a customer that holds the payer's documents until a person answers."""

WORTH_SHOWING = 60
"""The lowest score of a customer that is shown to a person who asks for suggestions."""

SAME_NAME = "same name"
"""The reason of a customer whose name does not differ."""

SHARED_BY_MANY = 6
"""The fewest customers whose shared e-mail address or telephone number is ignored, as the firm's own or a
placeholder."""

_GIVEN = {
    "same": (50, ""), "accents": (48, "accents"), "spacing": (48, "spacing"), "sound": (44, "spelling"),
    "nickname": (42, "nickname"), "part": (40, "part of the first name"), "spelling": (40, "spelling"),
    "initial": (31, "initial"), "pet name": (22, "perhaps a nickname"),
    "middle": (26, "middle name as first name"), "missing": (10, ""),
}  # fmt: skip
_FAMILY = {
    "same": (45, ""), "accents": (43, "accents"), "spacing": (43, "spacing"), "spelling": (37, "spelling"),
    "common": (39, "surname in common"), "middle": (37, "surname as middle name"), "another": (6, ""),
}  # fmt: skip
"""The points and the reason in words, keyed by the relation between two given names (``_GIVEN``) or two surnames."""

_WORDS = {"spacing": -2, "spelling": -8, "abbreviation": -6, "same words in another order": -4}
"""The points, keyed by the likeness of the words of two companies' names, as ``core.mapping.names.align`` returns
it."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A customer that a payer may be. ``score`` goes from 0 to 100, for ordering and for a person's eyes.

    ``reasons`` are the points in which the customer resembles the payer, ``differences`` those in which it does not.
    Each text begins with the kind of the point. After a colon, or after the words *suffix* and *legal form*, it may
    contain words about the client. That end of the text is shown to the person who asked, and never logged.
    """

    customer_id: str
    score: int
    reasons: tuple[str, ...]
    differences: tuple[str, ...]


def find_look_alikes(
    payers: pd.DataFrame,
    customers: pd.DataFrame,
    *,
    owned: Collection[str] = (),
    at_most: int = 3,
    least: int = HOLDS,
) -> dict[str, list[LookAlike]]:
    """Return the customers that each payer may be, best first, keyed by payer id. Payers without a customer are left
    out.

    Equal names are likeness too: a payer whose name several customers have gets them all, up to ``at_most``. The
    outcome does not depend on the order of the frames.

    Args:
        payers: the payers to search for (``core.schemas.Payers``).
        customers: all customers of the company, inactive ones and sub-customers too (``core.schemas.Customers``).
        owned: customers that belong to another payer; they are never proposed.
        at_most: the most customers that a payer gets.
        least: the lowest score of a customer that is returned: ``HOLDS`` for customers that hold a payer's documents,
            ``WORTH_SHOWING`` for all that are shown to a person.
    """
    index = _Index(_rows(customers), frozenset(owned))
    found = {}
    for payer in _rows(payers):
        likely = [hit for hit in index.judge(_Payer.read(payer)) if hit.score >= least]
        if likely:
            # Ids are numbers. Of customers with one score the oldest comes first.
            likely.sort(key=lambda hit: (-hit.score, len(hit.customer_id), hit.customer_id))
            found[payer.payer_id] = likely[:at_most]
    return found


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Return the rows as named tuples, three times as fast as pandas' own, which reads each text by itself."""
    row: Any = namedtuple("row", tuple(frame.columns))  # type: ignore[misc]
    return map(row._make, zip(*(frame[column].tolist() for column in frame), strict=True))


@dataclass(frozen=True, slots=True)
class _Contacts:
    """The e-mail addresses, telephone numbers and address of a payer or customer, ready to compare."""

    emails: frozenset[str]
    phones: frozenset[str]
    street: str
    city: str
    postal_code: str

    @classmethod
    def read(cls, emails: Iterable[str], phones: Iterable[str], address: Sequence[str]) -> "_Contacts":
        """Read e-mail addresses, telephone numbers and an address (street, city, postal code) as people write them."""
        found = {email for text in emails if text for email in re.split(r"[\s,;<>]+", text.casefold()) if "@" in email}
        digits = {_digits(text) for text in phones if text}
        street, city, postal_code = address
        return cls(frozenset(found), frozenset(filter(None, digits)), street, city, postal_code)


def _digits(phone: str) -> str:
    """Return the digits of a telephone number without country code 1 and extension; "" when it is too short to be
    one."""
    digits = re.sub(r"\D", "", re.split(r"(?i)\s*(?:x|ext)", phone)[0])
    digits = digits[-10:] if len(digits) == 11 and digits[0] == "1" else digits
    return digits if len(digits) >= 7 else ""


@dataclass(frozen=True, slots=True)
class _Payer:
    people: tuple[Person, ...]
    companies: tuple[Company, ...]
    contacts: _Contacts

    @classmethod
    def read(cls, payer: Any) -> "_Payer":
        """Read a row of ``Payers``."""
        people: tuple[Person, ...] = ()
        companies: tuple[Company, ...] = ()
        if payer.kind == "corporation":
            companies = tuple(map(read_company, names_of_company(payer.corporation_name)))
        else:
            people = read_person(payer.first_name, payer.middle_name, payer.last_name, payer.suffix)
        contacts = _Contacts.read(
            (payer.billing_email, payer.email),
            (payer.phone, payer.mobile, payer.billing_phone),
            (payer.address_line1, payer.city, payer.postal_code),
        )
        return cls(people, companies, contacts)


class _Customer:
    """One customer. Its names are read when it is first compared."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.display_name = row.display_name if row.is_active else former_name(row.display_name)
        self.contacts = _Contacts.read(
            (row.email,),
            (row.phone, row.alternate_phone, row.mobile),
            (row.address_line1, row.city, row.postal_code),
        )

    @cached_property
    def is_company(self) -> bool:
        """Whether the customer is displayed under its company's name. The person in it is then only the contact."""
        company = fold(self.row.company_name)
        return bool(company) and fold(self.display_name).startswith(company)

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """The readings of the customer's name as a person's name."""
        row = self.row
        found: tuple[Person, ...] = ()
        if row.given_name or row.family_name:
            found = read_person(row.given_name, row.middle_name, row.family_name, row.suffix, row.title)
        if self.is_company or set(fold(self.display_name).split()) <= set(fold(" ".join(_texts(row))).split()):
            return found
        return (*found, *(person.with_suffix(row.suffix) for person in read_whole(self.display_name)))

    @cached_property
    def companies(self) -> tuple[Company, ...]:
        """The readings of the customer's names as names of companies."""
        texts = {fold(text): text for text in (self.row.company_name, self.display_name) if text}
        return tuple(read_company(name) for text in texts.values() for name in names_of_company(text))


def _texts(row: Any) -> tuple[str, str, str, str, str]:
    return row.title, row.given_name, row.middle_name, row.family_name, row.suffix


@dataclass(slots=True)
class _Verdict:
    """The reasons for one customer and the differences against it; ``points`` is its score so far."""

    points: int
    reasons: list[str]
    differences: list[str]

    def add(self, points: int, reason: str = "", difference: str = "") -> None:
        """Add points to the score, and record a reason and a difference unless they are empty."""
        self.points += points
        if reason:
            self.reasons.append(reason)
        if difference:
            self.differences.append(difference)


class _Index:
    """All customers that may be proposed, found by the words of their names, by e-mail address and by telephone number.
    Each customer has a number: its position in ``customers``."""

    def __init__(self, found: Iterable[Any], owned: frozenset[str]) -> None:
        self.customers = [_Customer(row) for row in found if row.customer_id not in owned]
        self.by_word: dict[str, set[int]] = defaultdict(set)
        # Tuples where most have one number: the garbage collector passes them by, which saves a third of the time.
        self.by_joined: dict[str, tuple[int, ...]] = defaultdict(tuple)
        self.by_email: dict[str, tuple[int, ...]] = defaultdict(tuple)
        self.by_phone: dict[str, tuple[int, ...]] = defaultdict(tuple)
        for number, customer in enumerate(self.customers):
            self._index(number, customer)
        self.by_variant: dict[str, list[str]] = defaultdict(list)
        self.by_start: dict[str, list[str]] = defaultdict(list)
        self.by_end: dict[str, list[str]] = defaultdict(list)
        self.by_sound: dict[str, list[str]] = defaultdict(list)
        for word in self.by_word:
            for variant in variants(word):
                self.by_variant[variant].append(word)
            self.by_start[word[:3]].append(word)
            self.by_end[word[-4:]].append(word)
            self.by_sound[sound(word)].append(word)
        self._misspelt: dict[str, set[int]] = {}

    def _index(self, number: int, customer: _Customer) -> None:
        row = customer.row
        text = " ".join({row.given_name, row.middle_name, row.family_name, row.company_name, customer.display_name})
        for word in fold(text).split():
            self.by_word[word].add(number)
        if not text.isascii():
            for word in transcribe(text).split():
                self.by_word[word].add(number)
        words = fold(customer.display_name).split()
        if 2 <= len(words) <= 6:
            for size in (2, 3, 4):
                for start in range(len(words) - size + 1):
                    self.by_joined["".join(words[start : start + size])] += (number,)
        for email in customer.contacts.emails:
            self.by_email[email] += (number,)
        for phone in customer.contacts.phones:
            self.by_phone[phone[-7:]] += (number,)

    def judge(self, payer: _Payer) -> Iterator[LookAlike]:
        """Yield each customer that may be the payer, with its score."""
        reached = self._reached(payer.contacts)
        numbers = set(reached)
        for person in payer.people:
            numbers |= self._named_like(person)
        for company in payer.companies:
            numbers |= self._company_named_like(company)
        for number in numbers:
            customer = self.customers[number]
            ways = reached.get(number, frozenset())
            judged = [
                judge(one, other, payer, customer, ways)
                for one, other in product(payer.people, customer.people)
                for judge in (_judge_person, _judge_swapped)
            ]
            judged += [
                _judge_company(one, other, payer, customer, ways)
                for one, other in product(payer.companies, customer.companies)
            ]
            best = max(filter(None, judged), key=attrgetter("points"), default=None)
            if best is not None:
                score = max(0, min(best.points, 100))
                yield LookAlike(customer.row.customer_id, score, tuple(best.reasons), tuple(best.differences))

    def _reached(self, contacts: _Contacts) -> dict[int, frozenset[str]]:
        """Return the contacts that a customer shares (``e-mail``, ``telephone`` or both), keyed by the customer's
        number."""
        found: dict[int, set[str]] = defaultdict(set)
        for email in contacts.emails:
            numbers = set(self.by_email.get(email, ()))
            for number in numbers if len(numbers) < SHARED_BY_MANY else ():
                found[number].add("e-mail")
        for phone in contacts.phones:
            numbers = {
                number
                for number in self.by_phone.get(phone[-7:], ())
                if any(phone.endswith(it) or it.endswith(phone) for it in self.customers[number].contacts.phones)
            }
            for number in numbers if len(numbers) < SHARED_BY_MANY else ():
                found[number].add("telephone")
        return {number: frozenset(ways) for number, ways in found.items()}

    def _named_like(self, person: Person) -> set[int]:
        """Return the numbers of customers with a word like the surname and a word like the given name, at any place of
        their names."""
        words = [word for word in person.family.words if word not in particles()] or person.family.words
        surname = set().union(*map(self._like, {*words, person.family.joined, *person.family.other.split()}))
        if person.given.is_initial:
            return surname
        names = {person.given.joined, *person.given.words, *person.middle.words, *person.given.other.split()}
        for word in person.given.words[:1]:
            formal = formal_names(word)
            names |= formal | {near for name in formal for near in self.by_sound.get(sound(name), ())}
            # An initial; a name that begins or ends alike, one of them perhaps cut short (Alex, Robbie, Beth).
            names |= {word[0], *self.by_end.get(word[-4:], ())}
            starts = self.by_start.get(word[:3], ())
            names.update(near for near in starts if near.startswith(word) or word.startswith(near) or near[-1] in "iey")
        given = set().union(*(self.by_word.get(name, ()) for name in names), *map(self._like, person.given.words[:1]))
        return surname & given.union(self.by_joined.get(person.given.joined, ()))

    def _company_named_like(self, company: Company) -> set[int]:
        """Return the numbers of customers that have every word of a company's name (of three and more, all but one), or
        all its words as one word."""
        joined = "".join(company.words)
        known = [self._like(word) | self._cut_short(word) for word in company.words]
        fewest = len(known) - 1 if len(known) > 2 else len(known)
        return self._like(joined).union(*(set.intersection(*some) for some in combinations(known, fewest) if some))

    def _like(self, word: str) -> set[int]:
        """Return the numbers of customers that have a word, a word one typing error away from it, or several words that
        it joins."""
        if word not in self._misspelt:
            near = {near for variant in variants(word) for near in self.by_variant.get(variant, ())}
            found = {*self.by_word.get(word, ()), *self.by_joined.get(word, ())}
            self._misspelt[word] = found.union(*(self.by_word[other] for other in near if is_misspelt(word, other)))
        return self._misspelt[word]

    def _cut_short(self, word: str) -> set[int]:
        near = self.by_start.get(word[:3], ())
        return set().union(
            *(self.by_word[other] for other in near if is_abbreviation(other, word) or is_abbreviation(word, other))
        )


def _judge_person(
    one: Person, other: Person, payer: _Payer, customer: _Customer, ways: frozenset[str]
) -> _Verdict | None:
    """Return the verdict on a payer and one reading of a customer's name; None when the customer is somebody else."""
    likeness = _compare_names(one, other, ways)
    if likeness is None:
        return None
    given, family = likeness
    verdict = _Verdict(0, [], [])
    for (points, reason), mine, theirs in (
        (_GIVEN[given], one.given, other.given), (_FAMILY[family], one.family, other.family)
    ):  # fmt: skip
        verdict.add(points, reason and f"{reason}: {theirs.text} for {mine.text}")
    if "another" in family or "missing" in given:
        verdict.add(12, difference=f"another surname: {other.family.text}" if "another" in family else "no first name")
    if not verdict.reasons:
        verdict.add(0, {"another": "same first name"}.get(family, SAME_NAME if given == "same" else "same surname"))
    _compare_middle(verdict, given, one, other)
    _compare_contacts(verdict, payer.contacts, customer.contacts, ways)
    _compare_generation(verdict, one, other, payer.contacts, customer.contacts, ways)
    if other.is_one_of_two:
        verdict.add(-4, difference=f"one of two: {customer.display_name}")
    if customer.is_company:
        verdict.add(-36, difference=f"contact of a company: {customer.display_name}")
    _compare_standing(verdict, customer)
    return verdict


def _judge_swapped(
    one: Person, other: Person, payer: _Payer, customer: _Customer, ways: frozenset[str]
) -> _Verdict | None:
    """Return the verdict on a payer and a customer whose first and last name are swapped; None when they are not."""
    swapped = replace(other, given=other.family, family=other.given)
    if any(name.is_initial or not name.key for name in (one.given, one.family, other.given, other.family)):
        return None
    if "" in (compare(one.given, swapped.given), compare(one.family, swapped.family)):
        return None
    verdict = _judge_person(one, swapped, payer, customer, ways)
    if verdict is not None:
        verdict.add(-6, "first and last name swapped")
    return verdict


def _compare_names(one: Person, other: Person, ways: frozenset[str]) -> tuple[str, str] | None:
    """Return the relation between the given names and that between the surnames; None when the names are two
    people's."""
    given, family = _compare_given(one, other), _compare_family(one, other)
    if not (given and family):
        return None
    is_strong = given in ("same", "accents", "spacing", "sound", "nickname")
    # Another surname after a marriage, or no first name at all: only a shared contact can then identify somebody.
    if family == "another" and not (ways and is_strong):
        return None
    if given == "missing" and not (ways and family != "another"):
        return None
    return None if family == "middle" and not is_strong else (given, family)


def _compare_given(one: Person, other: Person) -> str:
    """Return the relation between two given names (a key of ``_GIVEN``); "" when they are two people's."""
    if not one.given.key or not other.given.key:
        return "missing"
    has_initial = one.given.is_initial or other.given.is_initial
    if has_initial and one.given.key[0] == other.given.key[0]:
        return "initial"
    likeness = "" if has_initial else compare(one.given, other.given)
    if not likeness or likeness == "spelling":
        likeness = "" if has_initial else _compare_first_words(one.given, other.given)
    if not likeness and (_has_middle(one, other.given) or _has_middle(other, one.given)):
        return "middle"
    return likeness


def _compare_first_words(one: Part, other: Part) -> str:
    first, second = one.words[0], other.words[0]
    if first == second:
        return "part"
    return compare_given(first, second) or compare_given(one.other.split()[0], other.other.split()[0])


def _has_middle(person: Person, name: Part) -> bool:
    return not person.middle.is_initial and compare(person.middle, name) in ("same", "accents", "spacing")


def _compare_family(one: Person, other: Person) -> str:
    """Return the relation between two surnames (a key of ``_FAMILY``).

    Returns:
        A likeness of ``compare``, or common (a double surname and the other one share a word), middle (one person's
        surname is the other's middle name, as after a marriage), another, or "" where one has no surname.
    """
    if found := compare(one.family, other.family):
        return found
    if not one.family.key or not other.family.key:
        return ""
    mine, theirs = ({word for word in name.family.words if len(word) > 2} - particles() for name in (one, other))
    if mine & theirs:
        return "common"
    between = mine.intersection(other.middle.words) or theirs.intersection(one.middle.words)
    return "middle" if between else "another"


def _compare_middle(verdict: _Verdict, given: str, one: Person, other: Person) -> None:
    if given in ("middle", "part") or not one.middle.key or not other.middle.key:
        return
    if one.middle.key[0] != other.middle.key[0]:
        verdict.add(-10, difference=f"another middle name: {other.middle.text}")
    elif one.middle.is_initial or other.middle.is_initial or compare(one.middle, other.middle):
        is_full = not (one.middle.is_initial or other.middle.is_initial)
        verdict.add(6 if is_full else 2, "same middle name" if is_full else "same middle initial")


def _compare_contacts(verdict: _Verdict, one: _Contacts, other: _Contacts, ways: frozenset[str]) -> None:
    """Add to a verdict the contacts that are shared and those that differ. People change their addresses, so a
    difference weighs less."""
    known = {
        "e-mail": bool(one.emails and other.emails),
        "telephone": bool(one.phones and other.phones),
    }
    for way, points in (("e-mail", 6), ("telephone", 4)):
        if way in ways:
            verdict.add(points, f"same {way}")
        elif known[way]:
            verdict.add(-2, difference=f"another {way}")
    is_near = fold(one.city) == fold(other.city) or one.postal_code[:5] == other.postal_code[:5]
    if one.street and is_near and fold(one.street) == fold(other.street):
        verdict.add(3, "same address")
    elif one.city and other.city and fold(one.city) != fold(other.city):
        verdict.add(0, difference=f"another city: {other.city}")
    if all(known.values()) and not ways:
        verdict.add(-1)


def _compare_generation(
    verdict: _Verdict, one: Person, other: Person, mine: _Contacts, theirs: _Contacts, ways: frozenset[str]
) -> None:
    """Add to a verdict the points for father and son: many are lost where two suffixes differ, and where only one side
    has a suffix and a contact differs."""
    if one.generation == other.generation:
        if one.generation:
            verdict.add(1, f"suffix: {other.suffix}")
        return
    if one.generation and other.generation:
        verdict.add(-60, difference=f"suffix {other.suffix}, not {one.suffix}")
        return
    is_another = (mine.emails and theirs.emails and "e-mail" not in ways) or (
        mine.phones and theirs.phones and not ways
    )
    verdict.add(-30 if is_another else -4, difference=f"suffix {one.suffix or other.suffix} on one side only")


def _compare_standing(verdict: _Verdict, customer: _Customer) -> None:
    if not customer.row.is_active:
        verdict.add(-2, difference="inactive")
    if customer.row.is_sub_customer:
        verdict.add(-3, difference="sub-customer")


def _judge_company(
    one: Company, other: Company, payer: _Payer, customer: _Customer, ways: frozenset[str]
) -> _Verdict | None:
    """Return the verdict on a corporation and one name of a customer; None when the customer is another company."""
    verdict = _compare_words(one, other, ways)
    if verdict is None:
        return None
    _compare_forms(verdict, one, other)
    _compare_contacts(verdict, payer.contacts, customer.contacts, ways)
    if not customer.row.company_name and customer.row.given_name:
        verdict.add(-4, difference="a person in QuickBooks")
    _compare_standing(verdict, customer)
    return verdict


def _compare_words(one: Company, other: Company, ways: frozenset[str]) -> _Verdict | None:
    """Return the verdict on the words of two companies' names; None where each has a word of its own, however many
    words they share. Initials of the other name are no such word if the companies share a contact."""
    mine, theirs, likenesses = align(one.words, other.words)
    if mine and theirs:
        are_initials = _initials_are(mine, other.words) or _initials_are(theirs, one.words)
        return _Verdict(68, [f"initials: {other.text} for {one.text}"], []) if ways and are_initials else None
    verdict = _Verdict(95, [], [])
    for likeness, said, word in likenesses:
        verdict.add(_WORDS[likeness], f"{likeness}: {said} for {word}" if said else likeness)
    alone = mine or theirs
    if alone:
        shared = [word for word in (*one.words, *other.words) if word not in alone]
        if not shared:
            return None
        verdict.add(-26 if ways else -38, f"name in common: {' '.join(dict.fromkeys(shared))}")
        verdict.add(0, difference=f"one name has more: {' '.join(alone)}")
    elif not verdict.reasons:
        verdict.add(0, SAME_NAME)
    return verdict


def _initials_are(short: Sequence[str], words: Sequence[str]) -> bool:
    return len(short) == 1 and len(words) > 2 and short[0] == "".join(word[0] for word in words)


def _compare_forms(verdict: _Verdict, one: Company, other: Company) -> None:
    """Add to a verdict the points for legal forms. Acme Inc and Acme Incorporated are one company; Acme Inc and Acme
    LLC may be two companies of one owner."""
    if one.form == other.form:
        return
    if one.kinds & other.kinds:
        verdict.add(-1, f"legal form: {other.form} for {one.form}")
    elif one.form and other.form:
        verdict.add(-24, difference=f"legal form {other.form}, not {one.form}")
    else:
        verdict.add(-3, difference=f"legal form {one.form or other.form} on one side only")
