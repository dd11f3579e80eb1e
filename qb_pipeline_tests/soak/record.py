"""The table in ``docs/reliability.md``: what each part of the long form found last, when, and with which code.

    python -m qb_pipeline_tests.soak.record      after a change of code: says in the table that the code has changed

``long_run`` writes a part's line when the part has ended. A test fails while the table calls code that has changed
since *this code*. Belongs here: the table. Does not belong here: what a part does.
"""

import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from qb_pipeline.config import PROJECT

PAGE = PROJECT / "docs" / "reliability.md"
PARTS = ("matrix", "kills", "zombies", "machine", "bugs")
ROOMS = ("core", "ledger", "quickbooks", "sync")
"""The rooms whose code decides, remembers and sends."""

BEGIN, END = "<!-- written by qb_pipeline_tests/soak/record.py -->\n", "<!-- end -->\n"
HEAD = "| Part | Figures | Seed | When, at commit | Code |\n|---|---|---|---|---|\n"
SAME, CHANGED = "this code", "changed since"


@dataclass(frozen=True, slots=True)
class Line:
    """What one part found. ``code``: a hash of the rooms; ``word``: ``SAME`` or ``CHANGED``."""

    part: str
    figures: str
    seed: str
    at: str
    code: str
    word: str


def hash_code(package: Path = PROJECT / "qb_pipeline") -> str:
    """Twelve hex digits of everything that stands in the rooms, Python and SQL."""
    digest = sha256()
    for room in ROOMS:
        for path in sorted((package / room).rglob("*")):
            if path.suffix in (".py", ".sql"):
                digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def read(page: str) -> list[Line]:
    """The lines of the table.

    Raises:
        ValueError: a line has other cells than the table's; the message shows it.
    """
    table = page.partition(BEGIN)[2].partition(END)[0].removeprefix(HEAD)
    lines = []
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) != 5:
            raise ValueError(f"not a line of the table: {row}")
        part, figures, seed, at, code = cells
        hash_, _, word = code.partition(", ")
        lines.append(Line(part.strip("`"), figures, seed, at, hash_.strip("`"), word))
    return lines


def write(page: str, lines: list[Line], code: str) -> str:
    """The page with these lines, in the order of the parts; each says whether its code is the one of today."""
    said = [replace(line, word=SAME if line.code == code else CHANGED) for line in lines]
    said.sort(key=lambda line: PARTS.index(line.part))
    rows = "".join(
        f"| `{line.part}` | {line.figures} | {line.seed} | {line.at} | `{line.code}`, {line.word} |\n" for line in said
    )
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + HEAD + rows + END + rest.partition(END)[2]


def record(part: str, figures: str, seed: int, code: str) -> None:
    """Write what a part has found just now. ``code``: ``hash_code`` as it was when the part began."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    line = Line(part, figures.replace("|", "/"), str(seed), f"{datetime.now(UTC):%Y-%m-%d}, {commit}", code, SAME)
    page = PAGE.read_text()
    PAGE.write_text(write(page, [each for each in read(page) if each.part != part] + [line], hash_code()))


def main() -> int:
    """Say of each line whether the code has changed since."""
    page = PAGE.read_text()
    PAGE.write_text(write(page, read(page), hash_code()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
