"""The right to write: it is held by one, and counts across threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.sending.lease import BusyError, LeaseLostError
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.sender import MAX_UNANSWERED, Sender
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


@pytest.fixture
def session(law_firm: LawFirm) -> Iterator[FirmSession]:
    law_firm.activate()
    with law_firm.deployment.open(FIRM, Run("run", "test", PARTNER)) as opened:
        yield opened


@pytest.fixture
def sender(session: FirmSession) -> Iterator[Sender]:
    with session.sending() as opened:
        yield opened


def test_only_one_may_write_to_a_company(session: FirmSession, sender: Sender) -> None:
    sender.require()
    with pytest.raises(BusyError, match="one is BUSY: run run on"), session.sending():
        pass


def test_lost_answers_of_all_threads_add_up_until_one_is_answered(sender: Sender) -> None:
    before = sender.has_given_up
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in range(MAX_UNANSWERED - 1):
            pool.submit(sender.note_lost).result()
        almost = sender.has_given_up
        pool.submit(sender.note_lost).result()

    given_up = sender.has_given_up
    sender.note_answered()
    assert (before, almost, given_up, sender.has_given_up) == (False, False, True, False)


def test_a_paused_firm_s_reads_stop_too_while_its_run_may_write(law_firm: LawFirm, session: FirmSession) -> None:
    with session.sending() as sender:
        law_firm.deployment.firms.pause(FIRM, actor=PARTNER, now=law_firm.time.now())
        with pytest.raises(LeaseLostError, match="one is paused"):
            sender.require()
        with pytest.raises(LeaseLostError, match="one is paused"):
            session.quickbooks.read_preferences()
    assert session.quickbooks.read_preferences()["Id"]
