"""Model 2: payments that QuickBooks received on our invoices come back to billing.

The steps are: read the changes into the inbox, with the cursor; judge each payment and append postings; write the
postings to billing; check that billing holds them. Each step commits by itself and may be repeated, so that the next
pull continues one that was cut short. Belongs here: the order of the steps. Does not belong here: the meaning of a
payment (``core.documents.received``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache

from qb_pipeline import stopping
from qb_pipeline.billing.received import PostingRefusedError
from qb_pipeline.core.documents.received import Received, read_payment
from qb_pipeline.ledger.books.pulls import record_asked
from qb_pipeline.ledger.books.received import Count, Due, Trouble
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending.pull_turn import BUSY_SECONDS, Turn, turn
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote import changes
from qb_pipeline.sync.session.firm_session import FirmSession

PAYMENTS_AT_ONCE = 200
"""The number of payments that are judged in one transaction."""


@dataclass(frozen=True, slots=True)
class PullReport:
    """The report of a pull for one firm. Amounts are in cents.

    ``changed``: the number of payments that were new or changed in the read. ``posted`` and ``posted_cents``: the
    number of rows written to billing and their cents, keyed by kind (payment, credit_application, reversal).
    ``states``: the counts of all payments of the dates, keyed by state. ``troubles``: the payments that need a person.
    ``differing``: external ids of the postings that billing does not hold as they were made. ``recent_invoices``: the
    number of invoices with a recent payment, whatever this pull did.
    """

    firm_id: str
    changed: int
    posted: Mapping[str, int]
    posted_cents: Mapping[str, int]
    states: Mapping[str, Count]
    troubles: Sequence[Trouble]
    differing: Sequence[str]
    recent_invoices: int
    reads: int

    @property
    def agrees(self) -> bool:
        """Whether billing holds the payments that QuickBooks received, as far as they are ours."""
        return not self.differing and not any(row.state == "failed" for row in self.troubles)


def require_model_2(session: FirmSession) -> None:
    """Check that the firm uses Model 2.

    Raises:
        SetUpError: the firm's payments go to QuickBooks, and none come back.
    """
    if session.firm.model != 2:
        raise SetUpError(
            f"{session.firm.firm_id} uses model 1: its payments go to QuickBooks, and none come back. "
            f"Next step: qb-pipeline firm model {session.firm.firm_id} 2"
        )


def read_changes(session: FirmSession, *, wait_seconds: float = BUSY_SECONDS) -> tuple[int, list[Due]]:
    """Read the changes since the last read into the inbox. Nothing is written to billing.

    Costs one request if that suffices.

    Returns:
        The number of payments that are new or changed, and the payments that billing does not hold as it should.

    Raises:
        SetUpError: the firm does not use Model 2.
        BusyError: another process pulls for this firm.
        QuickBooksError: a request was not answered; the cursor is unchanged.
    """
    require_model_2(session)
    began = session.clock()
    try:
        with _turn(session, wait_seconds):
            changed = _read_changed(session)
    finally:
        record_asked(session.engine, session.firm.firm_id, reads=session.quickbooks.requests.reads, now=began)
    return changed, session.received.due()


@contextmanager
def _turn(session: FirmSession, wait_seconds: float = BUSY_SECONDS) -> Iterator[Turn]:
    """Hold the right to pull for the firm while the block works. Each request first checks that this run still has the
    right."""
    firm_id = session.firm.firm_id
    with (
        turn(session.engine, firm_id, wait_seconds=wait_seconds, sleep=session.sleep) as right,
        session.quickbooks.guarded(right.require),
    ):
        yield right


def _read_changed(session: FirmSession) -> int:
    inbox = session.received
    reading = changes.read_changes(
        session.quickbooks,
        ("Payment",),
        inbox.cursor(),
        known_ids=cache(lambda _entity: frozenset(inbox.known_ids())),
        now=session.clock(),
    )
    received = _read(session, reading.objects["Payment"])
    return inbox.store(received, reading.deleted_ids["Payment"], cursor=reading.cursor, now=session.clock())


def _read_dated(session: FirmSession, first: date, last: date) -> int:
    inbox = session.received
    entities, deleted = changes.read_dated(
        session.quickbooks, "Payment", first, last, known_ids=inbox.known_ids(first, last)
    )
    return inbox.store(_read(session, entities), deleted, cursor=None, now=session.clock())


def pull_firm(session: FirmSession, first: date | None, last: date | None, *, by_date: bool = False) -> PullReport:
    """Post the due payments of inclusive dates (None: open) to billing.

    With ``by_date`` these dates are read anew, whatever was read before. Otherwise the inbox is used as
    ``read_changes`` left it, unless the whole company must be read, which takes longer than ``read_changes`` may take
    in a tick.

    Raises:
        SetUpError: the firm does not use Model 2.
        BusyError: another process pulls for this firm.
        LeaseLostError: the firm was paused.
        QuickBooksError: a request was not answered; nothing was concluded from it.
        BillingError: billing cannot be used; the next pull posts the rest.
    """
    require_model_2(session)
    posted = _Posted()
    with session.recorded(), _turn(session) as right:
        _recall(session)
        changed = 0
        if by_date and first and last:
            changed = _read_dated(session, first, last)
        elif changes.needs_all(session.received.cursor(), session.clock()):
            changed = _read_changed(session)
        ids = [each.payment_id for each in session.received.due(first, last)]
        _post(session, right, ids, posted)
        looked_at = [*session.received.known_ids(first, last)] if by_date else ids
        differing = _differing(session, looked_at)
        session.received.record_comparison(looked_at, differing, run=session.run, now=session.clock())
    return PullReport(
        firm_id=session.firm.firm_id,
        changed=changed,
        posted=posted.rows,
        posted_cents=posted.cents,
        states=session.received.counts(first, last),
        troubles=session.received.troubles(first, last),
        differing=sorted(differing),
        recent_invoices=session.received.recent_invoices(),
        reads=session.quickbooks.requests.reads,
    )


def _recall(session: FirmSession) -> None:
    """Store billing's postings in the ledger if billing holds more of them than the ledger: the ledger was restored
    from a backup."""
    if session.billing_payments.count() > session.received.postings():
        session.received.recall(session.billing_payments.all(), run=session.run, now=session.clock())


@dataclass
class _Posted:
    """The number of rows that billing got, and their cents, keyed by kind."""

    rows: Counter[str] = field(default_factory=Counter)
    cents: Counter[str] = field(default_factory=Counter)


def _post(session: FirmSession, right: Turn, payment_ids: Sequence[str], posted: _Posted) -> None:
    """Append the missing postings, and write them to billing. A posting that billing refuses holds up no other
    payment."""
    methods = {quickbooks_id: method for method, quickbooks_id in session.mappings.links("payment_method").items()}
    for start in range(0, len(payment_ids), PAYMENTS_AT_ONCE):
        chunk = payment_ids[start : start + PAYMENTS_AT_ONCE]
        session.received.append(chunk, methods=methods, run=session.run, now=session.clock())
        refused: set[str] = set()
        for posting in session.received.unposted(chunk):
            if posting.payment_id in refused:
                continue  # corrections are posted in their order or not at all
            stopping.require()
            right.require()
            try:
                session.billing_payments.post(posting, now=session.clock())
            except PostingRefusedError as error:
                refused.add(posting.payment_id)
                session.received.record_failed(
                    posting, str(error), code=error.code, run=session.run, now=session.clock()
                )
            else:
                session.received.record_posted(posting, run=session.run, now=session.clock())
                posted.rows[posting.kind] += 1
                posted.cents[posting.kind] += posting.amount_cents
    session.log.add(
        session.run, [Entry("pulled", detail=f"{len(payment_ids)} payments, {posted.rows.total()} postings")],
        now=session.clock(),
    )  # fmt: skip


def _read(session: FirmSession, entities: Sequence[Entity]) -> list[Received]:
    """Return the payments of QuickBooks' answers. If one has only the Id of its method and the ledger does not know
    that Id, QuickBooks' list of methods is read once."""
    received = [read_payment(entity) for entity in entities]
    nameless = {each.method_id for each in received if each.method_id and not each.method_name}
    known = session.received.method_names() if nameless else {}
    if nameless - known.keys():
        rows = session.quickbooks.query_all("PaymentMethod", where="Active IN (true, false)")
        known |= {row["Id"]: row.get("Name", "") for row in rows}
    return [replace(each, method_name=each.method_name or known.get(each.method_id, "")) for each in received]


def _differing(session: FirmSession, payment_ids: Sequence[str]) -> dict[str, str]:
    """Return the payment ids of the postings that billing does not hold as they were made, because somebody changed or
    deleted them. Keyed by external id."""
    meant = session.received.posted(payment_ids)
    held = session.billing_payments.held(meant)
    return {each: each.split(":")[2] for each, row in meant.items() if held.get(each) != row}
