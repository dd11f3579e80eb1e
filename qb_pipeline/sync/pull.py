"""Model 2: payments that QuickBooks received on our invoices come back to billing.

In this order: read what changed into the inbox, with the cursor; judge each payment and append postings; write those
to billing; look whether billing holds them. Each step commits by itself and may be repeated, so the next pull takes up
what was cut short. Belongs here: that order. Does not belong here: what a payment means (``core.received``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from qb_pipeline.billing.received import PostingRefusedError
from qb_pipeline.core.received import Received, read_payment
from qb_pipeline.ledger.firms import SetUpError
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.pulls import BUSY_SECONDS, record_asked, turn
from qb_pipeline.ledger.received import Count, Due
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.changes import needs_all, read_changes, read_dated
from qb_pipeline.sync.workplace import Workplace

PAYMENTS_AT_ONCE = 200
"""So many payments are judged in one transaction."""


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did for one firm. Money in cents.

    ``changed``: payments that were new or changed in what was read. ``posted``: rows written to billing and their
    cents, by kind (payment, credit_application, reversal). ``states``: all payments of the dates, by state.
    ``troubles``: what needs a person (payment_id, payment_date, state, error). ``differing``: external ids of which
    billing does not hold what was posted. ``recent_invoices``: how many have a recent payment, whatever this pull did.
    """

    firm_id: str
    changed: int
    posted: Mapping[str, int]
    posted_cents: Mapping[str, int]
    states: Mapping[str, Count]
    troubles: Sequence[Any]
    differing: Sequence[str]
    recent_invoices: int
    reads: int

    @property
    def agrees(self) -> bool:
        """Whether billing holds what QuickBooks received, as far as it is ours."""
        return not self.differing and not any(row["state"] == "failed" for row in self.troubles)


def require_model_2(place: Workplace) -> None:
    """Raises:
    SetUpError: the firm's payments go to QuickBooks, and none come back.
    """
    if place.firm.model != 2:
        raise SetUpError(
            f"{place.firm.firm_id} uses model 1: its payments go to QuickBooks, and none come back. "
            f"Next step: qb-pipeline firm model {place.firm.firm_id} 2"
        )


def look(place: Workplace, *, wait_seconds: float = BUSY_SECONDS) -> tuple[int, list[Due]]:
    """Read what changed since the last look into the inbox; billing is left alone. One request when that suffices.

    Returns:
        How many payments are new or changed, and which ones billing does not hold as it shall.

    Raises:
        SetUpError: the firm does not use Model 2.
        BusyError: another process pulls for this firm.
        QuickBooksError: something was not answered; the cursor stays where it was.
    """
    require_model_2(place)
    began = place.clock()
    try:
        with _turn(place, wait_seconds):
            changed = _read_changed(place)
    finally:
        record_asked(place.engine, place.firm.firm_id, reads=place.quickbooks.requests.reads, now=began)
    return changed, place.received.due()


@contextmanager
def _turn(place: Workplace, wait_seconds: float = BUSY_SECONDS) -> Iterator[None]:
    """Pull alone; each request asks first whether this run still may."""
    with turn(place.engine, place.firm.firm_id, wait_seconds=wait_seconds, sleep=place.sleep) as right:
        place.turn = right
        try:
            yield
        finally:
            place.turn = None


def _read_changed(place: Workplace) -> int:
    inbox = place.received
    reading = read_changes(
        place.quickbooks,
        ("Payment",),
        inbox.cursor(),
        known_ids=cache(lambda _entity: frozenset(inbox.known_ids())),
        now=place.clock(),
    )
    received = _read(place, reading.objects["Payment"])
    return inbox.store(received, reading.deleted_ids["Payment"], cursor=reading.cursor, now=place.clock())


def _read_dated(place: Workplace, first: date, last: date) -> int:
    inbox = place.received
    entities, deleted = read_dated(place.quickbooks, "Payment", first, last, known_ids=inbox.known_ids(first, last))
    return inbox.store(_read(place, entities), deleted, cursor=None, now=place.clock())


