"""The planning of invoices: read them, find the problems of those that cannot be sent, find customers and items for the
others, build the bodies."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.invoice_lines import read_lines
from qb_pipeline.core.documents.invoices import (
    describe_totals,
    find_invoice_problems,
    find_taken_numbers,
    forwarded_cents,
)
from qb_pipeline.core.documents.matters import NO_CLASS, MatterPlace, choose_place, match_classes
from qb_pipeline.core.documents.payloads import invoice_contents, read_matter
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import carry_lines, compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import NumberHolder, WorkItem, work_items
from qb_pipeline.ledger.books.invoice_lines import LinesOfInvoice
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.mapping.references import describe_alike, find_customers, find_items
from qb_pipeline.sync.plan.decide import Changes, Meant, current_fingerprint, decide
from qb_pipeline.sync.plan.obstacles import hold_standing
from qb_pipeline.sync.plan.plan import Needs, Plan, marker_of
from qb_pipeline.sync.remote.documents import CUSTOMER, find_lost
from qb_pipeline.sync.remote.outcomes import read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import Foresight
from qb_pipeline.sync.session.learned import NOTHING, Learned

OUT_OF_BOOKS = (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED)
"""The reasons of an invoice that a person took out of the books."""


def plan_invoices(session: FirmSession, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Decide about one chunk of the work list.

    A customer or item that is to be created first has the Id ``references.NOT_YET``, and is in the plan's ``needs``.
    """
    plan = Plan(learned=known)
    voided = work[work["source_status"] == "void"]
    asked = set(work["source_id"]) - set(voided["source_id"])
    read = _read(session, list(work.loc[work["source_status"] != "void", "source_id"]))
    invoices, lines, payers, by_source = read.invoices, read.lines, read.payers, read.problems
    is_gone = work["source_id"].isin(asked - set(invoices["invoice_id"]) - by_source.keys())
    plan.gone += list(work.loc[is_gone, "document_id"])
    work = work[~is_gone]
    forwarded = forwarded_cents(lines)

    sound = invoices[~invoices["invoice_id"].isin(by_source.keys())]
    sound_lines = lines[lines["invoice_id"].isin(sound["invoice_id"])]
    by_source |= _unknown_payers(sound, payers)
    customers = find_customers(session, set(sound["payer_id"]) & set(payers["payer_id"]), known, foresight)
    items = find_items(session, set(sound_lines.loc[sound_lines["kind"] != "balance_forward", "fee_item_id"]), known)
    plan.needs = Needs(customers, items, payers)
    plan.learned |= customers.learned | items.learned
    by_source |= _without_reference(sound, sound_lines, customers.problems, items.problems, by_source)

    sound = sound[~sound["invoice_id"].isin(by_source.keys())]
    sound_lines = sound_lines[sound_lines["invoice_id"].isin(sound["invoice_id"])]
    listed = {
        row.source_id: replace(row, forwarded_cents=int(forwarded.get(row.source_id, row.forwarded_cents)))
        for row in work_items(work)
    }
    contents = invoice_contents(
        sound,
        sound_lines,
        payers,
        customers=customers.ids,
        items=items.ids,
        terms=session.mappings.links("terms"),
        tax_codes=session.mappings.links("tax_code"),
        markers={i: marker_of(session, listed[i]) for i in sound["invoice_id"]},
        rules=session.rules,
        place=_find_place(session, sound, listed),
    )
    plan.contents = {listed[source_id].document_id: content for source_id, content in contents.items()}
    by_source |= _withdrawn(by_source, listed)
    for source_id, told in read_lines(sound, sound_lines, items.ids).items():
        row = listed[source_id]
        plan.lines[row.document_id] = LinesOfInvoice(
            row.document_id, current_fingerprint(contents[source_id], row), told
        )
    # An invoice revised to nothing is voided in QuickBooks, like one that billing voids.
    emptied = {i for i, problem in by_source.items() if problem is Problem.NOTHING_TO_BILL and listed[i].quickbooks_id}
    problems = {
        listed[source_id].document_id: problem for source_id, problem in by_source.items() if source_id not in emptied
    }
    voids = set(voided["source_id"]) | emptied
    meant = [Meant(row, contents.get(i), is_void=i in voids) for i, row in listed.items()]
    decide(session, plan, _changes(session, list(listed.values()), foresight), meant, problems)
    differing = {source_id for source_id, problem in by_source.items() if problem is Problem.TOTAL_MISMATCH}
    totals = describe_totals(invoices[invoices["invoice_id"].isin(differing)], lines)
    _share_numbers(plan, read.reused)
    plan.learned |= _tell_classless(session, plan)
    hold_standing(session, plan)
    alike = {
        invoice_id: describe_alike(customers.alike[payer_id])
        for invoice_id, payer_id in zip(invoices["invoice_id"], invoices["payer_id"], strict=True)
        if by_source.get(invoice_id) is Problem.LIKE_CUSTOMER
    }
    details = {**read.holders, **totals, **alike}
    plan.stop(listed.values(), problems, {listed[source_id].document_id: text for source_id, text in details.items()})
    return plan


