"""The likely entries of QuickBooks for entries of billing without a mapping, with the facts that a person needs.

All of it is shown only to the person who asked: names, addresses and amounts of clients are never logged. Nothing is
applied. Does not belong here: the rules of likeness (``core.mapping.look_alikes``, ``core.mapping.suggestions``), the
file in which a person writes the right mappings (``csv_file``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from qb_pipeline.core.mapping.look_alikes import SAME_NAME, WORTH_SHOWING, LookAlike, find_look_alikes
from qb_pipeline.core.mapping.mapping_targets import ENTITIES, read_targets
from qb_pipeline.core.mapping.suggestions import suggest
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.words import DocumentName
from qb_pipeline.quickbooks.errors import RequestRejectedError
from qb_pipeline.quickbooks.query import MAX_IN_VALUES, PAGE_SIZE, conditions_in, select
from qb_pipeline.sync.mapping.csv_file import read_rows
from qb_pipeline.sync.session.firm_session import FirmSession

SHOWN = 3
"""The number of customers that are shown for a payer. More are shown if further ones are as likely as the last of
these."""

NOT_KNOWN = "not known"
"""The text in place of a last invoice if QuickBooks does not accept the query."""

CODES = frozenset({"payment_method", "deposit_account", "tax_code"})
"""The kinds of mapping of which billing's id is compared. Billing's name only explains the id."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A likely entry of QuickBooks for an entry of billing. For a customer it has also the facts that tell it apart.

    ``score`` goes from 0 to 100. ``open_balance`` is in the customer's currency, and None if QuickBooks does not give
    it. ``last_invoice`` is number and date, and empty for a customer without invoices. ``taken_by`` names the payers to
    which the customer belongs.
    """

    kind: str
    billing_id: str
    billing_name: str
    quickbooks_id: str
    quickbooks_name: str
    score: int
    why: str = ""
    differs: str = ""
    email: str = ""
    city: str = ""
    open_balance: Decimal | None = None
    last_invoice: str = ""
    taken_by: str = ""


def suggest_rows(session: FirmSession) -> list[Suggested]:
    """Return the likeliest entries of QuickBooks for everything that has no mapping yet, and all equally likely ones.

    Costs one read per list and 1,000 entries, and one more for the last invoices of the customers that are shown.
    """
    unmapped: dict[str, dict[str, str]] = {}
    for row in read_rows(session):
        if not row.quickbooks_id:
            unmapped.setdefault(row.kind, {})[row.billing_id] = row.billing_name
    found = suggest_customers(session, unmapped.pop("payer", {}))
    for kind, names in unmapped.items():
        entities = session.quickbooks.query_all(ENTITIES[kind], where="Active IN (true, false)")
        choices = {each.quickbooks_id: each.name for each in read_targets(kind, entities).values() if each.fits}
        wanted = {billing_id: billing_id for billing_id in names} if kind in CODES else names
        hits = sorted(suggest(kind, wanted, choices), key=lambda hit: (-hit.score, hit.source_id))
        found += [
            Suggested(kind, hit.source_id, names[hit.source_id], hit.quickbooks_id, choices[hit.quickbooks_id],
                      hit.score, hit.why)
            for hit in hits
        ]  # fmt: skip
    return found


def suggest_namesakes(session: FirmSession, names: Collection[DocumentName]) -> list[Suggested]:
    """Return the customers among which a person must choose, for the payers of those of these documents that are held
    for ``AMBIGUOUS_NAME``. Costs one read once the session has the customers, and none if no such document is held."""
    named = {(name.kind, name.source_id) for name in names}
    held = session.documents.held_for([Problem.AMBIGUOUS_NAME])
    payer_ids = {row.payer_id for row in held if (row.kind, row.source_id) in named}
    return suggest_customers(session, session.billing.mappable_names(payer_ids)["payer"]) if payer_ids else []


def suggest_customers(session: FirmSession, names: Mapping[str, str]) -> list[Suggested]:
    """Return the active customers that these payers may be, likeliest payers first.

    For each payer, customers that belong to other payers come last; ``taken_by`` names their payers.

    Args:
        session: the firm's session.
        names: payers' names, keyed by payer id.
    """
    if not names:
        return []
    customers = session.company.customers
    payers = session.billing.fetch_payers(names)
    active = customers[customers["is_active"]]
    owners: dict[str, list[str]] = {}
    for payer_id, customer_id in session.mappings.links("payer").items():
        owners.setdefault(customer_id, []).append(payer_id)
    alike = find_look_alikes(payers, active, at_most=len(active), least=WORTH_SHOWING)
    shown = {payer_id: _choose(hits, owners) for payer_id, hits in alike.items()}
    ids = {hit.customer_id for hits in shown.values() for hit in hits}
    said = _describe(session, ids, owners)
    order = sorted(shown, key=lambda payer_id: (-shown[payer_id][0].score, payer_id))
    return [
        Suggested(
            "payer", payer_id, names[payer_id], hit.customer_id, score=hit.score, why="; ".join(hit.reasons),
            differs="; ".join(hit.differences), **said[hit.customer_id],
        )
        for payer_id in order
        for hit in shown[payer_id]
    ]  # fmt: skip


def _choose(hits: Sequence[LookAlike], owners: Collection[str]) -> list[LookAlike]:
    """Return the likeliest customers that belong to no payer, then the likeliest of the others. Each of the two groups
    has its first ``SHOWN`` customers, all that are as likely as the last of these, and all with the payer's very
    name."""
    chosen: list[LookAlike] = []
    for is_taken in (False, True):
        some = [hit for hit in hits if (hit.customer_id in owners) is is_taken]
        chosen += [hit for hit in some if hit.score >= some[:SHOWN][-1].score or SAME_NAME in hit.reasons]
    return chosen


def _describe(
    session: FirmSession, customer_ids: Collection[str], owners: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return the facts that tell these customers apart, keyed by customer Id."""
    try:
        invoices, otherwise = dict(find_last_invoices(session, customer_ids)), ""
    except RequestRejectedError:  # whether every company can be asked by customer is not documented
        invoices, otherwise = {}, NOT_KNOWN
    payer_ids = {payer_id for customer_id in customer_ids for payer_id in owners.get(customer_id, ())}
    names = session.billing.mappable_names(payer_ids)["payer"] if payer_ids else {}
    return {
        row.customer_id: {
            "quickbooks_name": row.display_name,
            "email": row.email,
            "city": row.city,
            "open_balance": row.balance,
            "last_invoice": invoices.get(row.customer_id, otherwise),
            "taken_by": ", ".join(
                f"{payer_id} {names.get(payer_id, '')}".strip() for payer_id in sorted(owners.get(row.customer_id, ()))
            ),
        }
        for row in rows(session.company.customers)
        if row.customer_id in customer_ids
    }


def find_last_invoices(
    session: FirmSession, customer_ids: Collection[str], *, page: int = PAGE_SIZE
) -> Iterator[tuple[str, str]]:
    """Yield each customer's Id with the number and date of its newest invoice. Customers without invoices are left out.

    Costs one read per 300 customers, and more only if an answer (``page`` rows) cannot hold the invoices of all.
    """
    left = sorted(customer_ids)
    while left:
        asked = left[:MAX_IN_VALUES]
        [condition] = conditions_in("CustomerRef", asked)
        columns = "Id, DocNumber, TxnDate, CustomerRef"
        statement = select("Invoice", columns=columns, where=condition, order="TxnDate DESC", page=page)
        found = session.quickbooks.query(statement)
        newest: dict[str, str] = {}
        for row in found:
            newest.setdefault(row["CustomerRef"]["value"], f"{row.get('DocNumber', '')} {row['TxnDate']}".strip())
        yield from newest.items()
        done = newest.keys() if len(found) == page else {*asked}
        left = [customer_id for customer_id in left if customer_id not in done]
