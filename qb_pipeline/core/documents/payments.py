"""The payments that QuickBooks shall hold, the invoices that they pay, and the reasons for which some cannot be sent.

Belongs here: splitting payments from credit by day, checks, dividing money over open invoices. Does not belong here:
the body that is sent (``core.documents.payloads``), reading the open amounts from QuickBooks (the caller does).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.core.documents.headroom import Headroom, PartKey
from qb_pipeline.core.documents.invoices import MAX_CENTS
from qb_pipeline.core.documents.journal_entries import take_back
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import Allocations, PaymentParts, frame
from qb_pipeline.core.settings import FirmRules
from qb_pipeline.core.states import UNDER_WAY, State

PLAIN = "payment"
"""The kind of billing's payments that are money for invoices, and nothing else."""

NEVER_SENT = {
    "credit_deposit": Problem.CREDIT_DEPOSIT,
    "refund": Problem.REFUND,
    "rejection": Problem.REJECTION,
    "reversal": Problem.REVERSAL,
}
"""The reason for which a payment is never sent, keyed by kind. A person enters these kinds in QuickBooks by hand."""

_NOT_ALIVE = (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED)


class PaymentPlan(NamedTuple):
    """The payments that QuickBooks shall hold (``PaymentParts``), and the invoices that each pays (``Allocations``).

    A part (partial application) has no allocations if it has a problem or is void.
    """

    parts: pd.DataFrame
    allocations: pd.DataFrame


@dataclass(frozen=True, slots=True)
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
            and self.state not in UNDER_WAY
            and self.reason not in _NOT_ALIVE
        )

    @property
    def only_carries_forward(self) -> bool:
        """Whether the invoice bills older invoices only. It is then not in QuickBooks, and need not be there."""
        return self.status == "issued" and self.state == State.CLOSED and self.reason == Problem.NOTHING_TO_BILL


_MISSING = _Known("", "", "", "eligible", "", "", None)


@dataclass(frozen=True, slots=True)
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

    @property
    def is_void(self) -> bool:
        return self.status == "void"

    @property
    def is_nothing(self) -> bool:
        """Whether the part is of 0.00 and pays nothing. Its document in QuickBooks, if there is one, is voided."""
        return self.amount_cents == 0 and not any(self.applied.values()) and self.kind not in NEVER_SENT