def pull_firm(place: Workplace, first: date | None, last: date | None, *, by_date: bool = False) -> PullReport:
    """Post what is due of payments of inclusive dates (None: open).

    With ``by_date`` these dates are read anew, whatever was read before; else the inbox is what ``look`` has made it,
    unless the whole company has to be read: that takes longer than a look may.

    Raises:
        SetUpError: the firm does not use Model 2.
        BusyError: another process pulls for this firm.
        LeaseLostError: the firm was paused.
        QuickBooksError: something was not answered; nothing was concluded from it.
        BillingError: billing cannot be used; what it has not got is posted by the next pull.
    """
    require_model_2(place)
    posted = _Posted()
    with place.recorded(), _turn(place):
        _recall(place)
        changed = 0
        if by_date and first and last:
            changed = _read_dated(place, first, last)
        elif needs_all(place.received.cursor(), place.clock()):
            changed = _read_changed(place)
        ids = [each.payment_id for each in place.received.due(first, last)]
        _post(place, ids, posted)
        looked_at = [*place.received.known_ids(first, last)] if by_date else ids
        differing = _differing(place, looked_at)
    return PullReport(
        firm_id=place.firm.firm_id,
        changed=changed,
        posted=posted.rows,
        posted_cents=posted.cents,
        states=place.received.counts(first, last),
        troubles=place.received.troubles(first, last),
        differing=differing,
        recent_invoices=place.received.recent_invoices(),
        reads=place.quickbooks.requests.reads,
    )


def _recall(place: Workplace) -> None:
    """Notice that billing holds more than this ledger ever posted: it was restored from a backup."""
    if place.billing_payments.count() > place.received.postings():
        place.received.recall(place.billing_payments.all(), run=place.run, now=place.clock())


@dataclass
class _Posted:
    """Rows that billing got, and their cents, by kind."""

    rows: Counter[str] = field(default_factory=Counter)
    cents: Counter[str] = field(default_factory=Counter)


def _post(place: Workplace, payment_ids: Sequence[str], posted: _Posted) -> None:
    """Append what is missing, and write it to billing; what billing refuses holds up no other payment."""
    methods = {quickbooks_id: method for method, quickbooks_id in place.mappings.links("payment_method").items()}
    for start in range(0, len(payment_ids), PAYMENTS_AT_ONCE):
        chunk = payment_ids[start : start + PAYMENTS_AT_ONCE]
        place.received.append(chunk, methods=methods, run=place.run, now=place.clock())
        refused: set[str] = set()
        for posting in place.received.unposted(chunk):
            if posting.payment_id in refused:
                continue  # a correction comes in its order or not at all
            place.require_lease()
            try:
                place.billing_payments.post(posting, now=place.clock())
            except PostingRefusedError as error:
                refused.add(posting.payment_id)
                place.received.record_failed(posting, str(error), code=error.code, run=place.run, now=place.clock())
            else:
                place.received.record_posted(posting, run=place.run, now=place.clock())
                posted.rows[posting.kind] += 1
                posted.cents[posting.kind] += posting.amount_cents
    place.log.add(
        place.run, [Entry("pulled", detail=f"{len(payment_ids)} payments, {posted.rows.total()} postings")],
        now=place.clock(),
    )  # fmt: skip


def _read(place: Workplace, entities: Sequence[Entity]) -> list[Received]:
    """Read payments; where one only gives its method's Id, and nobody knows that, QuickBooks' list is asked once."""
    received = [read_payment(entity) for entity in entities]
    nameless = {each.method_id for each in received if each.method_id and not each.method_name}
    known = place.received.method_names() if nameless else {}
    if nameless - known.keys():
        rows = place.quickbooks.query_all("PaymentMethod", where="Active IN (true, false)")
        known |= {row["Id"]: row.get("Name", "") for row in rows}
    return [replace(each, method_name=each.method_name or known.get(each.method_id, "")) for each in received]


def _differing(place: Workplace, payment_ids: Sequence[str]) -> list[str]:
    """External ids of which billing does not hold what was posted: somebody changed or deleted the row there."""
    meant = place.received.posted(payment_ids)
    held = place.billing_payments.held(meant)
    return sorted(external_id for external_id, row in meant.items() if held.get(external_id) != row)
