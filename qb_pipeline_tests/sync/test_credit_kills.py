"""A sync that dies anywhere between the two halves of a payment from credit is completed by the next one."""

import os
from collections import Counter
from datetime import timedelta

import pytest

from qb_pipeline import crash_points
from qb_pipeline_tests.journeys.test_client_credit import CLEARING, LIABILITY, balances, posting
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.test_pull_kills import fork, kill_at

pytestmark = pytest.mark.slow

STEPS_OF_A_PAIR = {
    "pair payments from credit: before its commit", "pair payments from credit: committed",
    "reserve: before its commit", "reserve: committed", "leaving: before its commit", "leaving: committed",
    "POST batch: before it leaves", "POST batch: answered", "POST payment: before it leaves", "POST payment: answered",
    "record: before its commit", "record: committed", "record decisions: before its commit",
    "record decisions: committed", "GET: before it leaves", "GET: answered",
}  # fmt: skip


def use(law_firm: LawFirm, number: int) -> None:
    """Money of the credit pays something new, pays less than before, and pays nothing any more."""
    for kind in ("new", "less", "void"):
        law_firm.payment(f"{kind}{number}", amount="30.00", kind="credit_application", method="credit")
        law_firm.apply(f"{kind}{number}", "1", "3.00", law_firm.today - timedelta(days=1))
    if number:
        law_firm.change("update payment_applications set amount = 2 where payment_id = :id", id=f"less{number - 1}")
        law_firm.change("update payments set status = 'void' where payment_id = :id", id=f"void{number - 1}")


def meant(number: int) -> int:
    """Cents of the credit that are used up after so many rounds."""
    return sum(300 + (200 if each < number else 300) + (0 if each < number else 300) for each in range(number + 1))


def test_a_sync_killed_at_each_of_its_places_leaves_no_half_behind_the_next(law_firm: LawFirm) -> None:
    posting(law_firm)
    use(law_firm, 0)
    law_firm.sync()
    use(law_firm, 1)
    heard: Counter[str] = Counter()
    crash_points.on_reach = lambda name: heard.update([name])
    try:
        law_firm.sync()
    finally:
        crash_points.on_reach = None
    assert set(heard) >= STEPS_OF_A_PAIR

    kills, number = 0, 1
    for point in sorted(STEPS_OF_A_PAIR):
        times = heard[point]
        for nth in sorted({1, (times + 1) // 2, times}):
            number += 1
            use(law_firm, number)
            pid = fork(law_firm, law_firm.sync, kill_at(point, nth))
            kills += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            law_firm.sync()

            found = balances(law_firm)
            assert (found[CLEARING], found[LIABILITY] * 100) == (0, 100_000 - meant(number)), (point, nth)
    notes = Counter(row["PrivateNote"].split()[0] for row in law_firm.books.ours("JournalEntry"))
    assert set(notes.values()) == {1}
    assert law_firm.sync().writes == 0
    print(f"\n{kills} kills at {len(STEPS_OF_A_PAIR)} places, {len(notes)} entries, none double, clearing at 0.00")
