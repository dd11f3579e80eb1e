"""The facts that one part of a run found out and a later part uses.

Belongs here: the facts, and adding them up. Does not belong here: their consequences.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind


@dataclass(frozen=True, slots=True)
class Learned:
    """Facts of a run. ``a | b`` has the facts of ``a`` and then those of ``b``; for a key that both have, ``b``
    counts."""

    try_again: bool = False
    """Whether something was refused only for a bad moment, or moved while it was planned, so that a second attempt may
    help."""

    stale: frozenset[int] = frozenset()
    """Ids of documents that were refused because they had changed. A query may not show their present version."""

    followed: Mapping[str, str] = field(default_factory=dict)
    """The survivors of customers that were merged away, keyed by the former customer's Id."""

    foreseen: Mapping[str, str] = field(default_factory=dict)
    """Customer Ids that a dry run has found by name and a sync would store, keyed by payer id."""

    would_create: frozenset[tuple[Kind, str]] = frozenset()
    """Customers and items (kind, id in billing) that a dry run would have created."""

    not_created: Mapping[tuple[Kind, str], Problem] = field(default_factory=dict)
    """The problems of customers and items that could not be created just now, keyed by (kind, id in billing)."""

    unpaid_entries: frozenset[int] = frozenset()
    """Document ids of payments that QuickBooks does not let pay the journal entries that take them back. That money
    stays unapplied."""

    notices: tuple[str, ...] = ()
    """Sentences for the readers of the run's report, each once."""

    def __or__(self, later: "Learned") -> "Learned":
        return Learned(
            self.try_again or later.try_again,
            self.stale | later.stale,
            {**self.followed, **later.followed},
            {**self.foreseen, **later.foreseen},
            self.would_create | later.would_create,
            {**self.not_created, **later.not_created},
            self.unpaid_entries | later.unpaid_entries,
            tuple(dict.fromkeys((*self.notices, *later.notices))),
        )


NOTHING = Learned()
