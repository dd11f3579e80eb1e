"""Named places at which a process may die: before and after each effect that outlives the process.

Tests set ``on_reach`` and kill the process at each place (``qb_pipeline_tests/soak``). In production nothing happens
there. Belongs here: the hook. Does not belong here: imports of our own modules.
"""

from collections.abc import Callable

on_reach: Callable[[str], None] | None = None
"""Called with the name of each place that this process reaches; None except in tests."""


def crash_point(name: str) -> None:
    """Reach a place. Its name says what is about to happen, or has just happened, and stands once in the code."""
    if on_reach is not None:
        on_reach(name)
