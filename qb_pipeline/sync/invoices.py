"""Plan invoices: read them, refuse what cannot go, give customers and items to the rest, build what to send."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.invoices import (
    describe_totals,
    find_invoice_problems,
    find_taken_numbers,
    forwarded_cents,
)
from qb_pipeline.core.payloads import Content, invoice_contents
from qb_pipeline.core.plan import carry_lines, choose_operation, mark_again, update_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.customers import refresh_customers
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.outcomes import read_cents
from qb_pipeline.sync.plan import Plan, make_ready, marker_of, without_gone
from qb_pipeline.sync.references import find_customers, find_items
from qb_pipeline.sync.remote import read_remote
from qb_pipeline.sync.workplace import Workplace


def plan_invoices(place: Workplace, work: pd.DataFrame, *, dry: bool) -> Plan:
    """Decide about one chunk of the work list.

    ``dry``: no customer and no item is created; what would be stands as ``references.NOT_YET``.
    """
    plan = Plan()
    voided = work[work["source_status"] == "void"]
    asked = work[work["source_status"] != "void"]
    ids = list(asked["source_id"])
    with place.billing.snapshot():
        fetched = place.billing.fetch_invoices(ids)
        invoices = schemas.validate(schemas.Invoices, fetched.invoices)
        lines = schemas.validate(schemas.InvoiceLines, fetched.lines)
        payers = schemas.validate(schemas.Payers, place.billing.fetch_payers(sorted(set(invoices["payer_id"]))))
    found = find_invoice_problems(invoices, lines, place.rules)
    by_source: dict[str, Problem] = {str(key): Problem(code) for key, code in found.items() if code}
    by_source |= {bad.source_id: Problem.BAD_AMOUNT for bad in fetched.bad_amounts}
    work = without_gone(place, work, set(ids) - set(invoices["invoice_id"]) - by_source.keys())
    owners = place.documents.numbers_taken(list(invoices["invoice_number"]))
    taken = find_taken_numbers(invoices[~invoices["invoice_id"].isin(by_source.keys())], owners)
    by_source |= {str(key): Problem(code) for key, code in taken.items() if code}
    forwarded = forwarded_cents(lines)

    sound = invoices[~invoices["invoice_id"].isin(by_source.keys())]
    sound_lines = lines[lines["invoice_id"].isin(sound["invoice_id"])]
    by_source |= _unknown_payers(sound, payers)
    customers = find_customers(place, set(sound["payer_id"]) & set(payers["payer_id"]), dry=dry)
    if not dry:
        refresh_customers(place, payers, customers.ids)
    items = find_items(place, set(sound_lines.loc[sound_lines["kind"] != "balance_forward", "fee_item_id"]), dry=dry)
    by_source |= _without_reference(sound, sound_lines, customers.problems, items.problems, by_source)

    sound = sound[~sound["invoice_id"].isin(by_source.keys())]
    sound_lines = sound_lines[sound_lines["invoice_id"].isin(sound["invoice_id"])]
    listed = {row.source_id: row for row in rows(work)}
    contents = invoice_contents(
        sound,
        sound_lines,
        payers,
        customers=customers.ids,
        items=items.ids,
        terms=place.mappings.links("terms"),
        tax_codes=place.mappings.links("tax_code"),
        markers={i: marker_of(place, listed[i]) for i in sound["invoice_id"]},
        rules=place.rules,
    )
    plan.contents = {listed[source_id].document_id: content for source_id, content in contents.items()}
    # Revised to nothing: what stands in QuickBooks is voided there, like one that billing voids.
    emptied = {i for i, problem in by_source.items() if problem is Problem.NOTHING_TO_BILL and listed[i].quickbooks_id}
    problems = {
        listed[source_id].document_id: problem for source_id, problem in by_source.items() if source_id not in emptied
    }
    work = work.assign(
        forwarded_cents=[
            int(forwarded.get(i, old)) for i, old in zip(work["source_id"], work["forwarded_cents"], strict=True)
        ]
    )
    _choose(place, plan, work, contents, problems, set(voided["source_id"]) | emptied)
    differing = {source_id for source_id, problem in by_source.items() if problem is Problem.TOTAL_MISMATCH}
    totals = describe_totals(invoices[invoices["invoice_id"].isin(differing)], lines)
    plan.stop(work, problems, {listed[source_id].document_id: text for source_id, text in totals.items()})
    return plan


def _choose(
    place: Workplace,
    plan: Plan,
    work: pd.DataFrame,
    contents: Mapping[str, Content],
    problems: dict[int, Problem],
    voids: set[str],
) -> None:
    """Give each remaining document its operation; what changes something in QuickBooks is compared with it first."""
    changing: list[tuple[Any, str, Content | None]] = []
    for row in rows(work):
        if row.document_id in problems:
            continue
        content = contents.get(row.source_id)
        operation = choose_operation(
            row.state,
            content.fingerprint if content else "",
            row.sent_fingerprint,
            "void" if row.source_id in voids else "issued",
            quickbooks_id=row.quickbooks_id,
        )
        if operation == "close":
            problems[row.document_id] = Problem.VOID_BEFORE_SENT
        elif operation in ("update", "void"):
            changing.append((row, operation, content))
        else:
            plan.decide(row, operation)
            if operation == "create" and content is not None:
                plan.ready.append(make_ready(place, row, operation, content, content.body))
    if changing:
        _change(place, plan, changing, problems)


def _change(
    place: Workplace, plan: Plan, changing: list[tuple[Any, str, Content | None]], problems: dict[int, Problem]
) -> None:
    meant = {row.document_id: (operation, content) for row, operation, content in changing}
    remote = read_remote(
        place,
        "invoice",
        [row for row, _, _ in changing],
        objection=lambda row, entity: _find_paid_problem(row, *meant[row.document_id], entity),
    )
    plan.remote |= remote
    for row, operation, content in changing:
        theirs = remote[row.document_id]
        if operation == "void" and theirs.problem is Problem.REMOTE_VOIDED:
            plan.decide(row, "close")  # both sides agree already
            continue
        if theirs.problem is not None:
            problems[row.document_id] = theirs.problem
            continue
        assert theirs.entity is not None  # noqa: S101 - without one there is a problem
        identity = {"Id": theirs.entity["Id"], "SyncToken": theirs.entity["SyncToken"]}
        if operation == "void":
            body, sent = identity, Content({}, 0, "", ())
        else:
            assert content is not None  # noqa: S101 - an update has content
            lines = carry_lines(content.body["Line"], theirs.entity.get("Line") or ())
            if lines is None:
                problems[row.document_id] = Problem.DRIFT
                continue
            body = update_body(
                content.body | {"Line": lines}, quickbooks_id=identity["Id"], sync_token=str(identity["SyncToken"])
            )
            body |= mark_again(content.body, theirs.entity)
            sent = content
        plan.decide(row, operation)
        plan.ready.append(make_ready(place, row, operation, sent, body))


def _find_paid_problem(row: Any, operation: str, content: Content | None, entity: Entity) -> Problem | None:
    """What payments in QuickBooks forbid: to void what they are applied to, to bill less, to bill somebody else."""
    paid_cents = read_cents(entity, "TotalAmt") - read_cents(entity, "Balance")
    if operation == "void":
        is_void = row.source_status == "void"
        return (Problem.PAYMENTS_APPLIED if is_void else Problem.PAID_BELOW) if paid_cents else None
    assert content is not None  # noqa: S101 - an update has content
    if paid_cents and content.body["CustomerRef"]["value"] != entity["CustomerRef"]["value"]:
        return Problem.PAYER_CHANGED
    return Problem.PAID_BELOW if paid_cents > content.total_cents else None


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
