"""Whatever a bookkeeper does all day, billing is equal to QuickBooks after every pull (A-39, G5 to G11, G14)."""

from collections import Counter
from typing import Any

import pytest

from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline_tests.bookkeepers_day import Day
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import billed_rows, in_billing, in_quickbooks, pull, set_up

MISHAPS: list[dict[str, Any]] = [
    {"what": "cdc_false_delete", "match": "cdc"},
    {"what": "html_502", "match": "cdc", "times": 9},
    {"what": "403", "match": "payment", "times": None},
    {"what": "cut_json_at", "match": "cdc", "times": 2},
    {"what": "429_xml", "match": "cdc", "times": 2},
]


def live_through(law_firm: LawFirm, day: Day, steps: int) -> None:
    """Pull after every step, or after several; sometimes QuickBooks misbehaves, and the next pull makes it good."""
    seen: list[dict[str, Any]] = []
    for _ in range(steps):
        day.step()
        if day.chance.random() < 0.2:
            continue
        if day.chance.random() < 0.15:
            law_firm.books.fault(day.chance.choice(MISHAPS))
            try:
                pull(law_firm)
            except QuickBooksError:
                law_firm.books.heal()
                pull(law_firm)
            law_firm.books.heal()
        else:
            pull(law_firm)

        rows = billed_rows(law_firm)
        assert in_billing(law_firm) == in_quickbooks(law_firm), day.done
        assert [row for row in rows if row in seen] == seen, "a row was changed or taken out"
        seen = rows
    pull(law_firm)
    assert in_billing(law_firm) == in_quickbooks(law_firm)
    external_ids = Counter(row["external_id"] for row in rows)
    assert set(external_ids.values()) == {1}
    print(f"\nseed {day.seed}: {len(day.done)} steps, {len(rows)} rows in billing, {Counter(day.done).most_common()}")


@pytest.mark.parametrize("seed", [1])
def test_an_hour_of_a_bookkeeper(law_firm: LawFirm, seed: int) -> None:
    set_up(law_firm, "1000.00", "500.00", "750.50")

    live_through(law_firm, Day(law_firm, seed), 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_day_of_a_bookkeeper(law_firm: LawFirm, seed: int) -> None:
    set_up(law_firm, "100000.00", "5000.00", "7500.50", "80.00", "1234.56")

    live_through(law_firm, Day(law_firm, seed), 150)
