"""What the unmapped may be in QuickBooks, with what a person needs to judge it.

All of it is for the eyes of who asked: names, addresses and amounts of clients go into no log. Nothing is applied. Does
not belong here: the rules of likeness (``core.mapping.look_alikes``, ``core.mapping.suggestions``), the file in which
a person writes down what is right (``csv_file``).
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
"""So many customers are shown for a payer, and more where further ones are just as likely as the last of them."""

NOT_KNOWN = "not known"
"""Stands for a last invoice where QuickBooks does not take the question."""

CODES = frozenset({"payment_method", "deposit_account", "tax_code"})
"""Kinds of mapping of which billing's id is what is compared; its name only explains it."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """One likely entry of QuickBooks for one of billing; of a customer also what tells it apart.

    ``score`` goes from 0 to 100. ``open_balance`` is in the customer's currency, None where QuickBooks does not say it;
    ``last_invoice`` is number and date, empty for a customer without invoices; ``taken_by`` names the payer that the
    customer belongs to.
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
    """For everything that has no mapping yet, the likeliest entries of QuickBooks: all that are equally likely.

    Costs a read per list and 1,000 entries, and one more for the last invoices of the customers that are shown.
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
    """The customers among which a person must choose for the payers of those of these documents that are held
    ``AMBIGUOUS_NAME``. One read, once the session has the customers; none where no document is."""
    named = {(name.kind, name.source_id) for name in names}
    held = session.documents.held_for([Problem.AMBIGUOUS_NAME])
    payer_ids = {row.payer_id for row in held if (row.kind, row.source_id) in named}
    return suggest_customers(session, session.billing.mappable_names(payer_ids)["payer"]) if payer_ids else []


def suggest_customers(session: FirmSession, names: Mapping[str, str]) -> list[Suggested]:
    """The active customers that these payers may be, likeliest payers first; those of other payers come last, marked.

    Args:
        session: of the firm.
        names: payers' ids and names.
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
    """The likeliest of those that belong to nobody, then of those that do: a few, and all that are of equal rank: as
    likely as the last of these, or of the payer's very name."""
    chosen: list[LookAlike] = []
    for is_taken in (False, True):
        some = [hit for hit in hits if (hit.customer_id in owners) is is_taken]
        chosen += [hit for hit in some if hit.score >= some[:SHOWN][-1].score or SAME_NAME in hit.reasons]
    return chosen


def _describe(
    session: FirmSession, customer_ids: Collection[str], owners: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """What tells these customers apart, by Id."""
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
    """Customer, and number with date of its newest invoice; customers without any are left out.

    One read per 300 customers, and more only where an answer (``page`` rows) cannot hold the invoices of all.
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
