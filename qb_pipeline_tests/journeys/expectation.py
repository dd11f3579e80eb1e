"""What QuickBooks must hold of a law firm, reckoned from billing's rows in plain words.

Belongs here: an expectation that owes nothing to the pipeline: no import of its core, no look at its ledger. Does not
belong here: what people do (``office``), running the pipeline.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

Share = dict[str, int]
"""Invoice to cents."""


@dataclass(frozen=True)
class BilledInvoice:
    """An invoice as billing shows it today. ``new_cents``: without forwarded balances."""

    invoice_id: str
    number: str
    payer_id: str
    status: str
    day: date
    currency: str
    total_cents: int
    line_cents: int
    new_cents: int
    carries: tuple[str, ...]
    lines: str

    @property
    def trouble(self) -> str:
        """What keeps it out of QuickBooks by itself."""
        if self.line_cents != self.total_cents:
            return "TOTAL_MISMATCH"
        if self.new_cents < 0:
            return "NEGATIVE_TOTAL"
        if self.new_cents == 0:
            return "NOTHING_TO_BILL"
        if self.currency != "USD":
            return "CURRENCY_MISMATCH"
        return "NUMBER_TOO_LONG" if len(self.number) > 21 else ""


@dataclass(frozen=True)
class BilledPayment:
    """A payment, or one day of a payment from credit, as billing shows it today."""

    key: str
    payment_id: str
    kind: str
    status: str
    day: date
    cents: int
    reverses: str
    applied: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class InBooks:
    """An invoice as QuickBooks must hold it."""

    number: str
    day: date
    payer_id: str
    cents: int
    lines: str = field(compare=False, default="")


@dataclass(frozen=True)
class PaidInBooks:
    """A payment as QuickBooks must hold it."""

    day: date
    cents: int
    shares: tuple[tuple[str, int], ...]
    meant: BilledPayment | None = field(compare=False, default=None)


def read_invoices(connection: sa.Connection, firm_id: str) -> dict[str, BilledInvoice]:
    """All invoices of a firm, as they stand in billing."""
    rows = connection.execute(
        sa.text(
            "select i.invoice_id, i.invoice_number, i.payer_id, i.status, i.invoice_date, i.currency, "
            "(i.total_amount * 100)::bigint, coalesce(sum(l.amount) * 100, 0)::bigint, "
            "coalesce(sum(l.amount) filter (where l.kind <> 'balance_forward') * 100, 0)::bigint, "
            "array_remove(array_agg(l.forwarded_invoice_id), null), "
            "string_agg(concat_ws('|', l.kind, l.amount, l.description), '/' order by l.line_number) "
            "from billing.invoices i left join billing.invoice_lines l using (firm_id, invoice_id) "
            "where i.firm_id = :firm_id group by i.firm_id, i.invoice_id"
        ),
        {"firm_id": firm_id},
    )
    return {row[0]: BilledInvoice(*row[:9], tuple(row[9]), row[10] or "") for row in rows}


def read_payments(connection: sa.Connection, firm_id: str) -> list[BilledPayment]:
    """All payments of a firm, those from credit day by day; in the order in which money is taken."""
    rows = connection.execute(
        sa.text(
            "select p.payment_id, p.kind, p.status, p.received_date, (p.amount * 100)::bigint, p.reverses_payment_id, "
            "a.invoice_id, (a.amount * 100)::bigint, a.applied_date "
            "from billing.payments p left join billing.payment_applications a using (firm_id, payment_id) "
            "where p.firm_id = :firm_id order by p.payment_id, a.applied_date, a.invoice_id"
        ),
        {"firm_id": firm_id},
    ).all()
    found: dict[str, BilledPayment] = {}
    for payment_id, kind, status, day, cents, reverses, invoice_id, share, applied_on in rows:
        from_credit = kind == "credit_application"
        key = f"{payment_id}@{applied_on}" if from_credit else payment_id
        known = found.get(key)
        shares = (known.applied if known else ()) + (((invoice_id, share),) if invoice_id else ())
        whole = sum(cents for _, cents in shares) if from_credit else cents
        found[key] = BilledPayment(
            key, payment_id, kind, status, applied_on if from_credit else day, whole, reverses or "", shares
        )
    return sorted(found.values(), key=lambda payment: (payment.day, payment.payment_id, payment.key))


@dataclass
class Expectation:
    """What QuickBooks must hold of one firm, carried on from day to day; ``stopped``: document to reason."""

    keeps_overpayments: bool
    invoices: dict[str, InBooks] = field(default_factory=dict)
    payments: dict[str, PaidInBooks] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    numbers_in_use: set[str] = field(default_factory=set)

    def paid(self, invoice_id: str, *, but: str = "") -> int:
        """What payments take of an invoice; without one of them."""
        return sum(
            cents
            for key, payment in self.payments.items()
            if key != but
            for invoice, cents in payment.shares
            if invoice == invoice_id
        )

    def open(self, invoice_id: str, *, but: str = "") -> int:
        """What is left to pay of an invoice in QuickBooks."""
        there = self.invoices.get(invoice_id)
        return there.cents - self.paid(invoice_id, but=but) if there else 0

    def follow(self, invoices: Mapping[str, BilledInvoice], payments: list[BilledPayment]) -> None:
        """Bring QuickBooks up to billing, as a careful bookkeeper would."""
        self.stopped, self.numbers_in_use = {}, set()
        for payment in payments:
            if payment.status == "void":
                self.payments.pop(payment.key, None)
        for invoice_id in list(self.invoices):
            self._take_out(invoice_id, invoices.get(invoice_id))
        for invoice in sorted(invoices.values(), key=lambda invoice: invoice.invoice_id):
            if invoice.status == "issued" and invoice.invoice_id not in self.stopped:
                self._write(invoice, invoices)
        rejected = {
            payment.reverses for payment in payments if payment.kind == "rejection" and payment.status != "void"
        }
        for payment in payments:
            if payment.status != "void" and payment.kind in ("payment", "credit_application"):
                self._pay(payment, payments, invoices, rejected)

    def _take_out(self, invoice_id: str, invoice: BilledInvoice | None) -> None:
        if invoice is None:
            self.stopped[invoice_id] = "SOURCE_GONE"
        elif invoice.status == "void" or (invoice.trouble == "NOTHING_TO_BILL"):
            if self.paid(invoice_id):
                self.stopped[invoice_id] = "PAYMENTS_APPLIED" if invoice.status == "void" else "PAID_BELOW"
            else:
                there = self.invoices.pop(invoice_id)
                if invoice.status == "issued":  # revised to nothing: its number is free when the void has arrived
                    self.numbers_in_use.add(there.number)

    def _write(self, invoice: BilledInvoice, invoices: Mapping[str, BilledInvoice]) -> None:
        key, there = invoice.invoice_id, self.invoices.get(invoice.invoice_id)
        wanted = InBooks(invoice.number, invoice.day, invoice.payer_id, invoice.new_cents, invoice.lines)
        if there is not None and (there, there.lines) == (wanted, wanted.lines) and not invoice.trouble:
            return
        others = {
            (invoices[other].number if other in invoices else posted.number)
            for other, posted in self.invoices.items()
            if other != key
        }
        if invoice.trouble == "NOTHING_TO_BILL":
            return
        if invoice.trouble:
            self.stopped[key] = invoice.trouble
        elif invoice.number in others | self.numbers_in_use:
            self.stopped[key] = "NUMBER_TAKEN"
        elif there is not None and invoice.new_cents < self.paid(key):
            self.stopped[key] = "PAID_BELOW"
        else:
            self.invoices[key] = wanted

    def _pay(
        self,
        payment: BilledPayment,
        payments: list[BilledPayment],
        invoices: Mapping[str, BilledInvoice],
        rejected: set[str],
    ) -> None:
        there = self.payments.get(payment.key)
        if there is not None and there.meant == payment:
            return
        applied = dict(payment.applied)
        if (sum(applied.values()) < payment.cents or not applied) and not self.keeps_overpayments:
            self.stopped[payment.key] = "UNAPPLIED"
            return
        if reason := self._why_not(applied, invoices):
            self.stopped[payment.key] = reason
            return
        left = {key: self.open(key, but=payment.key) for key in self.invoices}
        shares, rest, waits = self._divide(applied, left, invoices)
        if rest and waits:
            self.stopped[payment.key] = "INVOICE_NOT_SENT"
        elif not rest and len({self.invoices[key].payer_id for key in shares}) > 1:
            self.stopped[payment.key] = "TWO_CUSTOMERS"
        elif rest:
            rivals = {other.payment_id for other in payments for key, _ in other.applied if key in applied}
            rivals |= {
                key.split("@")[0] for key, other in self.payments.items() for owed, _ in other.shares if owed in applied
            }
            is_blocked = bool((rivals - {payment.payment_id}) & rejected)
            self.stopped[payment.key] = "REJECTION_OPEN" if is_blocked else "EXCEEDS_BALANCE"
        else:
            self.payments[payment.key] = PaidInBooks(
                payment.day, payment.cents, tuple(sorted((key, cents) for key, cents in shares.items())), payment
            )

    def _why_not(self, applied: Share, invoices: Mapping[str, BilledInvoice]) -> str:
        found = [invoices[key] for key in applied]
        if any(invoice.status == "void" for invoice in found):
            return "INVOICE_VOID"
        if len({self.invoices[key].payer_id for key in applied if key in self.invoices}) > 1:
            return "TWO_CUSTOMERS"
        if any(invoice.status == "draft" for invoice in found):
            return "INVOICE_DRAFT"
        if any(invoice.invoice_id not in self.invoices and not _only_carries(invoice) for invoice in found):
            return "INVOICE_NOT_SENT"
        return ""

    def _divide(self, applied: Share, left: Share, invoices: Mapping[str, BilledInvoice]) -> tuple[Share, int, bool]:
        """What each invoice takes; what then is left of the payment; whether an older invoice is still to come."""
        shares: Share = {}
        excess: Share = {}
        for key, cents in applied.items():
            taken = min(cents, left.get(key, 0))
            excess[key] = cents - taken
            if taken:
                left[key] -= taken
                shares[key] = shares.get(key, 0) + taken
        rest, waits = 0, False
        for key, cents in excess.items():
            over = cents
            for older in sorted(_older(key, invoices), key=lambda old: (invoices[old].day, old)):
                invoice = invoices[older]
                if invoice.status == "issued" and older not in self.invoices and not _only_carries(invoice):
                    waits = waits or over > 0
                taken = min(over, left.get(older, 0)) if invoice.status == "issued" else 0
                if taken:
                    left[older] -= taken
                    shares[older] = shares.get(older, 0) + taken
                    over -= taken
            rest += over
        return shares, rest, waits


def _only_carries(invoice: BilledInvoice) -> bool:
    """Nothing of it is to be in QuickBooks: it only shows what is owed on older ones."""
    return invoice.status == "issued" and invoice.trouble == "NOTHING_TO_BILL"


def _older(invoice_id: str, invoices: Mapping[str, BilledInvoice]) -> set[str]:
    found: set[str] = set()
    todo = list(invoices[invoice_id].carries)
    while todo:
        if (key := todo.pop()) not in found:
            found.add(key)
            todo += invoices[key].carries
    return found - {invoice_id}


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Where two tables differ, row by row, for a person to read."""
    for key in sorted({*expected, *found}):
        if expected.get(key) != found.get(key):
            yield f"{key}: expected {expected.get(key)}, found {found.get(key)}"