@dataclass(frozen=True, slots=True)
class _Receivables:
    """The invoices over which the parts of one run are divided. Money in cents.

    ``open_cents``: open amounts, keyed by invoice; they go down with each part that pays. ``headroom``: the cents that
    our payments may apply to each invoice. ``older``: the invoices that an invoice carries forward, oldest first, keyed
    by that invoice. ``held_there``: cents in QuickBooks, keyed by part and then by invoice. ``bounced``: the payments
    that a rejection takes back, keyed by invoice. ``outgrown``: parts that may not grow, since a part that billing no
    longer has still fills their payment. ``taken_back``: cents that went back to the client, keyed by payment.
    ``customers``: the customer, keyed by payer.
    """

    known: Mapping[str, _Known]
    open_cents: dict[str, int]
    headroom: Headroom
    older: Mapping[str, Sequence[str]]
    held_there: Mapping[PartKey, Mapping[str, int]]
    bounced: Mapping[str, Collection[str]]
    outgrown: Collection[PartKey]
    taken_back: Mapping[str, int]
    customers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The decision about a part: its customer and the cents that it pays on each invoice, or its problem.

    ``blocked_by``: the payment that stands in the way. With REJECTION_OPEN it is the rejected payment, with
    OTHER_STILL_APPLIED the payment that this part waits for.
    """

    customer_id: str
    shares: Mapping[str, int]
    problem: Problem | None = None
    blocked_by: str = ""


def divide_payments(
    payments: pd.DataFrame,
    applications: pd.DataFrame,
    invoices_known: pd.DataFrame,
    rules: FirmRules,
    *,
    only: Collection[PartKey] | None = None,
    customers: Mapping[str, str] = MappingProxyType({}),
    forwarded: Mapping[str, Sequence[str]] = MappingProxyType({}),
    in_quickbooks: Mapping[tuple[str, str, str], int] = MappingProxyType({}),
    beside: Mapping[tuple[str, str, str], int] = MappingProxyType({}),
    kept: Collection[str] = (),
    leaving: Collection[PartKey] = (),
    taken_off: Collection[PartKey] = (),
    rejected: Mapping[str, str] = MappingProxyType({}),
    standing: Mapping[PartKey, int] = MappingProxyType({}),
    taken_back: Mapping[str, int] = MappingProxyType({}),
) -> PaymentPlan:
    """Split payments into parts, find those that cannot be sent, and divide the rest over the open amounts of their
    invoices.

    Payments are processed in the order of their dates, then ids; each is sent whole or not at all. If an application
    exceeds the open amount of its invoice, the excess pays the invoices that this one carries forward, oldest first.

    Args:
        payments: the payments of this run, and the rejections of other payments on the same invoices.
        applications: their applications, and those of the rejected payments.
        invoices_known: the invoices of these applications, and those that they carry forward (``KnownInvoices``).
        rules: the firm's rules.
        only: the parts that this run is about; None for all.
        customers: the customer, keyed by payer, for payments that are applied to nothing.
        forwarded: the older invoices that an invoice carries forward, keyed by that invoice; chains of them are
            followed.
        in_quickbooks: the cents that QuickBooks already holds, keyed by (payment_id, part, invoice_id). An edited
            payment may use them again; a voided payment sets them free.
        beside: the same of all our payments on these invoices. Together these never pay more than billing applies.
        kept: payments that a person left in QuickBooks as they are. Billing's applications of these payments do not
            count.
        leaving: parts that are sure to release their cents in QuickBooks before the other parts are sent. The headroom
            no longer counts these cents.
        taken_off: parts that release their cents before any of these parts is sent. The headroom no longer counts these
            cents, and they are open again.
        rejected: the id of an earlier payment that was rejected, keyed by invoice, for further invoices.
        standing: cents, keyed by part, for all parts of these payments that are or may be in QuickBooks. While a part
            that is gone from billing is there, no other part may grow beyond the rest of the payment.
        taken_back: the cents that went back to the client, as recorded in QuickBooks, keyed by payment. These cents no
            longer pay an invoice.
    """
    split = _split(payments, applications)
    parts = sorted(
        (part for part in split if only is None or part.key in only), key=lambda part: (part.document_date, part.key)
    )
    known = _read_known(invoices_known)
    older = _find_older(forwarded, known)
    held_there = _by_part(in_quickbooks)
    receivables = _Receivables(
        known=known,
        open_cents=dict(zip(invoices_known["invoice_id"].tolist(), invoices_known["open_cents"].tolist(), strict=True)),
        headroom=Headroom({**beside, **in_quickbooks}, _find_billed(payments, applications, kept), older),
        older=older,
        held_there=held_there,
        bounced=_find_bounced(payments, applications, rejected),
        outgrown=_find_outgrown(payments, split, standing),
        taken_back=taken_back,
        customers=customers,
    )
    for part in parts:
        if part.is_void or part.is_nothing:  # voids go first in a run
            _release(receivables.open_cents, receivables.held_there.get(part.key, {}))
        if part.is_void or part.key in leaving or part.key in taken_off:
            receivables.headroom.free(part.key)
    for key in taken_off:
        _release(receivables.open_cents, held_there.pop(key, {}))
    verdicts = [(part, _judge(part, receivables, rules)) for part in parts]
    return PaymentPlan(
        frame(PaymentParts, [_part_row(part, verdict) for part, verdict in verdicts]),
        frame(
            Allocations,
            [
                (*part.key, invoice, known[invoice].quickbooks_id, cents)
                for part, verdict in verdicts
                for invoice, cents in verdict.shares.items()
            ],
        ),
    )


def _by_part(in_quickbooks: Mapping[tuple[str, str, str], int]) -> dict[PartKey, dict[str, int]]:
    """Return the cents that QuickBooks holds, keyed by part and then by invoice."""
    held_there: dict[PartKey, dict[str, int]] = defaultdict(dict)
    for (payment_id, part_name, invoice_id), cents in in_quickbooks.items():
        held_there[payment_id, part_name][invoice_id] = cents
    return held_there


def _judge(part: _Part, receivables: _Receivables, rules: FirmRules) -> _Verdict:
    """Return the decision about a part: its customer and its invoices, or its problem. Subtract its cents from
    ``open_cents``."""
    if part.is_void:
        return _Verdict(_find_customer(part, part.applied, receivables), {})
    shares: Mapping[str, int] = {}
    blocked_by = ""
    problem = _find_own_problem(part, rules) or _find_invoice_problem(part, receivables.known)
    if problem is None and part.key in receivables.outgrown:
        problem = Problem.EXCEEDS_BALANCE
    if problem is None:
        shares, problem, blocked_by = _allocate(part, receivables)
    customer_id = _find_customer(part, shares or part.applied, receivables)
    if problem is None and not customer_id:
        return _Verdict("", {}, Problem.UNMATCHED_PAYER)
    return _Verdict(customer_id, shares, problem, blocked_by)


def _allocate(part: _Part, receivables: _Receivables) -> tuple[Mapping[str, int], Problem | None, str]:
    """Divide a part over its invoices, without the money that went back to the client, and subtract the shares from
    ``open_cents``.

    Returns:
        Cents, keyed by invoice; or no cents, the problem, and the payment that stands in the way ("" without one).
    """
    shares, problem = _divide(part, receivables)
    if problem is Problem.EXCEEDS_BALANCE:
        rejected = _find_rejected(part, receivables.bounced)
        if rejected is not None:
            return {}, Problem.REJECTION_OPEN, rejected
        blocker = _find_in_the_way(part, receivables)
        return ({}, problem, "") if blocker is None else ({}, Problem.OTHER_STILL_APPLIED, blocker)
    if problem is not None:
        return {}, problem, ""
    blocker = receivables.headroom.find_blocker(part.key, shares)
    if blocker is not None:
        return {}, Problem.OTHER_STILL_APPLIED, blocker
    receivables.headroom.take(part.key, shares)
    if part.payment_id in receivables.taken_back:
        shares = take_back(shares, part.amount_cents, receivables.taken_back[part.payment_id])
    _release(receivables.open_cents, receivables.held_there.get(part.key, {}))
    _release(receivables.open_cents, {invoice: -cents for invoice, cents in shares.items()})
    return shares, None, ""


def _find_in_the_way(part: _Part, receivables: _Receivables) -> str | None:
    """Return the payment without which a part would fit, because billing applies less of it than QuickBooks holds; None
    without such a payment."""
    excess = receivables.headroom.excess()
    freed = dict(receivables.open_cents)
    _release(freed, {invoice: cents for invoice, (cents, _) in excess.items()})
    shares, problem = _divide(part, replace(receivables, open_cents=freed))
    if problem is not None:
        return None
    return next((excess[invoice][1] for invoice in shares if invoice in excess), None)


def _find_customer(part: _Part, paid: Iterable[str], receivables: _Receivables) -> str:
    """Return the customer of the first invoice that is paid, else the payer's own; "" when neither is known."""
    of_invoice = next((receivables.known.get(invoice, _MISSING).customer_id for invoice in paid), "")
    return of_invoice or receivables.customers.get(part.payer_id, "")


