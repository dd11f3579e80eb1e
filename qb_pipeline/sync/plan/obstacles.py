"""The obstacles for which QuickBooks would refuse a document, as far as a read shows them before it is sent.

A dry run reads everything that its documents depend on. A sync reads only if something known speaks against a document:
the settings that it remembers, or the reason for which the document was held before. So the sync after a plan finds the
faults of that plan with the same reads, and does not send these documents. A sync without such faults reads nothing for
this.

Belongs here: the choice of the reads. Does not belong here: the meaning of their answers (``core``), fresh refusals
(``refusals``).
"""

from collections.abc import Sequence

import pandas as pd

from qb_pipeline.core.mapping.mapping_targets import is_refused, read_references
from qb_pipeline.core.markers import find_marker, read_marker
from qb_pipeline.core.planning.preflight import find_refusal
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books import company
from qb_pipeline.sync.plan.plan import Plan
from qb_pipeline.sync.plan.possible_duplicates import hold_possible_duplicates
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.merges import Merges, find_merged
from qb_pipeline.sync.remote.standing import as_refusal, still_standing
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import Foresight
from qb_pipeline.sync.session.learned import Learned

NUMBERED = ("Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt")
"""The entities that share one list of numbers. Source: Intuit, fault 6140 names the kind that has the number (read
2026-11-21)."""

OF_TARGETS = (Problem.MAPPING_INACTIVE, Problem.CUSTOMER_GONE)
"""The reasons that depend on the objects to which a document refers."""


def withdraw(session: FirmSession, plan: Plan, work: pd.DataFrame, foresight: Foresight) -> bool:
    """Hold, in a plan of these rows of the work list, the documents that QuickBooks would refuse.

    Returns:
        Whether a customer was found to be merged into another. Its documents are to be planned once more.

    Raises:
        QuickBooksError: a read was not answered; nothing was concluded.
    """
    plan.withdraw(_find_by_settings(session, plan, foresight))
    hold_possible_duplicates(session, plan)
    reasons = dict(zip(work["document_id"], work["reason"], strict=True))
    asks = foresight.asks_everything
    numbered = [
        item
        for item in plan.ready
        if not item.shares_number and (asks or reasons[item.document_id] == Problem.NUMBER_TAKEN)
    ]
    plan.withdraw(_find_by_numbers(session, numbered, plan.ready))
    looked = [item for item in plan.ready if asks or reasons[item.document_id] in OF_TARGETS]
    problems, merges = _find_by_targets(session, looked, plan.learned)
    plan.withdraw(problems)
    plan.learned |= merges.learned
    return bool(merges.survivors)


def hold_standing(session: FirmSession, plan: Plan) -> None:
    """Take out of a plan the documents that QuickBooks refused and would refuse again.

    They stay held, with the time of the refusal. A document that a person named is sent all the same.

    Raises:
        QuickBooksError: the objects that a fault mentions could not be read.
    """
    if session.repeats_refused or not plan.ready:
        return
    known = {
        document_id: standing
        for document_id, standing in session.refusals.of([item.document_id for item in plan.ready]).items()
        if standing.reason != Problem.CUSTOMER_GONE  # ``obstacles`` searches for the customer of our other documents
    }
    standing = still_standing(
        session,
        {
            item.document_id: (
                known[item.document_id],
                as_refusal(known[item.document_id], item.kind, item.source_id, item.body),
            )
            for item in plan.ready
            if item.document_id in known and item.operation == known[item.document_id].operation
        },
    )
    plan.withdraw({document_id: Problem(known[document_id].reason) for document_id in standing}, standing)


def hold_by_settings(session: FirmSession, plan: Plan) -> None:
    """Hold, in a plan, the documents that the company's settings forbid, as this run has read the settings.

    Raises:
        QuickBooksError: the settings could not be read.
    """
    session.company.current_settings()
    plan.withdraw(_judge(session, plan))


def _find_by_settings(session: FirmSession, plan: Plan, foresight: Foresight) -> dict[int, Problem]:
    """Return the problems of the documents that the company's settings forbid, keyed by document id. If remembered
    settings forbid one, the settings are read first, since they may have been corrected."""
    found = _judge(session, plan)
    if plan.ready and (foresight.asks_everything or found):
        session.company.current_settings()
        found = _judge(session, plan)
    return found


def _judge(session: FirmSession, plan: Plan) -> dict[int, Problem]:
    settings = session.company.settings
    if settings is None:
        return {}
    found: dict[int, Problem] = {}
    for item in plan.ready:
        remote = plan.remote.get(item.document_id)
        problem = find_refusal(settings, item.body, (remote and remote.entity) or {})
        if problem is not None:
            found[item.document_id] = problem
    return found


def _find_by_numbers(session: FirmSession, items: Sequence[Ready], ready: Sequence[Ready]) -> dict[int, Problem]:
    """Return the problem of each new invoice whose number another document of QuickBooks has, keyed by document id.

    ``ready``: all documents that leave with them. QuickBooks does not show the setting by which it refuses such
    numbers. So nothing is read before QuickBooks has refused one (``company.has_refused_a_number``), and nothing if
    QuickBooks numbers documents itself.
    """
    wanted = {
        str(item.body["DocNumber"]): item
        for item in items
        if item.operation == Operation.CREATE and item.kind == Kind.INVOICE
    }
    settings = session.company.settings
    is_checked = settings is not None and settings.custom_numbers
    if not (wanted and is_checked and company.has_refused_a_number(session.engine, session.firm.firm_id)):
        return {}
    set_free = {
        str(item.body["Id"]) for item in ready if item.operation == Operation.UPDATE and item.kind == Kind.INVOICE
    }
    found: dict[int, Problem] = {}
    for entity in NUMBERED:
        for row in session.quickbooks.find(entity, "DocNumber", sorted(wanted)):
            item = wanted.get(str(row.get("DocNumber", "")))
            if item is None or (entity == "Invoice" and row["Id"] in set_free):
                continue  # the invoice that has it gets another number first
            if read_marker(row) != find_marker(item.marker):  # otherwise it is this very document
                found[item.document_id] = Problem.NUMBER_TAKEN
    return found


def _find_by_targets(session: FirmSession, items: Sequence[Ready], known: Learned) -> tuple[dict[int, Problem], Merges]:
    """Return the problem of each document that refers to an object which is gone, inactive or unusable, keyed by
    document id, and the merged customers among these objects."""
    pointed = {item.document_id: read_references(item.body) for item in items}
    wanted: dict[str, set[str]] = {}
    for kind, quickbooks_id in {each for references in pointed.values() for each in references}:
        wanted.setdefault(kind, set()).add(quickbooks_id)
    targets = {kind: session.company.find_targets(kind, ids) for kind, ids in sorted(wanted.items())}
    gone = wanted.get("payer", set()) - targets.get("payer", {}).keys()
    merges = find_merged(session, gone, known) if gone else Merges(frozenset(), {})
    found: dict[int, Problem] = {}
    for document_id, references in pointed.items():
        customers = {quickbooks_id for kind, quickbooks_id in references if kind == "payer"}
        if customers & (merges.gone - merges.survivors.keys()):
            found[document_id] = Problem.CUSTOMER_GONE
        elif any(is_refused(kind, quickbooks_id, targets[kind]) for kind, quickbooks_id in references):
            found[document_id] = Problem.MAPPING_INACTIVE
    return found, merges
