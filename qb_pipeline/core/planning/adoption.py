"""Adoption (matching): the QuickBooks document of an earlier integration for each document of billing.

Belongs here: the rule, which uses the fields that both sides have and never guesses. Does not belong here: reading
either side, linking (``sync.verify.adoption``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["match", "ambiguous", "near", "none"]

SHOWN = 3
"""The most near misses that are shown of one document."""

NAMES = ("number", "reference")
"""Fields that name a document. A document with an equal name is shown as a near miss, whatever else differs."""


@dataclass(frozen=True, slots=True)
class Side:
    """One document as one side has it: its id there, and the compared fields as text. Equal texts mean the same."""

    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one document of billing.

    ``match``: exactly one QuickBooks document equals it in every field, and equals no other document of billing.
    ``ambiguous``: several QuickBooks documents equal it, or it equals one together with other documents of billing.
    ``near``: the ``candidates`` differ in the fields that ``differs`` names, the nearest first. ``none``: there is no
    candidate.
    """

    id: str
    verdict: Verdict
    candidates: tuple[str, ...] = ()
    differs: tuple[tuple[str, ...], ...] = ()


def judge(ours: Sequence[Side], theirs: Sequence[Side]) -> list[Judgement]:
    """Return a judgement on each document of billing. The verdicts do not depend on the order of either side."""
    equal: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for side in theirs:
        equal.setdefault(_key(side), []).append(side.id)
    claims: dict[tuple[tuple[str, str], ...], int] = {}
    for side in ours:
        claims[_key(side)] = claims.get(_key(side), 0) + 1
    taken = {ids[0] for key, ids in equal.items() if len(ids) == 1 and claims.get(key) == 1}
    index = _index(side for side in theirs if side.id not in taken)
    judgements = []
    for side in ours:
        key = _key(side)
        found = sorted(equal.get(key, ()), key=_order)
        if found:
            is_match = len(found) == 1 and claims[key] == 1
            judgements.append(Judgement(side.id, "match" if is_match else "ambiguous", tuple(found)))
        else:
            judgements.append(_near(side, index))
    return judgements


def _near(side: Side, index: Mapping[tuple[str, ...], Sequence[Side]]) -> Judgement:
    near = {other.id: other for key in _partial_keys(side) for other in index.get(key, ())}
    differing = {
        key: tuple(name for name, value in side.fields.items() if value != other.fields[name])
        for key, other in near.items()
    }
    ranked = sorted(differing, key=lambda key: (len(differing[key]), _order(key)))[:SHOWN]
    if not ranked:
        return Judgement(side.id, "none")
    return Judgement(side.id, "near", tuple(ranked), tuple(differing[key] for key in ranked))


def _index(sides: Iterable[Side]) -> dict[tuple[str, ...], list[Side]]:
    index: dict[tuple[str, ...], list[Side]] = {}
    for side in sides:
        for key in _partial_keys(side):
            index.setdefault(key, []).append(side)
    return index


def _partial_keys(side: Side) -> Iterable[tuple[str, ...]]:
    """Yield the keys by which near misses are found: for each field all other fields, and each naming field alone."""
    for left_out in side.fields:
        yield (left_out, *(value for name, value in side.fields.items() if name != left_out))
    for name in NAMES:
        if side.fields.get(name):
            yield ("", name, side.fields[name])


def _key(side: Side) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(side.fields.items()))


def _order(quickbooks_id: str) -> tuple[int, str]:
    return len(quickbooks_id), quickbooks_id
