"""What an answer of QuickBooks means for a document.

Belongs here: reading an accepted entity or a fault, without asking anybody. Does not belong here: sending (``push``),
looking closer at a refusal (``refusals``), answers that never came (``settle``).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.documents.mirror import read_version
from qb_pipeline.core.markers import find_marker, read_marker
from qb_pipeline.core.money import JsonObject, loads, to_cents
from qb_pipeline.core.planning.company_faults import speaks_of_company
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.planning.refusals import NUMBER_TAKEN
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, UNSENT, Kind, Operation, State
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

BEARER = re.compile(r"assigned to TxnType=([A-Za-z ]{1,40}?) with TxnId=")
"""How the Detail of fault 6140 names who has the number: ``TxnType=Credit Memo with TxnId=17`` (recorded)."""

STALE = "5010"
"""Fault: the SyncToken is not the current one. The next look at the document reads it by itself."""

CORRECTION = "correction"
"""Stands for the bId of a request that puts a total right; it travels alone, so none is sent."""


def read_accepted(item: Item, entity: Entity, body: JsonObject, *, activity: str = "") -> ItemOutcome:
    """Compare what QuickBooks now holds with what was meant.

    A document that is not ours, or says anything of billing's otherwise, is not taken for success: it is held.
    """
    state, reason = State.SYNCED, ""
    total = read_cents(entity, "TotalAmt") if item.kind in DOCUMENTS else None
    if item.kind == Kind.REFUND:  # a journal entry says its total only by its lines
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
    return ItemOutcome(
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


def read_refused(item: Item, faults: Sequence[Fault]) -> ItemOutcome:
    """What a refusal makes of a document; one that only came at a bad moment leaves it as it was before.

    A correction that is refused leaves the document held for its total.
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
    """The entity that has the number, where fault 6140 names it (``CreditMemo``); else empty."""
    found = [each for fault in faults if fault.code == NUMBER_TAKEN if (each := BEARER.search(fault.detail))]
    return "".join(found[0].group(1).split()) if found else ""


def restore_state(item: Item, outcome: str, *, fault_code: str = "") -> ItemOutcome:
    """Nothing of this item was done: it is as before, only that what once held it was cleared when it was planned."""
    if item.b_id == CORRECTION:
        state, reason = State.HELD, Problem.TOTAL_DIFFERS.value
    elif item.former_state in UNSENT.values():
        state, reason = item.former_state, ""
    else:
        state, reason = UNSENT[item.operation], ""
    return ItemOutcome(item.document_id, outcome, state, reason, fault_code=fault_code)


def as_it_was(item: Item, outcome: str, *, fault_code: str = "") -> ItemOutcome:
    """Nothing was said about this item, only about its company: it stands exactly where it stood."""
    return ItemOutcome(item.document_id, outcome, item.former_state, fault_code=fault_code, activity="not sent")


def read_cents(entity: Entity, field: str) -> int:
    """An amount of QuickBooks in cents; QuickBooks writes whole dollars without a point, and a missing amount is 0."""
    return to_cents(Decimal(entity.get(field) or 0))


def read_applied(payment: Entity) -> dict[str, int]:
    """What a payment of QuickBooks pays, in cents by the Id of the invoice."""
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
    """The Id of a document's customer; "" where it names none."""
    return str((entity.get("CustomerRef") or {}).get("value", ""))


def read_debits(entry: Entity) -> int:
    """The total of a journal entry: the sum of its debit lines, which equals that of its credit lines."""
    return sum(
        read_cents(line, "Amount")
        for line in entry.get("Line") or ()
        if line.get("JournalEntryLineDetail", {}).get("PostingType") == "Debit"
    )


def is_voided(entity: Entity) -> bool:
    """Whether somebody voided it. Its note may be replaced, and the marker lost with it."""
    return entity.get("TotalAmt") == 0 and "void" in str(entity.get("PrivateNote", "")).lower()


def bodies_of(attempt: Attempt) -> dict[int, JsonObject]:
    """The body of each open item of a frozen request, by document."""
    sent = loads(attempt.body)
    if attempt.endpoint != "batch":
        return {attempt.items[0].document_id: sent}
    by_b_id = {request["bId"]: request for request in sent["BatchItemRequest"]}
    return {item.document_id: by_b_id[item.b_id][ENTITY[item.kind]] for item in attempt.items}


def size_of(attempt: Attempt) -> int:
    """How many documents the whole request carried, those that are settled included."""
    return 1 if attempt.endpoint != "batch" else len(loads(attempt.body)["BatchItemRequest"])
