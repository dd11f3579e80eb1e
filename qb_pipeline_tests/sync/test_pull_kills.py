"""A pull that dies at any of its places is finished by the next one: billing is equal to QuickBooks (G16, G18)."""

import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable

import pytest
import requests

from qb_pipeline import crash_points
from qb_pipeline_tests.bookkeepers_day import Day
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import billed_rows, in_billing, in_quickbooks, link, pull, receive, set_up

pytestmark = pytest.mark.slow

STEPS_OF_A_PULL = {
    "store received payments: not committed yet", "store received payments: is committed",
    "append postings: not committed yet", "append postings: is committed", "post into billing: not committed yet",
    "post into billing: is committed", "record a posting: not committed yet", "record a posting: is committed",
    "GET: before it leaves", "GET: answered",
}  # fmt: skip


def fork(law_firm: LawFirm, do: Callable[[], object], heard: Callable[[str], None] | None = None) -> int:
    """Do something in a process of its own; gives its pid."""
    pid = os.fork()
    if pid:
        return pid
    for engine in (law_firm.ledger, law_firm.billing):
        engine.dispose(close=False)  # the parent's connections are the parent's
    law_firm.time.session = requests.Session()
    crash_points.on_reach = heard
    try:
        do()
        os._exit(0)
    except BaseException:
        traceback.print_exc()  # the parent sees an exit code alone
        os._exit(1)


def kill_at(point: str, nth: int) -> Callable[[str], None]:
    """A listener that ends its process the ``nth`` time that it comes to a place."""
    left = nth

    def listen(name: str) -> None:
        nonlocal left
        left -= name == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return listen


def busy_morning(law_firm: LawFirm, invoices: list[str]) -> None:
    """Two new payments, one of them over two invoices, and every way in which former ones change."""
    [*former] = (str(row["Id"]) for row in law_firm.books.all("Payment"))
    one, two, three = invoices
    receive(law_firm, {"id": one, "amount": "10.00"}, {"id": two, "amount": "20.00"})
    receive(law_firm, {"id": three, "amount": "30.00"}, amount="31.00")
    for payment, change in zip(former[-3:], ("relink", "void", "delete"), strict=False):
        if change == "relink":
            link(law_firm, payment, "7.00", **{f"_{three}": "7.00"})
        else:
            law_firm.books.do(change, entity="Payment", id=payment)


def test_a_pull_killed_at_each_of_its_places_is_finished_by_the_next(law_firm: LawFirm) -> None:
    invoices = set_up(law_firm, "100000.00", "100000.00", "100000.00")
    for _ in range(2):
        busy_morning(law_firm, invoices)
        pull(law_firm)
    busy_morning(law_firm, invoices)
    heard: Counter[str] = Counter()
    crash_points.on_reach = lambda name: heard.update([name])
    try:
        pull(law_firm)
    finally:
        crash_points.on_reach = None
    assert set(heard) >= STEPS_OF_A_PULL

    kills = 0
    for point, times in sorted(heard.items()):
        for nth in sorted({1, (times + 1) // 2, times}):
            busy_morning(law_firm, invoices)
            pid = fork(law_firm, lambda: pull(law_firm), kill_at(point, nth))
            _, status = os.waitpid(pid, 0)
            kills += os.WIFSIGNALED(status)
            pull(law_firm)

            assert in_billing(law_firm) == in_quickbooks(law_firm), (point, nth)
            assert law_firm.query("select count(*) as n from sync.posting where posted_at is null") == [{"n": 0}]
    rows = billed_rows(law_firm)
    assert len({row["external_id"] for row in rows}) == len(rows)
    assert kills > len(STEPS_OF_A_PULL)
    print(f"\n{kills} kills at {len(heard)} places, {len(rows)} rows in billing, none double, none missing")


def test_four_pulls_at_once_post_everything_once(law_firm: LawFirm) -> None:
    set_up(law_firm, "100000.00", "5000.00", "750.50")
    day = Day(law_firm, 7)
    for _ in range(5):
        for _ in range(8):
            day.step()
        pids = [fork(law_firm, lambda: pull(law_firm)) for _ in range(4)]
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4

        assert in_billing(law_firm) == in_quickbooks(law_firm)
    rows = billed_rows(law_firm)
    assert len({row["external_id"] for row in rows}) == len(rows)
