"""Customers that a bookkeeper merged into others: followed to the survivor, but only on evidence.

A merge leaves no trace in QuickBooks' answers but this: the customer's Id is gone, and its documents stand under
another one. Where documents of ours moved to one and the same customer, that is the survivor; else a person must say.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from qb_pipeline.ledger.log import Entry
from qb_pipeline.sync.living import read_living
from qb_pipeline.sync.outcomes import ENTITY, read_customer
from qb_pipeline.sync.workplace import Workplace

WITNESSES = 30
"""So many of our documents of a customer are asked where they stand now; newest first."""


@dataclass(frozen=True, slots=True)
class Merges:
    """Customers that are gone, and where they went as far as that is proved."""

    gone: frozenset[str]
    survivors: Mapping[str, str]


def follow_merged(
    place: Workplace, customer_ids: Collection[str], *, seen_under: Mapping[str, str] | None = None
) -> Merges:
    """Find out which of these customers are gone; mappings and documents of a merged one go to its survivor.

    ``seen_under``: where a document of a customer was just seen, that the ledger does not know of yet.
    """
    asked = {customer_id for customer_id in customer_ids if customer_id}
    gone = {each for each in asked - place.followed.keys() if read_living(place, "customer", each) is None}
    for customer_id in sorted(gone | (asked & place.followed.keys())):
        survivor = place.followed.get(customer_id) or _find_survivor(
            place, customer_id, (seen_under or {}).get(customer_id, "")
        )
        if survivor:
            place.followed[customer_id] = survivor
            moved = place.mappings.follow(customer_id, survivor, actor=place.run.actor, now=place.clock())
            if moved:
                text = f"customer {customer_id} was merged into {survivor}: {moved} mappings and documents follow"
                place.notices.append(text)
                place.log.add(place.run, [Entry("notice", detail=text)], now=place.clock())
    survivors = {each: place.followed[each] for each in asked & place.followed.keys()}
    return Merges(frozenset(gone | survivors.keys()), survivors)


def _find_survivor(place: Workplace, customer_id: str, seen_under: str) -> str:
    """The one customer under which all that we find of this one's documents stand now; "" when nothing proves one.

    A query may show a document as it was before: the first one of each answer is read by itself, and each that stands
    under the customer that is gone.
    """
    now_under = {seen_under} - {""}
    for kind, ids in place.documents.of_customer(customer_id, limit=WITNESSES).items():
        for number, row in enumerate(place.quickbooks.find(ENTITY[kind], "Id", ids)):
            under = read_customer(row)
            if not number or under == customer_id:
                under = read_customer(read_living(place, kind, row["Id"]) or {})
            now_under |= {under} - {""}
    return now_under.pop() if len(now_under) == 1 and customer_id not in now_under else ""
