"""The foresight of a plan: the changes that it treats as done, and the extent of its reads.

Belongs here: the three forms of foresight. Does not belong here: their consequences (``sync.plan``, ``sync.mapping``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Moved(NamedTuple):
    """The target of an invoice that goes to another customer: the Id of its new customer, and the cents by which its
    total changes."""

    customer_id: str
    more_cents: int


@dataclass(frozen=True, slots=True)
class Foresight:
    """The foresight of a plan.

    ``counts_on_plan``: whether the documents that the run's plan would create or change count as if QuickBooks had
    them.

    ``asks_everything``: whether QuickBooks is asked for everything that documents depend on. Otherwise it is asked only
    if something speaks against a document.

    ``moving``: the invoices that go to another customer before the payments that are planned, keyed by billing's id.
    """

    counts_on_plan: bool
    asks_everything: bool
    moving: Mapping[str, Moved] = field(default_factory=dict)


AT_ONCE = Foresight(counts_on_plan=False, asks_everything=False)
"""The foresight of a plan that is sent at once."""

IN_RUN = Foresight(counts_on_plan=True, asks_everything=False)
"""The foresight of a plan that later stages of the same run send."""

DRY_RUN = Foresight(counts_on_plan=True, asks_everything=True)
"""The foresight of a dry run, which sends nothing. Its reads find the faults that a sync would learn from refusals."""
