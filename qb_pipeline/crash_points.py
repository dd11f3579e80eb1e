"""Named places at which a process may die: before and after everything that outlives it.

Tests set ``on_reach`` and kill the process at each of them (``qb_pipeline_tests/soak``). In production nothing happens
there. Belongs here: the seam. Does not belong here: imports.
"""

from collections.abc import Callable

on_reach: Callable[[str], None] | None = None
"""Told the name of each place that this process comes to; None but in tests."""


def crash_point(name: str) -> None:
    """Come to a place. A name says what is about to happen, or has just happened, and stands once in the code."""
    if on_reach is not None:
        on_reach(name)
