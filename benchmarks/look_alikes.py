"""The quality of the search for look-alikes: finding customers with a differing name, sparing new clients.

    python -m benchmarks.look_alikes [--seeds 101 102 103 104] [--missed]

A seed makes a law firm's clients (``benchmarks.people``) twice: as billing knows them, and as a bookkeeper typed them
into QuickBooks. Each class of payers spoils a name in one way. Decoys are new clients beside an existing customer who
is like them. Then the benchmark does the same as a sync: exact matching first; then each unmatched payer is compared
with the customers that no payer has.

*stopped*: the share of payers that are held, with the right customer among the candidates or by exact matching, among
those who are in QuickBooks and would get a second customer. *new held*: the share of new clients, decoys too, that are
held (or matched to somebody). *precision*: the share of first suggestions that are right. *recall*: the share of payers
whose first suggestion is right, among those who are in QuickBooks and have no exact match. The scorer was tuned on
seeds 1 to 8; figures count on others only.
"""

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from benchmarks import people
from qb_pipeline.core import schemas
from qb_pipeline.core.mapping.look_alikes import WORTH_SHOWING, LookAlike, find_look_alikes
from qb_pipeline.core.mapping.matching import match_payers

FRESH_SEEDS = (101, 102, 103, 104)
NEW = ("sibling", "spouse, one e-mail", "father and son", "like-named company", "new client")
COUNTS = {
    "exact": 24, "typographic": 12, "nickname": 18, "initial": 10, "middle name": 10, "suffix": 10, "title": 8,
    "last, first": 12, "swapped": 10, "double surname": 14, "accents": 14, "spacing": 10, "typing error": 22,
    "two at once": 12, "maiden name": 12,
    "couple": 6, "legal form": 18, "company words": 12, "duplicate": 10, "inactive or sub": 8,
    "sibling": 14, "spouse, one e-mail": 14, "father and son": 12, "like-named company": 14, "new client": 44,
}  # fmt: skip
LEAST_CUSTOMERS = 400
GOALS = {"stopped": 0.97, "new held": 0.05, "precision": 0.95, "recall": 0.95}

Row = dict[str, Any]


