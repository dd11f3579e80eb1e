"""The scan, which brings the work list up to date with billing.

Belongs here: the choice of the headers to read, and noticing documents that billing no longer shows. Does not belong
here: any decision about a document. A document that is gone is held at most, never voided.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

import pandas as pd

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.sync.extract.shares import divide_new
from qb_pipeline.sync.session.firm_session import FirmSession

SWEEP_BACK = timedelta(days=400)
"""The length of the open period: a year and the time that its books stay open. 30,000 documents take a second."""
SWEEP_EVERY = timedelta(hours=20)
"""The least time between two sweeps: a sweep a day, whatever the hour of the daily sync."""

Key = tuple[str, str, str]
"""The kind, the source id and the part of a document."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The documents that a run is for: inclusive document dates (None: open), or chosen documents, or those of a plan.

    Chosen documents overrule dates, and only they are selected: if invoices are chosen, no payments are selected but
    the chosen ones, and the other way round. With a plan, exactly its documents are selected.
    """

    first: date | None = None
    last: date | None = None
    documents: Sequence[DocumentName] = ()
    plan_id: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether single documents are selected, by their names or by a plan."""
        return bool(self.documents or self.plan_id)

    @property
    def is_everything(self) -> bool:
        """Whether neither dates nor documents narrow the selection."""
        return not (self.is_chosen or self.first or self.last)

    @property
    def window(self) -> tuple[date | None, date | None]:
        """The first and the last date that count. They are (None, None) if documents are chosen, whose dates do not
        count."""
        return (None, None) if self.is_chosen else (self.first, self.last)

    def chosen(self, kind: Kind) -> list[DocumentName] | None:
        """Return the chosen documents of one kind, or None if all documents are selected."""
        return [name for name in self.documents if name.kind == kind] if self.is_chosen else None

    def ids(self, kind: Kind) -> list[str]:
        """Return billing's ids of the chosen documents of one kind."""
        return sorted({name.source_id for name in self.documents if name.kind == kind})

    def includes(self, kind: Kind) -> bool:
        """Whether documents of this kind are selected at all."""
        return not self.is_chosen or bool(self.ids(kind))


def _unlooked(_chunk: pd.DataFrame) -> None:
    """Do nothing: the default for ``look``."""


def scan(
    session: FirmSession,
    selection: Selection,
    *,
    horizon: datetime | None = None,
    look: Callable[[pd.DataFrame], None] = _unlooked,
) -> dict[str, int]:
    """Read billing's headers into the work list. Nothing is sent.

    Drafts are read too: a draft that is on the list was issued once, and billing has taken it back. Chosen documents
    are read by id, and a window of dates as a whole, so that a backfill never depends on a cursor. Without either, the
    headers that changed since the last scan are read. In every case, a part of a payment is gone if the payment is
    shown without it (credit whose applied date was corrected is another part). The shares of payments that changed are
    divided anew.

    ``horizon``: the time up to which a read of the changes is complete, if it was asked before
    (``Deployment.billing_horizon``). Without it billing is asked here, which may wait some seconds for open
    transactions to end. ``look`` is called with each chunk of headers (``core.schemas.Headers``) before the chunk is
    stored.

    Returns:
        Counts: seen, changed; also gone, if documents are gone or after a read of whole dates or of chosen documents.
    """
    eligible_since = session.firm.eligible_since
    cursor = None
    if selection.is_chosen:
        invoice_ids = selection.ids(Kind.INVOICE)
        chunks = session.billing.header_ids(
            invoice_ids=invoice_ids, payment_ids=selection.ids(Kind.PAYMENT), eligible_since=eligible_since
        )
        drafts = session.billing.draft_headers(invoice_ids=invoice_ids, eligible_since=eligible_since)
    elif selection.first or selection.last:
        chunks = session.billing.headers(first=selection.first, last=selection.last, eligible_since=eligible_since)
        drafts = session.billing.draft_headers(
            first=selection.first, last=selection.last, eligible_since=eligible_since
        )
    else:
        cursor = horizon or session.billing.horizon()
        since = session.documents.cursor()
        chunks = session.billing.headers(updated_since=since, eligible_since=eligible_since)
        drafts = session.billing.draft_headers(updated_since=since, eligible_since=eligible_since)
    shown: set[Key] = set()
    counts = _see(session, chain(_shown_to(look, chunks), drafts), shown, cursor=cursor)
    expected = _expected(session, selection, shown, is_whole=cursor is None)
    gone = _find_gone(session, selection, shown, expected)
    divide_new(session)
    return counts if cursor is not None and not gone else counts | {"gone": gone}


