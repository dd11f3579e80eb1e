"""What one part of a run found out that a later part of it goes by.

Belongs here: the facts, and adding them up. Does not belong here: what follows from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind


@dataclass(frozen=True, slots=True)
class Learned:
    """Facts of a run. ``a | b`` is what is known after ``a`` and then ``b``."""

    try_again: bool = False
    """Something was refused only for a bad moment, or moved while it was planned: a second look may help."""

    stale: frozenset[int] = frozenset()
    """Documents that were refused because they had changed: a query may not show them as they are now."""

    followed: Mapping[str, str] = field(default_factory=dict)
    """Customers that were merged away, and into whom."""

    foreseen: Mapping[str, str] = field(default_factory=dict)
    """Customers by payer that a dry run has found by name, and a sync would remember."""

    would_create: frozenset[tuple[Kind, str]] = frozenset()
    """Customers and items (kind, id in billing) that a dry run would have created."""

    not_created: Mapping[tuple[Kind, str], Problem] = field(default_factory=dict)
    """Customers and items (kind, id in billing) that were to be created just now and could not, and why."""

    notices: tuple[str, ...] = ()
    """Sentences for whoever reads the run's report, each once."""

    def __or__(self, later: "Learned") -> "Learned":
        return Learned(
            self.try_again or later.try_again,
            self.stale | later.stale,
            {**self.followed, **later.followed},
            {**self.foreseen, **later.foreseen},
            self.would_create | later.would_create,
            {**self.not_created, **later.not_created},
            tuple(dict.fromkeys((*self.notices, *later.notices))),
        )


NOTHING = Learned()