def _find_place(session: FirmSession, invoices: pd.DataFrame, listed: Mapping[str, WorkItem]) -> MatterPlace:
    """Return the place of the matters of these invoices. Classes are read only if the firm wants them and an invoice
    that may be sent has a matter."""
    company = session.company.settings
    fields, tracking = (company.custom_fields, company.class_tracking) if company else ({}, "off")
    place = choose_place(session.firm.settings.matter_in, fields, tracking)
    if place.kind != "class":
        return place
    open_ones = invoices["invoice_id"].map(lambda invoice_id: listed[invoice_id].state != State.SYNCED)
    matters = {read_matter(matter, place, []) for matter in invoices.loc[open_ones, "matter"]} - {""}
    if not matters:
        return place
    classes = match_classes(matters, session.company.classes, session.mappings.links("matter"))
    return replace(place, classes=classes)


def _tell_classless(session: FirmSession, plan: Plan) -> Learned:
    """Return a notice if new invoices leave without the class of their matter. The run reports it once."""
    if not any(NO_CLASS in item.notices for item in plan.ready if item.operation == Operation.CREATE):
        return NOTHING
    text = (
        "Some new invoices go without a class: none has the name of their matter. "
        f"Map it: qb-pipeline mapping export {session.firm.firm_id} FILE.csv"
    )
    return Learned(notices=(text,))


def _changes(session: FirmSession, rows: Sequence[WorkItem], foresight: Foresight) -> Changes:
    """Return the rules for changing invoices. A plan counts on the money that its own voids of payments release."""
    sent = [row.source_id for row in rows if row.quickbooks_id]
    freed = session.applications.planned_voids(session.run.run_id, sent) if sent and foresight.counts_on_plan else {}
    return Changes(
        Kind.INVOICE,
        objection=partial(_find_paid_problem, freed),
        merge=_merge_lines,
        void={},
        is_expected=_is_agreed,
    )


def _is_agreed(meant: Meant, sent: JsonObject, invoice: Entity) -> bool:
    """Whether a person changed only the customer of an invoice, to the very customer that billing means now."""
    changed = {difference.name for difference in compare(sent, invoice) if difference.owner == "billing"}
    return (
        meant.content is not None
        and changed == {CUSTOMER}
        and read_customer(meant.content.body) == read_customer(invoice)
    )


