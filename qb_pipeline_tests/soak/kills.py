"""Four senders of one firm at once, killed, paused and cut off at random moments, while billing goes on changing.

Belongs here: the storm, and the calm in which is looked. Does not belong here: kills at named points (``matrix``).
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.soak import work
from qb_pipeline_tests.soak.checker import Allowed, look, state_of_everything
from qb_pipeline_tests.soak.matrix import TRIES, Tally, sync_here
from qb_pipeline_tests.soak.plans import CHANGES, ENDPOINTS, FAULTS, IN_BATCHES
from qb_pipeline_tests.soak.world import World, fork_run

SENDERS = 4
KILLS_PER_STORM = 12
STORMS_PER_FIRM = 8
FAULT_PROBABILITY = 0.1
"""Of each kind of fault, for each request that it fits: together about every third request."""

PATIENCE_SECONDS = 120.0


class Storm:
    """The senders of one firm, and what happens to them."""

    def __init__(self, world: World, firm: LawFirm, dice: random.Random, tally: Tally) -> None:
        self._world, self._firm, self._dice, self._tally = world, firm, dice, tally
        self._running: set[int] = set()
        self._paused: dict[int, float] = {}
        """Pids of stopped senders, and when they go on."""

    def rage(self, day: int, kills: int) -> None:
        """Keep four senders going and kill so many of them; billing changes meanwhile."""
        changes = self._dice.sample(CHANGES[1:], 4)
        until, killed = time.monotonic() + PATIENCE_SECONDS, self._tally.kills
        while self._tally.kills - killed < kills and time.monotonic() < until:
            while len(self._running) + len(self._paused) < SENDERS:
                self._running.add(fork_run(self._firm, self._world.output, whole=self._dice.random() < 0.5))
                self._tally.runs += 1
            time.sleep(self._dice.uniform(0.0, 0.25))
            what = self._dice.random()
            if what < 0.70:
                pid, sends = self._choose()
                if pid is not None:
                    self._kill(pid, "while sending" if sends else "while waiting")
            elif what < 0.85:
                self._pause()
            elif changes:
                work.change(self._firm, changes.pop(), day)
            self._resume(time.monotonic())
            self._reap()

    def calm(self) -> None:
        """Let all go on to their end."""
        until = time.monotonic() + PATIENCE_SECONDS
        self._resume(float("inf"))
        while self._running and time.monotonic() < until:
            self._reap()
            time.sleep(0.02)
        for pid in sorted(self._running):
            self._kill(pid, "in the calm, since it did not end")

    def _choose(self) -> tuple[int | None, bool]:
        """The sender that holds the lease (mostly), or any; and whether it is the one that holds it."""
        holder = self._holder()
        if holder in self._running and self._dice.random() < 0.7:
            return holder, True
        candidates = sorted(self._running)
        pid = self._dice.choice(candidates) if candidates else None
        return pid, pid is not None and pid == holder

    def _kill(self, pid: int, when: str) -> None:
        os.kill(pid, signal.SIGKILL)
        self._count(pid, os.waitpid(pid, 0)[1], when)

    def _count(self, pid: int, status: int, when: str) -> None:
        """Take leave of one that ended; only a signal makes it a kill."""
        self._running.discard(pid)
        self._tally.kills += os.WIFSIGNALED(status)
        self._tally.kills_at[when] += os.WIFSIGNALED(status)

    def _pause(self) -> None:
        """Stop a sender for a while; half the time its hold on the company is cut, and a successor takes over."""
        pid, _ = self._choose()
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        self._running.discard(pid)
        self._paused[pid] = time.monotonic() + self._dice.uniform(0.1, 1.5)
        self._tally.faults["paused"] += 1
        if pid == self._holder() and self._dice.random() < 0.5:
            self._firm.query(
                "select pg_terminate_backend(l.pid) as cut from pg_locks l join pg_database d on d.oid = l.database"
                " where l.locktype = 'advisory' and l.granted and d.datname = current_database()"
            )
            self._tally.faults["paused and cut off"] += 1

    def _resume(self, now: float) -> None:
        for pid in [pid for pid, until in self._paused.items() if until <= now]:
            del self._paused[pid]
            self._running.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _reap(self) -> None:
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._count(pid, status, "by a successor, after it was cut off")

    def _holder(self) -> int | None:
        rows = self._firm.query("select pid from sync.lease where released_at is null")
        return int(rows[0]["pid"]) if rows else None


def run_kills(world: World, *, kills: int, seed: int, until: float | None = None) -> Tally:
    """Kill so many senders in all, and look after each storm."""
    dice, tally, began = random.Random(seed), Tally(), time.monotonic()
    while tally.kills < kills and not (until and time.monotonic() > until):
        with world.firm() as firm:
            allowed = Allowed()
            work.open_firm(firm, allowed)
            for day in range(1, STORMS_PER_FIRM + 1):
                before = tally.kills, tally.runs
                found = _one_storm(world, firm, allowed, dice, day, tally)
                tally.scenarios += 1
                tally.violations += [
                    f"{violation}\n    storm {day}, {tally.kills - before[0]} kills (seed {seed})"
                    for violation in found
                ]
                if found or tally.kills >= kills or (until and time.monotonic() > until):
                    break
    tally.seconds = time.monotonic() - began
    return tally


def _one_storm(world: World, firm: LawFirm, allowed: Allowed, dice: random.Random, day: int, tally: Tally) -> list[str]:
    firm.time.sleep(work.NAP_SECONDS)
    work.second_thoughts(firm, day - 1)
    work.namesake(firm, allowed, f"N-{day}b")
    work.morning(firm, day)
    before = Counter(firm.books.statistics()["mishaps"])
    firm.books.fault(*_weather(dice))
    storm, runs = Storm(world, firm, dice, tally), tally.runs
    try:
        storm.rage(day, KILLS_PER_STORM)
    finally:
        storm.calm()
    tally.faults += Counter(firm.books.statistics()["mishaps"]) - before
    firm.books.heal()
    allowed.kills += tally.runs - runs
    firm.time.catch_up()  # type: ignore[attr-defined]
    good = 0
    for _ in range(TRIES):
        firm.time.sleep(work.NAP_SECONDS)
        tally.runs += 1
        good += sync_here(firm, whole=True)
        if good == 2:
            break
    found = look(firm, allowed, world.output)
    if found:
        return found
    firm.time.sleep(work.NAP_SECONDS)
    settled = state_of_everything(firm)
    if not sync_here(firm, whole=True) or state_of_everything(firm) != settled:
        return ["20 restless: a run with nothing to do failed or changed something"]
    return []


def _weather(dice: random.Random) -> list[dict[str, object]]:
    """Every fault now and then, at any endpoint that it fits."""
    weather: list[dict[str, object]] = []
    for fault in FAULTS:
        endpoint = "batch" if fault["what"] in IN_BATCHES else dice.choice((*ENDPOINTS, "query", "*"))
        weather.append(fault | {"match": {"endpoint": endpoint, "probability": FAULT_PROBABILITY}, "times": None})
    return weather
