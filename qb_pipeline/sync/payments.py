"""Plan payments: read them, look up what their invoices have open, divide them, build what to send."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.payloads import Content, payment_contents
from qb_pipeline.core.payments import PartKey
from qb_pipeline.core.payments import plan_payments as divide
from qb_pipeline.core.plan import choose_operation, mark_again, update_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Application
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.outcomes import read_cents
from qb_pipeline.sync.plan import Plan, make_ready, marker_of
from qb_pipeline.sync.remote import read_remote
from qb_pipeline.sync.workplace import Workplace

PLANNED = "planned"
"""Stands for the QuickBooks id of an invoice that a dry run would have sent before its payments."""

TOO_MUCH = (Problem.EXCEEDS_BALANCE, Problem.REJECTION_OPEN)
"""Problems that hang on what is open in QuickBooks, which a bookkeeper may have changed."""


def plan_payments(place: Workplace, work: pd.DataFrame, *, dry: bool) -> Plan:
    """Decide about one chunk of the work list.

    ``dry``: invoices that the same plan would create count as sent; ``PLANNED`` stands for their Ids.
    """
    plan = Plan()
    ids = sorted(set(work["source_id"]))
    keys: dict[PartKey, Any] = {(row.source_id, row.part): row for row in rows(work)}
    with place.billing.snapshot():
        fetched = place.billing.fetch_payments(ids)
        # With what else pays their invoices: one of those may have been rejected.
        others = place.billing.payment_ids_on(set(fetched.applications["invoice_id"])) - set(ids)
        beside = place.billing.fetch_payments(others)
        payments = _validated(schemas.Payments, fetched.payments, beside.payments)
        applications = _validated(schemas.Applications, fetched.applications, beside.applications)
        invoices, forwarded = _invoices(place, set(fetched.applications["invoice_id"]))
    known = _known(place, invoices, dry=dry)
    divide_over = partial(
        divide,
        payments,
        applications,
        rules=place.rules,
        only=keys.keys(),
        customers=place.mappings.links("payer"),
        forwarded=forwarded,
        in_quickbooks=place.documents.applied([row.document_id for row in keys.values()]),
        rejected=place.documents.open_rejections(list(known["invoice_id"])),
        standing=place.documents.standing_parts(ids),
        taken_back=place.documents.taken_back(ids),
    )
    planned = divide_over(invoices_known=known)
    if not dry and planned.parts["problem"].isin(TOO_MUCH).any():
        planned = divide_over(invoices_known=_with_balances(place, known))
    by_key: dict[PartKey, Problem] = {
        (payment_id, part): Problem(problem)
        for payment_id, part, problem in zip(
            planned.parts["payment_id"], planned.parts["part"], planned.parts["problem"], strict=True
        )
        if problem
    }
    bad = {row.source_id for row in fetched.bad_amounts}
    found = set(zip(planned.parts["payment_id"], planned.parts["part"], strict=True))
    by_key |= {key: Problem.BAD_AMOUNT for key in keys if key[0] in bad}
    voids = {key for key, row in keys.items() if row.source_status == "void" and row.quickbooks_id}
    by_key = {key: problem for key, problem in by_key.items() if key not in voids}  # none keeps a void at home
    gone = [keys.pop(key).document_id for key in keys.keys() - found - by_key.keys() - voids]
    if gone:
        place.documents.gone(gone, run=place.run, now=place.clock())
        work = work[~work["document_id"].isin(gone)]
    sound = planned.parts[(planned.parts["problem"] == "") & (planned.parts["status"] != "void")]
    contents = payment_contents(
        sound,
        planned.allocations,
        payment_methods=place.mappings.links("payment_method"),
        deposit_accounts=place.mappings.links("deposit_account"),
        markers={key: marker_of(place, row) for key, row in keys.items()},
        rules=place.rules,
    )
    plan.contents = {keys[key].document_id: content for key, content in contents.items()}
    problems = {keys[key].document_id: problem for key, problem in by_key.items()}
    details = {
        keys[payment_id, part].document_id: blocked_by
        for payment_id, part, blocked_by in zip(
            *(planned.parts[column] for column in ("payment_id", "part", "blocked_by")), strict=True
        )
    }
    _choose(place, plan, keys, contents, _applications(planned.allocations), problems)
    plan.stop(work, problems, details)
    return plan


def _validated(schema: type[schemas.Payments] | type[schemas.Applications], *frames: pd.DataFrame) -> pd.DataFrame:
    return schemas.validate(schema, pd.concat(frames, ignore_index=True) if len(frames[1]) else frames[0])


def _choose(
    place: Workplace,
    plan: Plan,
    keys: Mapping[PartKey, Any],
    contents: Mapping[PartKey, Content],
    applications: Mapping[PartKey, tuple[Application, ...]],
    problems: dict[int, Problem],
) -> None:
    changing = []
    for key, row in keys.items():
        if row.document_id in problems:
            continue
        content = contents.get(key)
        operation = choose_operation(
            row.state,
            content.fingerprint if content else "",
            row.sent_fingerprint,
            row.source_status,
            quickbooks_id=row.quickbooks_id,
        )
        if operation == "close":
            problems[row.document_id] = Problem.VOID_BEFORE_SENT
        elif operation in ("update", "void"):
            changing.append((key, row, operation, content))
        else:
            plan.decide(row, operation)
            if operation == "create" and content is not None:
                plan.ready.append(make_ready(place, row, operation, content, content.body, applications.get(key, ())))
    remote = read_remote(place, "payment", [row for _, row, _, _ in changing]) if changing else {}
    plan.remote |= remote
    for key, row, operation, content in changing:
        theirs = remote[row.document_id]
        if operation == "void" and theirs.problem is Problem.REMOTE_VOIDED:
            plan.decide(row, "close")  # both sides agree already
            continue
        if theirs.problem is not None:
            problems[row.document_id] = theirs.problem
            continue
        assert theirs.entity is not None  # noqa: S101 - without one there is a problem
        plan.decide(row, operation)
        identity = {"Id": theirs.entity["Id"], "SyncToken": str(theirs.entity["SyncToken"])}
        if operation == "void":
            nothing = Content({}, 0, "", ())
            plan.ready.append(make_ready(place, row, operation, nothing, {**identity, "sparse": True}))
        else:
            assert content is not None  # noqa: S101 - an update has content
            body = update_body(content.body, quickbooks_id=identity["Id"], sync_token=identity["SyncToken"])
            body |= mark_again(content.body, theirs.entity)
            plan.ready.append(make_ready(place, row, operation, content, body, applications.get(key, ())))


def _applications(allocations: pd.DataFrame) -> dict[PartKey, tuple[Application, ...]]:
    found: dict[PartKey, tuple[Application, ...]] = {}
    for row in rows(allocations):
        key = (row.payment_id, row.part)
        application = Application(row.invoice_id, row.quickbooks_invoice_id, row.amount_cents)
        found[key] = (*found.get(key, ()), application)
    return found


def _invoices(place: Workplace, invoice_ids: set[str]) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """The invoices that payments are applied to and those that they carry forward, with who carries whom."""
    forwarded: dict[str, list[str]] = {}
    frames: list[pd.DataFrame] = []
    seen: set[str] = set()
    todo = invoice_ids
    while todo:
        fetched = place.billing.fetch_invoices(sorted(todo))
        frames.append(fetched.invoices)
        seen |= todo
        links = fetched.lines[fetched.lines["forwarded_invoice_id"] != ""]
        for invoice_id, older in zip(links["invoice_id"], links["forwarded_invoice_id"], strict=True):
            forwarded.setdefault(invoice_id, []).append(older)
        todo = set(links["forwarded_invoice_id"]) - seen
    columns = ["invoice_id", "status", "created_at", "invoice_date"]
    if not frames:
        return pd.DataFrame(columns=columns), forwarded
    return pd.concat(frames, ignore_index=True)[columns], forwarded


def _known(place: Workplace, invoices: pd.DataFrame, *, dry: bool) -> pd.DataFrame:
    """What billing and the ledger know of invoices (``core.schemas.KnownInvoices``)."""
    ledger = {row.invoice_id: row for row in rows(place.documents.invoices_known(list(invoices["invoice_id"])))}
    planned = place.documents.planned_creates(place.run.run_id, list(invoices["invoice_id"])) if dry else {}
    customers = place.mappings.links("payer")
    known_rows = []
    for invoice in rows(invoices):
        known = ledger.get(invoice.invoice_id)
        state, reason, quickbooks_id, customer_id, open_cents = (
            (known.state, known.reason, known.quickbooks_id, known.customer_id, known.open_cents)
            if known
            else ("", "", "", "", 0)
        )
        if invoice.invoice_id in planned and not quickbooks_id:
            payer_id, open_cents = planned[invoice.invoice_id]
            state, quickbooks_id, customer_id = (
                "synced",
                f"{PLANNED}:{invoice.invoice_id}",
                customers.get(payer_id, payer_id),
            )
        eligibility = "eligible" if _is_eligible(invoice.created_at, place.firm.eligible_since) else "ineligible"
        known_rows.append(
            (
                invoice.invoice_id, invoice.status, state, reason, eligibility, quickbooks_id, customer_id, open_cents,
                invoice.invoice_date,
            )
        )  # fmt: skip
    return schemas.frame(schemas.KnownInvoices, known_rows)


def _with_balances(place: Workplace, known: pd.DataFrame) -> pd.DataFrame:
    """What is really open on these invoices, where that is more or less than our own payments let us believe.

    A bookkeeper may have entered a rejection, or taken a payment off an invoice. What is under way is not in a balance
    yet: while there is any, only our own reckoning counts.
    """
    if place.sending.open():
        return known
    ids = [quickbooks_id for quickbooks_id in known["quickbooks_id"] if quickbooks_id]
    balances = {row["Id"]: read_cents(row, "Balance") for row in place.quickbooks.find("Invoice", "Id", ids)}
    open_cents = [
        balances.get(quickbooks_id, cents)
        for quickbooks_id, cents in zip(known["quickbooks_id"], known["open_cents"], strict=True)
    ]
    return known.assign(open_cents=open_cents)


def _is_eligible(created_at: datetime, eligible_since: datetime | None) -> bool:
    return eligible_since is None or created_at >= eligible_since
