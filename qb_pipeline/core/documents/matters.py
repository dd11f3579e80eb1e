"""The place of an invoice's matter in QuickBooks, as the firm's setting ``matter_in`` names it.

Belongs here: the place, the class of a matter, writing it into an invoice. Does not belong here: reading classes and
custom fields, the fields that an update leaves out (``core.planning.plan``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from qb_pipeline.core.mapping.mapping_targets import Target
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.settings import CUSTOM_FIELD
from qb_pipeline.core.text import name_key, tidy

CUSTOM_FIELD_LENGTH = 31
"""Longest text of a custom field of sales forms, in characters. Recalled, no source was found: a longer text is cut."""

NO_CLASS = "Matter: no class of its name, sent without"
"""The notice of an invoice whose matter has no class."""

CLASSED = ("SalesItemLineDetail", "DiscountLineDetail")
"""The details of the lines that move income. Each has a class where a company gives a class to every line.

Source: Intuit, Invoice reference, ClassRef (read 2026-11-30).
"""


@dataclass(frozen=True, slots=True)
class MatterPlace:
    """The place of matters. ``label`` and ``definition_id`` name a custom field. ``classes`` are class Ids, keyed by
    matter. ``on_lines``: whether the company has a class on each line of an invoice, or once on the whole invoice."""

    kind: Literal["nowhere", "memo", "custom_field", "class"] = "nowhere"
    label: str = ""
    definition_id: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)
    on_lines: bool = False

    def note(self, matter: str, note: str) -> str:
        """Return the note of an invoice, with the matter in front where the firm wants that."""
        return ": ".join(part for part in (tidy(matter), note) if part) if self.kind == "memo" else note

    def write(self, body: JsonObject, matter: str, notices: list[str]) -> None:
        """Write a matter, as a cleaned text, into the custom field or the class of an invoice body. A notice tells that
        a matter has no class."""
        if self.kind == "custom_field":
            value = {"DefinitionId": self.definition_id, "Name": self.label, "Type": "StringType"}
            body["CustomField"] = [{**value, "StringValue": matter}]
        elif self.kind == "class" and matter not in self.classes:
            notices.append(NO_CLASS)
        elif self.kind == "class":
            details = [line[kind] for line in body["Line"] for kind in CLASSED if kind in line]
            for part in details if self.on_lines else [body]:
                part["ClassRef"] = {"value": self.classes[matter]}


NOWHERE = MatterPlace()


def choose_place(matter_in: str, custom_fields: Mapping[str, str], class_tracking: str) -> MatterPlace:
    """Return the place that a setting ``matter_in`` means in a company; ``NOWHERE`` where the company lacks it.

    Args:
        matter_in: the firm's setting.
        custom_fields: the labels that sales forms show, keyed by the Id of their definition.
        class_tracking: ``off``, ``transaction`` or ``line``, as the company tracks classes.
    """
    if matter_in == "memo":
        return MatterPlace("memo")
    if matter_in == "class" and class_tracking != "off":
        return MatterPlace("class", on_lines=class_tracking == "line")
    wanted = name_key(matter_in.removeprefix(CUSTOM_FIELD)) if matter_in.startswith(CUSTOM_FIELD) else ""
    fitting = [each for each, label in sorted(custom_fields.items()) if wanted and name_key(label) == wanted]
    return MatterPlace("custom_field", custom_fields[fitting[0]], fitting[0]) if fitting else NOWHERE


def match_classes(matters: Iterable[str], classes: Mapping[str, Target], links: Mapping[str, str]) -> dict[str, str]:
    """Return the class Id of each matter that has one, keyed by matter: the mapped class, else the one active class of
    that name.

    Args:
        matters: cleaned texts.
        classes: all classes of the company, keyed by Id, inactive ones too.
        links: the class Id, keyed by matter, as a person mapped it. A matter that is mapped to an inactive or missing
            class gets no class.
    """
    mapped = {name_key(matter): class_id for matter, class_id in links.items()}
    by_full_name: dict[str, set[str]] = {}
    by_name: dict[str, set[str]] = {}
    for class_id, target in classes.items():
        if target.fits:
            by_full_name.setdefault(name_key(target.full_name or target.name), set()).add(class_id)
            by_name.setdefault(name_key(target.name), set()).add(class_id)
    found = {}
    for matter in matters:
        key = name_key(matter)
        hits = {mapped[key]} if key in mapped else by_full_name.get(key) or by_name.get(key) or set()
        usable = [each for each in hits if each in classes and classes[each].fits]
        if len(hits) == len(usable) == 1:
            found[matter] = usable[0]
    return found
