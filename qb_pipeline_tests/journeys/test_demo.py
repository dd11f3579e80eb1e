"""What a newcomer does first: the demo, and then the same sync again."""

import re

import pytest

from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment

pytestmark = pytest.mark.slow


def test_the_demo_ends_with_equal_control_totals_and_a_second_sync_sends_nothing() -> None:
    with temporary_home() as home:
        fresh = Deployment(home)

        printed = fresh.run("demo", "--no-ui")
        again = fresh.json("sync", "rivera-law", code=3)

        totals = re.findall(r"^ (invoice|payment) +(\d+) of (\d+) +([\d,.]+) +([\d,.]+) +([\d.]+) *$", printed, re.M)
        assert [(kind, ours == theirs, sent == there, rest) for kind, ours, theirs, sent, there, rest in totals] == [
            ("invoice", True, True, "0.00"),
            ("payment", True, True, "0.00"),
            ("invoice", True, True, "0.00"),
            ("payment", True, True, "0.00"),
        ]
        assert [int(ours) for _, ours, _, _, _, _ in totals][:3] > [300, 200, 200]
        assert "FAILED" not in printed
        assert "held: a person must act" in printed
        assert {row["activity"] for row in again["activities"]} <= {"held", "waiting", "refused"}