def _part_row(part: _Part, verdict: _Verdict) -> tuple[object, ...]:
    """Build the row of ``PaymentParts`` for a part."""
    return (
        *part.key, part.payer_id, part.kind, part.method, part.reference, part.document_date, part.amount_cents,
        sum(part.applied.values()), part.currency, part.status, verdict.customer_id, verdict.problem or "",
        verdict.blocked_by,
    )  # fmt: skip


def _split(payments: pd.DataFrame, applications: pd.DataFrame) -> list[_Part]:
    """Return one part for each payment; for a payment from credit, one part for each day on which credit was
    applied."""
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


def _find_outgrown(payments: pd.DataFrame, parts: Sequence[_Part], standing: Mapping[PartKey, int]) -> set[PartKey]:
    """Return the parts that would grow although all parts of their payment, with those that billing no longer has,
    exceed it."""
    shown = {part.key for part in parts}
    gone_cents: dict[str, int] = defaultdict(int)
    for key, cents in standing.items():
        if key not in shown:
            gone_cents[key[0]] += cents
    meant_cents: dict[str, int] = defaultdict(int)
    for part in parts:
        meant_cents[part.payment_id] += part.amount_cents
    whole = dict(zip(payments["payment_id"].tolist(), payments["amount_cents"].tolist(), strict=True))
    crowded = {
        payment_id
        for payment_id, cents in gone_cents.items()
        if cents + meant_cents[payment_id] > whole.get(payment_id, 0)
    }
    return {part.key for part in parts if part.payment_id in crowded and part.amount_cents > standing.get(part.key, 0)}


def _read_known(invoices: pd.DataFrame) -> dict[str, _Known]:
    columns = ("status", "state", "reason", "eligibility", "quickbooks_id", "customer_id", "document_date")
    return {
        invoice_id: _Known(*values)
        for invoice_id, *values in zip(*(invoices[column].tolist() for column in ("invoice_id", *columns)), strict=True)
    }


def _find_older(forwarded: Mapping[str, Sequence[str]], known: Mapping[str, _Known]) -> dict[str, list[str]]:
    """Return all invoices that an invoice carries forward, also through other invoices, oldest first, keyed by that
    invoice."""
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
    """Return the payments that a rejection takes back, keyed by the invoice that they are applied to."""
    rejections = payments[(payments["kind"] == "rejection") & (payments["status"] == "completed")]
    taken_back = applications[applications["payment_id"].isin(rejections["reverses_payment_id"])]
    bounced = {invoice_id: {payment_id} for invoice_id, payment_id in rejected.items()}
    for invoice_id, payment_id in zip(
        taken_back["invoice_id"].tolist(), taken_back["payment_id"].tolist(), strict=True
    ):
        bounced.setdefault(invoice_id, set()).add(payment_id)
    return bounced


