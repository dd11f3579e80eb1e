"""A slice of the crash matrix (the whole of it: ``make soak``), and that its list of places is complete."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_pipeline_tests.soak.matrix import dry_run, run_matrix, run_plans
from qb_pipeline_tests.soak.plans import FAULTS, Plan, save, saved, two_faults
from qb_pipeline_tests.soak.world import World, open_world
from qb_pipeline_tests.test_crash_points import places

REGRESSIONS = Path(__file__).parent / "regressions"
SEED = 20261125

KILLED_ELSEWHERE = (
    "qb_pipeline/ledger/setup/tokens.py", "qb_pipeline/ledger/books/received.py", "qb_pipeline/billing/received.py",
    "qb_pipeline/ledger/books/firm_days.py", "qb_pipeline/defs/schedules.py",
    "qb_pipeline/ledger/books/client_credit.py",
)  # fmt: skip
"""A push does not come to these; ``ledger/setup/test_tokens.py``, ``sync/test_pull_kills.py``, ``defs/test_daily.py``
and ``sync/test_credit_kills.py`` kill there."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as found:
        yield found


def test_sixty_four_plans_are_all_pairs_of_faults() -> None:
    plans = [two_faults("a place", number, SEED, often=3) for number in range(64)]

    assert len({(plan.faults[0]["what"], plan.faults[1]["what"]) for plan in plans}) == len(FAULTS) ** 2 == 64
    assert plans == [two_faults("a place", number, SEED, often=3) for number in range(64)]


def test_a_plan_that_failed_is_kept_as_it_was(tmp_path: Path) -> None:
    plan = two_faults("a place", 7, SEED, often=3)

    path = save(plan, tmp_path)

    assert (json.loads(path.read_text())["point"], saved(tmp_path)) == ("a place", [plan])


@pytest.mark.slow
def test_every_named_place_is_come_to(world: World) -> None:
    """A commit or a call that is added gets a name, and a name that nobody comes to any more goes."""
    reached = set(dry_run(world))

    written = {name for path, _, name in places() if "{}" not in name and path not in KILLED_ELSEWHERE}
    endpoints = ("GET", *(f"POST {name}" for name in ("query", "batch", "customer", "item", "invoice", "payment")))
    requests = {f"{name}: {moment}" for name in endpoints for moment in ("before it leaves", "answered")}
    transactions = {
        f"{name}: {moment}"
        for name in ("reserve", "leaving", "sending_again", "unknown", "record")
        for moment in ("before its commit", "committed")
    }
    assert reached == written | requests | transactions


@pytest.mark.slow
@pytest.mark.parametrize("plan", saved(REGRESSIONS), ids=str)
def test_what_once_went_wrong_does_not_again(world: World, plan: Plan) -> None:
    tally = run_plans(world, [plan], kills=1)

    assert tally.violations == []


@pytest.mark.slow
def test_a_run_killed_anywhere_under_two_faults_is_finished_without_a_duplicate_or_a_loss(world: World) -> None:
    tally = run_matrix(world, [], kills=1, seed=SEED)

    print(tally.figures())
    assert tally.violations == []
    assert min(tally.kills_at.values()) >= 1
