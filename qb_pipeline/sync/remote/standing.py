"""The refusals that stand: a refused document stays held until something relevant to its refusal has changed.

Relevant are the body that would be sent, and the objects that the fault mentions. Belongs here: reading the objects
that refusals mention, with a query per kind for many documents. Does not belong here: finding the mentions in a fault
(``core.planning.refusals``), taking documents out of a plan (``obstacles``), diagnosing a fresh refusal (``refusals``).
"""

from collections import defaultdict
from collections.abc import Mapping

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.refusals import (
    Asked,
    Evidence,
    Refusal,
    accounts_of,
    hash_refused,
    judge,
    may_have_changed,
    needs_settings,
    questions,
)
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.refusals import Standing
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.outcomes import ENTITY
from qb_pipeline.sync.session.firm_session import FirmSession

LISTS = frozenset(
    {"Customer", "Vendor", "Employee", "Item", "Account", "PaymentMethod", "Term", "TaxCode", "Class", "Department"}
)
"""The entities of which a query shows only active rows unless its condition includes inactive ones."""


def read_evidence(session: FirmSession, refusals: Mapping[int, Refusal]) -> dict[int, Evidence]:
    """Return the evidence of refusals: the objects that they mention, as QuickBooks holds them now.

    Both are keyed by document id. Costs at most one read per kind of object and 300 values, and the settings once in a
    run. Accounts of items are read last, since the items name them.

    Raises:
        QuickBooksError: a request was not answered; nothing is concluded.
    """
    asked = {document_id: questions(refusal) for document_id, refusal in refusals.items()}
    found = _ask(session, {each for some in asked.values() for each in some})
    accounts = {
        document_id: accounts_of([row for each in some if each.entity == "Item" for row in found[each]])
        for document_id, some in asked.items()
    }
    found |= _ask(session, {each for some in accounts.values() for each in some} - found.keys())
    settings = session.company.current_settings() if any(map(needs_settings, refusals.values())) else None
    return {
        document_id: judge(
            refusal,
            {each: found[each] for each in asked[document_id] | accounts[document_id]},
            settings if needs_settings(refusal) else None,
        )
        for document_id, refusal in refusals.items()
    }


def _ask(session: FirmSession, asked: set[Asked]) -> dict[Asked, list[Entity]]:
    """Return the objects of each question; an empty list if QuickBooks has none."""
    found: dict[Asked, list[Entity]] = {each: [] for each in asked}
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entity, attribute, value in sorted(asked):
        values[entity, attribute].append(value)
    by_folded = {(each.entity, each.attribute, each.value.casefold()): each for each in sorted(asked)}
    for (entity, attribute), wanted in values.items():
        where = "Active IN (true, false)" if entity in LISTS else ""
        for row in session.quickbooks.find(entity, attribute, wanted, where=where):
            each = by_folded.get((entity, attribute, str(row.get(attribute, "")).casefold()))
            if each is not None:
                found[each].append(row)
    return found


def stands(
    session: FirmSession, kind: Kind, contents: Mapping[str, JsonObject], operation: Operation = Operation.CREATE
) -> dict[str, Standing]:
    """Return the refusals of those of these bodies of one kind that were refused before and would be refused again.

    ``contents`` and the result are keyed by billing's id.

    Raises:
        QuickBooksError: the objects that a fault mentions could not be read.
    """
    if session.repeats_refused or not contents:
        return {}
    known = session.refusals.of_sources(kind, list(contents))
    ids = {standing.document_id: source_id for source_id, standing in known.items() if standing.operation == operation}
    found = still_standing(
        session,
        {
            document_id: (known[source_id], as_refusal(known[source_id], kind, source_id, contents[source_id]))
            for document_id, source_id in ids.items()
        },
    )
    return {ids[document_id]: known[ids[document_id]] for document_id in found}


def still_standing(session: FirmSession, refused: Mapping[int, tuple[Standing, Refusal]]) -> dict[int, str]:
    """Return a description of each refusal for which nothing has changed, keyed by document id.

    ``refused``: the stored refusal, and the refusal with the body that would be sent now, keyed by document id.
    """
    same = {
        document_id: (known, refusal)
        for document_id, (known, refusal) in refused.items()
        if known.body_sha256 == hash_refused(refusal.entity, refusal.body)
    }
    read = {document_id: refusal for document_id, (known, refusal) in same.items() if known.evidence_sha256}
    evidence = read_evidence(session, read) if read else {}
    return {
        document_id: _describe(same[document_id][0], found)
        for document_id, found in evidence.items()
        if not may_have_changed(
            read[document_id],
            found,
            known_sha256=same[document_id][0].evidence_sha256,
            times=same[document_id][0].times,
        )
    }


def as_refusal(known: Standing, kind: Kind, source_id: str, body: JsonObject) -> Refusal:
    """Return a stored refusal with the body that would be sent now."""
    return Refusal(ENTITY[kind], source_id, known.operation, known.fault_code, body, known.named, known.reason)


def _describe(known: Standing, evidence: Evidence) -> str:
    cause = f", {evidence.cause}" if evidence.cause else ""
    return (
        f"fault {known.fault_code}{cause}; refused {known.refused_at:%Y-%m-%d %H:%M} UTC, and nothing has changed since"
    )
