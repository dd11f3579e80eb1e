"""The plan of mishaps: the requests that go wrong, and the mishap of each.

Belongs here: the vocabulary, matching, counting. Does not belong here: carrying a mishap out (``wire`` and ``api``).
"""

import random
from typing import Any, Literal

import msgspec

What = Literal[
    "drop_before",
    "commit_then_drop",
    "commit_then_html_500",
    "html_500",
    "html_502",
    "html_503",
    "json_500",
    "empty_500",
    "cut_json_at",
    "delay",
    "delay_after",
    "429_xml",
    "429_json",
    "6000_transient",
    "refused",
    "401",
    "401_after_commit",
    "403",
    "413",
    "redirect",
    "slow_drip",
    "garbage",
    "empty_200",
    "fault_in_200",
    "bids_missing",
    "bids_doubled",
    "bids_swapped",
    "bids_unknown",
    "late_commit",
    "batch_stops_half_way",
    "echo_changed",
    "links_dropped",
    "cdc_false_delete",
    "invalid_grant",
]
BEFORE = frozenset(
    {"drop_before", "html_500", "html_502", "html_503", "json_500", "empty_500", "429_xml", "429_json", "401", "403"}
) | {"413", "redirect", "invalid_grant"}
"""Mishaps that come before any work is done: the request gets a refusal, or no answer at all."""


class Match(msgspec.Struct, forbid_unknown_fields=True):
    """The requests that a mishap is for."""

    endpoint: str = "*"
    operation: str = "*"
    nth: int | None = None
    """The first request that the mishap happens to. Matching requests are counted from 1 since the plan was set."""
    probability: float = 1.0


class Mishap(msgspec.Struct, forbid_unknown_fields=True):
    """One thing that goes wrong."""

    what: What
    match: Match = msgspec.field(default_factory=Match)
    times: int | None = 1
    """The number of times that the mishap happens; None means without limit."""
    at: int | None = None
    """``cut_json_at``: the number of bytes that are sent (default 100).

    ``batch_stops_half_way``: the number of items that are done at once (default half of them).
    """
    seconds: float = 1.0
    """``delay`` and ``delay_after``: the length of the delay.

    ``slow_drip``: the time of the whole answer. ``late_commit`` and ``batch_stops_half_way``: the time until the rest
    of the work is done.
    """
    answer: Literal["drop", "html_500", "hang"] = "drop"
    """``late_commit`` and ``batch_stops_half_way``: the client's answer, which comes before the work is finished."""
    items: list[int] | None = None
    """``6000_transient`` and ``refused`` in a batch: positions of the items that fail; None means all."""
    code: str = "6000"
    """``refused``: the code of the fault."""
    detail: str = ""
    """``refused``: the fault's Detail; "" stands for words of ours."""
    whole: bool = False
    """``refused`` in a batch: whether the request is refused as a whole, instead of its items."""
    field: str = "TotalAmt"
    value: Any = 0
    location: str = "http://127.0.0.2:9/"
    seen: int = 0
    done: int = 0


class Plan:
    """The mishaps of one company, in the order in which they are checked."""

    def __init__(self) -> None:
        self.mishaps: list[Mishap] = []
        self.random = random.Random(0)  # noqa: S311 - a seeded plan, not a secret

    def script(self, wanted: Any) -> None:
        """Set a new plan, which replaces the old one: a list of mishaps, or ``{"plan": [...], "seed": n}``.

        Raises:
            ValueError: the plan names something that the emulator does not know.
        """
        seed = 0
        if isinstance(wanted, dict):
            seed = int(wanted.get("seed") or 0)
            wanted = wanted.get("plan", [wanted] if "what" in wanted else [])
        try:
            self.mishaps = msgspec.convert([_spell_out(each) for each in wanted], list[Mishap])
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        self.random = random.Random(seed)  # noqa: S311 - a seeded plan, not a secret

    def pick(self, endpoint: str, operation: str) -> Mishap | None:
        """Return the mishap that happens to a request, and count it; return None when no mishap happens.

        At most one mishap happens to a request.
        """
        picked: Mishap | None = None
        for mishap in self.mishaps:
            match = mishap.match
            if match.endpoint not in ("*", endpoint) or match.operation not in ("*", operation):
                continue
            mishap.seen += 1
            due = match.nth is None or mishap.seen >= match.nth
            spent = mishap.times is not None and mishap.done >= mishap.times
            if picked is None and due and not spent and self.random.random() < match.probability:
                mishap.done += 1
                picked = mishap
        return picked


def _spell_out(mishap: Any) -> Any:
    """Replace the short form of a match (``batch``, ``batch/2``, ``*/5``) by the long form."""
    if isinstance(mishap, dict) and isinstance(mishap.get("match"), str):
        endpoint, _, nth = mishap["match"].partition("/")
        return {**mishap, "match": {"endpoint": endpoint, "nth": int(nth) if nth else None}}
    return mishap
