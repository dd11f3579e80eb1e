"""What goes wrong on the way to QuickBooks, two things at a time.

Belongs here: the faults, and which two of them a scenario meets. Does not belong here: where a run is killed.
"""

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

QUARANTINE_SECONDS, LATE_SECONDS, LAG_SECONDS = 31.0, 20.0, 10.0
"""A tenth of what production waits: a request takes effect within 20 s or never, and a query shows it 10 s later."""

NEVER_SECONDS = 1e9

FAULTS: tuple[dict[str, Any], ...] = (
    {"what": "commit_then_drop"},
    {"what": "drop_before"},
    {"what": "late_commit", "seconds": LATE_SECONDS},
    {"what": "batch_stops_half_way", "seconds": LATE_SECONDS, "answer": "html_500"},
    {"what": "commit_then_html_500"},
    {"what": "cut_json_at", "at": 90},
    {"what": "bids_swapped"},
    {"what": "429_xml"},
)
"""Eight of a kind each: 64 ordered pairs."""

ENDPOINTS = ("batch", "batch", "customer", "item", "invoice", "payment")
IN_BATCHES = ("batch_stops_half_way", "bids_swapped")

CHANGES = (
    "nothing", "a new invoice", "an invoice is revised", "an invoice is voided", "an invoice vanishes",
    "a new payment", "a payment is voided", "a payment vanishes",
)  # fmt: skip
"""What billing does between the kill and the next run: no two tries have the same members."""


@dataclass(frozen=True)
class Plan:
    """One scenario: killed at ``point``, with two faults, and something that billing does in between."""

    point: str
    nth: int
    faults: tuple[dict[str, Any], dict[str, Any]]
    change: str
    reads_all: bool
    """Whether the next run reads all of billing: only that notices what has vanished from it."""
    seed: int

    def __str__(self) -> str:
        faults = " + ".join(f"{fault['what']} at {_place(fault)}" for fault in self.faults)
        return f"killed at '{self.point}' #{self.nth}; {faults}; then {self.change} (seed {self.seed})"


def two_faults(point: str, number: int, seed: int, *, often: int) -> Plan:
    """The ``number``-th plan for a point (64 pairs, then from the start); where and when exactly, the seed decides."""
    dice = random.Random(f"{seed}:{point}:{number}")
    pair = number % 64
    change = dice.choice(CHANGES)
    return Plan(
        point=point,
        nth=dice.randint(1, often),
        faults=(_placed(FAULTS[pair // 8], dice), _placed(FAULTS[pair % 8], dice)),
        change=change,
        reads_all="vanishes" in change or dice.random() < 0.5,
        seed=seed,
    )


def _placed(fault: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    endpoint = "batch" if fault["what"] in IN_BATCHES else dice.choice(ENDPOINTS)
    if fault["what"] == "batch_stops_half_way":  # the other half comes late, or never
        fault = fault | {"seconds": dice.choice((LATE_SECONDS, NEVER_SECONDS))}
    return fault | {"match": f"{endpoint}/{dice.randint(1, 2) if endpoint == 'batch' else 1}"}


def _place(fault: dict[str, Any]) -> str:
    return str(fault["match"]).replace("/", " #")


def save(plan: Plan, folder: Path) -> Path:
    """Keep a plan that found something: from then on it is run again each time."""
    text = json.dumps(asdict(plan), indent=2) + "\n"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"
    path.write_text(text)
    return path


def saved(folder: Path) -> list[Plan]:
    """Every plan that was kept."""
    plans = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [Plan(**plan | {"faults": tuple(plan["faults"])}) for plan in plans]
