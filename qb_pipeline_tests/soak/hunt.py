"""Run the harness at some crash points until it finds something; run inside a copy that has a bug (``seeded_bugs``).

python -m qb_pipeline_tests.soak.hunt POINT ... | zombies
"""

import sys
from itertools import chain
from pathlib import Path

import qb_pipeline
from qb_pipeline_tests.soak.matrix import Tally, run_plans
from qb_pipeline_tests.soak.plans import Plan, two_faults
from qb_pipeline_tests.soak.world import World, open_world
from qb_pipeline_tests.soak.zombies import run_zombies

SEED = 4
PLANS = 64


def main(targets: list[str]) -> int:
    """Say what was found first; 1 when something was."""
    assert Path(qb_pipeline.__file__).is_relative_to(Path.cwd()), "this is not the copy"
    with open_world() as world:
        tally = run_zombies(world) if targets == ["zombies"] else _plans(world, targets)
    if tally.violations:
        print(f"CAUGHT {tally.violations[0].splitlines()[0]} [after {tally.scenarios} scenarios]")
    return 1 if tally.violations else 0


def _plans(world: World, points: list[str]) -> Tally:
    by_point = [[two_faults(point, number * 9 % PLANS, SEED, often=3) for point in points] for number in range(PLANS)]
    plans: list[Plan] = list(chain.from_iterable(by_point))
    return run_plans(world, plans, kills=len(plans), first_only=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
