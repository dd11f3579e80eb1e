"""Why QuickBooks refused, where the fault alone does not say: look at what it speaks of.

Belongs here: one look per refusal, after it. Does not belong here: what faults mean by themselves (``outcomes``).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import state_of
from qb_pipeline.ledger.sending.attempts import Attempt, Item, ItemOutcome
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.plan.decisions import hold_invoices
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.documents import why_lost
from qb_pipeline.sync.remote.merges import Merges, find_merged, follow
from qb_pipeline.sync.remote.outcomes import (
    ENTITY,
    is_ours,
    read_accepted,
    read_cents,
    read_customer,
    restore_state,
)
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

TAKEN = {"6140": "DocNumber", "6240": "DisplayName"}
"""Faults that say somebody has this number or name: it may be our own document, whose answer was lost."""

GONE = frozenset({"610", "620", "2500", "6250"})
"""Faults that say something named is not there: it may be a customer that was merged into another."""

Bearers = dict[tuple[str, str], Sequence[Entity]]
"""By kind and field: who has one of the values that were refused."""

UNPAYABLE = frozenset({"6000", "610", "620", "2500"})
"""Faults of a payment that an invoice may have caused: it is gone, or less is open on it than we believe."""


def diagnose_refusals(
    session: FirmSession,
    attempt: Attempt,
    outcomes: Sequence[ItemOutcome],
    bodies: Mapping[int, JsonObject],
    known: Learned,
) -> tuple[list[ItemOutcome], Learned]:
    """Give back the outcomes, refusals as what they turned out to be, and what the look told. One that fails changes
    nothing."""
    items = {item.document_id: item for item in attempt.items}
    refused = [
        outcome
        for outcome in outcomes
        if outcome.outcome == "refused" and items[outcome.document_id].operation != Operation.VOID
    ]
    learned = NOTHING
    try:
        merges = _find_merged(session, refused, bodies, known)
        learned = follow(session, merges.survivors)
    except QuickBooksError:
        merges = Merges(frozenset(), {})
        refused = [
            replace(outcome, is_looked_at=False) if outcome.fault_code in GONE else outcome for outcome in refused
        ]
    bearers = _find_bearers(session, items, refused, bodies)
    looked = {
        outcome.document_id: _look(
            session, items[outcome.document_id], outcome, bodies[outcome.document_id], merges, bearers
        )
        for outcome in refused
    }
    return [looked.get(outcome.document_id, outcome) for outcome in outcomes], learned


def _find_merged(
    session: FirmSession, refused: Sequence[ItemOutcome], bodies: Mapping[int, JsonObject], known: Learned
) -> Merges:
    named = {read_customer(bodies[outcome.document_id]) for outcome in refused if outcome.fault_code in GONE} - {""}
    return find_merged(session, named, known) if named else Merges(frozenset(), {})


def _find_bearers(
    session: FirmSession, items: Mapping[int, Item], refused: Sequence[ItemOutcome], bodies: Mapping[int, JsonObject]
) -> Bearers:
    """The owners of the numbers and names that were refused: one question per kind for all of them."""
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for outcome in refused:
        item, body = items[outcome.document_id], bodies[outcome.document_id]
        field = TAKEN.get(outcome.fault_code, "")
        if item.operation == Operation.CREATE and field in body:
            wanted[item.kind, field].add(str(body[field]))
    found: Bearers = {}
    for (kind, field), values in wanted.items():
        where = "Active IN (true, false)" if kind == Kind.CUSTOMER else ""
        try:
            found[kind, field] = list(session.quickbooks.find(ENTITY[kind], field, sorted(values), where=where))
        except QuickBooksError:
            continue  # the refusal stands; the next run looks again
    return found


def _look(
    session: FirmSession,
    item: Item,
    outcome: ItemOutcome,
    body: JsonObject,
    merges: Merges,
    bearers: Bearers,
) -> ItemOutcome:
    customer_id = read_customer(body)
    if customer_id in merges.survivors:
        return restore_state(item, "refused", fault_code=outcome.fault_code)  # this run plans it again
    if customer_id in merges.gone:
        return replace(outcome, state=state_of(Problem.CUSTOMER_GONE), reason=Problem.CUSTOMER_GONE)
    is_new = item.operation == Operation.CREATE
    try:
        if is_new and outcome.fault_code in TAKEN and TAKEN[outcome.fault_code] in body:
            having = bearers.get((item.kind, TAKEN[outcome.fault_code]))
            return (
                _find_own(item, outcome, body, having) if having is not None else replace(outcome, is_looked_at=False)
            )
        if is_new and item.kind == Kind.PAYMENT and outcome.fault_code in UNPAYABLE and item.applications:
            return _look_at_invoices(session, item, outcome)
    except QuickBooksError:
        return replace(outcome, is_looked_at=False)  # the refusal stands; the next run meets it again
    return outcome


def _find_own(item: Item, outcome: ItemOutcome, body: JsonObject, bearers: Sequence[Entity]) -> ItemOutcome:
    """Adopt what has our number or name, if it carries our marker; anybody else's keeps it."""
    own = [row for row in bearers if is_ours(item, row)]
    return read_accepted(item, own[0], body, activity="adopted") if len(own) == 1 else outcome


def _look_at_invoices(session: FirmSession, item: Item, outcome: ItemOutcome) -> ItemOutcome:
    wanted = {share.quickbooks_invoice_id: share for share in item.applications}
    found = {key: read_current(session, Kind.INVOICE, key) for key in wanted}
    lost = {wanted[key].invoice_id: problem for key, invoice in found.items() if (problem := why_lost(invoice))}
    if lost:
        hold_invoices(session, lost)
        problem = Problem.INVOICE_NOT_SENT
    elif any(read_cents(invoice, "Balance") < wanted[key].amount_cents for key, invoice in found.items() if invoice):
        problem = Problem.EXCEEDS_BALANCE
    else:
        return outcome
    return replace(outcome, state=state_of(problem), reason=problem)
