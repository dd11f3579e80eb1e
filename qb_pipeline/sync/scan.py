"""Bring the work list up to date with billing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from qb_pipeline.sync.workplace import Workplace


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run is about: inclusive document dates (None: open), and perhaps chosen documents.

    Chosen ids select alone: with invoices chosen, payments are only those that are chosen, and the other way round.
    """

    first: date | None = None
    last: date | None = None
    invoice_ids: Sequence[str] = ()
    payment_ids: Sequence[str] = ()

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
    without either what changed since the last scan.

    Returns:
        Counts: seen, changed.
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
    return place.documents.see(
        chunks,
        today=place.today,
        first_date=place.first_date,
        run=place.run,
        now=place.clock(),
        cursor=horizon,
    )
