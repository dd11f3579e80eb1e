"""Bring the work list up to date with billing.

Belongs here: which headers to read, and noticing what billing no longer shows. Does not belong here: any decision about
a document; what is gone is held at most, never voided.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.sync.session.firm_session import FirmSession

SWEEP_BACK = timedelta(days=400)
"""A year and the time that its books stay open; 30,000 documents take a second."""
SWEEP_EVERY = timedelta(hours=20)
"""Once a day, whatever the hour of the daily sync."""

Key = tuple[str, str, str]
"""Kind, source id and part."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run is about: inclusive document dates (None: open), or chosen documents, or those of a plan.

    Chosen documents beat dates, and select alone: with invoices chosen, payments are only those that are chosen, and
    the other way round. With a plan its documents are meant, and nothing else.
    """

    first: date | None = None
    last: date | None = None
    documents: Sequence[DocumentName] = ()
    plan_id: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether single documents are meant, by their names or by a plan."""
        return bool(self.documents or self.plan_id)

    @property
    def is_everything(self) -> bool:
        """Whether neither dates nor documents narrow it."""
        return not (self.is_chosen or self.first or self.last)

    @property
    def window(self) -> tuple[date | None, date | None]:
        """The first and the last date that count; (None, None) where documents are chosen, whose dates do not count."""
        return (None, None) if self.is_chosen else (self.first, self.last)

    def chosen(self, kind: Kind) -> list[DocumentName] | None:
        """The chosen documents of one kind; None where all are meant."""
        return [name for name in self.documents if name.kind == kind] if self.is_chosen else None

    def ids(self, kind: Kind) -> list[str]:
        """Billing's ids of the chosen documents of one kind."""
        return sorted({name.source_id for name in self.documents if name.kind == kind})

    def includes(self, kind: Kind) -> bool:
        """Whether documents of this kind are meant at all."""
        return not self.is_chosen or bool(self.ids(kind))


def _unlooked(_chunk: pd.DataFrame) -> None:
    """Nobody looks at the headers."""


def scan(
    session: FirmSession,
    selection: Selection,
    *,
    horizon: datetime | None = None,
    look: Callable[[pd.DataFrame], None] = _unlooked,
) -> dict[str, int]:
    """Read billing's headers into the work list; nothing is sent.

    Chosen documents are read by id, a window of dates as a whole, so that a backfill never depends on a cursor; and
    without either what changed since the last scan. However it is read: of a payment that is shown, a part that is not
    is gone (credit whose applied date was corrected is another part).

    ``horizon``: for a read of what changed, how far it is complete, asked before (``Deployment.billing_horizon``).
    Without it billing is asked here, which may wait some seconds for open transactions to end. ``look`` is shown each
    chunk of headers (``core.schemas.Headers``) before it is taken over.

    Returns:
        Counts: seen, changed; also gone, where something is or after a read of whole dates or of chosen documents.
    """
    eligible_since = session.firm.eligible_since
    cursor = None
    if selection.is_chosen:
        chunks = session.billing.header_ids(
            invoice_ids=selection.ids(Kind.INVOICE),
            payment_ids=selection.ids(Kind.PAYMENT),
            eligible_since=eligible_since,
        )
    elif selection.first or selection.last:
        chunks = session.billing.headers(first=selection.first, last=selection.last, eligible_since=eligible_since)
    else:
        cursor = horizon or session.billing.horizon()
        chunks = session.billing.headers(updated_since=session.documents.cursor(), eligible_since=eligible_since)
    shown: set[Key] = set()
    counts = _see(session, _shown_to(look, chunks), shown, cursor=cursor)
    expected = _expected(session, selection, shown, is_whole=cursor is None)
    gone = _find_gone(session, selection, shown, expected)
    return counts if cursor is not None and not gone else counts | {"gone": gone}


def scan_everything(session: FirmSession) -> dict[str, int]:
    """Read what changed, however old, and the open period as a whole: what a sync or plan of everything begins with.

    Returns:
        Counts as ``scan`` gives them; ``gone`` is always among them.
    """
    changed, whole = scan(session, Selection()), scan_open_period(session)
    return {name: changed.get(name, 0) + whole[name] for name in whole}


def sweep(session: FirmSession) -> dict[str, int]:
    """Read the open period as a whole (``scan_open_period``), at most once in ``SWEEP_EVERY``.

    Returns:
        Counts as ``scan`` gives them; nothing when it is not time yet.
    """
    swept_at = session.documents.swept_at()
    if swept_at is not None and session.clock() - swept_at < SWEEP_EVERY:
        return {}
    return scan_open_period(session)


def scan_open_period(session: FirmSession) -> dict[str, int]:
    """Read the headers of the open period as a whole; a second for 30,000 documents.

    So what was changed without a new ``updated_at`` is found (number, date, payer, total or status), and what was
    deleted from billing. The period begins ``SWEEP_BACK`` ago, or when the books of the company were last closed.

    Returns:
        Counts as ``scan`` gives them.
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
    """The documents that the read should have shown: those that it was about, and all parts of each payment in it."""
    payment_ids = sorted({source_id for kind, source_id, _ in shown if kind == Kind.PAYMENT})
    expected = session.documents.expected(payment_ids=payment_ids) if payment_ids else {}
    if is_whole and (selection.documents or not selection.is_chosen):  # a plan may send nothing
        first, last = selection.window
        expected |= session.documents.expected(
            first=first, last=last, invoice_ids=selection.ids(Kind.INVOICE), payment_ids=selection.ids(Kind.PAYMENT)
        )
    return expected


def _find_gone(session: FirmSession, selection: Selection, shown: set[Key], expected: dict[Key, int]) -> int:
    """Mark the documents that should have been read and that billing does not have; returns how many.

    What merely moved to another date is seen there; an invoice that became a draft again is left as it is.
    """
    missed = {key: document_id for key, document_id in expected.items() if key not in shown}
    if missed and not selection.is_chosen:
        chunks = session.billing.header_ids(
            invoice_ids=_ids(missed, Kind.INVOICE),
            payment_ids=_ids(missed, Kind.PAYMENT),
            eligible_since=session.firm.eligible_since,
        )
        _see(session, chunks, shown)
    missed = {key: document_id for key, document_id in missed.items() if key not in shown}
    if not missed:
        return 0
    present = session.billing.present_ids(Kind.INVOICE, _ids(missed, Kind.INVOICE))
    drafts = {(Kind.INVOICE, source_id, "") for source_id in present}
    gone = [document_id for key, document_id in missed.items() if key not in drafts]
    return session.documents.gone(gone, run=session.run, now=session.clock()) if gone else 0


def _ids(keys: Iterable[Key], kind: Kind) -> list[str]:
    return [source_id for each, source_id, _ in keys if each == kind]
