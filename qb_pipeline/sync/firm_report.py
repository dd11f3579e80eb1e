"""What a run did for one firm, as the ledger has it.

Belongs here: gathering it. Does not belong here: how it is shown (``defs.metadata``, commands).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from qb_pipeline.core.states import NEEDS_A_PERSON, Kind, Operation
from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.books.listing import ListedDocument, Listing
from qb_pipeline.ledger.books.plans import PlanLine
from qb_pipeline.ledger.log import Activity, ControlTotals
from qb_pipeline.sync.extract.scan import Selection


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """How many documents and cents each operation has, by kind."""

    documents: Counter[tuple[Kind, Operation]] = field(default_factory=Counter)
    cents: Counter[tuple[Kind, Operation]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class FirmReport:
    """What a run did for one firm.

    ``plan``: what a dry run would do; ``run_id`` is the plan's id. ``would_create``: the customers and items, (kind, id
    in billing), that the documents of a dry run need and QuickBooks lacks. ``census``: what was counted in QuickBooks
    at the end, for each kind that was written (``sync.verify.census``). ``held_documents``: the documents of the
    selection that need a person at the end, whichever run held them.
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
    """How headers that were read break their contract (pandera), a sentence for each chunk."""
    held_documents: list[ListedDocument] = field(default_factory=list)
    census: list[Counts] = field(default_factory=list)
    run_id: str = ""
    plan: list[PlanLine] = field(default_factory=list)
    would_create: list[tuple[str, str]] = field(default_factory=list)
    connection: tuple[int, str] = (0, "")
    """How soon a person must connect the company again, and the sentence (``ledger.setup.tokens.describe_end``)."""
    chosen_dates: list[date] | None = None
    """Where documents were chosen, by name or by a plan: their own dates, ascending, whatever dates the run is for."""

    def documents(self, kind: Kind, *activities: str) -> int:
        """How many documents of a kind had one of these activities."""
        return sum(row.documents for row in self.activities if row.kind == kind and row.activity in activities)

    def cents(self, kind: Kind, *activities: str) -> int:
        """The money of documents of a kind that had one of these activities."""
        return sum(row.cents for row in self.activities if row.kind == kind and row.activity in activities)

    @property
    def held(self) -> int:
        """How many invoices and payments need a person."""
        return len(self.held_documents)

    def totals_agree(self, kind: Kind) -> bool:
        """Whether what was meant is accounted for, to the cent, and QuickBooks holds what it accepted."""
        return all(
            row.meant_cents == row.accepted_cents + row.refused_cents + row.unknown_cents + row.not_sent_cents
            and row.accepted_cents == row.in_quickbooks_cents
            and not row.differing
            for row in self.control_totals
            if row.kind == kind
        )

    def counted(self, kind: Kind) -> list[Counts]:
        """What the census counted of a kind; journal entries of refunds count as payments."""
        kinds = (kind, Kind.REFUND) if kind == Kind.PAYMENT else (kind,)
        return [row for row in self.census if row.kind in kinds]

    def census_is_sound(self, kind: Kind) -> bool:
        """Whether QuickBooks holds each document that was counted once, with the total that it answered."""
        return all(row.is_sound for row in self.counted(kind))


def find_held(listing: Listing, selection: Selection) -> list[ListedDocument]:
    """The documents of a selection that need a person, whichever run held them."""
    chosen, (first, last) = set(selection.documents), selection.window
    return [
        row
        for state in NEEDS_A_PERSON
        for row in listing.listing(None, first=first, last=last, state=state)
        if not selection.is_chosen or row.name in chosen
    ]
