"""The named places at which tests kill the process: before and after each effect that outlives the process.

Tests set ``on_reach`` and kill the process at each place (``qb_pipeline_tests/soak``). In production nothing happens
there. Belongs here: the hook. Does not belong here: imports of our own modules.
"""

from collections.abc import Callable

on_reach: Callable[[str], None] | None = None
"""The function that is called with the name of each place that this process reaches; None except in tests."""


def crash_point(name: str) -> None:
    """Report to ``on_reach`` that this process has reached a place.

    The name of a place describes the effect that follows, or the effect that has just happened. Each name is used at
    one place in the code.
    """
    if on_reach is not None:
        on_reach(name)
