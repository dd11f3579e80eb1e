"""Suggest which entry of QuickBooks a payer, fee item, method or term of billing may be.

Suggestions are for a person's eyes: none is ever applied by itself, however high its score.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from qb_pipeline.core.text import name_key

WORTH_SHOWING = 60
"""Scores go from 0 to 100; below this the best hit shares little more than letters with the name."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The likeliest entry of QuickBooks for one of billing. ``score`` is 100 for equal names."""

    source_id: str
    quickbooks_id: str
    score: int


def suggest(wanted: Mapping[str, str], choices: Mapping[str, str]) -> list[Suggestion]:
    """Give each name the likeliest choice; names without one that is worth showing are left out.

    Args:
        wanted: billing's ids and names.
        choices: QuickBooks' ids and names.

    Case, spaces and Unicode forms do not count. The outcome does not depend on the order of the arguments.
    """
    keys = {quickbooks_id: name_key(choices[quickbooks_id]) for quickbooks_id in sorted(choices)}
    found = []
    for source_id in sorted(wanted):
        hit = process.extractOne(name_key(wanted[source_id]), keys, scorer=fuzz.WRatio, score_cutoff=WORTH_SHOWING)
        if hit is not None:
            _, score, quickbooks_id = hit
            found.append(Suggestion(source_id, quickbooks_id, round(score)))
    return found
