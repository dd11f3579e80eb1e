"""Counting: each document once, with the total that we believe."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.planning.census import Census, CensusFinding, Expected, Found, count

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WINDOW = (NOON, NOON + timedelta(minutes=5))
KEY = ("1", "")


def expected(**values: Any) -> Expected:
    plain = {"document_id": 7, "key": KEY, "quickbooks_id": "10", "total_cents": 100, "sync_token": "0"}
    return Expected(**{**plain, "is_void": False, "windows": (WINDOW,), **values})


def found(**values: Any) -> Found:
    plain = {"quickbooks_id": "10", "key": KEY, "total_cents": 100, "sync_token": "0", "is_void": False}
    return Found(**{**plain, "created_at": NOON, **values})


def test_each_once_with_equal_totals_is_all_there_is_to_say() -> None:
    assert count([expected()], [found()]) == Census(1, 1, ())


@pytest.mark.parametrize(
    ("document", "rows", "verdicts"),
    [
        ({}, [], ["missing"]),
        ({}, [{"is_void": True, "total_cents": 0}], ["void"]),
        ({}, [{"total_cents": 99}], ["differs"]),
        ({}, [{"total_cents": 99, "sync_token": "1"}], ["changed"]),
        ({}, [{"key": ("2", "")}], ["foreign", "stray"]),
        ({}, [{"key": None}], ["foreign"]),
        ({}, [{"key": None, "sync_token": "1"}], []),
        ({"windows": ()}, [{"key": None}], []),
        ({}, [{}, {"quickbooks_id": "11"}], ["duplicate"]),
        ({}, [{}, {"quickbooks_id": "11", "created_at": None}], ["duplicate"]),
        ({}, [{}, {"quickbooks_id": "11", "created_at": NOON + timedelta(hours=1)}], ["copy"]),
        ({}, [{}, {"quickbooks_id": "11", "is_void": True}], []),
        ({"is_known_copy": True}, [{}, {"quickbooks_id": "11"}], []),
        ({"is_void": True}, [{"is_void": True, "total_cents": 0}], []),
        ({"is_void": True}, [], []),
        ({"is_void": True}, [{}], ["differs"]),
        ({"was_written": False}, [{"quickbooks_id": "11", "created_at": NOON + timedelta(hours=1)}], ["copy"]),
        ({"was_written": False}, [], []),
        ({"in_flight": True, "quickbooks_id": ""}, [{}], []),
    ],
)
def test_what_is_wrong_has_a_name(document: dict[str, Any], rows: list[dict[str, Any]], verdicts: list[str]) -> None:
    census = count([expected(**document)], [found(**row) for row in rows])

    assert sorted(finding.verdict for finding in census.findings) == verdicts


def test_times_are_compared_on_quickbooks_own_clock() -> None:
    """Its clock is a day ahead: a document made a minute after the original is no person's copy."""
    tomorrow = NOON + timedelta(days=1)
    original, second = found(created_at=tomorrow), found(quickbooks_id="11", created_at=tomorrow + timedelta(minutes=1))

    assert [finding.verdict for finding in count([expected()], [original, second]).findings] == ["duplicate"]


def test_a_mark_that_the_ledger_does_not_know_is_a_stray() -> None:
    assert count([], [found()]) == Census(0, 0, (CensusFinding("stray", ("10",)),))


def test_what_a_person_set_aside_is_nobody_s() -> None:
    assert count([expected()], [found(), found(quickbooks_id="11")], set_aside={"11"}) == Census(1, 1, ())


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 3), max_size=12))
def test_a_count_is_without_fault_only_where_each_is_there_once(copies: dict[int, int]) -> None:
    documents = [expected(document_id=n, key=(str(n), ""), quickbooks_id=f"{n}-0") for n in copies]
    rows = [found(key=(str(n), ""), quickbooks_id=f"{n}-{each}") for n, many in copies.items() for each in range(many)]

    census = count(documents, rows)

    assert census.living == sum(many > 0 for many in copies.values())
    assert census.number("duplicate") == sum(max(many - 1, 0) for many in copies.values())
    assert (census.findings == ()) == (set(copies.values()) <= {1})
