"""Nothing leaves faster than Intuit allows, whatever the work looks like."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.quickbooks.errors import ThrottledError
from qb_pipeline.quickbooks.throttle import REQUESTS_IN_FLIGHT, Throttle
from qb_pipeline_tests.quickbooks.wire import Time

WORK = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.4, 3.0, 40.0])), min_size=1, max_size=300
)


def most_in_a_window(moments: list[float], seconds: float) -> int:
    first, most = 0, 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(work=WORK, repeats=st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_limits(work: list[tuple[bool, float]], repeats: int):
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    everything: list[float] = []
    batches: list[float] = []
    for batch, pause in work * repeats:
        with throttle.turn(batch=batch):
            everything.append(virtual.now)
            if batch:
                batches.append(virtual.now)
        virtual.now += pause
    assert most_in_a_window(everything, 60.0) <= 500
    assert most_in_a_window(everything, 1.0) <= 10
    assert most_in_a_window(batches, 60.0) <= 40


def test_batches_run_at_nineteen_twentieths_of_the_limit_or_better():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    began = virtual.now
    for _ in range(400):
        with throttle.turn(batch=True):
            pass
    assert virtual.now - began <= 60 * (399 // 40) * 1.05


def test_singles_are_not_held_up_by_the_batches_limit():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    for _ in range(40):
        with throttle.turn(batch=True):
            pass
    began = virtual.now
    with throttle.turn():
        assert virtual.now - began < 2


def test_nothing_leaves_during_a_pause_and_a_longer_one_stays():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    throttle.pause(100)
    throttle.pause(60)
    with throttle.turn():
        assert virtual.now == 1_100.0


def test_a_turn_that_is_hours_away_is_refused_at_once():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    throttle.pause(3_600)
    with pytest.raises(ThrottledError, match="3600 s away; nothing was sent") as caught, throttle.turn():
        pytest.fail("the turn was given")
    assert (caught.value.sent, caught.value.seconds, virtual.slept) == (False, 3_600, [])


def test_a_refused_turn_leaves_no_slot_taken():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    throttle.pause(3_600)
    for _ in range(REQUESTS_IN_FLIGHT + 1):
        with pytest.raises(ThrottledError), throttle.turn():
            pytest.fail("the turn was given")
    virtual.now += 3_600
    with throttle.turn():
        pass


def test_the_eleventh_request_waits_until_another_is_back():
    virtual = Time()
    throttle = Throttle(clock=virtual.clock, sleep=virtual.sleep)
    release, entered = threading.Event(), threading.Semaphore(0)

    def fly() -> None:
        with throttle.turn():
            entered.release()
            release.wait(10)

    threads = [threading.Thread(target=fly) for _ in range(REQUESTS_IN_FLIGHT + 1)]
    for thread in threads:
        thread.start()
    arrived = [entered.acquire(timeout=5) for _ in range(REQUESTS_IN_FLIGHT)]
    eleventh = entered.acquire(timeout=0.1)
    release.set()
    for thread in threads:
        thread.join()
    assert (all(arrived), eleventh, entered.acquire(timeout=0)) == (True, False, True)