def _share_numbers(plan: Plan, reused: Set[str]) -> None:
    """Allow new invoices to leave with a number that a void or deleted invoice of ours still has in QuickBooks."""
    plan.ready = [
        replace(item, shares_number=True) if item.operation == Operation.CREATE and item.source_id in reused else item
        for item in plan.ready
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    """Invoices with their lines and payers, validated.

    ``problems``: the problems of single invoices, keyed by billing's id. ``holders``: descriptions of the document that
    has an invoice's number, keyed by billing's id. ``reused``: billing's ids of the invoices whose number belonged to
    an invoice of ours that is void or deleted now, be it another one or their own former one.
    """

    invoices: pd.DataFrame
    lines: pd.DataFrame
    payers: pd.DataFrame
    problems: dict[str, Problem]
    holders: dict[str, str]
    reused: frozenset[str]


def _read(session: FirmSession, invoice_ids: Sequence[str]) -> _Read:
    with session.billing.snapshot():
        fetched = session.billing.fetch_invoices(invoice_ids)
        invoices = schemas.validate(schemas.Invoices, fetched.invoices)
        lines = schemas.validate(schemas.InvoiceLines, fetched.lines)
        payers = schemas.validate(schemas.Payers, session.billing.fetch_payers(sorted(set(invoices["payer_id"]))))
    found = find_invoice_problems(invoices, lines, session.rules)
    problems = {str(key): Problem(code) for key, code in found.items() if code}
    problems |= {bad.source_id: Problem.BAD_AMOUNT for bad in fetched.bad_amounts}
    numbers = dict(zip(invoices["invoice_id"], invoices["invoice_number"], strict=True))
    owners, dead, living = _owners(session, sorted(set(numbers.values())))
    taken = find_taken_numbers(invoices[~invoices["invoice_id"].isin(problems.keys())], owners)
    problems |= {str(key): Problem(code) for key, code in taken.items() if code}
    holders = {
        key: _describe_holder(session, living[number])
        if number in living
        else f"invoice:{owners[number]} has this number"
        for key, number in numbers.items()
        if number in owners and problems.get(key) is Problem.NUMBER_TAKEN
    }
    reused = frozenset(key for key, number in numbers.items() if number in dead)
    return _Read(invoices, lines, payers, problems, holders, reused)


def _owners(
    session: FirmSession, numbers: Sequence[str]
) -> tuple[dict[str, str], dict[str, str], dict[str, NumberHolder]]:
    """Return three mappings keyed by number: billing's ids of our invoices that have the number, billing's ids of those
    that had it and are void or deleted, as a read proves, and the invoices that have it although billing has lost
    them."""
    owners = session.documents.numbers_taken(numbers)
    former = session.documents.former_holders(numbers)
    if not former:
        return owners, {}, {}
    ids = [holder.quickbooks_id for holder in former]
    there = {row["Id"]: row for row in session.quickbooks.find("Invoice", "Id", ids)}
    lost = find_lost(session, {each: there.get(each) for each in ids})
    dead = {holder.number: holder.source_id for holder in former if holder.quickbooks_id in lost}
    living = {holder.number: holder for holder in former if holder.quickbooks_id not in lost}
    return {number: owner for number, owner in owners.items() if dead.get(number) != owner}, dead, living


def _describe_holder(session: FirmSession, holder: NumberHolder) -> str:
    name = DocumentName(Kind.INVOICE, holder.source_id)
    said = f"{name} has this number in QuickBooks (Invoice Id {holder.quickbooks_id})"
    if holder.reason == Problem.SOURCE_GONE:
        said += f", and billing has lost it. Try: qb-pipeline resolve {session.firm.firm_id} {name} --void"
    return said


def _find_paid_problem(freed: Mapping[str, int], meant: Meant, operation: Operation, entity: Entity) -> Problem | None:
    """Return the problem of a change that payments in QuickBooks forbid, or None.

    They forbid voiding an invoice that they pay, and billing less than they pay. If the invoice goes to another
    customer, its payments go along (``payer_changes``). ``freed``: cents that the run's plan takes off an invoice
    first, since it voids payments, keyed by billing's id of the invoice.
    """
    paid_cents = read_cents(entity, "TotalAmt") - read_cents(entity, "Balance") - freed.get(meant.row.source_id, 0)
    if operation == Operation.VOID:
        is_void = meant.row.source_status == "void"
        return (Problem.PAYMENTS_APPLIED if is_void else Problem.PAID_BELOW) if paid_cents else None
    assert meant.content is not None  # noqa: S101 - an update has content
    if read_customer(meant.content.body) != read_customer(entity):
        return None
    return Problem.PAID_BELOW if paid_cents > meant.content.total_cents else None


def _merge_lines(body: JsonObject, entity: Entity) -> JsonObject | None:
    """Return the invoice with the lines that a person added to it in QuickBooks, or None if they cannot be kept."""
    lines = carry_lines(body["Line"], entity.get("Line") or ())
    return None if lines is None else {**body, "Line": lines}


def _withdrawn(problems: Mapping[str, Problem], listed: Mapping[str, WorkItem]) -> dict[str, Problem]:
    """Return the problem of each draft that was sent before, keyed by billing's id: the invoice is withdrawn, unless a
    person took it out of the books."""
    drafts = {i: listed[i] for i, problem in problems.items() if problem is Problem.INVOICE_DRAFT}
    return {
        invoice_id: Problem(row.reason) if row.reason in OUT_OF_BOOKS else Problem.WITHDRAWN
        for invoice_id, row in drafts.items()
        if row.quickbooks_id
    }


def _unknown_payers(invoices: pd.DataFrame, payers: pd.DataFrame) -> dict[str, Problem]:
    missing = invoices[~invoices["payer_id"].isin(payers["payer_id"])]
    return dict.fromkeys(missing["invoice_id"], Problem.UNKNOWN_PAYER)


def _without_reference(
    invoices: pd.DataFrame,
    lines: pd.DataFrame,
    customers: Mapping[str, Problem],
    items: Mapping[str, Problem],
    known: Mapping[str, Problem],
) -> dict[str, Problem]:
    """Return the problem of each invoice's payer or, if it has none, of the first fee item with a problem, keyed by
    billing's id."""
    problems = {
        invoice_id: items[fee_item_id]
        for invoice_id, fee_item_id, kind in reversed(
            list(zip(lines["invoice_id"], lines["fee_item_id"], lines["kind"], strict=True))
        )
        if fee_item_id in items and kind != "balance_forward"
    }
    for invoice_id, payer_id in zip(invoices["invoice_id"], invoices["payer_id"], strict=True):
        if payer_id in customers:
            problems[invoice_id] = customers[payer_id]
    return {invoice_id: problem for invoice_id, problem in problems.items() if invoice_id not in known}
