"""Suggestions of the QuickBooks entry for a fee item, method, terms or tax code of billing.

A person judges the suggestions: the pipeline never applies one by itself, however high its score. A suggestion never
connects two meanings that letters cannot distinguish: *credit* is no *Credit Card*, *echeck* no *Check*, *Net 30* no
*Net 3*, *NON* no *TAX*. So codes are suggested only when they are equal. Does not belong here: payers
(``core.mapping.look_alikes``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qb_pipeline.core.mapping.names import CONNECTIVES, align, fold
from qb_pipeline.core.text import name_key

SAME, SAME_MEANING, ALIKE, PART = 100, 95, 85, 75

_METHODS = {
    "check": {"cheque", "checks", "paper check", "personal check", "bank check"},
    "card": {
        "credit card", "credit cards", "debit card", "bank card", "visa", "mastercard", "master card", "amex",
        "american express", "discover",
    },
    "echeck": {"e check", "electronic check", "ach", "ach payment", "ach transfer"},
    "cash": set(),
    "wire": {"wire transfer", "bank wire", "bank transfer"},
    "credit": {"client credit", "customer credit", "credit balance", "account credit"},
    "other": set(),
}  # fmt: skip
"""The other names that firms use in QuickBooks for a payment method of billing, keyed by that method."""

_OF_TERMS = CONNECTIVES | {"net", "n", "day", "days", "due", "in", "within", "on", "upon", "payment", "payable"}
"""Words that make no difference between two terms of payment."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A likely entry of QuickBooks for an entry of billing. ``score`` goes to 100, for equal names; ``why`` is the
    reason in words."""

    source_id: str
    quickbooks_id: str
    score: int
    why: str


def suggest(kind: str, wanted: Mapping[str, str], choices: Mapping[str, str]) -> list[Suggestion]:
    """Return the likeliest choices for each name or code, all that are equally likely. Names without a choice are left
    out.

    The outcome does not depend on the order of the arguments.

    Args:
        kind: the kind of mapping, any but ``payer``.
        wanted: billing's names, keyed by billing's id.
        choices: QuickBooks' names, keyed by Id.
    """
    judge = _JUDGES[kind]
    found = []
    for source_id, name in sorted(wanted.items()):
        scores = {quickbooks_id: judge(name, choice) for quickbooks_id, choice in sorted(choices.items())}
        best, _ = max(scores.values(), default=(0, ""))
        found += [Suggestion(source_id, each, *said) for each, said in scores.items() if said[0] == best > 0]
    return found


def _judge_code(code: str, choice: str) -> tuple[int, str]:
    return (SAME, "same name") if name_key(code) == name_key(choice) else (0, "")


def _judge_method(method: str, choice: str) -> tuple[int, str]:
    said = fold(choice)
    if said == method:
        return SAME, "same name"
    return (SAME_MEANING, "another name of it") if said in _METHODS[method] else (0, "")


def _judge_name(name: str, choice: str) -> tuple[int, str]:
    """Return the score and the reason for the names of two things. The score is 0 where numbers in them differ, or
    where each name has a word of its own."""
    if name_key(name) == name_key(choice):
        return SAME, "same name"
    one, other = ([word for word in fold(text).split() if word not in CONNECTIVES] for text in (name, choice))
    if not (one and other) or _numbers(name) != _numbers(choice):
        return 0, ""
    mine, theirs, likenesses = align(one, other)
    if mine and theirs:
        return 0, ""
    if mine or theirs:
        alone = [*mine, *theirs]
        return (PART, f"one has more: {' '.join(alone)}") if len(alone) <= min(len(one), len(other)) else (0, "")
    why = "; ".join(f"{likeness}: {said} for {word}" if said else likeness for likeness, said, word in likenesses)
    return (ALIKE, why) if likenesses else (SAME_MEANING, "same words")


def _judge_terms(terms: str, choice: str) -> tuple[int, str]:
    """Return the score and the reason for two terms of payment, from numbers and from words that say more than *net*
    and *days*."""
    if name_key(terms) == name_key(choice):
        return SAME, "same name"
    one, other = ([word for word in fold(text).split() if word not in _OF_TERMS] for text in (terms, choice))
    return (SAME_MEANING, "same terms") if one == other != [] else (0, "")


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


_JUDGES: dict[str, Callable[[str, str], tuple[int, str]]] = {
    "fee_item": _judge_name, "payment_method": _judge_method, "deposit_account": _judge_code, "terms": _judge_terms,
    "tax_code": _judge_code,
}  # fmt: skip
