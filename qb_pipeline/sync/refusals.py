"""Why QuickBooks refused, where the fault alone does not say: look at what it speaks of.

Belongs here: one look per refusal, after it. Does not belong here: what faults mean by themselves (``outcomes``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Attempt, Item, Outcome
from qb_pipeline.ledger.documents import Decision, state_of
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.living import read_living
from qb_pipeline.sync.merges import Merges, follow_merged
from qb_pipeline.sync.outcomes import ENTITY, go_back, is_ours, is_voided, read_accepted, read_cents, read_customer
from qb_pipeline.sync.workplace import Workplace

TAKEN = {"6140": "DocNumber", "6240": "DisplayName"}
"""Faults that say somebody has this number or name: it may be our own document, whose answer was lost."""

GONE = frozenset({"610", "620", "2500", "6250"})
"""Faults that say something named is not there: it may be a customer that was merged into another."""

UNPAYABLE = frozenset({"6000", "610", "620", "2500"})
"""Faults of a payment that an invoice may have caused: it is gone, or less is open on it than we believe."""


def look_closer(
    place: Workplace, attempt: Attempt, outcomes: Sequence[Outcome], bodies: Mapping[int, Mapping[str, Any]]
) -> list[Outcome]:
    """Give back the outcomes, refusals as what they turned out to be. A look that fails changes nothing."""
    items = {item.document_id: item for item in attempt.items}
    refused = [
        outcome
        for outcome in outcomes
        if outcome.outcome == "refused" and items[outcome.document_id].operation != "void"
    ]
    try:
        merges = _follow_customers(place, refused, bodies)
    except QuickBooksError:
        merges = Merges(frozenset(), {})
    looked = {
        outcome.document_id: _look(place, items[outcome.document_id], outcome, bodies[outcome.document_id], merges)
        for outcome in refused
    }
    return [looked.get(outcome.document_id, outcome) for outcome in outcomes]


def _follow_customers(place: Workplace, refused: Sequence[Outcome], bodies: Mapping[int, Mapping[str, Any]]) -> Merges:
    named = {read_customer(bodies[outcome.document_id]) for outcome in refused if outcome.fault_code in GONE} - {""}
    return follow_merged(place, named) if named else Merges(frozenset(), {})


def _look(place: Workplace, item: Item, outcome: Outcome, body: Mapping[str, Any], merges: Merges) -> Outcome:
    customer_id = read_customer(body)
    if customer_id in merges.survivors:
        return go_back(item, "refused", fault_code=outcome.fault_code)  # this run plans it again
    if customer_id in merges.gone:
        return replace(outcome, state=state_of(Problem.CUSTOMER_GONE), reason=Problem.CUSTOMER_GONE)
    is_new = item.operation == "create"
    try:
        if is_new and outcome.fault_code in TAKEN and TAKEN[outcome.fault_code] in body:
            return _find_own(place, item, outcome, body)
        if is_new and item.kind == "payment" and outcome.fault_code in UNPAYABLE and item.applications:
            return _look_at_invoices(place, item, outcome)
    except QuickBooksError:
        return outcome  # the refusal stands; the next run meets it again
    return outcome


def _find_own(place: Workplace, item: Item, outcome: Outcome, body: Mapping[str, Any]) -> Outcome:
    """Adopt what has our number or name, if it carries our marker; anybody else's keeps it."""
    field = TAKEN[outcome.fault_code]
    where = "Active IN (true, false)" if item.kind == "customer" else ""
    found = place.quickbooks.find(ENTITY[item.kind], field, [str(body[field])], where=where)
    own = [row for row in found if is_ours(item, row)]
    return read_accepted(item, own[0], body, activity="adopted") if len(own) == 1 else outcome


def _look_at_invoices(place: Workplace, item: Item, outcome: Outcome) -> Outcome:
    wanted = {share.quickbooks_invoice_id: share for share in item.applications}
    read = {key: read_living(place, "invoice", key) for key in wanted}
    found = {key: invoice for key, invoice in read.items() if invoice is not None}
    lost = {
        share.invoice_id: Problem.REMOTE_VOIDED if key in found else Problem.REMOTE_DELETED
        for key, share in wanted.items()
        if key not in found or is_voided(found[key])
    }
    if lost:
        _hold_invoices(place, lost)
        problem = Problem.INVOICE_NOT_SENT
    elif any(read_cents(found[key], "Balance") < share.amount_cents for key, share in wanted.items()):
        problem = Problem.EXCEEDS_BALANCE
    else:
        return outcome
    return replace(outcome, state=state_of(problem), reason=problem)


def _hold_invoices(place: Workplace, lost: Mapping[str, Problem]) -> None:
    """A person took these invoices out of the books; that is found out when they are to be paid."""
    known = place.documents.read(list(place.documents.ensure("invoice", list(lost), now=place.clock()).values()))
    decisions = [
        Decision(row.document_id, "hold", lost[row.source_id], row.amount_cents, source_hash=row.source_hash)
        for row in rows(known)
    ]
    place.documents.record_decisions(decisions, run=place.run, now=place.clock())