def scan_everything(session: FirmSession) -> dict[str, int]:
    """Read the changes, however old, and the open period as a whole.

    A sync or plan of everything begins with this read.

    Returns:
        The same counts as ``scan`` returns, always with ``gone``: the number of documents that vanished from billing.
    """
    changed, whole = scan(session, Selection()), scan_open_period(session)
    return {name: changed.get(name, 0) + whole[name] for name in whole}


def sweep(session: FirmSession) -> dict[str, int]:
    """Read the open period as a whole (``scan_open_period``), at most once in ``SWEEP_EVERY``.

    Returns:
        Counts as of ``scan``; empty when it is not time yet.
    """
    swept_at = session.documents.swept_at()
    if swept_at is not None and session.clock() - swept_at < SWEEP_EVERY:
        return {}
    return scan_open_period(session)


def scan_open_period(session: FirmSession) -> dict[str, int]:
    """Read the headers of the open period as a whole. This takes a second for 30,000 documents.

    This read finds changes without a new ``updated_at`` (of number, date, payer, total or status), and documents that
    were deleted from billing. The period begins ``SWEEP_BACK`` ago, or on the day after the closing date of the
    company's books if that is later.

    Returns:
        Counts as of ``scan``.
    """
    now = session.clock()
    first = session.today - SWEEP_BACK
    settings = session.company.settings
    closed = settings.books_closed_through if settings is not None else None
    counts = scan(session, Selection(first=max(first, closed + timedelta(days=1)) if closed else first))
    session.documents.swept(now=now)
    return counts


def _see(
    session: FirmSession, chunks: Iterable[pd.DataFrame], shown: set[Key], *, cursor: datetime | None = None
) -> dict[str, int]:
    return session.documents.see(
        _noting(chunks, shown),
        today=session.today,
        first_date=session.first_date,
        run=session.run,
        now=session.clock(),
        cursor=cursor,
        voids_withdrawn=session.firm.settings.withdrawn_invoice == "void",
    )


def _shown_to(look: Callable[[pd.DataFrame], None], chunks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        look(chunk)
        yield chunk


def _noting(chunks: Iterable[pd.DataFrame], shown: set[Key]) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        shown.update(zip(chunk["kind"], chunk["source_id"], chunk["part"], strict=True))
        yield chunk


def _expected(session: FirmSession, selection: Selection, shown: set[Key], *, is_whole: bool) -> dict[Key, int]:
    """Return the documents that the read should have shown, with their document ids: those that it was for, and all
    parts of each payment in it."""
    payment_ids = sorted({source_id for kind, source_id, _ in shown if kind == Kind.PAYMENT})
    expected = session.documents.expected(payment_ids=payment_ids) if payment_ids else {}
    if is_whole and (selection.documents or not selection.is_chosen):  # a plan may send nothing
        first, last = selection.window
        expected |= session.documents.expected(
            first=first, last=last, invoice_ids=selection.ids(Kind.INVOICE), payment_ids=selection.ids(Kind.PAYMENT)
        )
    return expected


def _find_gone(session: FirmSession, selection: Selection, shown: set[Key], expected: dict[Key, int]) -> int:
    """Record as gone the documents that the read should have shown and that billing does not have. Return their number.

    A document that only moved to another date is found there, also as a draft. A document that became a draft at this
    very moment is left unchanged.
    """
    missed = {key: document_id for key, document_id in expected.items() if key not in shown}
    if missed and not selection.is_chosen:
        eligible_since, invoice_ids = session.firm.eligible_since, _ids(missed, Kind.INVOICE)
        chunks = session.billing.header_ids(
            invoice_ids=invoice_ids, payment_ids=_ids(missed, Kind.PAYMENT), eligible_since=eligible_since
        )
        drafts = session.billing.draft_headers(invoice_ids=invoice_ids, eligible_since=eligible_since)
        _see(session, chain(chunks, drafts), shown)
    missed = {key: document_id for key, document_id in missed.items() if key not in shown}
    if not missed:
        return 0
    present = session.billing.present_ids(Kind.INVOICE, _ids(missed, Kind.INVOICE))
    there = {(Kind.INVOICE, source_id, "") for source_id in present}
    gone = [document_id for key, document_id in missed.items() if key not in there]
    return session.documents.gone(gone, run=session.run, now=session.clock()) if gone else 0


def _ids(keys: Iterable[Key], kind: Kind) -> list[str]:
    return [source_id for each, source_id, _ in keys if each == kind]
