"""The meaning of QuickBooks' answers for documents.

Belongs here: reading an accepted entity or a fault, without any request. Does not belong here: sending (``push``),
diagnosing a refusal (``refusals``), answers that never came (``settle``).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.documents.journal_entries import read_entry_customer
from qb_pipeline.core.documents.mirror import read_version
from qb_pipeline.core.markers import find_marker, read_marker
from qb_pipeline.core.money import JsonObject, loads, to_cents
from qb_pipeline.core.planning.company_faults import speaks_of_company
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.planning.refusals import NUMBER_TAKEN
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, ENTRIES, UNSENT, Kind, Operation, State
from qb_pipeline.ledger.books.documents import state_of
from qb_pipeline.ledger.sending.attempts import Attempt, Item, ItemOutcome
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import Fault

ENTITY: dict[str, Literal["Customer", "Item", "Invoice", "Payment", "JournalEntry"]] = {
    Kind.CUSTOMER: "Customer",
    Kind.ITEM: "Item",
    Kind.INVOICE: "Invoice",
    Kind.PAYMENT: "Payment",
    Kind.REFUND: "JournalEntry",
    Kind.CREDIT: "JournalEntry",
}

HELD_BY_FAULT = {
    "6140": Problem.NUMBER_TAKEN,
    "6200": Problem.PERIOD_CLOSED,
    "6210": Problem.PERIOD_CLOSED,
    "6540": Problem.DEPOSITED,
    "610": Problem.MAPPING_INACTIVE,
    "2500": Problem.MAPPING_INACTIVE,
    "6250": Problem.MAPPING_INACTIVE,
}
"""The problems of the faults whose cause a person can correct, keyed by fault code. Every other fault is REFUSED.

