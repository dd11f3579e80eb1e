"""A slice of the state machine (much more of it: ``make soak``)."""

import pytest

from qb_pipeline_tests.soak.long_run import run_machine


@pytest.mark.slow
def test_whatever_happens_to_a_firm_all_invariants_hold_after_each_step() -> None:
    run_machine(examples=4, steps=15, seed=20261125)
