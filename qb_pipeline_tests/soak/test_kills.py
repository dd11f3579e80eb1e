"""A slice of the random kills (two thousand of them: ``make soak``)."""

import pytest

from qb_pipeline_tests.soak.kills import run_kills
from qb_pipeline_tests.soak.world import open_world


@pytest.mark.slow
def test_four_senders_killed_paused_and_cut_off_at_random_leave_one_document_each() -> None:
    with open_world() as world:
        tally = run_kills(world, kills=36, seed=20261125)

    print(tally.figures())
    assert tally.violations == []
    assert tally.kills >= 36