@dataclass(slots=True)
class Firm:
    """The payers and customers that a seed makes.

    ``right``: the ids of the customers that are the same person or company, keyed by payer id; empty for a new client.
    ``kinds``: the class, keyed by payer id.
    """

    payers: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)
    right: dict[str, set[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the payers and the customers as data frames."""
        return _frame(schemas.Payers, self.payers), _frame(schemas.Customers, self.customers)


def _frame(model: Any, rows: Iterable[Row]) -> pd.DataFrame:
    columns = list(model.to_schema().columns)
    return schemas.frame(model, [[row.get(column, "") for column in columns] for row in rows])


class Generator:
    """The generator of one firm; ``scale`` multiplies the counts of payers."""

    def __init__(self, seed: int, *, scale: float = 1.0, customers: int = LEAST_CUSTOMERS) -> None:
        self.random = random.Random(seed)
        self.firm = Firm()
        self.names: set[str] = set()
        for kind, count in COUNTS.items():
            for _ in range(round(count * scale)):
                self._write(kind)
        while len(self.firm.customers) < customers:
            self._customer(self._typed(self._somebody()))
        self.random.shuffle(self.firm.customers)
        self.random.shuffle(self.firm.payers)

    # The facts about a client

    def _pick(self, choices: Any) -> Any:
        return self.random.choice(choices)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _surname(self) -> str:
        # A few surnames are very common, as in reality.
        at = min(int(self.random.expovariate(1 / 110)), len(people.SURNAMES) - 1)
        return people.SURNAMES[at]

    def _person(self, *, last: str = "", first: str = "", among: list[str] | None = None) -> Row:
        while True:
            given = first or self._pick(among or self._pick([people.WOMEN, people.MEN]))
            family = last or self._surname()
            if f"{given} {family}" not in self.names:
                break
            last, first = (last, "") if not first else ("", first)
        self.names.add(f"{given} {family}")
        middle = self._pick(people.WOMEN if given in people.WOMEN else people.MEN) if self._chance(0.5) else ""
        return {"kind": "individual", "first": given, "middle": middle, "last": family, **self._reach(given, family)}

    def _reach(self, given: str, family: str) -> Row:
        left, right = (_ascii(word).lower() for word in (given, family))
        number = self._pick(["", "", str(self.random.randrange(10, 99)), str(self.random.randrange(1950, 2005))])
        address = self._pick([f"{left}.{right}{number}", f"{left[0]}{right}{number}", f"{right}{left[0]}{number}"])
        city, postal_code = self._pick(people.CITIES)
        street = f"{self.random.randrange(1, 9999)} {self._pick(people.STREETS)} {self._pick(['St', 'Ave', 'Rd'])}"
        return {
            "email": f"{address}@{self._pick(people.MAIL_HOSTS)}", "phone": self._number(), "mobile": self._number(),
            "street": street, "city": city, "postal_code": postal_code,
        }  # fmt: skip

    def _number(self) -> str:
        return f"{self._pick([415, 510, 650, 925, 916])}{self.random.randrange(2_000_000, 9_999_999)}"

    def _organisation(self, *, first: str = "") -> Row:
        while True:
            second = self._pick([self._surname(), *[self._pick(people.COMPANY_FIRST)] * 4])
            words = [
                first or second,
                self._pick(people.COMPANY_TRADE),
                self._pick([*people.COMPANY_SECOND, "", "", "", ""]),
            ]
            if self._chance(0.2):
                words[0] = f"{words[0]} {self._pick(['Bay', 'Coast', 'Creek', 'Point', 'Hill', 'City'])}"
            name = " ".join(filter(None, words))
            if name not in self.names:
                break
        self.names.add(name)
        boss = self._pick(people.WOMEN + people.MEN), self._surname()
        reach = self._reach("info", words[0].replace(" ", ""))
        box = self._pick(["info", "office", "billing", _ascii(boss[0]).lower()])
        reach["email"] = f"{box}@{_ascii(name).lower().replace(' ', '')}.com"
        return {"kind": "corporation", "name": name, "form": self._pick(people.LEGAL_FORMS), "boss": boss, **reach}

    def _somebody(self) -> Row:
        return self._organisation() if self._chance(0.25) else self._person()

    # The records of billing and of a bookkeeper

    def _payer(self, who: Row, kind: str, right: Iterable[str]) -> None:
        payer_id = f"P{len(self.firm.payers) + 1}"
        row: Row = {"payer_id": payer_id, "kind": who["kind"], **self._address(who, 0.8)}
        if who["kind"] == "individual":
            row |= {"first_name": who["first"], "last_name": who["last"], "suffix": who.get("suffix", "")}
            row["middle_name"] = self._pick([who["middle"], who["middle"][:1], ""])
            row |= {
                "email": who["email"] if self._chance(0.85) else "",
                "mobile": who["mobile"] if self._chance(0.6) else "",
            }
            row["phone"] = self._format(who["phone"]) if self._chance(0.7) else ""
        else:
            row["corporation_name"] = _with_form(who["name"], who["form"][0])
            row["billing_first_name"], row["billing_last_name"] = who["boss"]
            row["billing_email"] = who["email"] if self._chance(0.85) else ""
            row["billing_phone"] = self._format(who["phone"]) if self._chance(0.7) else ""
        self.firm.payers.append(row)
        self.firm.right[payer_id] = set(right)
        self.firm.kinds[payer_id] = kind

    def _typed(self, who: Row, **changes: Any) -> Row:
        """Return a customer as a bookkeeper enters it: with parts of a name, a display name alone, or last name
        first."""
        row: Row = {"is_active": True, "is_sub_customer": False, "balance": None, **self._address(who, 0.6)}
        now = who if changes.pop("keeps_contact", False) or self._chance(0.85) else self._reach("new", self._surname())
        row["email"] = now["email"] if self._chance(0.7) else ""
        if row["email"] and self._chance(0.1):
            row["email"] = self._pick([row["email"].upper(), f"{row['email']}, {now['phone']}@txt.att.net"])
        row["phone"] = self._format(now["phone"]) if self._chance(0.6) else ""
        row["mobile"] = self._format(now["mobile"]) if self._chance(0.2) else ""
        if who["kind"] == "individual":
            first, last = changes.get("first", who["first"]), changes.get("last", who["last"])
            suffix = changes.get("suffix", who.get("suffix", ""))
            middle = changes.get("middle", self._pick([who["middle"], who["middle"][:1], "", "", ""]))
            shown = " ".join(filter(None, [first, middle, last, suffix]))
            row["display_name"] = shown
            if self._chance(0.65):
                row |= {"given_name": first, "middle_name": middle, "family_name": last, "suffix": suffix}
            elif self._chance(0.4):
                row["display_name"] = (
                    f"{last}, {first}" + (f" {middle}" if middle else "") + (f", {suffix}" if suffix else "")
                )
        else:
            row["display_name"] = changes.get("name", _with_form(who["name"], self._pick(who["form"])))
            if self._chance(0.6):
                row["company_name"] = row["display_name"]
            if self._chance(0.4):
                row["given_name"], row["family_name"] = who["boss"]
        return row | {key: value for key, value in changes.items() if key in row or key in ("title", "display_name")}

    def _address(self, who: Row, probability: float) -> Row:
        if not self._chance(probability):
            return {"city": who["city"]} if self._chance(0.3) else {}
        return {"address_line1": who["street"], "city": who["city"], "postal_code": who["postal_code"]}

    def _format(self, number: str) -> str:
        area, office, line = number[:3], number[3:6], number[6:]
        return self._pick(
            [f"({area}) {office}-{line}", f"{area}-{office}-{line}", f"{area}.{office}.{line}", number,
             f"+1 {area} {office} {line}", f"1-{area}-{office}-{line}", f"({area}) {office}-{line} x{line[:2]}"]
        )  # fmt: skip

    def _customer(self, row: Row) -> str:
        customer_id = str(len(self.firm.customers) + 1)
        self.firm.customers.append({"customer_id": customer_id, **row})
        return customer_id

    # The classes, each with its way of spoiling a name

    def _write(self, kind: str) -> None:
        writers: dict[str, Callable[[], None]] = {
            "couple": self._couple, "duplicate": self._duplicate, "maiden name": self._maiden, "sibling": self._sibling,
            "spouse, one e-mail": self._spouse, "father and son": self._father_and_son,
            "like-named company": self._like_named, "new client": self._new,
        }  # fmt: skip
        if kind in writers:
            writers[kind]()
            return
        who, changes = self._spoil(kind)
        self._payer(who, kind, [self._customer(self._typed(who, **changes))])

    def _spoil(self, kind: str) -> tuple[Row, Row]:
        spoilers: dict[str, Callable[[], tuple[Row, Row]]] = {
            "exact": self._exact, "typographic": self._typographic, "nickname": self._nickname,
            "initial": self._initial, "middle name": self._middle, "suffix": self._suffix, "title": self._title,
            "last, first": self._last_first, "swapped": self._swapped, "double surname": self._double,
            "accents": self._accents, "spacing": self._spacing, "typing error": self._typing_error,
            "two at once": self._two_at_once, "legal form": self._legal_form, "company words": self._company_words,
            "inactive or sub": self._standing,
        }  # fmt: skip
        return spoilers[kind]()

    def _exact(self) -> tuple[Row, Row]:
        who = self._somebody()
        if who["kind"] == "corporation":
            return who, {"name": _with_form(who["name"], who["form"][0])}
        return who, {"middle": "", "display_name": f"{who['first']} {who['last']}"}

    def _typographic(self) -> tuple[Row, Row]:
        last = self._pick(people.MARKED_SURNAMES + people.HYPHENATED_SURNAMES)
        who = self._person(last=last)
        typed = last.replace("'", self._pick("’‘`´ʼ")).replace("-", self._pick("–‐‑—"))
        return who, {"last": typed, "middle": "", "display_name": f"{who['first']} {typed}"}

    def _nickname(self) -> tuple[Row, Row]:
        formal = self._pick([*people.CALLED])
        who = self._person(first=formal)
        called = self._pick(people.CALLED[formal])
        if self._chance(0.3):  # billing has the nickname
            return who | {"first": called}, {"first": formal}
        if self._chance(0.15):
            return who, {"display_name": f"{formal} ({called}) {who['last']}", "first": called}
        return who, {"first": called}

    def _initial(self) -> tuple[Row, Row]:
        who = self._person()
        initial = who["first"][0] + self._pick([".", ""])
        return (who, {"first": initial, "middle": self._pick(["", who["middle"][:1]])})

    def _middle(self) -> tuple[Row, Row]:
        who = self._person()
        who["middle"] = who["middle"] or self._pick(people.WOMEN if who["first"] in people.WOMEN else people.MEN)
        if self._chance(0.5):  # uses the middle name
            self.names.add(f"{who['middle']} {who['last']}")
            return who, {"first": f"{who['first'][0]}.", "middle": who["middle"]}
        return who, {"first": f"{who['first']} {who['middle']}", "middle": ""}

    def _suffix(self) -> tuple[Row, Row]:
        who = self._person(among=people.MEN)
        who["suffix"], typed = self._pick(
            [("Jr.", "Jr"), ("Jr", "Junior"), ("III", "3rd"), ("Sr.", "Senior"), ("II", "2nd")]
        )
        first = self._pick([who["first"], *people.CALLED.get(who["first"], [])])
        return who, {"suffix": self._pick([typed, typed, ""]), "first": first}

    def _title(self) -> tuple[Row, Row]:
        who = self._person()
        title = self._pick(["Dr.", "Hon.", "Prof.", "Rev.", "Mr." if who["first"] in people.MEN else "Ms."])
        shown = f"{title} {who['first']} {who['last']}{self._pick(['', ', Esq.', ', MD', ', PhD'])}"
        return who, {"display_name": shown, "given_name": "", "family_name": "", "middle_name": "", "middle": ""}

    def _last_first(self) -> tuple[Row, Row]:
        who = self._person()
        shown = (
            f"{who['last']}{self._pick([', ', ',', ' , '])}{who['first']}{self._pick(['', ' ' + who['middle'][:1]])}"
        )
        return who, {"display_name": shown.strip(), "given_name": "", "family_name": "", "middle_name": ""}

    def _swapped(self) -> tuple[Row, Row]:
        who = self._person()
        return who, {"first": who["last"], "last": who["first"], "middle": ""}

    def _double(self) -> tuple[Row, Row]:
        one, other = self._surname(), self._surname()
        both = f"{one}{self._pick([' ', '-'])}{other}"
        who = self._person(last=one)
        if self._chance(0.5):
            return who | {"last": both}, {"last": self._pick([one, one, other])}
        return who, {"last": both}

    def _accents(self) -> tuple[Row, Row]:
        last = self._pick([*people.ACCENTED_SURNAMES])
        who = self._person(last=last)
        typed = self._pick(people.ACCENTED_SURNAMES[last])
        first = _ascii(who["first"])
        if self._chance(0.3):
            return who | {"last": typed, "first": first}, {"last": last, "first": who["first"]}
        return who, {"last": typed, "first": first}

    def _spacing(self) -> tuple[Row, Row]:
        last = self._pick([*people.PARTED_SURNAMES])
        who = self._person(last=last)
        typed = self._pick(people.PARTED_SURNAMES[last])
        return (who | {"last": typed}, {"last": last}) if self._chance(0.4) else (who, {"last": typed})

    def _typing_error(self) -> tuple[Row, Row]:
        who = self._person()
        part = self._pick(["first", "last", "last"])
        changes = {part: self._mistype(who[part])}
        if self._chance(0.08):  # errors in both names
            other = "last" if part == "first" else "first"
            changes[other] = self._mistype(who[other])
        return who, changes

    def _two_at_once(self) -> tuple[Row, Row]:
        who, changes = self._spoil(self._pick(["nickname", "middle name", "suffix"]))
        last = self._pick([self._mistype(who["last"]), f"{who['last']}-{self._surname()}", who["last"]])
        changes |= {"last": last, "middle": changes.get("middle", "")}
        if last == who["last"] or self._chance(0.4):
            first = changes.get("first", who["first"])
            changes |= {"display_name": f"{last}, {first}", "given_name": "", "family_name": "", "middle_name": ""}
        else:
            changes.pop("display_name", None)
        return who, changes

    def _mistype(self, name: str) -> str:
        if len(name) < 4:
            return f"{name}{name[-1]}"
        at = self.random.randrange(1, len(name) - 1)
        letter = name[at]
        near = self._pick(people.KEYBOARD.get(letter, letter + "e"))
        return self._pick(
            [
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + near + name[at + 1 :],
                name[:at] + name[at + 1] + letter + name[at + 2 :],
            ]
        )

    def _legal_form(self) -> tuple[Row, Row]:
        who = self._organisation()
        typed = self._pick([*who["form"][1:], ""])
        name = _with_form(who["name"], typed)
        return who, {"name": self._pick([name, name, name.upper(), f"The {name}"])}

    def _company_words(self) -> tuple[Row, Row]:
        who = self._organisation()
        words = who["name"].split()
        short = [people.SHORT_WORDS.get(word, word) for word in words]
        if short == words:
            at = self.random.randrange(len(words))
            short[at] = self._mistype(words[at])
        name = self._pick([" ".join(short), " ".join(short), "".join(words[:2]) + " " + " ".join(words[2:])]).strip()
        return who, {"name": _with_form(name, self._pick([*who["form"], ""]))}

    def _standing(self) -> tuple[Row, Row]:
        who, changes = self._spoil(self._pick(["nickname", "accents", "last, first", "legal form"]))
        name = {"display_name": f"{changes['display_name']} (deleted)"} if "display_name" in changes else {}
        return who, changes | (name | {"is_active": False} if self._chance(0.5) else {"is_sub_customer": True})

    def _couple(self) -> None:
        who = self._person(among=people.WOMEN)
        husband = self._pick(people.MEN)
        shown = self._pick(
            [f"{husband} & {who['first']} {who['last']}", f"{who['last']}, {husband} and {who['first']}"]
        )
        row = self._typed(who, display_name=shown, given_name="", family_name="", middle_name="", suffix="")
        self._payer(who, "couple", [self._customer(row)])

    def _duplicate(self) -> None:
        who = self._somebody()
        ways = [self._customer(self._typed(who)), self._customer(self._typed(who))]
        self._payer(who, "duplicate", ways)

    def _maiden(self) -> None:
        who = self._person(among=people.WOMEN)
        row = self._typed(who, last=self._surname(), keeps_contact=True)
        # Without an e-mail address or a number that she kept, nobody could recognise her.
        row["email" if self._chance(0.6) else "phone"] = who["email"] if not row["email"] else row["email"]
        if "@" in row["phone"]:
            row["phone"] = self._format(who["phone"])
        self._payer(who, "maiden name", [self._customer(row)])
        payer = self.firm.payers[-1]
        payer |= {"email": who["email"], "phone": self._format(who["phone"])}

    def _sibling(self) -> None:
        one = self._person()
        other = self._person(last=one["last"])
        if self._chance(0.3):  # names that differ by a letter or two
            first, second = self._pick(people.NAMED_ALIKE)
            one, other = self._person(first=first), self._person(first=second)
            other["last"] = one["last"]
        other |= {
            "phone": one["phone"],
            "street": one["street"],
            "city": one["city"],
            "postal_code": one["postal_code"],
        }
        if self._chance(0.4):
            other["email"] = one["email"]
        self._customer(self._typed(one, keeps_contact=True))
        self._payer(other, "sibling", [])

    def _spouse(self) -> None:
        husband = self._person(among=people.MEN)
        wife = self._person(last=husband["last"], among=people.WOMEN)
        wife |= {key: husband[key] for key in ("email", "phone", "street", "city", "postal_code")}
        known, new = (husband, wife) if self._chance(0.5) else (wife, husband)
        self._customer(self._typed(known, keeps_contact=True, email=known["email"]))
        self._payer(new, "spouse, one e-mail", [])

    def _father_and_son(self) -> None:
        father = self._person(among=people.MEN)
        son = father | self._reach(father["first"], father["last"])
        son["middle"] = father["middle"]
        shared = ("phone", "street", "city", "postal_code") if self._chance(0.6) else ()
        son |= {key: father[key] for key in shared}
        senior, junior = self._pick([("Sr.", "Jr."), ("Sr", "Jr"), ("Jr.", "III"), ("II", "III")])
        father["suffix"], son["suffix"] = senior, junior
        known, new = (father, son) if self._chance(0.5) else (son, father)
        first = self._pick([known["first"], *people.CALLED.get(known["first"], [])])
        self._customer(self._typed(known, keeps_contact=True, first=first, middle=""))
        self._payer(new, "father and son", [])

    def _like_named(self) -> None:
        one = self._organisation()
        other = self._organisation(first=one["name"].split()[0])
        if self._chance(0.3):  # one owner, one office
            other |= {key: one[key] for key in ("boss", "email", "phone", "street", "city", "postal_code")}
        if self._chance(0.25):  # one property, one company
            first, second = self._pick([("II", "III"), ("1", "2"), ("2021", "2022"), ("North", "South")])
            other["name"], one["name"] = f"{one['name']} {first}", f"{one['name']} {second}"
            other["form"] = one["form"]
        self._customer(self._typed(one, keeps_contact=True))
        self._payer(other, "like-named company", [])

    def _new(self) -> None:
        self._payer(self._somebody(), "new client", [])


def _with_form(name: str, form: str) -> str:
    return f"{name}{form}" if form.startswith(",") else f"{name} {form}".strip()


def _ascii(name: str) -> str:
    plain = dict(zip("éèëíóöüäñáúûôçøåÅØÖÜ", "eeeiooeanauuocoaAOOU", strict=False))
    return "".join(plain.get(letter, letter) for letter in name)


@dataclass(slots=True)
class Result:
    """The outcomes of the payers of one firm, or of several.

    ``table``: the number of payers, keyed by class and by outcome: matched, wrong, held or missed; for new clients
    matched, held or alone. ``missed``: each payer that went wrong, with its class, the customers and the suggestions.
    ``shown``: the number of payers with any first suggestion, with a right one, and of those who should have one.
    """

    table: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    missed: list[tuple[str, Row, list[Row], list[LookAlike]]] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Result") -> "Result":
        for kind, counts in other.table.items():
            self.table[kind] += counts
        self.missed += other.missed
        self.shown += other.shown
        return self

    def count(self, what: str, *, new: bool) -> int:
        """Return the number of payers with this outcome: of the new clients, or of the others."""
        return sum(counts[what] for kind, counts in self.table.items() if (kind in NEW) is new)

    def ratios(self) -> dict[str, float]:
        """Return the figures that have goals, keyed by name."""
        held, lost = (self.count(what, new=False) for what in ("held", "missed"))
        new = sum(self.count(what, new=True) for what in ("matched", "held", "alone"))
        return {
            "stopped": held / (held + lost),
            "new held": (self.count("held", new=True) + self.count("matched", new=True)) / new,
            "precision": self.shown["right"] / self.shown["any"],
            "recall": self.shown["right"] / self.shown["wanted"],
        }


def judge(firm: Firm) -> Result:
    """Match these payers as a sync does, and compare the outcomes with the truth."""
    payers, customers = firm.frames()
    ids = [row["payer_id"] for row in firm.payers]
    matches = {row.payer_id: row for row in schemas.rows(match_payers(payers, ids, customers, {}, create=True))}
    owned = {match.customer_id for match in matches.values() if match.customer_id}
    open_ids = {payer_id for payer_id in ids if not matches[payer_id].customer_id}
    unmatched = payers[payers["payer_id"].isin(open_ids)]
    held = find_look_alikes(unmatched, customers, owned=owned)
    shown = find_look_alikes(unmatched, customers, owned=owned, least=WORTH_SHOWING)
    rows = {row["customer_id"]: row for row in firm.customers}
    result = Result()
    for payer in firm.payers:
        payer_id, kind, right = payer["payer_id"], firm.kinds[payer["payer_id"]], firm.right[payer["payer_id"]]
        candidates = held.get(payer_id, [])
        if matches[payer_id].customer_id:
            outcome = "matched" if not right or matches[payer_id].customer_id in right else "wrong"
        elif right:
            there = {hit.customer_id for hit in candidates} & right
            outcome = "held" if there or matches[payer_id].problem else "missed"
        else:
            outcome = "held" if candidates or matches[payer_id].problem else "alone"
        result.table[kind][outcome] += 1
        if payer_id in open_ids:
            first = [hit.customer_id for hit in shown.get(payer_id, [])[:1]]
            result.shown["wanted"] += bool(right)
            result.shown["any"] += bool(first)
            result.shown["right"] += bool(first and first[0] in right)
            if outcome == "missed" or (first and first[0] not in right):
                seen = [rows[customer_id] for customer_id in sorted(right | {*first})]
                result.missed.append((f"{kind}: {outcome}", payer, seen, shown.get(payer_id, [])))
    return result


def time_it(payers: int = 1_000, customers: int = 20_000) -> tuple[float, float, float, Result]:
    """Measure the search for 1,000 payers among 20,000 customers.

    Returns:
        The seconds by the clock, the seconds of the processor, the seconds by the clock of rapidfuzz alone with the
        same names, and the outcomes.
    """
    firm = Generator(7, scale=payers / sum(COUNTS.values()), customers=customers).firm
    one, other = firm.frames()
    began, worked = time.perf_counter(), time.process_time()
    find_look_alikes(one, other)
    ours, worked = time.perf_counter() - began, time.process_time() - worked
    wanted = [row.corporation_name or f"{row.first_name} {row.last_name}" for row in schemas.rows(one)]
    choices = other["display_name"].str.casefold().tolist()
    began = time.perf_counter()
    process.cdist([name.casefold() for name in wanted], choices, scorer=fuzz.WRatio, dtype=np.uint8, workers=-1)
    return ours, worked, time.perf_counter() - began, judge(firm)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=FRESH_SEEDS)
    parser.add_argument("--missed", action="store_true", help="print each payer that went wrong")
    parser.add_argument("--no-time", action="store_true")
    arguments = parser.parse_args()
    total = Result()
    for seed in arguments.seeds:
        firm = Generator(seed).firm
        result = judge(firm)
        total += result
        said = ", ".join(f"{name} {ratio:.3f}" for name, ratio in result.ratios().items())
        print(f"seed {seed}: {len(firm.payers)} payers, {len(firm.customers)} customers: {said}")
    columns = ("matched", "wrong", "held", "missed", "alone")
    print(f"\n{'class, all seeds':<22}" + "".join(f"{column:>9}" for column in columns))
    for kind in COUNTS:
        print(f"{kind:<22}" + "".join(f"{total.table[kind][column] or '':>9}" for column in columns))
    print()
    for name, ratio in total.ratios().items():
        goal = GOALS[name]
        print(f"{name:<10} {ratio:.3f}  goal {'at most' if name == 'new held' else 'at least'} {goal}")
    if arguments.missed:
        for what, payer, rows, hits in total.missed:
            print(f"\n{what}\n   {_brief(payer)}")
            for row in rows:
                print(f"   {_brief(row)}")
            for hit in hits[:2]:
                print(f"      {hit}")
    if not arguments.no_time:
        ours, worked, alone, large = time_it()
        said = ", ".join(f"{name} {ratio:.3f}" for name, ratio in large.ratios().items())
        print(f"\n1,000 payers, 20,000 customers: {ours:.2f} s ({worked:.2f} s of one processor); goal less than 5")
        print(f"the same names through rapidfuzz alone (WRatio, all processors): {alone:.2f} s")
        print(f"among 20,000 customers, without a goal: {said}")


def _brief(row: Row) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.items() if value not in ("", None) and key != "kind")


if __name__ == "__main__":
    main()
