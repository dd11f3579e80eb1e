"""What a newcomer does first: the demo, and then the same sync again."""

import re
from collections.abc import Iterator

import pytest

from qb_pipeline.definitions import defs
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.journeys.conftest import Deployment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh() -> Iterator[Deployment]:
    with temporary_home() as home:
        yield Deployment(home)


@pytest.fixture(scope="module")
def printed(fresh: Deployment) -> str:
    return fresh.run("demo", "--no-ui")


def test_the_demo_ends_with_equal_control_totals_and_a_second_sync_sends_nothing(
    fresh: Deployment, printed: str
) -> None:
    again = fresh.json("sync", "rivera-law", code=3)

    totals = re.findall(r"^(invoice|payment) +(\d+) of (\d+) +([\d,.]+) +([\d,.]+) +([\d.]+) *$", printed, re.M)
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


def test_after_the_demo_each_asset_that_we_make_has_something_to_show(fresh: Deployment, printed: str) -> None:
    """Billing's own two tables are read and never made: Dagster shows a dash for them."""
    filled = fresh.query(
        "select asset_key from asset_keys where last_materialization_timestamp is not null", database="dagster"
    )

    made = {key.to_string() for key in defs().resolve_asset_graph().materializable_asset_keys}
    assert {row["asset_key"] for row in filled} == made
    assert re.search(r"^payment +4 +5,450\.00 *$", printed, re.M), "no payment came back from QuickBooks"
    assert re.search(r"^chen-partners +open +received_in_quickbooks +4 +5,450\.00 ", printed, re.M)
