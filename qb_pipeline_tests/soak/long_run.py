"""The long form: everything that a test run can only take a slice of, with figures.

    python -m qb_pipeline_tests.soak.long_run [matrix | kills | zombies | machine | bugs] ...
        [--seed N] [--share I/N] [--seconds S]

Without a name all of them. Prints seed, commit and load first, figures last; plans of the matrix that fail are kept in
``regressions`` and are tests from then on. Each part that ends writes its line of ``docs/reliability.md``, and says
there when it looked at a share only. Exit code 1 when anything was found, or when a seeded bug got away.
Belongs here: dividing the work among processes, printing. Does not belong here: the work.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as hypothesis_seed
from hypothesis.stateful import run_state_machine_as_test

from qb_pipeline_tests.soak import seeded_bugs
from qb_pipeline_tests.soak.kills import run_kills
from qb_pipeline_tests.soak.machine import Firm
from qb_pipeline_tests.soak.matrix import Tally, dry_run, run_matrix
from qb_pipeline_tests.soak.plans import save
from qb_pipeline_tests.soak.record import PARTS, hash_code, record
from qb_pipeline_tests.soak.world import open_world
from qb_pipeline_tests.soak.zombies import run_zombies

WORKERS = 2
KILLS_AT_EACH = 64
KILLS_AT_RANDOM = 2000
EXAMPLES, STEPS = 200, 30
REGRESSIONS = Path(__file__).parent / "regressions"


def main() -> int:
    """Run what was asked for, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--share", default="1/1", help="of the matrix: every N-th place, beginning with the I-th")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of matrix and kills each: end after that")
    chosen = parser.parse_args()
    names = chosen.names or PARTS
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {chosen.seed}, commit {commit.stdout.strip()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    first, of = (int(part) for part in chosen.share.split("/"))
    failed = False
    for name in names:
        until, code = time.monotonic() + chosen.seconds, hash_code()
        if name == "matrix":
            with open_world() as world:
                points = sorted(dry_run(world))[first - 1 :: of]
            shares = [points[number::WORKERS] for number in range(WORKERS)]
            found, ended = _report(name, _together(_matrix, shares, chosen.seed, until))
            ended += f"; share {chosen.share} of the places" * (of > 1)
        elif name == "kills":
            found, ended = _report(name, _together(_kills, [[]] * WORKERS, chosen.seed, until))
        elif name == "zombies":
            found, ended = _report(name, _zombies())
        elif name == "machine":
            found, ended = _machine(chosen.seed)
        else:
            found, ended = seeded_bugs.hunt_all(seeded_bugs.BUGS)
        if name in ("matrix", "kills") and time.monotonic() > until:
            ended += f"; ended after {chosen.seconds:.0f} s"
        record(name, ended, chosen.seed, code)
        failed |= found
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return int(failed)


def _together(work: Callable[..., Tally], shares: Sequence[Sequence[str]], seed: int, until: float) -> Tally:
    """Let processes work side by side, each in a world of its own."""
    tally, began = Tally(), time.monotonic()
    with ProcessPoolExecutor(len(shares), mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(work, share, seed + number, until) for number, share in enumerate(shares)]
        for job in jobs:
            tally.add(job.result())
    tally.seconds = time.monotonic() - began
    return tally


def _matrix(points: Sequence[str], seed: int, until: float) -> Tally:
    with open_world() as world:
        return run_matrix(world, points, kills=KILLS_AT_EACH, seed=seed, until=until)


def _kills(_: Sequence[str], seed: int, until: float) -> Tally:
    with open_world() as world:
        return run_kills(world, kills=KILLS_AT_RANDOM // WORKERS, seed=seed, until=until)


def _zombies() -> Tally:
    with open_world() as world:
        return run_zombies(world)


def _machine(seed: int) -> tuple[bool, str]:
    """Whether Hypothesis found anything, and the figures; its sequence of events is printed."""
    began = time.monotonic()
    try:
        run_machine(examples=EXAMPLES, steps=STEPS, seed=seed)
    except AssertionError as error:
        print(f"machine: VIOLATION {error}", *getattr(error, "__notes__", ()), sep="\n", flush=True)
        return True, f"a violation, {time.monotonic() - began:.0f} s"
    return False, f"{EXAMPLES} firms of up to {STEPS} steps, 0 violations, {time.monotonic() - began:.0f} s"


def run_machine(*, examples: int, steps: int, seed: int) -> None:
    """Let Hypothesis look for a sequence of events after which something does not hold; one that it finds is raised."""
    began = time.monotonic()
    with open_world() as world:
        counted = type("Counted", (Firm,), {"world": world, "steps": 0, "examples": 0})
        rounds = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # a step is seconds of a real world: to shrink would take hours
        )
        run_state_machine_as_test(hypothesis_seed(seed)(counted), settings=rounds)  # type: ignore[no-untyped-call]
    print(
        f"machine: {examples} firms of up to {steps} steps, 0 violations, {time.monotonic() - began:.0f} s", flush=True
    )


def _report(name: str, tally: Tally) -> tuple[bool, str]:
    """Print the figures; gives whether anything was found, and their first line."""
    print(f"{name}: {tally.figures()}")
    for place, count in sorted(tally.kills_at.items()):
        print(f"    {count:5} killed: {place}")
    for fault, count in sorted(tally.faults.items()):
        print(f"    {count:5} times {fault}")
    for violation in tally.violations:
        print(f"  VIOLATION {violation}")
    for plan in tally.failed:
        print(f"  kept as {save(plan, REGRESSIONS)}")
    sys.stdout.flush()
    return bool(tally.violations), tally.figures()


if __name__ == "__main__":
    sys.exit(main())
