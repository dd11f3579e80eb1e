"""Customers that a bookkeeper merged into others. They are followed to the survivor, but only on evidence.

A merge leaves only this trace in QuickBooks' answers: the customer's Id is gone, and its documents are under another
one. If documents of ours moved to one and the same customer, that customer is the survivor. Otherwise a person must
decide.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.log import Entry
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.outcomes import ENTITY, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import Learned

WITNESSES = 30
"""The number of our documents of a customer that are read for their present customer, newest first."""


@dataclass(frozen=True, slots=True)
class Merges:
    """The customers that are gone, and their survivors as far as these are proved, keyed by the former customer's
    Id."""

    gone: frozenset[str]
    survivors: Mapping[str, str]

    @property
    def learned(self) -> Learned:
        """The survivors, as facts for the rest of the run."""
        return Learned(followed=self.survivors)


def find_merged(
    session: FirmSession,
    customer_ids: Collection[str],
    known: Learned,
    *,
    seen_under: Mapping[str, str] | None = None,
) -> Merges:
    """Return those of these customers that are gone, and their survivors.

    ``seen_under``: the customer of a document that was just read and that the ledger does not know yet, keyed by the
    customer for which it was sent.
    """
    asked = {customer_id for customer_id in customer_ids if customer_id}
    gone = {each for each in asked - known.followed.keys() if read_current(session, Kind.CUSTOMER, each) is None}
    survivors: dict[str, str] = {}
    for customer_id in sorted(gone | (asked & known.followed.keys())):
        survivor = known.followed.get(customer_id) or _find_survivor(
            session, customer_id, (seen_under or {}).get(customer_id, "")
        )
        if survivor:
            survivors[customer_id] = survivor
    return Merges(frozenset(gone | survivors.keys()), survivors)


def follow(session: FirmSession, survivors: Mapping[str, str]) -> Learned:
    """Move mappings and documents of merged customers to their survivors. Return the survivors, and a notice for each
    merge that changed something."""
    notices = []
    for customer_id, survivor in sorted(survivors.items()):
        moved = session.mappings.follow(customer_id, survivor, actor=session.run.actor, now=session.clock())
        if moved:
            text = f"customer {customer_id} was merged into {survivor}: {moved} mappings and documents follow"
            notices.append(text)
            session.log.add(session.run, [Entry("notice", detail=text)], now=session.clock())
    return Learned(followed=survivors, notices=tuple(notices))


def _find_survivor(session: FirmSession, customer_id: str, seen_under: str) -> str:
    """Return the one customer under which all documents of this customer that we find are now.

    The result is "" if nothing proves a customer. A query may show a document as it was before. So the first document
    of each answer is read by itself, and so is each document under the customer that is gone.
    """
    now_under = {seen_under} - {""}
    for kind, ids in session.payers.of_customer(customer_id, limit=WITNESSES).items():
        for number, row in enumerate(session.quickbooks.find(ENTITY[kind], "Id", ids)):
            under = read_customer(row)
            if not number or under == customer_id:
                under = read_customer(read_current(session, kind, row["Id"]) or {})
            now_under |= {under} - {""}
    return now_under.pop() if len(now_under) == 1 and customer_id not in now_under else ""
