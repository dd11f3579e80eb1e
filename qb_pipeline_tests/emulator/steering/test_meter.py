"""Counting requests."""

from typing import Any

from qb_pipeline.emulator.books.switches import Switches, change_switches
from qb_pipeline.emulator.steering.meter import READ, WRITE, Meter, Window

MONTH = 31 * 86400


def admit(meter: Meter, now: float, items: int | None = None, kind: str = WRITE, **switches: Any) -> str:
    return meter.admit(change_switches(Switches(), switches), now, batch_items=items, kind=kind)


def test_a_window_forgets_and_remembers_its_peak() -> None:
    window = Window(60)
    for at in (0, 1, 59, 61):
        window.add(at)

    assert (window.count(61), window.count(200), window.peak) == (2, 0, 3)


def test_each_limit_has_its_name() -> None:
    meter = Meter()
    assert [admit(meter, 0.0) for _ in range(11)][-2:] == ["", "requests_per_second"]
    assert [admit(meter, second) for second in range(2, 492)].count("") == 58 + 432
    assert admit(Meter(), 0, requests_per_minute=0) == "requests_per_minute"
    assert admit(Meter(), 0, items=3, batches_per_minute=0) == "batches_per_minute"
    assert (
        admit(Meter(), 0, items=3, batch_items_count_as_requests=True, requests_per_minute=2) == "requests_per_minute"
    )


def test_the_monthly_quota_is_for_reads_and_clears_next_month() -> None:
    meter = Meter()
    assert [admit(meter, 0, kind=kind, monthly_reads=1) for kind in (READ, WRITE, READ)] == ["", "", "monthly_reads"]
    assert admit(meter, 3600, kind=READ, monthly_reads=1) == "monthly_reads"
    assert admit(meter, MONTH, kind=READ, monthly_reads=1) == ""


def test_concurrency() -> None:
    meter = Meter()
    for _ in range(3):
        meter.begin("GET query")
    assert admit(meter, 0, concurrent_requests=2) == "concurrent_requests"
    meter.end(200)
    assert admit(meter, 0, concurrent_requests=2) == ""
    assert (meter.most_busy, meter.statuses["200"], meter.throttled["concurrent_requests"]) == (3, 1, 1)
