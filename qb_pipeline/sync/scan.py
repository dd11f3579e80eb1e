"""Bring the work list up to date with billing.

Belongs here: which headers to read, and noticing what billing no longer shows. Does not belong here: any decision about
a document; what is gone is held at most, never voided.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from qb_pipeline.sync.workplace import Workplace

SWEEP_BACK = timedelta(days=400)
"""A year and the time that its books stay open; 30,000 documents take a second."""
SWEEP_EVERY = timedelta(hours=20)
"""Once a day, whatever the hour of the daily sync."""

Key = tuple[str, str, str]
"""Kind, source id and part."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run is about: inclusive document dates (None: open), and perhaps chosen documents.

    Chosen ids select alone: with invoices chosen, payments are only those that are chosen, and the other way round.
    With a plan its documents are meant, and nothing else.
    """

    first: date | None = None
    last: date | None = None
    invoice_ids: Sequence[str] = ()
    payment_ids: Sequence[str] = ()
    plan_id: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether single documents were chosen."""
        return bool(self.invoice_ids or self.payment_ids)

    def ids(self, kind: str) -> Sequence[str]:
        """The chosen documents of one kind."""
        return self.invoice_ids if kind == "invoice" else self.payment_ids

    def includes(self, kind: str) -> bool:
        """Whether documents of this kind are meant at all."""
        return not self.is_chosen or bool(self.ids(kind))


def scan(place: Workplace, selection: Selection) -> dict[str, int]:
    """Read billing's headers into the work list; nothing is sent.

    Chosen documents are read by id, a window of dates as a whole, so that a backfill never depends on a cursor; and
    without either what changed since the last scan. However it is read: of a payment that is shown, a part that is not
    is gone (credit whose applied date was corrected is another part).

    Returns:
        Counts: seen, changed; also gone, where something is or after a read of whole dates or of chosen documents.
    """
    eligible_since = place.firm.eligible_since
    horizon = None
    if selection.is_chosen:
        chunks = place.billing.header_ids(
            invoice_ids=selection.invoice_ids, payment_ids=selection.payment_ids, eligible_since=eligible_since
        )
    elif selection.first or selection.last:
        chunks = place.billing.headers(first=selection.first, last=selection.last, eligible_since=eligible_since)
    else:
        horizon = place.billing.horizon()
        chunks = place.billing.headers(updated_since=place.documents.cursor(), eligible_since=eligible_since)
    shown: set[Key] = set()
    counts = _see(place, chunks, shown, cursor=horizon)
    expected = _expected(place, selection, shown, is_whole=horizon is None)
    gone = _find_gone(place, selection, shown, expected)
    return counts if horizon is not None and not gone else counts | {"gone": gone}


def sweep(place: Workplace) -> dict[str, int]:
    """Read the headers of the open period as a whole, at most once in ``SWEEP_EVERY``.

    So what was changed without a new ``updated_at`` is found (number, date, payer, total or status), and what was
    deleted from billing. The period begins ``SWEEP_BACK`` ago, or when the books of the company were last closed.

    Returns:
        Counts as ``scan`` gives them; nothing when it is not time yet.
    """
    swept_at, now = place.documents.swept_at(), place.clock()
    if swept_at is not None and now - swept_at < SWEEP_EVERY:
        return {}
    first = place.today - SWEEP_BACK
    closed = place.company.books_closed_through if place.company is not None else None
    counts = scan(place, Selection(first=max(first, closed + timedelta(days=1)) if closed else first))
    place.documents.swept(now=now)
    return counts


def _see(
    place: Workplace, chunks: Iterable[pd.DataFrame], shown: set[Key], *, cursor: datetime | None = None
) -> dict[str, int]:
    return place.documents.see(
        _noting(chunks, shown),
        today=place.today,
        first_date=place.first_date,
        run=place.run,
        now=place.clock(),
        cursor=cursor,
    )


def _noting(chunks: Iterable[pd.DataFrame], shown: set[Key]) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        shown.update(zip(chunk["kind"], chunk["source_id"], chunk["part"], strict=True))
        yield chunk


def _expected(place: Workplace, selection: Selection, shown: set[Key], *, is_whole: bool) -> dict[Key, int]:
    """What the read should have shown: what it was about, and all parts of each payment in it."""
    payment_ids = sorted({source_id for kind, source_id, _ in shown if kind == "payment"})
    expected = place.documents.expected(payment_ids=payment_ids) if payment_ids else {}
    if is_whole:
        expected |= place.documents.expected(
            first=None if selection.is_chosen else selection.first,
            last=None if selection.is_chosen else selection.last,
            invoice_ids=selection.invoice_ids,
            payment_ids=selection.payment_ids,
        )
    return expected


def _find_gone(place: Workplace, selection: Selection, shown: set[Key], expected: dict[Key, int]) -> int:
    """Mark what should have been read and is not in billing at all; says how many documents.

    What merely moved to another date is seen there; an invoice that became a draft again is left as it is.
    """
    missed = {key: document_id for key, document_id in expected.items() if key not in shown}
    if missed and not selection.is_chosen:
        chunks = place.billing.header_ids(
            invoice_ids=[source_id for kind, source_id, _ in missed if kind == "invoice"],
            payment_ids=[source_id for kind, source_id, _ in missed if kind == "payment"],
            eligible_since=place.firm.eligible_since,
        )
        _see(place, chunks, shown)
    missed = {key: document_id for key, document_id in missed.items() if key not in shown}
    if not missed:
        return 0
    missed_invoices = [source_id for kind, source_id, _ in missed if kind == "invoice"]
    drafts = {("invoice", source_id, "") for source_id in place.billing.present_ids("invoice", missed_invoices)}
    gone = [document_id for key, document_id in missed.items() if key not in drafts]
    return place.documents.gone(gone, run=place.run, now=place.clock()) if gone else 0
