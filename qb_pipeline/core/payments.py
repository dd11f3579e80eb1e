"""What payments QuickBooks shall hold, on which invoices, and why some cannot go.

Belongs here: splitting payments from credit by day, checks, dividing money over open invoices. Does not belong here:
the body that is sent (``core.payloads``), what is open in QuickBooks (the caller reads that).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd

from qb_pipeline.core.invoices import DAYS_AHEAD, MAX_CENTS
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.refunds import take_back
from qb_pipeline.core.schemas import Allocations, PaymentParts, frame
from qb_pipeline.core.settings import FirmRules

NEVER_SENT = {
    "credit_deposit": Problem.CREDIT_DEPOSIT,
    "refund": Problem.REFUND,
    "rejection": Problem.REJECTION,
    "reversal": Problem.REVERSAL,
}
"""Kinds that a person enters in QuickBooks by hand."""

_UNSETTLED = ("sending", "unknown")
_NOT_ALIVE = (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED)

PartKey = tuple[str, str]
"""payment_id and part."""


class PaymentPlan(NamedTuple):
    """The payments that QuickBooks shall hold (``PaymentParts``), and what each pays (``Allocations``).

    A part with a problem has no allocations, and neither has a void one.
    """

    parts: pd.DataFrame
    allocations: pd.DataFrame


@dataclass(frozen=True)
class _Known:
    """An invoice that payments are applied to."""

    status: str
    state: str
    reason: str
    eligibility: str
    quickbooks_id: str
    customer_id: str
    document_date: date | None

    @property
    def is_in_quickbooks(self) -> bool:
        return bool(
            self.quickbooks_id
            and self.status == "issued"
            and self.state not in _UNSETTLED
            and self.reason not in _NOT_ALIVE
        )

    @property
    def only_carries_forward(self) -> bool:
        """Nothing of it is in QuickBooks, and nothing is missing there: what it bills are older invoices."""
        return self.status == "issued" and self.state == "closed" and self.reason == Problem.NOTHING_TO_BILL


_MISSING = _Known("", "", "", "eligible", "", "", None)


@dataclass(frozen=True)
class _Part:
    payment_id: str
    part: str
    payer_id: str
    kind: str
    method: str
    reference: str
    document_date: date
    amount_cents: int
    currency: str
    status: str
    origin: str
    created_at: datetime
    applied: Mapping[str, int]
    is_overapplied: bool

    @property
    def key(self) -> PartKey:
        return self.payment_id, self.part


def find_payment_problems(
    payments: pd.DataFrame,
    applications: pd.DataFrame,
    invoices_known: pd.DataFrame,
    rules: FirmRules,
    **more: Any,
) -> pd.DataFrame:
    """Give each payment part the first reason it cannot be sent; "" when it can. Arguments as ``plan_payments``."""
    parts = plan_payments(payments, applications, invoices_known, rules, **more).parts
    return parts[["payment_id", "part", "problem"]]


def plan_payments(
    payments: pd.DataFrame,
    applications: pd.DataFrame,
    invoices_known: pd.DataFrame,
    rules: FirmRules,
    *,
    only: Collection[PartKey] | None = None,
    customers: Mapping[str, str] | None = None,
    forwarded: Mapping[str, Sequence[str]] | None = None,
    in_quickbooks: Mapping[tuple[str, str, str], int] | None = None,
    rejected: Mapping[str, str] | None = None,
    standing: Mapping[PartKey, int] | None = None,
    taken_back: Mapping[str, int] | None = None,
) -> PaymentPlan:
    """Split payments, find what cannot go, and divide the rest over what their invoices have open.

    Payments are taken in the order of their dates, then ids; each goes whole or not at all. What an application
    exceeds its invoice by goes to the invoices that this one carries forward, oldest first.

    Args:
        payments: this run's, with the rejections of the payments on their invoices where there are any.
        applications: theirs, and those of the rejected payments.
        invoices_known: the invoices of these applications, and those that they carry forward (``KnownInvoices``).
        rules: the firm's.
        only: the parts of this run, where it is not about all of them.
        customers: payer to customer, for payments that are applied to nothing.
        forwarded: invoice to the older ones that it carries; theirs in turn are found too.
        in_quickbooks: (payment_id, part, invoice_id) to the cents that QuickBooks holds of it already: an edited
            payment may use them again, a voided one sets them free.
        rejected: further invoices of which an earlier payment was rejected, and that payment.
        standing: the cents of all parts of these payments that stand in QuickBooks, or may. While one of them is gone
            from billing, no other part may grow beyond what it leaves of the payment.
        taken_back: payment to the cents of it that went back to the client and are recorded in QuickBooks: so much of
            it pays no invoice any more.
    """
    known = _read_known(invoices_known)
    open_cents = dict(zip(invoices_known["invoice_id"].tolist(), invoices_known["open_cents"].tolist(), strict=True))
    held_there: dict[PartKey, dict[str, int]] = defaultdict(dict)
    for (payment_id, part_name, invoice_id), cents in (in_quickbooks or {}).items():
        held_there[payment_id, part_name][invoice_id] = cents
    older = _find_older(forwarded or {}, known)
    bounced = _find_bounced(payments, applications, rejected or {})

    split = _split(payments, applications)
    crowded = _find_crowded(payments, split, standing or {})
    parts = [part for part in split if only is None or part.key in only]
    for part in parts:
        if part.status == "void":  # voids go first in a run
            _release(open_cents, held_there[part.key])

    rows = []
    allocated: list[tuple[str, str, str, str, int]] = []
    for part in sorted(parts, key=lambda part: (part.document_date, part.key)):
        problem = _find_own_problem(part, rules) or _find_invoice_problem(part, known)
        shares: dict[str, int] = {}
        blocked_by: str | None = None
        if part.status == "void":
            problem = None
        elif problem is None and part.payment_id in crowded and _grows(part, standing or {}):
            problem = Problem.EXCEEDS_BALANCE
        elif problem is None:
            shares, problem = _divide(part, open_cents, older, known, held_there[part.key])
            blocked_by = _find_rejected(part, bounced)
            if problem is Problem.EXCEEDS_BALANCE and blocked_by is not None:
                problem = Problem.REJECTION_OPEN
            if part.payment_id in (taken_back or {}):
                kept = take_back(shares, part.amount_cents, (taken_back or {})[part.payment_id])
                _release(open_cents, {invoice: cents - kept.get(invoice, 0) for invoice, cents in shares.items()})
                shares = kept
        used = shares or part.applied
        customer_id = next((known.get(invoice, _MISSING).customer_id for invoice in used), "")
        customer_id = customer_id or (customers or {}).get(part.payer_id, "")
        if problem is None and not customer_id and part.status != "void":
            problem, shares = Problem.UNMATCHED_PAYER, {}
        rows.append(
            (
                *part.key, part.payer_id, part.kind, part.method, part.reference, part.document_date,
                part.amount_cents, sum(part.applied.values()), part.currency, part.status, customer_id, problem or "",
                (blocked_by or "") if problem is Problem.REJECTION_OPEN else "",
            )
        )  # fmt: skip
        allocated += [(*part.key, invoice, known[invoice].quickbooks_id, cents) for invoice, cents in shares.items()]
    return PaymentPlan(frame(PaymentParts, rows), frame(Allocations, allocated))


def _split(payments: pd.DataFrame, applications: pd.DataFrame) -> list[_Part]:
    """Make one part of each payment; of one from credit, one per day on which credit was applied."""
    applied: dict[str, dict[date, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for payment_id, invoice_id, cents, day in zip(
        *(applications[column].tolist() for column in ("payment_id", "invoice_id", "amount_cents", "applied_date")),
        strict=True,
    ):
        applied[payment_id][day][invoice_id] += cents
    columns = (
        "payment_id", "payer_id", "kind", "method", "reference", "received_date", "amount_cents", "currency",
        "status", "origin", "created_at",
    )  # fmt: skip
    parts = []
    for payment_id, payer_id, kind, method, reference, received, cents, currency, status, origin, created_at in zip(
        *(payments[column].tolist() for column in columns), strict=True
    ):
        by_day = applied.get(payment_id, {})
        by_invoice: dict[str, int] = defaultdict(int)
        for shares in by_day.values():
            for invoice_id, share in shares.items():
                by_invoice[invoice_id] += share
        total = sum(by_invoice.values())
        if kind == "credit_application" and by_day:
            pieces = [(day.isoformat(), day, sum(shares.values()), shares) for day, shares in sorted(by_day.items())]
        else:
            pieces = [("", received, cents, by_invoice)]
        for name, day, amount, shares in pieces:
            # Invoices in the order of their ids: the same rows in another order are the same payment.
            parts.append(
                _Part(
                    payment_id, name, payer_id, kind, method, reference, day, amount, currency, status, origin,
                    created_at,
                    {invoice: shares[invoice] for invoice in sorted(shares)},
                    total > cents,
                )
            )  # fmt: skip
    return parts


def _find_crowded(payments: pd.DataFrame, parts: Sequence[_Part], standing: Mapping[PartKey, int]) -> set[str]:
    """Payments whose parts, with those in QuickBooks that billing no longer has, are more than the payment."""
    shown = {part.key for part in parts}
    gone_cents: dict[str, int] = defaultdict(int)
    for key, cents in standing.items():
        if key not in shown:
            gone_cents[key[0]] += cents
    meant_cents: dict[str, int] = defaultdict(int)
    for part in parts:
        meant_cents[part.payment_id] += part.amount_cents
    whole = dict(zip(payments["payment_id"].tolist(), payments["amount_cents"].tolist(), strict=True))
    return {
        payment_id
        for payment_id, cents in gone_cents.items()
        if cents + meant_cents[payment_id] > whole.get(payment_id, 0)
    }


def _grows(part: _Part, standing: Mapping[PartKey, int]) -> bool:
    return part.amount_cents > standing.get(part.key, 0)


def _read_known(invoices: pd.DataFrame) -> dict[str, _Known]:
    columns = ("status", "state", "reason", "eligibility", "quickbooks_id", "customer_id", "document_date")
    return {
        invoice_id: _Known(*values)
        for invoice_id, *values in zip(*(invoices[column].tolist() for column in ("invoice_id", *columns)), strict=True)
    }


def _find_older(forwarded: Mapping[str, Sequence[str]], known: Mapping[str, _Known]) -> dict[str, list[str]]:
    """Follow forwarded balances to the end: an invoice that is carried forward may carry another. Oldest first."""
    older = {}
    for invoice_id in forwarded:
        found: set[str] = set()
        todo = list(forwarded[invoice_id])
        while todo:
            found.add(next_id := todo.pop())
            todo += [further for further in forwarded.get(next_id, ()) if further not in found]
        found.discard(invoice_id)
        older[invoice_id] = sorted(found, key=lambda old: (known.get(old, _MISSING).document_date or date.max, old))
    return older


def _find_bounced(
    payments: pd.DataFrame, applications: pd.DataFrame, rejected: Mapping[str, str]
) -> dict[str, set[str]]:
    """Invoice to the payments on it that a rejection takes back."""
    rejections = payments[(payments["kind"] == "rejection") & (payments["status"] == "completed")]
    taken_back = applications[applications["payment_id"].isin(rejections["reverses_payment_id"])]
    bounced = {invoice_id: {payment_id} for invoice_id, payment_id in rejected.items()}
    for invoice_id, payment_id in zip(
        taken_back["invoice_id"].tolist(), taken_back["payment_id"].tolist(), strict=True
    ):
        bounced.setdefault(invoice_id, set()).add(payment_id)
    return bounced


def _find_own_problem(part: _Part, rules: FirmRules) -> Problem | None:
    """What the payment itself has against being sent, invoices aside; what a person must do comes before waiting."""
    unapplied = sum(part.applied.values()) < part.amount_cents
    may_keep = rules.settings.keep_overpayments and part.kind == "payment"
    reasons = (
        (part.origin == "quickbooks", Problem.FROM_QUICKBOOKS),
        (_is_stray(part, rules), Problem.MODEL_2_PAYMENT),
        (part.kind in NEVER_SENT, NEVER_SENT.get(part.kind)),
        (part.currency != rules.currency, Problem.CURRENCY_MISMATCH),
        (not 0 < part.amount_cents <= MAX_CENTS, Problem.BAD_AMOUNT),
        (any(cents <= 0 for cents in part.applied.values()), Problem.BAD_AMOUNT),
        (part.is_overapplied, Problem.TOTAL_MISMATCH),
        (part.document_date < rules.first_date, Problem.DATE_OUT_OF_RANGE),
        ((unapplied or not part.applied) and not may_keep, Problem.UNAPPLIED),
        (part.document_date > rules.today + timedelta(days=DAYS_AHEAD), Problem.DATED_AHEAD),
    )
    return next((problem for applies, problem in reasons if applies), None)


def _is_stray(part: _Part, rules: FirmRules) -> bool:
    """Under Model 2 billing takes no payments; those from before an active firm was switched to it stay as they are."""
    return rules.model == 2 and not (rules.cut_over_at and part.created_at < rules.cut_over_at)


def _find_invoice_problem(part: _Part, known: Mapping[str, _Known]) -> Problem | None:
    """What the invoices of a payment have against it: one of them is enough, the payment goes whole or not at all."""
    invoices = [known.get(invoice_id, _MISSING) for invoice_id in part.applied]
    reasons = (
        (any(invoice.status == "void" for invoice in invoices), Problem.INVOICE_VOID),
        (any(invoice.eligibility != "eligible" for invoice in invoices), Problem.INVOICE_INELIGIBLE),
        (len({invoice.customer_id for invoice in invoices} - {""}) > 1, Problem.TWO_CUSTOMERS),
        (any(invoice.status == "draft" for invoice in invoices), Problem.INVOICE_DRAFT),
        (
            not all(invoice.is_in_quickbooks or invoice.only_carries_forward for invoice in invoices),
            Problem.INVOICE_NOT_SENT,
        ),
    )
    return next((problem for applies, problem in reasons if applies), None)


def _divide(
    part: _Part,
    open_cents: dict[str, int],
    older: Mapping[str, Sequence[str]],
    known: Mapping[str, _Known],
    held_there: Mapping[str, int],
) -> tuple[dict[str, int], Problem | None]:
    """Divide one payment over what is open, and take that from ``open_cents``; all of it, or nothing and the reason."""
    left = dict(open_cents)
    _release(left, held_there)
    shares: dict[str, int] = {}
    excess: dict[str, int] = {}
    for invoice, cents in part.applied.items():
        excess[invoice] = cents - _take(invoice, cents, left, known, shares)
    waits = False
    for invoice, cents in excess.items():
        rest = cents
        for forwarded in older.get(invoice, ()):
            waits = waits or bool(rest and _is_on_its_way(known.get(forwarded, _MISSING)))
            rest -= _take(forwarded, rest, left, known, shares)
        if rest:
            if waits:
                return {}, Problem.INVOICE_NOT_SENT
            return {}, Problem.EXCEEDS_BALANCE
    if len({known[invoice].customer_id for invoice in shares}) > 1:
        return {}, Problem.TWO_CUSTOMERS
    open_cents.update(left)
    return shares, None


def _find_rejected(part: _Part, bounced: Mapping[str, set[str]]) -> str | None:
    """The rejected payment, not this one, that still fills an invoice of this payment in QuickBooks."""
    others = {other for invoice in part.applied for other in bounced.get(invoice, ())} - {part.payment_id}
    return min(others, default=None)


def _take(invoice: str, cents: int, left: dict[str, int], known: Mapping[str, _Known], shares: dict[str, int]) -> int:
    """Take up to so many cents from what an invoice has open; say how many it were."""
    if not known.get(invoice, _MISSING).is_in_quickbooks:
        return 0
    taken = max(0, min(cents, left[invoice]))
    if taken:
        left[invoice] -= taken
        shares[invoice] = shares.get(invoice, 0) + taken
    return taken


def _is_on_its_way(invoice: _Known) -> bool:
    """Whether a forwarded invoice will be in QuickBooks later; an ineligible one never will."""
    return (
        invoice.status == "issued"
        and invoice.eligibility == "eligible"
        and not (invoice.is_in_quickbooks or invoice.only_carries_forward)
    )


def _release(open_cents: dict[str, int], held_there: Mapping[str, int]) -> None:
    for invoice, cents in held_there.items():
        if invoice in open_cents:
            open_cents[invoice] += cents
