"""The postings that billing shall hold of a payment that QuickBooks received (Model 2), and those still to append.

Belongs here: reading a payment, judging whether it is ours, comparing the postings wanted with those that billing has.
Does not belong here: storing either (``ledger``), writing to billing (``billing``). Bookkeeping is append-only: a wrong
posting is taken back by a reversal and posted anew.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import JsonObject, to_cents

Status = Literal["live", "voided", "deleted"]

CASH, CREDIT = "payment", "credit_application"
"""Kinds of a billing payment: money that came in, and credit (a credit memo, a write-off), which brought no money."""


@dataclass(frozen=True, slots=True)
class Received:
    """One snapshot of a payment in QuickBooks. ``sync_token`` rises with each change of it.

    ``links``: the cents that it pays, keyed by QuickBooks' invoice Id. ``credit_cents``: those of these cents that come
    from credit memos, journal entries and the like; the rest is cash. ``method_id``, ``method_name``: the payment
    method.
    """

    payment_id: str
    sync_token: int
    status: Status
    payment_date: date
    created_at: datetime
    currency: str
    total_cents: int
    credit_cents: int
    links: Mapping[str, int]
    method_id: str = ""
    method_name: str = ""
    reference: str = ""
    note: str = field(default="", repr=False)
    problem: str = ""
    """The reason for which its lines do not tell the cents on each invoice; "" when they do."""

    @property
    def is_marked(self) -> bool:
        """Whether a pipeline wrote the payment, so that billing had it first."""
        return find_marker(self.note) is not None

    @property
    def unapplied_cents(self) -> int:
        """The cents that pay no invoice yet. They are never guessed onto an invoice."""
        return self.total_cents + self.credit_cents - sum(self.links.values())


def read_payment(entity: JsonObject) -> Received:
    """Read a Payment of QuickBooks that is not deleted; it may be void."""
    links, credit, problem = _read_lines(entity.get("Line") or ())
    total = to_cents(Decimal(entity.get("TotalAmt") or 0))
    note = str(entity.get("PrivateNote") or "")
    is_void = not total and not links and "void" in note.lower()
    method = entity.get("PaymentMethodRef") or {}
    return Received(
        payment_id=str(entity["Id"]),
        sync_token=int(entity["SyncToken"]),
        status="voided" if is_void else "live",
        payment_date=date.fromisoformat(str(entity["TxnDate"])[:10]),
        created_at=datetime.fromisoformat(str(entity["MetaData"]["CreateTime"])),
        currency=str((entity.get("CurrencyRef") or {}).get("value", "")),
        total_cents=total,
        credit_cents=credit,
        links={invoice_id: links[invoice_id] for invoice_id in sorted(links, key=int) if links[invoice_id]},
        method_id=str(method.get("value", "")),
        method_name=str(method.get("name", "")),
        reference=str(entity.get("PaymentRefNum") or ""),
        note=note,
        problem=problem,
    )


def _read_lines(lines: Iterable[JsonObject]) -> tuple[dict[str, int], int, str]:
    """Return the cents that lines pay, keyed by invoice, the cents of credit, and the reason for which lines are
    unreadable ("" when they are readable)."""
    links: dict[str, int] = defaultdict(int)
    credit = 0
    problem = ""
    for line in lines:
        linked = line.get("LinkedTxn") or ()
        if len(linked) > 1:
            problem = "one of its lines pays several documents, and does not say how much each"
        cents = to_cents(Decimal(line.get("Amount") or 0))
        for link in linked:
            if link["TxnType"] == "Invoice":
                links[str(link["TxnId"])] += cents
            else:
                credit += cents
    return links, credit, problem


METHODS = {
    "check": ("check", "cheque"),
    "cash": ("cash",),
    "card": ("credit card", "debit card", "card", "visa", "mastercard", "american express", "amex", "discover"),
    "echeck": ("echeck", "e-check", "ach", "eft", "bank transfer", "direct deposit"),
    "wire": ("wire", "wire transfer"),
}
"""The names that QuickBooks or a bookkeeper gives a payment method, keyed by billing's method. A mapping (crosswalk) of
the firm comes first."""


def choose_method(received: Received, mapped: Mapping[str, str]) -> str:
    """Return billing's method of a payment; ``other`` for an unknown one. ``mapped``: billing's method, keyed by
    QuickBooks' Id."""
    name = received.method_name.strip().lower()
    by_name = (method for method, names in METHODS.items() if name in names)
    return mapped.get(received.method_id) or next(by_name, "other")


class OurInvoice(NamedTuple):
    """An invoice of ours in QuickBooks: its document id in the ledger, its id and payer in billing.

    ``is_since``: whether we sent it under Model 2, so that no payment of it is older than Model 2.
    """

    document_id: int
    invoice_id: str
    payer_id: str
    is_since: bool


