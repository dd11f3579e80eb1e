"""The diagnosis of refusals whose fault alone does not give the cause: the objects that the fault mentions are read.

Belongs here: one such read per refusal. Does not belong here: the meaning of faults by themselves (``outcomes``).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.refusals import describe_currency, describe_customer
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, Kind, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import state_of
from qb_pipeline.ledger.log import Entry
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
from qb_pipeline.sync.remote.settlements import describe_open
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

TAKEN = {"6140": "DocNumber", "6240": "DisplayName"}
"""The faults of a number or name that is taken, each with the field. The owner may be our own document, whose answer
was lost."""

GONE = frozenset({"610", "620", "2500", "6250"})
"""The faults of an object that is not there. It may be a customer that was merged into another."""

Bearers = dict[tuple[str, str], Sequence[Entity]]
"""The entities that have one of the refused values, keyed by kind and field."""

OTHER_RULE = "6000"
"""The fault of a business rule without a code of its own, such as one about the currency of a customer."""

UNPAYABLE = frozenset({"6000", "610", "620", "2500"})
"""The faults of a payment that its invoices or entries may have caused: one is gone, less is open on it than we
believe, or QuickBooks does not let a payment pay it."""


def diagnose_refusals(
    session: FirmSession,
    attempt: Attempt,
    outcomes: Sequence[ItemOutcome],
    bodies: Mapping[int, JsonObject],
    known: Learned,
) -> tuple[list[ItemOutcome], Learned]:
    """Return the outcomes, with refusals as they were diagnosed, and the facts learned. A diagnosis whose read fails
    changes no outcome."""
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
    unpaid = [outcome for outcome in refused if _may_not_pay_entries(outcome, bodies[outcome.document_id])]
    if unpaid:
        learned |= _note_unpaid(session, items, unpaid)
        refused = [outcome for outcome in refused if outcome not in unpaid]
    bearers = _find_bearers(session, items, refused, bodies)
    looked = {
        outcome.document_id: restore_state(items[outcome.document_id], "refused", fault_code=outcome.fault_code)
        for outcome in unpaid
    }
    looked |= {
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
    """Return the owners of the numbers and names that were refused, keyed by kind and field. Costs one query per key
    for all refusals."""
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
            continue  # the refusal stands; the next run reads again
    return found


def _may_not_pay_entries(outcome: ItemOutcome, body: JsonObject) -> bool:
    """Whether a payment may have been refused because of the journal entries that it was to pay. It is then sent
    without them first."""
    links = [link for line in body.get("Line") or () for link in line.get("LinkedTxn") or ()]
    return outcome.fault_code in UNPAYABLE and any(link["TxnType"] == "JournalEntry" for link in links)


def _note_unpaid(session: FirmSession, items: Mapping[int, Item], unpaid: Sequence[ItemOutcome]) -> Learned:
    """Write notices into the log about the payments that do not pay the entries that take them back, and return them.
    This run plans these payments again without the entries."""
    entries = []
    for outcome in unpaid:
        mark = find_marker(items[outcome.document_id].marker)
        text = (
            f"payment {mark.source_id if mark else outcome.document_id}: QuickBooks does not apply it to the journal "
            f"entry that takes it back (fault {outcome.fault_code}), so that this money stays unapplied: apply it to "
            "the entry in QuickBooks"
        )
        entries.append(Entry("notice", outcome.document_id, detail=text))
    session.log.add(session.run, entries, now=session.clock())
    return Learned(
        unpaid_entries=frozenset(outcome.document_id for outcome in unpaid),
        notices=tuple(entry.detail for entry in entries),
    )


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
            return _find_own(item, outcome, body, bearers.get((item.kind, TAKEN[outcome.fault_code])))
        if item.kind in DOCUMENTS and outcome.fault_code in UNPAYABLE:
            return _look_at_document(session, item, outcome, body)
    except QuickBooksError:
        return replace(outcome, is_looked_at=False)  # the refusal stands; the next run diagnoses it again
    return outcome


def _find_own(item: Item, outcome: ItemOutcome, body: JsonObject, bearers: Sequence[Entity] | None) -> ItemOutcome:
    """Return the outcome of a create whose number or name is taken. It is adopted if the one owner carries our marker;
    otherwise it stays refused. ``bearers`` is None if the query was not answered."""
    if bearers is None:
        return replace(outcome, is_looked_at=False)
    own = [row for row in bearers if is_ours(item, row)]
    return read_accepted(item, own[0], body, activity="adopted") if len(own) == 1 else outcome


def _explained(outcome: ItemOutcome, problem: Problem, detail: str = "") -> ItemOutcome:
    return replace(outcome, state=state_of(problem), reason=problem, detail=detail)


def _look_at_document(session: FirmSession, item: Item, outcome: ItemOutcome, body: JsonObject) -> ItemOutcome:
    if outcome.fault_code == OTHER_RULE and (words := _look_at_currency(session, body)):
        return _explained(outcome, Problem.CUSTOMER_CURRENCY, words)
    return _look_at_invoices(session, item, outcome, body) if item.applications else outcome


def _look_at_currency(session: FirmSession, body: JsonObject) -> str:
    """Describe the difference of the customer's currency, or return "". The customer is read only in a company with
    several currencies."""
    settings = session.company.settings
    if settings is None or not settings.multi_currency:
        return ""
    customer = read_current(session, Kind.CUSTOMER, read_customer(body))
    return describe_currency(body, customer) if customer is not None else ""


def _look_at_invoices(session: FirmSession, item: Item, outcome: ItemOutcome, body: JsonObject) -> ItemOutcome:
    """Return the outcome of a refused payment after a read of its invoices. For a change, only their customers are
    checked: a change uses the amounts that the payment pays already once more, and the open balances do not contain
    these."""
    is_new = item.operation == Operation.CREATE
    wanted = {share.quickbooks_invoice_id: share for share in item.applications}
    found = {key: read_current(session, Kind.INVOICE, key) for key in wanted}
    lost = {wanted[key].invoice_id: problem for key, invoice in found.items() if (problem := why_lost(invoice))}
    if lost:
        if not is_new:
            return outcome
        hold_invoices(session, lost)
        return _explained(outcome, Problem.INVOICE_NOT_SENT)
    there = {key: invoice for key, invoice in found.items() if invoice is not None}
    moved = [words for invoice in there.values() if (words := describe_customer(body, invoice))]
    if moved:
        return _explained(outcome, Problem.OTHER_CUSTOMER, ", ".join(moved))
    short = {key: row for key, row in there.items() if read_cents(row, "Balance") < wanted[key].amount_cents}
    if not (is_new and short):
        return outcome
    names = {key: str(DocumentName(Kind.INVOICE, wanted[key].invoice_id)) for key in short}
    return _explained(outcome, Problem.EXCEEDS_BALANCE, describe_open(session, short, names))
