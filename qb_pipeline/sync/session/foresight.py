"""How far ahead a plan looks.

Belongs here: the three ways. Does not belong here: what follows from them (``sync.plan``, ``sync.mapping``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Foresight:
    """``counts_on_plan``: what the run's plan would create or change counts as if QuickBooks had it.

    ``asks_everything``: QuickBooks is asked for everything that documents hang on; otherwise only where something
    speaks against one.
    """

    counts_on_plan: bool
    asks_everything: bool


AT_ONCE = Foresight(counts_on_plan=False, asks_everything=False)
"""What is planned leaves at once."""

IN_RUN = Foresight(counts_on_plan=True, asks_everything=False)
"""Later stages of the same run send what is planned."""

DRY_RUN = Foresight(counts_on_plan=True, asks_everything=True)
"""Nothing is sent: the plan finds out by reading what a sync would learn from refusals."""