def _find_own_problem(part: _Part, rules: FirmRules) -> Problem | None:
    """Return the first problem of the payment itself, apart from its invoices; None without one. Problems that need a
    person come before waiting."""
    unapplied = sum(part.applied.values()) < part.amount_cents
    may_keep = rules.settings.keep_overpayments and part.kind == PLAIN
    reasons = (
        (part.origin == "quickbooks", Problem.FROM_QUICKBOOKS),
        (part.is_nothing, Problem.NOTHING_TO_PAY),
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
    """Return whether billing took a payment although the firm is under Model 2, where payments are taken in QuickBooks.

    A payment from before the switch of an active firm to Model 2 is no such payment.
    """
    return rules.model == 2 and not (rules.cut_over_at and part.created_at < rules.cut_over_at)


def _find_invoice_problem(part: _Part, known: Mapping[str, _Known]) -> Problem | None:
    """Return the first problem that an invoice of the payment has; None without one. One problem is enough, as a
    payment is sent whole or not at all."""
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


def _divide(part: _Part, receivables: _Receivables) -> tuple[dict[str, int], Problem | None]:
    """Return the shares of a part of the open amounts, or the problem alone. The open amounts stay as they are."""
    known = receivables.known
    left = dict(receivables.open_cents)
    _release(left, receivables.held_there.get(part.key, {}))
    shares: dict[str, int] = {}
    excess: dict[str, int] = {}
    for invoice, cents in part.applied.items():
        excess[invoice] = cents - _take(invoice, cents, left, known, shares)
    waits = False
    for invoice, cents in excess.items():
        rest = cents
        for forwarded in receivables.older.get(invoice, ()):
            waits = waits or bool(rest and _is_on_its_way(known.get(forwarded, _MISSING)))
            rest -= _take(forwarded, rest, left, known, shares)
        if rest:
            if waits:
                return {}, Problem.INVOICE_NOT_SENT
            return {}, Problem.EXCEEDS_BALANCE
    if len({known[invoice].customer_id for invoice in shares}) > 1:
        return {}, Problem.TWO_CUSTOMERS
    return shares, None


def _find_billed(
    payments: pd.DataFrame, applications: pd.DataFrame, kept: Collection[str]
) -> dict[tuple[str, str], int]:
    """Return the cents that billing applies by completed payments of a kind that is sent, keyed by (payment_id,
    invoice_id)."""
    living = payments[(payments["status"] == "completed") & ~payments["kind"].isin(NEVER_SENT)]
    ids = set(living["payment_id"]).difference(kept)
    billed: dict[tuple[str, str], int] = defaultdict(int)
    columns = (applications[column].tolist() for column in ("payment_id", "invoice_id", "amount_cents"))
    for payment_id, invoice_id, cents in zip(*columns, strict=True):
        if payment_id in ids:
            billed[payment_id, invoice_id] += cents
    return billed


def _find_rejected(part: _Part, bounced: Mapping[str, Collection[str]]) -> str | None:
    """Return another payment, a rejected one, that still fills an invoice of this payment in QuickBooks; None without
    one."""
    others = {other for invoice in part.applied for other in bounced.get(invoice, ())} - {part.payment_id}
    return min(others, default=None)


def _take(invoice: str, cents: int, left: dict[str, int], known: Mapping[str, _Known], shares: dict[str, int]) -> int:
    """Subtract up to ``cents`` from the open amount of an invoice, add them to ``shares``, and return the cents
    subtracted."""
    if not known.get(invoice, _MISSING).is_in_quickbooks:
        return 0
    taken = max(0, min(cents, left[invoice]))
    if taken:
        left[invoice] -= taken
        shares[invoice] = shares.get(invoice, 0) + taken
    return taken


def _is_on_its_way(invoice: _Known) -> bool:
    """Return whether a forwarded invoice will be in QuickBooks later; an ineligible invoice never will."""
    return (
        invoice.status == "issued"
        and invoice.eligibility == "eligible"
        and not (invoice.is_in_quickbooks or invoice.only_carries_forward)
    )


def _release(open_cents: dict[str, int], held_there: Mapping[str, int]) -> None:
    for invoice, cents in held_there.items():
        if invoice in open_cents:
            open_cents[invoice] += cents
