"""The crash matrix: at every named point a run is killed, under pairs of faults, and whatever follows must end well.

Belongs here: one scenario, and all of them. Does not belong here: kills at random moments (``kills``).
"""

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from qb_pipeline.sync.failures import FIRM_ERRORS
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.soak import work
from qb_pipeline_tests.soak.checker import Allowed, look, state_of_everything
from qb_pipeline_tests.soak.plans import QUARANTINE_SECONDS, Plan, two_faults
from qb_pipeline_tests.soak.world import Stop, World, fork_run, run_to_its_end, wait

TRIES = 8
"""So many runs must bring a firm to rest, whatever the first ones met."""

HEALED_AFTER = 4
"""Then what is left of the faults is taken away: some of a plan's requests may never be made again."""


BLOCK = 4
"""So many kills of one place follow each other in one firm."""

SPARE = 15
"""So many more plans there are for each kill: some places are come to under few of them."""


@dataclass
class Tally:
    """What a series of scenarios did, and what it found."""

    scenarios: int = 0
    kills: int = 0
    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills_at: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    failed: list[Plan] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add another series."""
        self.scenarios += other.scenarios
        self.kills += other.kills
        self.runs += other.runs
        self.faults += other.faults
        self.kills_at += other.kills_at
        self.violations += other.violations
        self.failed += other.failed

    def figures(self) -> str:
        """One line."""
        return (
            f"{self.scenarios} scenarios, {self.kills} kills at {len(self.kills_at)} places "
            f"(at least {min(self.kills_at.values(), default=0)} at each), {self.runs} runs, "
            f"{sum(self.faults.values())} faults, {len(self.violations)} violations, {self.seconds:.0f} s"
        )


def dry_run(world: World) -> Counter[str]:
    """How often each named point is come to in one eventful day."""
    allowed = Allowed()
    listing = world.output.with_name("points")
    with world.firm() as firm:
        work.open_firm(firm, allowed)
        _prepare_day(firm, allowed, 1)
        firm.books.fault(
            {"what": "429_xml", "match": "batch/1"},
            {"what": "commit_then_drop", "match": "batch/2"},
            {"what": "drop_before", "match": "batch/3"},
        )

        def hear(name: str) -> None:
            with listing.open("a") as file:
                file.write(f"{name}\n")

        wait(fork_run(firm, world.output, heard=hear))
    return Counter(listing.read_text().splitlines())


def run_matrix(world: World, points: Iterable[str], *, kills: int, seed: int, until: float | None = None) -> Tally:
    """Kill so many runs at every point, under one pair of faults after another.

    ``until``: a monotonic time at which no further scenario begins. A plan under which its point is not reached kills
    nobody, and does not count as a kill: further plans are tried, ``SPARE`` for each kill at most.
    """
    began = time.monotonic()
    often, tally = dry_run(world), Tally()
    for first in range(0, kills, BLOCK):  # in turn, so that an early end has not left out any place
        size = min(BLOCK, kills - first)
        for point in points or sorted(often):
            spare = range(kills + first * SPARE, kills + (first + size) * SPARE)
            numbers = (*range(first, first + size), *spare)
            plans = [two_faults(point, number, seed, often=min(often[point], 4)) for number in numbers]
            tally.add(run_plans(world, plans, kills=size, until=until))
    tally.seconds = time.monotonic() - began
    return tally


def run_plans(
    world: World, plans: Iterable[Plan], *, kills: int, until: float | None = None, first_only: bool = False
) -> Tally:
    """Scenarios one after another in one firm: each finds what earlier ones left. A violation ends a firm."""
    tally, waiting = Tally(), deque(plans)
    while waiting and tally.kills < kills and not _is_late(until):
        with world.firm() as firm:
            allowed, day = Allowed(), 0
            work.open_firm(firm, allowed)
            while waiting and tally.kills < kills and not _is_late(until):
                plan, day, before = waiting.popleft(), day + 1, tally.kills
                found = _scenario(world, firm, allowed, plan, day, tally)
                if found:
                    tally.violations += [f"{violation}\n    {plan}" for violation in found]
                    tally.failed.append(plan)
                    if first_only:
                        return tally
                    break
                if tally.kills == before and plan.nth > 1:
                    waiting.appendleft(replace(plan, nth=1))
    return tally


def _is_late(until: float | None) -> bool:
    return until is not None and time.monotonic() > until


def _scenario(world: World, firm: LawFirm, allowed: Allowed, plan: Plan, day: int, tally: Tally) -> list[str]:
    """Kill a run, let billing move on, run until all is quiet, look, and run once more: that one must do nothing."""
    _prepare_day(firm, allowed, day)
    firm.books.fault(*plan.faults)
    before = Counter(firm.books.statistics()["mishaps"])
    killed = run_to_its_end(firm, world.output, Stop(plan.point, plan.nth)) < 0
    allowed.kills += 1
    tally.scenarios += 1
    tally.runs += 1
    tally.kills += killed
    tally.kills_at[plan.point] += killed
    work.change(firm, plan.change, day)
    good, enough = 0, 2 if "vanishes" in plan.change else 1  # what vanished under way is noticed by the run after
    for number in range(TRIES):
        if number == HEALED_AFTER:
            firm.books.heal()
        firm.time.sleep(work.NAP_SECONDS)
        tally.runs += 1
        ended = sync_here(firm, whole=plan.reads_all)
        allowed.kills += not ended
        good += ended
        if good == enough:
            break
    tally.faults += Counter(firm.books.statistics()["mishaps"]) - before
    firm.books.heal()
    firm.time.sleep(QUARANTINE_SECONDS)  # whatever may still arrive has arrived
    found = look(firm, allowed, world.output)
    if found:
        return found
    firm.time.sleep(work.NAP_SECONDS)
    before_last = state_of_everything(firm)
    if not sync_here(firm, whole=True) or state_of_everything(firm) != before_last:
        found = ["20 restless: a run with nothing to do failed or changed something"]
    return found


def sync_here(firm: LawFirm, *, whole: bool) -> bool:
    """A run in this very process; whether it ended well. ``whole``: it reads all dates, not only what changed."""
    try:
        firm.sync(first=firm.deployment.first_date if whole else None)
    except FIRM_ERRORS:
        return False  # a run may fail; what it leaves is judged
    return True


def _prepare_day(firm: LawFirm, allowed: Allowed, day: int) -> None:
    firm.time.sleep(work.NAP_SECONDS)
    work.second_thoughts(firm, day - 1)
    work.namesake(firm, allowed, f"N-{day}b")
    work.morning(firm, day)
