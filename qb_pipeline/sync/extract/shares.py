"""The shares that payments of billing pay of its invoices: read the changes, divide them, store them.

Belongs here: finding the payments and invoices that depend on one another. Does not belong here: the division
(``core.documents.shares``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from qb_pipeline.core.documents.shares import Applied, divide_applied
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.shares import InvoiceKnown, Shares, Undivided
from qb_pipeline.sync.session.firm_session import FirmSession

AT_ONCE = 3_000
"""The number of documents that are divided in one transaction."""


@dataclass
class _Billed:
    """The data of billing about some payments and about all payments and invoices that depend on them."""

    applications: list[pd.DataFrame] = field(default_factory=list)
    payment_ids: set[str] = field(default_factory=set)
    invoice_ids: set[str] = field(default_factory=set)
    carries: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    forwarded_cents: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def divide_new(session: FirmSession) -> None:
    """Divide the new and changed documents of the work list. If there are none, this only asks the ledger."""
    kept = Shares(session.engine, session.firm.firm_id)
    while undivided := kept.undivided(limit=AT_ONCE):
        _divide(session, kept, undivided)


def _divide(session: FirmSession, kept: Shares, undivided: Sequence[Undivided]) -> None:
    payment_ids = {row.source_id for row in undivided if row.kind == Kind.PAYMENT}
    invoice_ids = {row.source_id for row in undivided if row.kind == Kind.INVOICE}
    carried_before = {row.source_id for row in kept.invoices(invoice_ids) if row.forwarded_cents}
    billed = _read(session, payment_ids, invoice_ids, carried_before)
    known = {row.source_id: row for row in kept.invoices(billed.invoice_ids)}
    payments = kept.payments(billed.payment_ids)
    applied = _applied({(row.source_id, row.part): row.document_id for row in payments}, billed.applications)
    new_cents = {
        invoice_id: row.amount_cents - billed.forwarded_cents.get(invoice_id, 0) if row.amount_cents else 0
        for invoice_id, row in known.items()
    }
    kept.record(
        undivided,
        divide_applied(
            [each for row in payments for each in applied.get(row.document_id, ())],
            new_cents,
            _find_older(billed, known),
            {row.document_id: row.sent for row in payments},
        ),
        payments=[row.document_id for row in payments],
        forwarded={
            known[each].document_id: billed.forwarded_cents.get(each, 0) for each in invoice_ids if each in known
        },
        now=session.clock(),
    )


def _read(
    session: FirmSession, payment_ids: Collection[str], invoice_ids: Collection[str], regrouped: Collection[str]
) -> _Billed:
    """Read these payments and invoices, and all that are connected with them by forwarded balances. Connected payments
    are divided together, because one of them decides the amount that the others find open."""
    billed = _Billed()
    new_payments, new_invoices, linked = set(payment_ids), set(invoice_ids), set(regrouped)
    with session.billing.snapshot():
        while new_payments or new_invoices or linked:
            applications = session.billing.fetch_payments(new_payments).applications
            billed.applications.append(applications)
            billed.payment_ids |= new_payments
            new_invoices |= set(applications["invoice_id"])
            linked |= _follow(session, billed, new_invoices - billed.invoice_ids)
            new_payments = session.billing.payment_ids_on(linked) - billed.payment_ids if linked else set()
            new_invoices, linked = set(), set()
    return billed


def _follow(session: FirmSession, billed: _Billed, invoice_ids: Collection[str]) -> set[str]:
    """Read the invoices that these carry forward and the invoices that carry these, to the end. Return the ids of all
    invoices with such a link."""
    linked: set[str] = set()
    todo = set(invoice_ids)
    while todo:
        billed.invoice_ids |= todo
        found: set[str] = set()
        for invoice_id, older_id, cents in session.billing.forwarded_balances(todo):
            if invoice_id in todo:
                billed.forwarded_cents[invoice_id] += cents
            if older_id:
                billed.carries[invoice_id].add(older_id)
                found |= {invoice_id, older_id}
        linked |= found
        todo = found - billed.invoice_ids
    return linked


def _applied(
    document_ids: dict[tuple[str, str], int], applications: Sequence[pd.DataFrame]
) -> dict[int, list[Applied]]:
    """Return the applications of each payment document, keyed by document id. Credit has a document for each day on
    which it was applied."""
    found: dict[int, list[Applied]] = defaultdict(list)
    for each in rows(pd.concat(applications, ignore_index=True)):
        document_id = document_ids.get((each.payment_id, each.applied_date.isoformat()))
        if document_id is None:
            document_id = document_ids.get((each.payment_id, ""))
        if document_id is not None:
            found[document_id].append(Applied(document_id, each.invoice_id, each.amount_cents, each.applied_date))
    return {document_id: sorted(each, key=lambda row: row.invoice_id) for document_id, each in found.items()}


def _find_older(billed: _Billed, known: dict[str, InvoiceKnown]) -> dict[str, list[str]]:
    """Return the ids of the invoices that an invoice carries forward, directly or not, oldest first, keyed by the
    invoice's id."""
    return {
        invoice_id: sorted(
            set(_walk(billed, invoice_id)) - {invoice_id},
            key=lambda old: (known[old].document_date if old in known else date.max, old),
        )
        for invoice_id in list(billed.carries)
    }


def _walk(billed: _Billed, invoice_id: str) -> Iterator[str]:
    seen: set[str] = set()
    todo = [invoice_id]
    while todo:
        for old in billed.carries.get(todo.pop(), set()) - seen:
            seen.add(old)
            todo.append(old)
            yield old