class Verdict(NamedTuple):
    """The state of a payment (a value of ``sync.received_payment.state``), and the shares that billing shall hold.

    ``shares``: cents, keyed by QuickBooks' invoice Id and kind (``CASH`` or ``CREDIT``); None leaves billing's postings
    as they are.
    """

    state: str
    shares: Mapping[tuple[str, str], int] | None
    error: str = ""


def judge(
    received: Received,
    ours: Mapping[str, OurInvoice],
    *,
    own_payments: Collection[str],
    is_anything_unknown: bool,
    was_posted: bool,
    currency: str,
    since: datetime,
) -> Verdict:
    """Decide which shares of a payment billing shall hold.

    Nothing is guessed: unapplied money, and money on invoices that are not ours, stays in QuickBooks.

    Args:
        received: the newest snapshot of the payment.
        ours: our invoices, keyed by QuickBooks' Id; at least those that the payment pays.
        own_payments: QuickBooks' Ids of payments that we sent.
        is_anything_unknown: whether the answer to one of our own invoices was lost; an unknown invoice may then be
            ours.
        was_posted: whether billing ever got a posting of the payment; then it stays ours.
        currency: the firm's currency.
        since: the time at which the firm came under Model 2. An older payment on an older invoice is billing's own
            affair; an older payment on an invoice that we sent since is ours.
    """
    is_since = was_posted or received.created_at >= since
    paid = received.links.keys() & ours.keys()
    mine = {invoice_id for invoice_id in paid if is_since or ours[invoice_id].is_since}
    shares = {key: cents for key, cents in _split(received).items() if key[0] in mine}
    refusal = received.problem
    if received.currency not in ("", currency):
        refusal = f"it is in {received.currency}, and the firm's currency is {currency}"
    verdicts = (
        (received.is_marked or received.payment_id in own_payments, Verdict("echo", None)),
        (received.status != "live", Verdict("done", {})),
        (bool(refusal), Verdict("refused", None, refusal)),
        (is_anything_unknown and received.links.keys() != paid, Verdict("waiting", shares)),
        (bool(shares), Verdict("done", shares)),
        (bool(paid), Verdict("older", None)),
        (bool(received.links), Verdict("not_ours", {})),
    )
    return next((verdict for applies, verdict in verdicts if applies), Verdict("unapplied", {}))


def _split(received: Received) -> dict[tuple[str, str], int]:
    """Return the cents of each invoice as cash and credit, keyed by invoice Id and kind. Credit fills the invoices in
    the order of their Ids."""
    shares = {}
    credit = received.credit_cents
    for invoice_id, cents in received.links.items():
        from_credit = min(credit, cents)
        credit -= from_credit
        for kind, part in ((CASH, cents - from_credit), (CREDIT, from_credit)):
            if part:
                shares[invoice_id, kind] = part
    return shares


class Standing(NamedTuple):
    """A posting that no reversal has taken back."""

    posting_id: int
    quickbooks_invoice_id: str
    kind: str
    amount_cents: int
    payment_date: date
    method_id: str
    reference: str


class Differences(NamedTuple):
    """The changes that make billing's postings right: ``reversed`` are taken back, then ``added`` are posted.

    ``added``: QuickBooks' invoice Id, kind, cents.
    """

    reversed: list[Standing]
    added: list[tuple[str, str, int]]


def compare_postings(
    received: Received, shares: Mapping[tuple[str, str], int], standing: Iterable[Standing]
) -> Differences:
    """Compare the shares that billing shall hold with its postings: amount, date, method and reference of each.

    A note is not compared: a bookkeeper who changes only the note moves no money.
    """
    wrong: list[Standing] = []
    right: set[tuple[str, str]] = set()
    facts = (received.payment_date, received.method_id, received.reference)
    for posting in standing:
        key = (posting.quickbooks_invoice_id, posting.kind)
        found = (posting.payment_date, posting.method_id, posting.reference)
        if key not in right and shares.get(key) == posting.amount_cents and found == facts:
            right.add(key)
        else:
            wrong.append(posting)
    return Differences(wrong, [(*key, cents) for key, cents in shares.items() if key not in right])


@dataclass(frozen=True, slots=True)
class Posting:
    """One row that billing shall hold exactly once, under its ``external_id``. ``kind`` may be ``reversal``."""

    posting_id: int
    document_id: int
    external_id: str
    payment_id: str
    payer_id: str
    kind: str
    method: str
    reference: str
    note: str = field(repr=False)
    payment_date: date
    amount_cents: int
    invoice_id: str
    reverses_external_id: str


def external_id(realm_id: str, payment_id: str, invoice_id: str, revision: int) -> str:
    """Return the id of a posting in billing, from QuickBooks' company, payment and invoice, and its number among
    these."""
    return f"qbo:{realm_id}:{payment_id}:{invoice_id}:r{revision}"
