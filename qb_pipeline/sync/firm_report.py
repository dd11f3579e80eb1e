"""The report of a run for one firm, read from the ledger.

Belongs here: gathering it. Does not belong here: its display (``defs.metadata``, commands).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from qb_pipeline.core.states import ENTRIES, NEEDS_A_PERSON, Kind, Operation
from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.books.listing import ListedDocument, Listing
from qb_pipeline.ledger.books.plans import PlanLine
from qb_pipeline.ledger.log import Activity, ControlTotals
from qb_pipeline.sync.extract.scan import Selection


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """The number of documents and the cents of each operation, keyed by kind and operation."""

    documents: Counter[tuple[Kind, Operation]] = field(default_factory=Counter)
    cents: Counter[tuple[Kind, Operation]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class FirmReport:
    """The report of a run for one firm.

    ``plan``: the lines of a dry run's plan, whose id is ``run_id``. ``would_create``: the customers and items, as
    (kind, id in billing), that the documents of a dry run need and QuickBooks lacks. ``census``: the counts in
    QuickBooks at the end, one for each kind that was written (``sync.verify.census``). ``held_documents``: the
    documents of the selection that need a person at the end, whichever run held them.
    """

    firm_id: str
    scanned: dict[str, int]
    planned: PlanSummary
    activities: list[Activity]
    control_totals: list[ControlTotals]
    reads: int
    writes: int
    notices: list[str]
    broken_headers: list[str] = field(default_factory=list)
    """The violations of the headers' contract (pandera), one sentence for each chunk of headers."""
    held_documents: list[ListedDocument] = field(default_factory=list)
    census: list[Counts] = field(default_factory=list)
    run_id: str = ""
    plan: list[PlanLine] = field(default_factory=list)
    would_create: list[tuple[str, str]] = field(default_factory=list)
    connection: tuple[int, str] = (0, "")
    """The level and the sentence about the end of the connection (``ledger.setup.tokens.describe_end``)."""
    chosen_dates: list[date] | None = None
    """The documents' own dates, ascending, if documents were chosen by name or by a plan, whatever dates the run is
    for. Otherwise None."""

    def documents(self, kind: Kind, *activities: str) -> int:
        """Return the number of documents of a kind that had one of these activities."""
        return sum(row.documents for row in self.activities if row.kind == kind and row.activity in activities)

    def cents(self, kind: Kind, *activities: str) -> int:
        """Return the cents of the documents of a kind that had one of these activities."""
        return sum(row.cents for row in self.activities if row.kind == kind and row.activity in activities)

    @property
    def held(self) -> int:
        """The number of invoices and payments that need a person."""
        return len(self.held_documents)

    def totals_agree(self, kind: Kind) -> bool:
        """Whether all cents that were meant are accounted for, and QuickBooks holds the cents that it accepted."""
        return all(
            row.meant_cents == row.accepted_cents + row.refused_cents + row.unknown_cents + row.not_sent_cents
            and row.accepted_cents == row.in_quickbooks_cents
            and not row.differing
            for row in self.control_totals
            if row.kind == kind
        )

    def counted(self, kind: Kind) -> list[Counts]:
        """Return the census counts of a kind. Journal entries count as payments."""
        kinds = (kind, *ENTRIES) if kind == Kind.PAYMENT else (kind,)
        return [row for row in self.census if row.kind in kinds]

    def census_is_sound(self, kind: Kind) -> bool:
        """Whether QuickBooks holds each counted document once, with the total of its own answer."""
        return all(row.is_sound for row in self.counted(kind))


def find_held(listing: Listing, selection: Selection) -> list[ListedDocument]:
    """Return the documents of a selection that need a person, whichever run held them."""
    chosen, (first, last) = set(selection.documents), selection.window
    return [
        row
        for state in NEEDS_A_PERSON
        for row in listing.listing(None, first=first, last=last, state=state)
        if not selection.is_chosen or row.name in chosen
    ]
