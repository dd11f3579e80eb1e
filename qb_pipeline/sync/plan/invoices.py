"""Plan invoices: read them, refuse what cannot go, give customers and items to the rest, build what to send."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.invoices import (
    describe_totals,
    find_invoice_problems,
    find_taken_numbers,
    forwarded_cents,
)
from qb_pipeline.core.documents.payloads import invoice_contents
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import carry_lines
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.mapping.references import find_customers, find_items
from qb_pipeline.sync.plan.decide import Changes, Meant, decide
from qb_pipeline.sync.plan.obstacles import hold_standing
from qb_pipeline.sync.plan.plan import Needs, Plan, marker_of
from qb_pipeline.sync.remote.outcomes import read_cents
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import Foresight
from qb_pipeline.sync.session.learned import Learned


def plan_invoices(session: FirmSession, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Decide about one chunk of the work list.

    What is to be created first, a customer or an item, stands as ``references.NOT_YET``, and in the plan's ``needs``.
    """
    plan = Plan(learned=known)
    voided = work[work["source_status"] == "void"]
    asked = set(work["source_id"]) - set(voided["source_id"])
    invoices, lines, payers, by_source = _read(session, list(work.loc[work["source_status"] != "void", "source_id"]))
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
    )
    plan.contents = {listed[source_id].document_id: content for source_id, content in contents.items()}
    # Revised to nothing: what stands in QuickBooks is voided there, like one that billing voids.
    emptied = {i for i, problem in by_source.items() if problem is Problem.NOTHING_TO_BILL and listed[i].quickbooks_id}
    problems = {
        listed[source_id].document_id: problem for source_id, problem in by_source.items() if source_id not in emptied
    }
    voids = set(voided["source_id"]) | emptied
    meant = [Meant(row, contents.get(i), is_void=i in voids) for i, row in listed.items()]
    decide(session, plan, CHANGES, meant, problems)
    differing = {source_id for source_id, problem in by_source.items() if problem is Problem.TOTAL_MISMATCH}
    totals = describe_totals(invoices[invoices["invoice_id"].isin(differing)], lines)
    hold_standing(session, plan)
    plan.stop(listed.values(), problems, {listed[source_id].document_id: text for source_id, text in totals.items()})
    return plan


def _read(
    session: FirmSession, invoice_ids: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Problem]]:
    """Invoices with their lines and payers, validated, and what is wrong with an invoice by itself."""
    with session.billing.snapshot():
        fetched = session.billing.fetch_invoices(invoice_ids)
        invoices = schemas.validate(schemas.Invoices, fetched.invoices)
        lines = schemas.validate(schemas.InvoiceLines, fetched.lines)
        payers = schemas.validate(schemas.Payers, session.billing.fetch_payers(sorted(set(invoices["payer_id"]))))
    found = find_invoice_problems(invoices, lines, session.rules)
    problems = {str(key): Problem(code) for key, code in found.items() if code}
    problems |= {bad.source_id: Problem.BAD_AMOUNT for bad in fetched.bad_amounts}
    owners = session.documents.numbers_taken(list(invoices["invoice_number"]))
    taken = find_taken_numbers(invoices[~invoices["invoice_id"].isin(problems.keys())], owners)
    problems |= {str(key): Problem(code) for key, code in taken.items() if code}
    return invoices, lines, payers, problems


def _find_paid_problem(meant: Meant, operation: Operation, entity: Entity) -> Problem | None:
    """The problem of a change that payments in QuickBooks forbid: to void an invoice that they pay, to bill less than
    they pay, to bill somebody else."""
    paid_cents = read_cents(entity, "TotalAmt") - read_cents(entity, "Balance")
    if operation == Operation.VOID:
        is_void = meant.row.source_status == "void"
        return (Problem.PAYMENTS_APPLIED if is_void else Problem.PAID_BELOW) if paid_cents else None
    assert meant.content is not None  # noqa: S101 - an update has content
    if paid_cents and meant.content.body["CustomerRef"]["value"] != entity["CustomerRef"]["value"]:
        return Problem.PAYER_CHANGED
    return Problem.PAID_BELOW if paid_cents > meant.content.total_cents else None


def _merge_lines(body: JsonObject, entity: Entity) -> JsonObject | None:
    """The invoice with the lines that a person added to it in QuickBooks."""
    lines = carry_lines(body["Line"], entity.get("Line") or ())
    return None if lines is None else {**body, "Line": lines}


CHANGES = Changes(Kind.INVOICE, objection=_find_paid_problem, merge=_merge_lines, void={})


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
    """The problem of the payer, else of the first line's fee item that has one."""
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
