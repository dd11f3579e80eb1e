"""One process pulls for a firm at a time."""

import pytest

from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.pull_turn import turn
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline_tests.ledger.desk import FIRM, NOON, PARTNER, Desk


def test_one_process_pulls_at_a_time_and_a_pause_ends_it(desk: Desk) -> None:
    with turn(desk.engine, FIRM) as mine:
        with pytest.raises(lease.BusyError, match="BUSY"), turn(desk.engine, FIRM, wait_seconds=0):
            pass
        mine.require()
        Firms(desk.engine).pause(FIRM, actor=PARTNER, now=NOON)
        with pytest.raises(lease.LeaseLostError, match="firm resume one"):
            mine.require()
    with turn(desk.engine, FIRM, wait_seconds=0):
        pass