Source: Intuit, error codes (read 2026-11-21).
"""

BEARER = re.compile(r"assigned to TxnType=([A-Za-z ]{1,40}?) with TxnId=")
"""The pattern by which the Detail of fault 6140 names the document that has the number: ``TxnType=Credit Memo with
TxnId=17`` (recorded)."""

STALE = "5010"
"""The fault of a SyncToken that is not the current one. The next read of the document is a read by its Id."""

CORRECTION = "correction"
"""The bId of a request that corrects a total. Such a request travels alone, so that no bId is sent."""


def read_accepted(item: Item, entity: Entity, body: JsonObject, *, activity: str = "") -> ItemOutcome:
    """Return the outcome of an accepted request, from a comparison of the answer with the body that was sent.

    A document that is not ours, or differs in a field that billing owns, does not count as a success: it is held. A
    payment that was only taken off its invoices gets the state ``revised``, since it must still be applied again.
    """
    state, reason = State.SYNCED, ""
    total = read_cents(entity, "TotalAmt") if item.kind in DOCUMENTS else None
    if item.kind in ENTRIES:  # only the lines of a journal entry give its total
        if not is_ours(item, entity) or any(difference.owner == "billing" for difference in compare(body, entity)):
            state, reason = State.HELD, Problem.CONFLICT
    elif item.operation == Operation.VOID:
        state, reason = (State.HELD, Problem.CONFLICT) if total else (State.VOIDED, "")
    elif total is not None:
        if is_voided(entity):
            state, reason = State.HELD, Problem.REMOTE_VOIDED
        elif not is_ours(item, entity):
            state, reason = State.HELD, Problem.CONFLICT
        elif total != item.total_cents:
            state, reason = State.HELD, Problem.TOTAL_DIFFERS
        elif any(difference.owner == "billing" for difference in compare(body, entity)):
            state, reason = State.HELD, Problem.CONFLICT
        elif item.is_release:
            state, reason = State.REVISED, Problem.PAYER_CHANGED
    return ItemOutcome(
        item.document_id,
        "accepted",
        state,
        reason,
        quickbooks_id=entity["Id"],
        sync_token=str(entity.get("SyncToken", "")),
        customer_id=read_entry_customer(entity) if item.kind == Kind.CREDIT else read_customer(entity),
        total_cents=total,
        activity=activity,
        version=None if total is None else read_version(item.kind, entity, is_void=is_voided(entity)),
    )


def read_refused(item: Item, faults: Sequence[Fault]) -> ItemOutcome:
    """Return the outcome of a refused item.

    A refusal that only came at a bad moment gives the document its former state. A correction that is refused leaves
    the document held for its total.
    """
    code = faults[0].code if faults else ""
    company = next((fault.code for fault in faults if speaks_of_company(fault.code)), "")
    if company:
        return as_it_was(item, "refused", fault_code=company)
    if item.b_id == CORRECTION or code == STALE or any(fault.may_pass_later for fault in faults):
        return restore_state(item, "refused", fault_code=code)
    problem = HELD_BY_FAULT.get(code, Problem.REFUSED)
    return ItemOutcome(
        item.document_id, "refused", state_of(problem), problem, fault_code=code, named=find_bearer(faults[:1])
    )


def find_bearer(faults: Sequence[Fault]) -> str:
    """Return the entity that has the number if fault 6140 names it (``CreditMemo``), or ""."""
    found = [each for fault in faults if fault.code == NUMBER_TAKEN if (each := BEARER.search(fault.detail))]
    return "".join(found[0].group(1).split()) if found else ""


def restore_state(item: Item, outcome: str, *, fault_code: str = "") -> ItemOutcome:
    """Return the outcome of an item of which nothing was done. The document gets its former unsent state; if it was in
    no unsent state, it gets that of its operation, because the plan cleared the former reason."""
    if item.b_id == CORRECTION:
        state, reason = State.HELD, Problem.TOTAL_DIFFERS.value
    elif item.former_state in UNSENT.values():
        state, reason = item.former_state, ""
    else:
        state, reason = UNSENT[item.operation], ""
    return ItemOutcome(item.document_id, outcome, state, reason, fault_code=fault_code)


def as_it_was(item: Item, outcome: str, *, fault_code: str = "") -> ItemOutcome:
    """Return the outcome of an item when the answer was only about its company. The document keeps exactly its former
    state."""
    return ItemOutcome(item.document_id, outcome, item.former_state, fault_code=fault_code, activity="not sent")


def read_cents(entity: Entity, field: str) -> int:
    """Return an amount of QuickBooks in cents. QuickBooks writes whole dollars without a point, and a missing amount is
    0."""
    return to_cents(Decimal(entity.get(field) or 0))


def read_applied(payment: Entity) -> dict[str, int]:
    """Return how many cents a QuickBooks payment pays on each invoice, keyed by the invoice's Id."""
    found: dict[str, int] = {}
    for line in payment.get("Line") or ():
        for linked in line.get("LinkedTxn") or ():
            if linked.get("TxnType") == "Invoice":
                invoice_id = str(linked["TxnId"])
                found[invoice_id] = found.get(invoice_id, 0) + read_cents(line, "Amount")
    return found


def is_ours(item: Item, entity: Entity) -> bool:
    """Whether an object of QuickBooks carries this item's marker."""
    found = read_marker(entity)
    return found is not None and found == find_marker(item.marker)


def read_customer(entity: JsonObject) -> str:
    """Return the Id of a document's customer, or "" if it names none."""
    return str((entity.get("CustomerRef") or {}).get("value", ""))


def read_debits(entry: Entity) -> int:
    """Return the total of a journal entry in cents: the sum of its debit lines, which equals the sum of its credit
    lines."""
    return sum(
        read_cents(line, "Amount")
        for line in entry.get("Line") or ()
        if line.get("JournalEntryLineDetail", {}).get("PostingType") == "Debit"
    )


def is_voided(entity: Entity) -> bool:
    """Whether somebody voided a document: its total is 0 and its note contains ``void``. The note may be replaced, and
    the marker lost with it."""
    return entity.get("TotalAmt") == 0 and "void" in str(entity.get("PrivateNote", "")).lower()


def bodies_of(attempt: Attempt) -> dict[int, JsonObject]:
    """Return the bodies of those items of a stored request that have no outcome yet, keyed by document id."""
    sent = loads(attempt.body)
    if attempt.endpoint != "batch":
        return {attempt.items[0].document_id: sent}
    by_b_id = {request["bId"]: request for request in sent["BatchItemRequest"]}
    return {item.document_id: by_b_id[item.b_id][ENTITY[item.kind]] for item in attempt.items}


def size_of(attempt: Attempt) -> int:
    """Return the number of documents in the whole request, including those that have an outcome."""
    return 1 if attempt.endpoint != "batch" else len(loads(attempt.body)["BatchItemRequest"])
