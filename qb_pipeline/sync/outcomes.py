"""What an answer of QuickBooks means for a document.

Belongs here: reading an accepted entity or a fault, without asking anybody. Does not belong here: sending (``push``),
looking closer at a refusal (``refusals``), answers that never came (``settle``).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.mirror import read_version
from qb_pipeline.core.money import loads, to_cents
from qb_pipeline.core.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Attempt, Item, Outcome
from qb_pipeline.ledger.documents import state_of
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import Fault

ENTITY: dict[str, Literal["Customer", "Item", "Invoice", "Payment", "JournalEntry"]] = {
    "customer": "Customer",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
    "refund": "JournalEntry",
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
"""Faults that name what a person can mend; every other one is REFUSED.

Source: Intuit, error codes (read 2026-11-21).
"""

STALE = "5010"
"""Fault: the SyncToken is not the current one. The next look at the document reads it by itself."""

CORRECTION = "correction"
"""Stands for the bId of a request that puts a total right; it travels alone, so none is sent."""

UNSENT = {"create": "new", "update": "revised", "void": "void_pending"}


def read_accepted(item: Item, entity: Entity, body: Mapping[str, Any], *, activity: str = "") -> Outcome:
    """Compare what QuickBooks now holds with what was meant.

    A document that is not ours, or says anything of billing's otherwise, is not taken for success: it is held.
    """
    state, reason = "synced", ""
    total = read_cents(entity, "TotalAmt") if item.kind in ("invoice", "payment") else None
    if item.kind == "refund":  # a journal entry says its total only by its lines
        if not is_ours(item, entity) or any(difference.owner == "billing" for difference in compare(body, entity)):
            state, reason = "held", Problem.CONFLICT
    elif item.operation == "void":
        state, reason = ("held", Problem.CONFLICT) if total else ("voided", "")
    elif total is not None:
        if is_voided(entity):
            state, reason = "held", Problem.REMOTE_VOIDED
        elif not is_ours(item, entity):
            state, reason = "held", Problem.CONFLICT
        elif total != item.total_cents:
            state, reason = "held", Problem.TOTAL_DIFFERS
        elif any(difference.owner == "billing" for difference in compare(body, entity)):
            state, reason = "held", Problem.CONFLICT
    return Outcome(
        item.document_id,
        "accepted",
        state,
        reason,
        quickbooks_id=entity["Id"],
        sync_token=str(entity.get("SyncToken", "")),
        customer_id=read_customer(entity),
        total_cents=total,
        activity=activity,
        version=None if total is None else read_version(item.kind, entity, is_void=is_voided(entity)),
    )


def read_refused(item: Item, faults: Sequence[Fault]) -> Outcome:
    """What a refusal makes of a document; one that only came at a bad moment leaves it as it was before."""
    code = faults[0].code if faults else ""
    if code == STALE or any(fault.may_pass_later for fault in faults):
        return go_back(item, "refused", fault_code=code)
    problem = HELD_BY_FAULT.get(code, Problem.REFUSED)
    return Outcome(item.document_id, "refused", state_of(problem), problem, fault_code=code)


def go_back(item: Item, outcome: str, *, fault_code: str = "") -> Outcome:
    """Nothing of this item was done: it is as before, only that what once held it was cleared when it was planned."""
    if item.b_id == CORRECTION:
        state, reason = "held", Problem.TOTAL_DIFFERS.value
    elif item.former_state in UNSENT.values():
        state, reason = item.former_state, ""
    else:
        state, reason = UNSENT[item.operation], ""
    return Outcome(item.document_id, outcome, state, reason, fault_code=fault_code)


def read_cents(entity: Entity, field: str) -> int:
    """An amount of QuickBooks, which writes whole dollars without a point; none is 0."""
    return to_cents(Decimal(entity.get(field) or 0))


def is_ours(item: Item, entity: Entity) -> bool:
    """Whether an object of QuickBooks carries this item's marker."""
    note = str(entity.get("Notes" if item.kind == "customer" else "PrivateNote", ""))
    found = find_marker(note)
    return found is not None and found == find_marker(item.marker)


def read_customer(entity: Mapping[str, Any]) -> str:
    """The Id of a document's customer; "" where it names none."""
    return str((entity.get("CustomerRef") or {}).get("value", ""))


def read_debits(entry: Entity) -> int:
    """The total of a journal entry: what its debit lines say, which is what its credit lines say."""
    return sum(
        read_cents(line, "Amount")
        for line in entry.get("Line") or ()
        if line.get("JournalEntryLineDetail", {}).get("PostingType") == "Debit"
    )


def is_voided(entity: Entity) -> bool:
    """Whether somebody voided it. Its note may be replaced, and the marker lost with it."""
    return entity.get("TotalAmt") == 0 and "void" in str(entity.get("PrivateNote", "")).lower()


def bodies_of(attempt: Attempt) -> dict[int, dict[str, Any]]:
    """What each open item of a frozen request said, by document."""
    sent = loads(attempt.body)
    if attempt.endpoint != "batch":
        return {attempt.items[0].document_id: sent}
    by_b_id = {request["bId"]: request for request in sent["BatchItemRequest"]}
    return {item.document_id: by_b_id[item.b_id][ENTITY[item.kind]] for item in attempt.items}


def size_of(attempt: Attempt) -> int:
    """How many documents the whole request carried, those that are settled included."""
    return 1 if attempt.endpoint != "batch" else len(loads(attempt.body)["BatchItemRequest"])
