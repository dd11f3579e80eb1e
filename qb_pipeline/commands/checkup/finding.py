"""The doctor's finding about one part."""

from dataclasses import dataclass

OK, WARNING, BROKEN = "ok", "warning", "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding about one part.

    ``verdict`` is ok, warning or broken. ``remedy`` is the action that mends the part; "" when the verdict is ok.
    """

    part: str
    verdict: str = OK
    found: str = ""
    remedy: str = ""
